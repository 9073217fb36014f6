//! From what a handler returns to the outcome of its message's kind.

use crate::error::Error;
use crate::message::kind;

/// What a handler of a message of kind `K` may return.
#[diagnostic::on_unimplemented(
    message = "a handler cannot return `{Self}`",
    label = "not a reply",
    note = "a command handler returns `Result<Output, E>`: `Output` as declared by `#[command(output = ..)]`, `E` convertible into the declared error",
    note = "an event handler returns nothing or `Result<(), E>`: nobody waits for a value"
)]
pub trait IntoOutcome<K> {
    /// The outcome of the kind.
    type Outcome;
    /// Converts output and error into the declared ones.
    fn into_outcome(self) -> Self::Outcome;
}
impl<T: IsOutput<O>, E: IntoError<X>, O, X> IntoOutcome<kind::Command<O, X>> for Result<T, E> {
    type Outcome = Result<O, X>;
    fn into_outcome(self) -> Self::Outcome {
        match self {
            Ok(output) => Ok(output.into_output()),
            Err(error) => Err(error.into_error()),
        }
    }
}
impl IntoOutcome<kind::Event> for () {
    type Outcome = Result<(), Error>;
    fn into_outcome(self) -> Self::Outcome {
        Ok(())
    }
}
impl<X: IntoError<Error>> IntoOutcome<kind::Event> for Result<(), X> {
    type Outcome = Result<(), Error>;
    fn into_outcome(self) -> Self::Outcome {
        self.map_err(IntoError::into_error)
    }
}

/// `Self` is `O`; its name says the rule in the compiler's message.
#[diagnostic::on_unimplemented(
    message = "this command is answered with `{O}`, not with `{Self}`",
    label = "expected `Result<{O}, _>`",
    note = "the output is declared by `#[command(output = ..)]` on the command (`()` when it is left out)"
)]
pub trait IsOutput<O> {
    /// Itself.
    fn into_output(self) -> O;
}
impl<T> IsOutput<T> for T {
    fn into_output(self) -> T {
        self
    }
}

/// `Into`, under a name that says the rule in the compiler's message.
#[diagnostic::on_unimplemented(
    message = "the error `{Self}` does not convert into `{X}`",
    label = "expected an error that converts into `{X}`",
    note = "the error is declared by `#[command(error = ..)]` on the command; add `impl From<{Self}> for {X}`, e.g. with `#[from]` of thiserror",
    note = "an event handler and a `#[resource]` function may fail with any `std::error::Error`"
)]
pub trait IntoError<X> {
    /// The declared error.
    fn into_error(self) -> X;
}
#[diagnostic::do_not_recommend]
impl<X, E: Into<X>> IntoError<X> for E {
    fn into_error(self) -> X {
        self.into()
    }
}
