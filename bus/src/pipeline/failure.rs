//! Why a call has no answer of its handler.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::error::CancelledBy;
use crate::handler::param::ParamError;

/// Why a call has no answer of its handler.
#[derive(Debug, Clone)]
pub enum Failure {
    /// A parameter could not be made, so the handler was not called.
    Refused(ParamError),
    Panicked(String),
    /// The filter of an event's handler panicked, so the handler was not called.
    Filter {
        filter: Cow<'static, str>,
        message: String,
    },
    /// A middleware has ended the call.
    Rejected {
        by: Cow<'static, str>,
        reason: String,
    },
    /// A middleware has let in as many as it may.
    RateLimited {
        by: Cow<'static, str>,
        retry_after: Duration,
    },
    TimedOut(Late),
    /// Its circuit breaker keeps calls from it.
    CircuitOpen {
        breaker: Arc<str>,
        retry_after: Option<Duration>,
    },
    /// As many of its calls wait as may.
    BulkheadFull {
        size: u32,
        room: usize,
    },
    Cancelled(CancelledBy),
}

/// Past which time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Late {
    /// That of an attempt.
    Attempt(Duration),
    /// That of all attempts together.
    Total(Duration),
    /// The deadline of the caller.
    Caller,
}

impl Late {
    pub(crate) fn after(self) -> Option<Duration> {
        match self {
            Self::Attempt(after) | Self::Total(after) => Some(after),
            Self::Caller => None,
        }
    }
}

impl fmt::Display for Late {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.after() {
            Some(after) => write!(f, "timed out after {after:?}"),
            None => f.write_str("timed out"),
        }
    }
}

/// When a circuit breaker lets calls through, if that is known.
pub(crate) fn again_in(after: Option<Duration>, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match after {
        Some(after) => write!(f, ", again in {after:?}"),
        None => Ok(()),
    }
}

/// Boxed where a handler's answer is on its way, so that this is no larger than it has to be.
impl From<ParamError> for Box<Failure> {
    fn from(error: ParamError) -> Self {
        Box::new(Failure::Refused(error))
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Refused(reason) => reason.fmt(f),
            Self::Filter { filter, message } => {
                write!(f, "its filter {filter} panicked: {message}")
            }
            Self::Panicked(message) => write!(f, "panicked: {message}"),
            Self::Rejected { by, reason } => write!(f, "was rejected by middleware {by}: {reason}"),
            Self::RateLimited { by, retry_after } => {
                write!(f, "was rejected by middleware {by}: too often, again in {retry_after:?}")
            }
            Self::TimedOut(late) => late.fmt(f),
            Self::CircuitOpen { breaker, retry_after } => {
                write!(f, "was not called: circuit breaker `{breaker}` is open")?;
                again_in(*retry_after, f)
            }
            Self::BulkheadFull { size, room } => {
                write!(f, "was not called: {size} of its calls run, and {room} wait, the limits")
            }
            Self::Cancelled(by) => write!(f, "was cancelled by {by}"),
        }
    }
}

/// What `panic!` was given, if it was text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
