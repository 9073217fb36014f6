//! What somebody should look at. Runs first.

use std::sync::{Arc, Mutex, PoisonError};

use bus::{Res, event, handler, resource};

use crate::events::{Pushed, RepositoryChanged, Scene};
use crate::policy::Policy;

/// How many alerts are kept for the summary; all are counted.
const KEPT: usize = 10;

/// A rule has matched. An event of its own: whoever pages people handles it.
#[event]
#[derive(Debug)]
pub(crate) struct Alert {
    pub(crate) source: Arc<str>,
    pub(crate) line: u64,
    pub(crate) text: String,
}

/// The rule: history of a default branch was rewritten, or of one that this repository protects.
#[handler(priority = 100)]
fn history_rewritten(event: &Pushed, policy: &Res<Policy>, emit: bus::Emit<Alert>) {
    if event.forced && (event.to_default_branch || policy.protects(&event.branch)) {
        let Scene { source, line, repository, actor } = &event.scene;
        let text = format!("{actor} force-pushed to {} of {repository}", event.branch);
        emit.send(Alert { source: Arc::clone(source), line: *line, text });
    }
}

/// The rule: a repository was opened to the world, or is gone.
#[handler(priority = 100)]
fn repository_exposed(event: &RepositoryChanged, emit: bus::Emit<Alert>) {
    if matches!(event.action.as_str(), "publicized" | "deleted") {
        let Scene { source, line, repository, actor } = &event.scene;
        let text = format!("{repository} was {} by {actor}", event.action);
        emit.send(Alert { source: Arc::clone(source), line: *line, text });
    }
}

/// The alerts of this run: how many, and the first of them.
#[derive(Debug, Default)]
pub(crate) struct Alerts(Mutex<(u64, Vec<Kept>)>);

/// An alert as it is kept: source, line, text. Sorts as it was read.
pub(crate) type Kept = (Arc<str>, u64, String);

#[resource]
fn alerts() -> Alerts {
    Alerts::default()
}

#[handler]
fn keep_alert(event: &Alert, alerts: &Res<Alerts>) {
    let (count, kept) = &mut *alerts.0.lock().unwrap_or_else(PoisonError::into_inner);
    *count += 1;
    if kept.len() < KEPT {
        kept.push((Arc::clone(&event.source), event.line, event.text.clone()));
    }
}

impl Alerts {
    /// How many, and the first of them by line.
    pub(crate) fn seen(&self) -> (u64, Vec<Kept>) {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner).clone();
        seen.1.sort();
        seen
    }
}
