//! What was wrong with an attempt, as far as that says what to do about it.

use super::class::ErrorClass;
use super::policy::Policy;
use crate::context::Context;
use crate::error::Error;
use crate::pipeline::ended::{Ended, Outcome};
use crate::pipeline::failure::{Failure, Late};

/// What was wrong with an attempt.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The handler has returned an error.
    Class(ErrorClass),
    Panicked,
    /// One of its parameters could not be made.
    NotCalled,
    /// The attempt was not done in time.
    TimedOut,
    /// All attempts together were not.
    OutOfTime,
    /// Nobody's whom another attempt could help: cancelled, rejected, not let in.
    Other,
}

impl Fault {
    /// `None`: nothing was wrong.
    #[inline]
    pub(crate) fn of<O: Outcome>(
        policy: &Policy,
        context: &Context,
        answer: &Result<O, Failure>,
    ) -> Option<Self> {
        match answer {
            Ok(outcome) if outcome.error().is_none() => None,
            failed => Some(Self::of_failed(policy, context, failed)),
        }
    }

    #[inline(never)]
    fn of_failed<O: Outcome>(
        policy: &Policy,
        context: &Context,
        answer: &Result<O, Failure>,
    ) -> Self {
        let failure = match answer {
            Ok(outcome) => return Self::Class(class(policy, context, outcome)),
            Err(failure) => failure,
        };
        match failure {
            Failure::Panicked(_) => Self::Panicked,
            Failure::TimedOut(Late::Attempt(_)) => Self::TimedOut,
            Failure::TimedOut(Late::Total(_)) => Self::OutOfTime,
            Failure::Refused(_) => Self::NotCalled,
            Failure::TimedOut(Late::Caller)
            | Failure::Filter { .. }
            | Failure::Rejected { .. }
            | Failure::RateLimited { .. }
            | Failure::CircuitOpen { .. }
            | Failure::BulkheadFull { .. }
            | Failure::Cancelled(_) => Self::Other,
        }
    }

    /// Is the message kept as a dead letter, when no further attempt is made?
    pub(crate) fn is_buried(self) -> bool {
        match self {
            Self::Class(class) => class != ErrorClass::Discard,
            Self::Panicked | Self::NotCalled | Self::TimedOut | Self::OutOfTime => true,
            Self::Other => false,
        }
    }

    /// Does it say that what the handler needs is not well?
    pub(crate) fn is_transient(self) -> bool {
        matches!(self, Self::Class(ErrorClass::Transient) | Self::TimedOut | Self::OutOfTime)
    }
}

/// What is nearest to the error knows best: the handler and the error's type, the error, the builder.
fn class<O: Outcome>(policy: &Policy, context: &Context, outcome: &O) -> ErrorClass {
    let Some(error) = outcome.error() else { return ErrorClass::Transient };
    let info = context.message();
    let noted = context.class();
    let own = || error.downcast_ref::<Error>()?.class();
    let of_type = || info.capabilities().error_class.map(|class| class(error));
    let of_builder = || {
        let answer: Result<&O, &Failure> = Ok(outcome);
        policy.classify.as_ref()?.ask(&Ended::with(info, answer))
    };
    noted.or_else(own).or_else(of_type).or_else(of_builder).unwrap_or(ErrorClass::Transient)
}
