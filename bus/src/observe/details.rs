//! What of a happening is written down: the same for all who write.

use super::what::What;
use crate::registry::HandlerInfo;

/// What of a [`What`] most who look at it want to know.
#[derive(Default)]
pub(super) struct Details<'a> {
    /// In one word.
    #[cfg_attr(not(feature = "json"), expect(dead_code, reason = "of the JSON lines alone"))]
    pub(super) kind: &'static str,
    pub(super) handler: Option<&'a HandlerInfo>,
    /// Which call it is, or how many there were.
    pub(super) attempts: Option<u32>,
    pub(super) error: Option<&'a str>,
}

impl<'a> Details<'a> {
    pub(super) fn of(what: &What<'a>) -> Self {
        let is = |kind| Self { kind, ..Self::default() };
        match *what {
            What::Executing { handler, .. } => Self { handler: Some(handler), ..is("executing") },
            What::Executed { handler, attempts, error } => {
                Self { handler: Some(handler), attempts: Some(attempts), error, ..is("executed") }
            }
            What::Abandoned => is("abandoned"),
            What::Published { .. } => is("published"),
            What::Scheduled { .. } => is("scheduled"),
            What::Rejected { why } => Self { error: Some(why), ..is("rejected") },
            What::Filtered { handler, .. } => Self { handler, ..is("filtered") },
            What::Handling { handler, attempt, .. } => {
                Self { handler: Some(handler), attempts: Some(attempt), ..is("handling") }
            }
            What::Handled { handler, attempts, error } => {
                Self { handler: Some(handler), attempts: Some(attempts), error, ..is("handled") }
            }
            What::Retrying { handler, attempt, error, .. } => {
                let (handler, attempts, error) = (Some(handler), Some(attempt), Some(error));
                Self { handler, attempts, error, ..is("retrying") }
            }
            What::Discarded { handler, error } => {
                Self { handler: Some(handler), error: Some(error), ..is("discarded") }
            }
            What::DeadLettered { handler, error, .. } => {
                Self { handler: Some(handler), error: Some(error), ..is("dead_lettered") }
            }
            What::Dropped { .. } => is("dropped"),
            What::Unhandled => is("unhandled"),
            What::Expired => is("expired"),
            What::CircuitChanged { .. } => is("circuit_changed"),
            What::QueueMark { .. } => is("queue_mark"),
            What::SessionOpened => is("session_opened"),
            What::SessionEnded { error } => Self { error, ..is("session_ended") },
        }
    }
}
