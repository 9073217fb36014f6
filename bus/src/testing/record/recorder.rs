//! Writes down what happens.

use std::any::Any;
use std::collections::BTreeMap;
use std::sync::{Arc, Weak};
use std::time::Instant;

use super::entry::Entry;
use super::step::Step;
use super::{tree, value};
use crate::message::{MessageId, MessageInfo};
use crate::observe::{Happening, Observer, What};
use crate::probe;
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// Writes down what it is told.
#[derive(Clone)]
pub(in crate::testing) struct Recorder(Arc<State>);

struct State {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
    /// What the handlers of the bus's own events have failed with, unless it was forgotten.
    own_failures: Mutex<Vec<Entry>>,
    /// The events that may still be handled. The record itself keeps no event that it has forgotten.
    events: Mutex<BTreeMap<MessageId, Weak<dyn Any + Send + Sync>>>,
}

impl Recorder {
    pub(in crate::testing) fn new(began: Instant) -> Self {
        let (entries, own_failures) = (Mutex::default(), Mutex::default());
        Self(Arc::new(State { began, entries, own_failures, events: Mutex::default() }))
    }

    /// All of it in causal order.
    pub(in crate::testing) fn all(&self) -> Vec<Entry> {
        self.since(0)
    }

    /// What was written down from this entry on, in causal order.
    pub(in crate::testing) fn since(&self, from: usize) -> Vec<Entry> {
        let entries = lock(&self.0.entries).get(from..).map(<[_]>::to_vec);
        causal(&entries.unwrap_or_default())
    }

    /// What the handlers of the bus's own events have failed with, since that was forgotten.
    pub(in crate::testing) fn own_failures(&self) -> Vec<Entry> {
        lock(&self.0.own_failures).clone()
    }

    /// Lets go of the events of all entries that there are: of those that are `Debug`, the text is kept. How many there are.
    pub(in crate::testing) fn forget(&self) -> usize {
        let mut entries = lock(&self.0.entries).clone();
        // A user's code writes them, and drops them: never under the lock.
        for entry in &mut entries {
            entry.text = entry.value().map(Arc::from);
        }
        let mut forgotten = Vec::new();
        let mut all = lock(&self.0.entries);
        for (entry, known) in all.iter_mut().zip(&entries) {
            entry.text.clone_from(&known.text);
            forgotten.push(entry.event.take());
        }
        drop(all);
        let len = entries.len();
        drop((entries, forgotten));
        lock(&self.0.own_failures).clear();
        lock(&self.0.events).retain(|_, event| event.strong_count() > 0);
        len
    }

    /// What has happened, by what has caused what.
    pub(in crate::testing) fn tree(&self) -> String {
        tree::tree(&self.all())
    }

    /// The same from this entry on.
    pub(in crate::testing) fn tree_since(&self, from: usize) -> String {
        tree::tree(&self.since(from))
    }
}

impl Recorder {
    /// The event that it happens to, where that is of interest.
    fn event(&self, happening: &Happening<'_>) -> Option<Arc<dyn Any + Send + Sync>> {
        match happening.what() {
            What::Published { event, .. } | What::Scheduled { event, .. } => {
                lock(&self.0.events).insert(happening.id()?, Arc::downgrade(event));
                Some(Arc::clone(event))
            }
            What::Handling { .. } | What::Handled { .. } => {
                lock(&self.0.events).get(&happening.id()?)?.upgrade()
            }
            _ => None,
        }
    }
}

/// Nothing happens to an event before it is published, also where two threads have told it so.
fn causal(all: &[Entry]) -> Vec<Entry> {
    let published = all.iter().filter(|entry| entry.is_published());
    // Those that were not told yet.
    let mut published: BTreeMap<_, _> = published.filter_map(|e| Some((e.id?, e))).collect();
    let mut ordered: Vec<Entry> = Vec::with_capacity(all.len());
    for entry in all {
        if entry.is_published() {
            // Unless it was put in before.
            ordered.extend(entry.id.and_then(|id| published.remove(&id)).cloned());
            continue;
        }
        if entry.step.comes_after_publishing() {
            ordered.extend(entry.id.and_then(|id| published.remove(&id)).cloned());
        }
        ordered.push(entry.clone());
    }
    ordered
}

impl Observer for Recorder {
    fn observe(&self, happening: &Happening<'_>) {
        let Some(step) = Step::of(happening) else { return };
        // What the bus tells of itself is no traffic of the test's; what that causes is, and that it fails.
        let is_own = happening.message().is_some_and(MessageInfo::is_own);
        if is_own && !step.is_failure() {
            return;
        }
        let handler = match happening.what() {
            What::Handled { handler, .. } => Some(HandlerInfo::clone(handler)),
            _ => None,
        };
        let sender = match step {
            Step::Executing { .. } | Step::Published | Step::Scheduled { .. } => {
                happening.parent().and_then(|_| probe::actor())
            }
            _ => None,
        };
        let event = self.event(happening);
        let text = match (happening.message(), happening.what()) {
            (Some(info), What::Executing { command: Some(command), .. }) => {
                value::text_of(info, *command).map(Arc::from)
            }
            _ => None,
        };
        let entry = Entry {
            at: happening.at().saturating_duration_since(self.0.began),
            message: happening.message(),
            id: happening.id(),
            parent: happening.parent(),
            session: happening.session_id(),
            step,
            handler,
            sender,
            event,
            text,
        };
        let kept = if is_own { &self.0.own_failures } else { &self.0.entries };
        lock(kept).push(entry);
    }

    fn lifecycle(&self) -> bool {
        true
    }

    fn name(&self) -> std::borrow::Cow<'static, str> {
        "the record of a test bus".into()
    }
}
