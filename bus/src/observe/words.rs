//! What happens, in words: for the console, the log and whoever writes lines.

use std::fmt;

use super::what::What;
use crate::event::{Outcome, QueueMark};

/// In words, to come after the name of the message.
impl fmt::Display for What<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let times = |attempts: u32| if attempts == 1 { "attempt" } else { "attempts" };
        match self {
            Self::Executing { handler, .. } => write!(f, "is executed by {}", handler.name),
            Self::Executed { handler, attempts, error: None } => {
                write!(f, "was executed by {} ({attempts} {})", handler.name, times(*attempts))
            }
            Self::Executed { error: Some(error), .. } => f.write_str(error),
            Self::Abandoned => f.write_str("was abandoned by its caller"),
            Self::Published { outcome: Outcome::QueuedAfterDropping(n), .. } => {
                write!(f, "is queued, after {n} older ones were dropped")
            }
            Self::Published { .. } => f.write_str("is queued"),
            Self::Scheduled { .. } => f.write_str("is scheduled"),
            Self::Rejected { why } => write!(f, "was rejected: {why}"),
            Self::Filtered { by, handler: None, .. } => write!(f, "was kept out by {by}"),
            Self::Filtered { by, handler: Some(handler), .. } => {
                write!(f, "was kept from {} by {by}", handler.name)
            }
            Self::Handling { handler, attempt, .. } => {
                write!(f, "is handled by {} (attempt {attempt})", handler.name)
            }
            Self::Handled { handler, attempts, error: None } => {
                write!(f, "was handled by {} ({attempts} {})", handler.name, times(*attempts))
            }
            Self::Handled { handler, attempts, error: Some(error) } => {
                let times = times(*attempts);
                write!(f, "was not handled by {} ({attempts} {times}): {error}", handler.name)
            }
            Self::Retrying { handler, attempt, after, error, .. } => {
                let name = &handler.name;
                write!(f, "attempt {attempt} of {name} failed, again in {after:?}: {error}")
            }
            Self::Discarded { handler, error } => {
                write!(f, "is of no interest to {}: {error}", handler.name)
            }
            Self::DeadLettered { handler, letter, error } => {
                write!(f, "is dead letter {letter} of {}: {error}", handler.name)
            }
            Self::Dropped { reason, count: 1 } => write!(f, "was dropped: {reason}"),
            Self::Dropped { reason, count } => write!(f, "were dropped ({count}): {reason}"),
            Self::Unhandled => f.write_str("is handled by nobody"),
            Self::Expired => f.write_str("has expired"),
            Self::CircuitChanged { circuit, change } => write!(f, "circuit {circuit}: {change}"),
            Self::QueueMark { mark: QueueMark::High, queued } => {
                write!(f, "the queue runs full ({queued})")
            }
            Self::QueueMark { mark: QueueMark::Low, queued } => {
                write!(f, "the queue is well again ({queued})")
            }
            Self::SessionOpened => f.write_str("a session has begun"),
            Self::SessionEnded { error: None } => f.write_str("a session ends"),
            Self::SessionEnded { error: Some(error) } => write!(f, "a session ends: {error}"),
        }
    }
}
