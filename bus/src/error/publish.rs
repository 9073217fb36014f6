//! Why an event was not queued.

use std::borrow::Cow;
use std::fmt;
use std::time::Duration;

use crate::event::EventFailure;
use crate::pipeline::origin::{Chain, OwnLane};
use crate::session::SessionId;

/// Why an event was not queued. Gives the event back.
#[derive(thiserror::Error)]
#[error("event {name} was not published: {kind}")]
pub struct PublishError<E> {
    /// The event, untouched.
    pub event: E,
    kind: PublishErrorKind,
    name: &'static str,
}

/// The kinds of [`PublishError`].
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PublishErrorKind {
    /// The queue is full, and the strategy does not wait.
    #[error("the queue is full ({capacity} events)")]
    Full {
        /// How many events it holds.
        capacity: usize,
    },
    /// The queue was full for as long as the strategy waits.
    #[error("the queue was full ({capacity} events) for {waited:?}")]
    TimedOut {
        /// How many events it holds.
        capacity: usize,
        /// How long.
        waited: Duration,
    },
    /// Handlers publish so much faster than events are handled that they hit the ceiling.
    #[error("handlers have published {ceiling} events more than the dispatcher could take")]
    Ceiling {
        /// How many events over the capacity are accepted from handlers.
        ceiling: usize,
    },
    /// A filter panicked. No other publish is concerned.
    #[error("filter {filter} panicked: {message}")]
    FilterPanicked {
        /// The name of the filter.
        filter: Cow<'static, str>,
        /// What it said.
        message: String,
    },
    /// Events cause events without end.
    #[error("{}", Chain(chain))]
    TooDeep {
        /// From the root to this event.
        chain: Vec<&'static str>,
    },
    /// It is waited for by a handler that holds its lane: its turn would never come. Where the type or
    /// the stream is handled in batches, all of its lanes count as one. Publish it without waiting, or
    /// from what is not ordered with it.
    #[error("{}", OwnLane(chain))]
    OwnLane {
        /// From the root, by the handler that waits, to this event.
        chain: Vec<&'static str>,
    },
    /// There is no such time to publish it at: a period of zero, a time that the clock does not reach, a
    /// cron pattern that is none.
    #[error("it cannot be scheduled: {reason}")]
    BadSchedule {
        /// Why.
        reason: String,
    },
    /// The session it names, or was sent through, is not open: only what is at work in it may still
    /// publish.
    #[error("session {session_id} is not open")]
    SessionClosed {
        /// The session.
        session_id: SessionId,
    },
    /// The bus is shutting down: only handlers that are at work may still publish.
    #[error("the bus is shutting down")]
    ShuttingDown,
    /// The bus was shut down, or the runtime it ran on is gone.
    #[error("the bus is closed")]
    Closed,
}

impl<E> PublishError<E> {
    pub(crate) fn new(name: &'static str, event: E, kind: PublishErrorKind) -> Self {
        Self { event, kind, name }
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &PublishErrorKind {
        &self.kind
    }

    /// The event, untouched.
    #[must_use]
    pub fn into_event(self) -> E {
        self.event
    }
}

/// Handlers of an event, or of what followed from it, have failed:
/// [`Settled::into_result`](crate::Settled::into_result).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", Failures(failures))]
#[non_exhaustive]
pub struct HandlersFailed {
    /// Each of them.
    pub failures: Vec<EventFailure>,
}

/// The first, and how many there are.
struct Failures<'a>(&'a [EventFailure]);

impl fmt::Display for Failures<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            [] => f.write_str("no handler failed"),
            [one] => one.fmt(f),
            [first, rest @ ..] => write!(f, "{first} (and {} more)", rest.len()),
        }
    }
}

impl<E> fmt::Debug for PublishError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PublishError")
            .field("event", &self.name)
            .field("kind", &self.kind)
            .finish_non_exhaustive()
    }
}
