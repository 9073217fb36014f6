//! Listeners that only some repositories have: they count what happens there.

use std::collections::BTreeMap;
use std::future::{Ready, ready};
use std::sync::{Arc, Mutex, PoisonError};

use bus::{Event, OwnedContext, SessionBuilder};

use crate::alerts::Alert;
use crate::events::{
    Forked, IssueChanged, PullRequestChanged, Pushed, Released, RepositoryChanged, Starred,
};

/// What was heard: of each kind how many, by repository.
pub(crate) type Watched = BTreeMap<String, Heard>;
pub(crate) type Heard = BTreeMap<&'static str, u64>;

/// Counts for one repository, through all sessions that it has.
#[derive(Debug, Default)]
pub(crate) struct Watch(Arc<Mutex<Heard>>);

impl Watch {
    /// The session's own: they hear what is sent from this repository, and nothing else.
    pub(crate) fn listen(&self, session: SessionBuilder) -> SessionBuilder {
        session
            .on_event(self.counts::<Pushed>("push"))
            .on_event(self.counts::<IssueChanged>("issues"))
            .on_event(self.counts::<PullRequestChanged>("pull_request"))
            .on_event(self.counts::<Released>("release"))
            .on_event(self.counts::<Starred>("star"))
            .on_event(self.counts::<Forked>("fork"))
            .on_event(self.counts::<RepositoryChanged>("repository"))
            .on_event(self.counts::<Alert>("alert"))
    }

    fn counts<E: Event>(
        &self,
        kind: &'static str,
    ) -> impl Fn(Arc<E>, OwnedContext) -> Ready<()> + use<E> {
        let heard = Arc::clone(&self.0);
        move |_, _| {
            *heard.lock().unwrap_or_else(PoisonError::into_inner).entry(kind).or_default() += 1;
            ready(())
        }
    }

    pub(crate) fn heard(&self) -> Heard {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
