//! What an entry says, kept for later.

use std::fmt;
use std::time::Duration;

use crate::event::DropReason;
use crate::message::MessageId;
use crate::observe::{Happening, What};

/// What has happened. As [`What`], to be kept.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
#[allow(missing_docs, reason = "the fields are those of `What`")]
pub enum Step {
    /// A command's handler was about to be called.
    Executing { handler: String },
    /// A command has come to its end.
    Executed { handler: String, attempts: u32, error: Option<String> },
    /// The future of a command was dropped.
    Abandoned,
    /// An event was queued.
    Published,
    /// An event was given to the timers, to be published in so much time.
    Scheduled { due_in: Duration },
    /// A command was not executed, or an event not published.
    Rejected { why: String },
    /// A filter said no.
    Filtered { by: String, handler: Option<String> },
    /// A handler was called.
    Handling { handler: String, attempt: u32, batch: Option<MessageId> },
    /// A handler is done with an event.
    Handled { handler: String, attempts: u32, error: Option<String> },
    /// A handler has failed, and was to be called again.
    Retrying { handler: String, attempt: u32, after: Duration, error: String, delayed: bool },
    /// A handler has said that an event is of no interest.
    Discarded { handler: String, error: String },
    /// A handler has given up on a message.
    DeadLettered { handler: String, error: String },
    /// Events have not reached their handlers.
    Dropped { reason: DropReason, count: u64 },
    /// Nobody handles an event.
    Unhandled,
    /// An event was queued for too long.
    Expired,
    /// Something else, in words: a circuit breaker, the queue, a session.
    Other(String),
}

impl Step {
    pub(super) fn of(happening: &Happening<'_>) -> Option<Self> {
        let error = |error: &Option<&str>| error.map(str::to_owned);
        Some(match happening.what() {
            What::Executing { handler, .. } => Self::Executing { handler: name(handler) },
            What::Executed { handler, attempts, error: e } => {
                Self::Executed { handler: name(handler), attempts: *attempts, error: error(e) }
            }
            What::Abandoned => Self::Abandoned,
            What::Published { .. } => Self::Published,
            What::Scheduled { due, .. } => {
                Self::Scheduled { due_in: due.saturating_duration_since(happening.at()) }
            }
            What::Rejected { why } => Self::Rejected { why: (*why).to_owned() },
            What::Filtered { by, handler, .. } => {
                Self::Filtered { by: (*by).to_owned(), handler: handler.map(name) }
            }
            What::Handling { handler, attempt, batch } => {
                Self::Handling { handler: name(handler), attempt: *attempt, batch: *batch }
            }
            What::Handled { handler, attempts, error: e } => {
                Self::Handled { handler: name(handler), attempts: *attempts, error: error(e) }
            }
            What::Retrying { handler, attempt, after, error, delayed } => Self::Retrying {
                handler: name(handler),
                attempt: *attempt,
                after: *after,
                error: (*error).to_owned(),
                delayed: *delayed,
            },
            What::Discarded { handler, error } => {
                Self::Discarded { handler: name(handler), error: (*error).to_owned() }
            }
            What::DeadLettered { handler, error, .. } => {
                Self::DeadLettered { handler: name(handler), error: (*error).to_owned() }
            }
            What::Dropped { reason, count } => Self::Dropped { reason: *reason, count: *count },
            What::Unhandled => Self::Unhandled,
            What::Expired => Self::Expired,
            other @ (What::CircuitChanged { .. }
            | What::QueueMark { .. }
            | What::SessionOpened
            | What::SessionEnded { .. }) => Self::Other(other.to_string()),
        })
    }
}

impl Step {
    /// Has a run of a handler ended in failure, for good?
    pub(in crate::testing) fn is_failure(&self) -> bool {
        matches!(self, Self::Executed { error: Some(_), .. } | Self::Handled { error: Some(_), .. })
    }

    /// Can it not happen to an event that is not queued?
    pub(super) fn comes_after_publishing(&self) -> bool {
        match self {
            Self::Handling { .. }
            | Self::Handled { .. }
            | Self::Retrying { .. }
            | Self::Discarded { .. }
            | Self::DeadLettered { .. }
            | Self::Dropped { .. }
            | Self::Unhandled
            | Self::Expired => true,
            Self::Filtered { handler, .. } => handler.is_some(),
            Self::Executing { .. }
            | Self::Executed { .. }
            | Self::Abandoned
            | Self::Published
            | Self::Scheduled { .. }
            | Self::Rejected { .. }
            | Self::Other(_) => false,
        }
    }
}

fn name(handler: &crate::registry::HandlerInfo) -> String {
    handler.name.to_string()
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = |n: &u32| if *n == 1 { String::new() } else { format!(" ({n} attempts)") };
        match self {
            Self::Executing { handler } => write!(f, "executed by {handler}"),
            Self::Executed { handler, attempts: 0, error: None } => {
                write!(f, "answered in place of {handler}")
            }
            Self::Executed { handler, attempts, error: None } => {
                write!(f, "{handler} succeeded{}", times(attempts))
            }
            Self::Executed { error: Some(error), .. } => f.write_str(error),
            Self::Abandoned => f.write_str("abandoned by its caller"),
            Self::Published => f.write_str("published"),
            Self::Scheduled { due_in } => write!(f, "scheduled, due in {due_in:?}"),
            Self::Rejected { why } => write!(f, "rejected: {why}"),
            Self::Filtered { by, handler: None } => write!(f, "kept out by {by}"),
            Self::Filtered { by, handler: Some(handler) } => {
                write!(f, "kept from {handler} by {by}")
            }
            Self::Handling { handler, attempt, .. } if *attempt < 2 => {
                write!(f, "{handler} is called")
            }
            Self::Handling { handler, attempt, .. } => {
                write!(f, "{handler} is called (attempt {attempt})")
            }
            Self::Handled { handler, attempts: 0, error: None } => {
                write!(f, "{handler} was not called")
            }
            Self::Handled { handler, attempts: 0, error: Some(error) } => {
                write!(f, "{handler} was not called: {error}")
            }
            Self::Handled { handler, attempts, error: None } => {
                write!(f, "handled by {handler}{}", times(attempts))
            }
            Self::Handled { handler, attempts, error: Some(error) } => {
                write!(f, "{handler} failed{}: {error}", times(attempts))
            }
            Self::Retrying { handler, attempt, after, error, .. } => {
                write!(f, "attempt {attempt} of {handler} failed, again in {after:?}: {error}")
            }
            Self::Discarded { handler, error } => {
                write!(f, "of no interest to {handler}: {error}")
            }
            Self::DeadLettered { handler, error } => {
                write!(f, "dead letter of {handler}: {error}")
            }
            Self::Dropped { reason, count: 1 } => write!(f, "dropped: {reason}"),
            Self::Dropped { reason, count } => write!(f, "{count} dropped: {reason}"),
            Self::Unhandled => f.write_str("handled by nobody"),
            Self::Expired => f.write_str("expired"),
            Self::Other(text) => f.write_str(text),
        }
    }
}
