//! What is told of sessions: those that are open, and one that has ended.

use std::fmt;
use std::time::{Duration, SystemTime};

use super::id::SessionId;

/// An open session: [`Bus::sessions`](crate::Bus::sessions).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionInfo {
    /// Its id.
    pub id: SessionId,
    /// The session around it.
    pub parent: Option<SessionId>,
    /// Since when it is open.
    pub since: SystemTime,
    /// How long that is, by the clock of the bus.
    pub age: Duration,
    /// How many handlers are its own.
    pub handlers: usize,
    /// How many sessions are open inside it.
    pub children: usize,
    /// Commands and events in flight in it, and in the sessions inside it.
    pub in_flight: usize,
    /// Is it about to end?
    pub is_closing: bool,
}

/// What has become of a session: [`Session::close`](crate::Session::close).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct SessionReport {
    /// Its id.
    pub id: SessionId,
    /// From its opening to its end.
    pub duration: Duration,
    /// Why it ended, if for an error.
    pub error: Option<String>,
    /// Commands and events that were still in flight when its time to finish was over. Its own
    /// handlers of them were cancelled; those of the bus go on.
    pub unfinished: usize,
    /// Tasks and handlers of the session that could not be ended: they block their thread.
    pub left: usize,
    /// Tasks of the session that have panicked.
    pub panicked: usize,
    /// `on_close` callbacks that panicked, or were not done in time.
    pub callbacks_failed: usize,
    /// It was closed from inside, by a handler that runs in it or by a callback: it ends when that has
    /// ended, and all else here is not known yet.
    pub is_deferred: bool,
}

impl SessionReport {
    pub(super) fn new(id: SessionId, duration: Duration) -> Self {
        Self {
            id,
            duration,
            error: None,
            unfinished: 0,
            left: 0,
            panicked: 0,
            callbacks_failed: 0,
            is_deferred: false,
        }
    }

    /// Has everything come to its end?
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self { unfinished, left, panicked, callbacks_failed, is_deferred, .. } = self;
        unfinished + left + panicked + callbacks_failed == 0 && !is_deferred
    }
}

impl fmt::Display for SessionReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_deferred {
            return write!(f, "session {} ends with what has closed it from inside", self.id);
        }
        write!(f, "session {} ended after {:?}", self.id, self.duration)?;
        if let Some(error) = &self.error {
            write!(f, ": {error}")?;
        }
        let counts = [
            (self.unfinished, "unfinished"),
            (self.left, "left running"),
            (self.panicked, "tasks panicked"),
            (self.callbacks_failed, "callbacks failed"),
        ];
        let counts = counts.iter().filter(|(count, _)| *count > 0);
        counts.into_iter().try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}
