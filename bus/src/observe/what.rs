//! All that can happen on a bus. In words it is in [`words`](super::words).

use std::any::Any;
use std::sync::Arc;
use std::time::{Duration, Instant};

#[cfg(doc)]
use super::Observer;
use crate::event::{DropReason, Outcome, QueueMark};
use crate::message::MessageId;
use crate::registry::HandlerInfo;
use crate::resilience::CircuitChange;
use crate::resilience::dead_letters::DeadLetterId;

/// An event, its type forgotten.
pub type ErasedEvent = Arc<dyn Any + Send + Sync>;

/// What an [`Observer`] is told of.
#[derive(Debug)]
#[non_exhaustive]
pub enum What<'a> {
    /// A command has found its handler, which is about to be called, unless its circuit breaker or its bulkhead says no:
    /// what it has come to is told in the end.
    #[non_exhaustive]
    Executing {
        /// The handler.
        handler: &'a HandlerInfo,
        /// The command.
        command: Option<&'a dyn Any>,
    },
    /// A command has come to its end, after all attempts.
    #[non_exhaustive]
    Executed {
        /// The handler.
        handler: &'a HandlerInfo,
        /// How often it was called.
        attempts: u32,
        /// What has become of it, unless it has succeeded.
        error: Option<&'a str>,
    },
    /// The future of a command was dropped before it was ready; or that of a publish, while it waited for room: the
    /// event was not queued.
    Abandoned,
    /// An event was queued, or kept out by a filter before it was.
    #[non_exhaustive]
    Published {
        /// The event.
        event: &'a ErasedEvent,
        /// What became of it. It is never [`Filtered`](Outcome::Filtered): that is a happening of its own.
        outcome: &'a Outcome,
    },
    /// An event was given to the timers. When it is due it is published, with this id unless it recurs.
    #[non_exhaustive]
    Scheduled {
        /// The event.
        event: &'a ErasedEvent,
        /// When it is due.
        due: Instant,
    },
    /// A command was not executed, or an event not published; its sender was told.
    #[non_exhaustive]
    Rejected {
        /// Why.
        why: &'a str,
    },
    /// A filter said no.
    #[non_exhaustive]
    Filtered {
        /// The name of the filter.
        by: &'a str,
        /// The handler that it stands before; `None`: it stands before the queue.
        handler: Option<&'a HandlerInfo>,
        /// The event.
        event: Option<&'a (dyn Any + Send + Sync)>,
    },
    /// A handler is called: of a command, or of an event.
    #[non_exhaustive]
    Handling {
        /// The handler.
        handler: &'a HandlerInfo,
        /// Which call it is, from 1.
        attempt: u32,
        /// The id of the run, where the handler takes several events at once: what it sends has this for
        /// its parent.
        batch: Option<MessageId>,
    },
    /// A handler is done with an event, for good.
    #[non_exhaustive]
    Handled {
        /// The handler.
        handler: &'a HandlerInfo,
        /// How often it was called.
        attempts: u32,
        /// What has become of it, unless it has succeeded.
        error: Option<&'a str>,
    },
    /// A handler has failed, and is called again.
    #[non_exhaustive]
    Retrying {
        /// The handler.
        handler: &'a HandlerInfo,
        /// Which call has failed.
        attempt: u32,
        /// How long it waits.
        after: Duration,
        /// What went wrong.
        error: &'a str,
        /// Does it wait for long, without a slot?
        delayed: bool,
    },
    /// A handler has said that an event is of no interest to it. That it is
    /// [handled](Self::Handled) follows.
    #[non_exhaustive]
    Discarded {
        /// The handler.
        handler: &'a HandlerInfo,
        /// What it has said.
        error: &'a str,
    },
    /// A handler has given up on a message, which is kept.
    #[non_exhaustive]
    DeadLettered {
        /// The handler.
        handler: &'a HandlerInfo,
        /// The dead letter.
        letter: DeadLetterId,
        /// What went wrong.
        error: &'a str,
    },
    /// Events have not reached their handlers, or not all of them.
    #[non_exhaustive]
    Dropped {
        /// Why.
        reason: DropReason,
        /// How many.
        count: u64,
    },
    /// Nobody handles an event.
    Unhandled,
    /// An event was queued for longer than its `ttl`.
    Expired,
    /// A circuit breaker has changed.
    #[non_exhaustive]
    CircuitChanged {
        /// Its name.
        circuit: &'a str,
        /// From which state to which, and why.
        change: &'a CircuitChange,
    },
    /// The queue has crossed one of its marks.
    #[non_exhaustive]
    QueueMark {
        /// Which.
        mark: QueueMark,
        /// How many events are queued.
        queued: usize,
    },
    /// A session has begun.
    SessionOpened,
    /// A session begins to end.
    #[non_exhaustive]
    SessionEnded {
        /// The error it ends with, if there is one.
        error: Option<&'a str>,
    },
}
