//! Why a message became a dead letter.

use std::fmt;

use super::DeadLetterId;
use crate::resilience::ErrorClass;

/// Why a message became a dead letter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Cause {
    /// Its handler returned an error of this class, the last time that it was called.
    Failed(ErrorClass),
    /// Its handler panicked.
    Panicked,
    /// Its handler took too long.
    TimedOut,
    /// Something around its handler has turned it away: a middleware, an open circuit breaker.
    Rejected,
    /// Its handler could not be called: a parameter could not be made.
    NotCalled,
    /// Its handler was not called, since it has to follow an event that became a dead letter.
    Parked {
        /// The dead letter that held up the others of its sequence when this one came.
        behind: DeadLetterId,
    },
}

impl Cause {
    /// Of which kind it is, without what is said beside it.
    #[must_use]
    pub fn kind(&self) -> CauseKind {
        match self {
            Self::Failed(_) => CauseKind::Failed,
            Self::Panicked => CauseKind::Panicked,
            Self::TimedOut => CauseKind::TimedOut,
            Self::Rejected => CauseKind::Rejected,
            Self::NotCalled => CauseKind::NotCalled,
            Self::Parked { .. } => CauseKind::Parked,
        }
    }

    /// In a word or two, without what differs from letter to letter.
    pub(super) fn in_general(&self) -> String {
        match self {
            Self::Failed(ErrorClass::Deferred(_)) => "failed (deferred)".to_owned(),
            Self::Failed(class) => format!("failed ({class})"),
            Self::Parked { .. } => "parked".to_owned(),
            other => other.to_string(),
        }
    }
}

/// A kind of [`Cause`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CauseKind {
    /// [`Cause::Failed`].
    Failed,
    /// [`Cause::Panicked`].
    Panicked,
    /// [`Cause::TimedOut`].
    TimedOut,
    /// [`Cause::Rejected`].
    Rejected,
    /// [`Cause::NotCalled`].
    NotCalled,
    /// [`Cause::Parked`].
    Parked,
}

/// As in a sentence: `failed (permanent)`, `parked behind dl-1-7`.
impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed(class) => write!(f, "failed ({class})"),
            Self::Panicked => f.write_str("panicked"),
            Self::TimedOut => f.write_str("timed out"),
            Self::Rejected => f.write_str("rejected"),
            Self::NotCalled => f.write_str("not called"),
            Self::Parked { behind } => write!(f, "parked behind {behind}"),
        }
    }
}
