//! How a run of a handler has ended, for those around it.

use std::any::Any;
use std::fmt;
use std::time::Duration;

use super::failure::{Failure, again_in};
use super::run::text_of_users;
use crate::error::{CancelledBy, Error};
use crate::message::MessageInfo;

/// How a run of a handler has ended: what a [`Hook`](crate::Hook) is told, and a
/// [`Middleware`](crate::Middleware) can look at.
#[derive(Debug)]
#[non_exhaustive]
pub enum Ended<'a> {
    /// Well.
    Ok,
    /// The handler returned an error.
    Failed(HandlerError<'a>),
    /// The handler panicked.
    Panicked {
        /// What it said.
        message: &'a str,
    },
    /// The handler was not done in time.
    TimedOut {
        /// Its timeout; `None` when the deadline of its caller has passed.
        after: Option<Duration>,
    },
    /// The run was ended from outside.
    Cancelled(&'a CancelledBy),
    /// The handler was not called.
    Rejected {
        /// Who has kept it from that.
        by: &'a str,
        /// Why.
        reason: &'a str,
    },
    /// The handler was not called: it was called too often.
    RateLimited {
        /// The middleware that limits it.
        by: &'a str,
        /// When it may be called again.
        retry_after: Duration,
    },
    /// The handler was not called: its circuit breaker is open.
    CircuitOpen {
        /// The name of the breaker.
        breaker: &'a str,
        /// When it lets a call through, if it ever does by itself.
        retry_after: Option<Duration>,
    },
    /// The handler was not called: as many calls of it run and wait as may.
    BulkheadFull,
    /// Its future was dropped: the caller did not want to wait any longer.
    Dropped,
}

impl<'a> Ended<'a> {
    /// Has it ended well?
    #[must_use]
    pub fn is_ok(&self) -> bool {
        matches!(self, Self::Ok)
    }

    pub(crate) fn with<O: Outcome>(
        info: &'static MessageInfo,
        answer: Result<&'a O, &'a Failure>,
    ) -> Self {
        match answer.map(Outcome::error) {
            Ok(None) => Self::Ok,
            Ok(Some(error)) => Self::Failed(HandlerError { error, info }),
            Err(failure) => Self::without_answer(failure),
        }
    }

    pub(crate) fn without_answer(failure: &'a Failure) -> Self {
        match failure {
            Failure::Refused(reason) => {
                Self::Rejected { by: "a parameter of the handler", reason: reason.as_str() }
            }
            Failure::Filter { filter, message } => Self::Rejected { by: filter, reason: message },
            Failure::Rejected { by, reason } => Self::Rejected { by, reason },
            Failure::RateLimited { by, retry_after } => {
                Self::RateLimited { by, retry_after: *retry_after }
            }
            Failure::Panicked(message) => Self::Panicked { message },
            Failure::TimedOut(late) => Self::TimedOut { after: late.after() },
            Failure::CircuitOpen { breaker, retry_after } => {
                Self::CircuitOpen { breaker, retry_after: *retry_after }
            }
            Failure::BulkheadFull { .. } => Self::BulkheadFull,
            Failure::Cancelled(by) => Self::Cancelled(by),
        }
    }
}

/// What comes before the text of a handler's error.
pub(crate) const FAILED: &str = "failed: ";

/// In words, to come after the name of a handler.
impl fmt::Display for Ended<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ok => f.write_str("ended well"),
            Self::Failed(error) => write!(f, "{FAILED}{error}"),
            Self::Panicked { message } => write!(f, "panicked: {message}"),
            Self::TimedOut { after: Some(after) } => write!(f, "timed out after {after:?}"),
            Self::TimedOut { after: None } => f.write_str("ran past the deadline of its caller"),
            Self::Cancelled(by) => write!(f, "was cancelled by {by}"),
            Self::Rejected { by, reason } => write!(f, "was rejected by {by}: {reason}"),
            Self::RateLimited { by, retry_after } => {
                write!(f, "was rejected by {by}: too often, again in {retry_after:?}")
            }
            Self::CircuitOpen { breaker, retry_after } => {
                write!(f, "was not called: circuit breaker `{breaker}` is open")?;
                again_in(*retry_after, f)
            }
            Self::BulkheadFull => f.write_str("was not called: too many of its calls wait"),
            Self::Dropped => f.write_str("was dropped by its caller"),
        }
    }
}

/// The error that a handler has returned.
pub struct HandlerError<'a> {
    error: &'a dyn Any,
    info: &'static MessageInfo,
}

impl<'a> HandlerError<'a> {
    /// The error, if it is an `E`: of a command the type that its attribute names, of an event any
    /// error that its handler may have returned.
    #[must_use]
    pub fn downcast_ref<E: std::error::Error + 'static>(&self) -> Option<&'a E> {
        let own = self.error.downcast_ref::<E>();
        own.or_else(|| self.error.downcast_ref::<Error>()?.downcast_ref())
    }
}

/// Its text, with those of its sources where it has any. An error that cannot be written is known by
/// its type.
impl fmt::Display for HandlerError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(error) = self.error.downcast_ref::<Error>() {
            return f.write_str(&text_of_users(|| error.chain()));
        }
        let text = self.info.capabilities().error_text;
        let text = text.map(|text| text_of_users(|| text(self.error).unwrap_or_default()));
        f.write_str(text.as_deref().unwrap_or("an error that is not `Display`"))
    }
}

impl fmt::Debug for HandlerError<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerError({self})")
    }
}

/// What a handler has answered, without its types.
pub(crate) trait Outcome: Send + 'static {
    /// Its error, if it has failed.
    fn error(&self) -> Option<&dyn Any>;
}

impl<O: Send + 'static, E: Send + 'static> Outcome for Result<O, E> {
    fn error(&self) -> Option<&dyn Any> {
        self.as_ref().err().map(|error| error as &dyn Any)
    }
}
