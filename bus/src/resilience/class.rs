//! What an error says of another attempt.

use std::fmt;
use std::time::Duration;

/// What an error says of another attempt.
///
/// Said by the handler (`retry_if = ..`), by the type of the error ([`Classify`]), by the error itself
/// ([`Error::permanent`](crate::Error::permanent) and its like), or by the builder
/// ([`Resilience::classify`](crate::Resilience::classify)), in this order; what nobody speaks for is
/// [`Transient`](Self::Transient).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorClass {
    /// It may go well the next time: tried again, and counted by the circuit breaker.
    Transient,
    /// It will fail again: not tried again, but a dead letter at once.
    Permanent,
    /// The message is wrong, and will be: as [`Permanent`](Self::Permanent), told apart in the dead letter.
    Malformed,
    /// Not now, but after this long: handled again then. No failure, and no attempt used up.
    Deferred(Duration),
    /// Of no interest: neither tried again nor kept.
    Discard,
}

/// An error that knows its class.
///
/// ```
/// use bus::{Classify, ErrorClass};
///
/// #[derive(Debug, thiserror::Error)]
/// enum PayError {
///     #[error("the card was declined")]
///     Declined,
///     #[error("the bank does not answer")]
///     Unreachable,
/// }
///
/// impl Classify for PayError {
///     fn class(&self) -> ErrorClass {
///         match self {
///             Self::Declined => ErrorClass::Permanent,
///             Self::Unreachable => ErrorClass::Transient,
///         }
///     }
/// }
/// ```
pub trait Classify {
    /// Its class.
    fn class(&self) -> ErrorClass;
}

/// As the word in a sentence: `transient`.
impl fmt::Display for ErrorClass {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Transient => f.write_str("transient"),
            Self::Permanent => f.write_str("permanent"),
            Self::Malformed => f.write_str("malformed"),
            Self::Deferred(after) => write!(f, "deferred by {after:?}"),
            Self::Discard => f.write_str("discarded"),
        }
    }
}
