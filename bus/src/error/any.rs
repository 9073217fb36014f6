//! Any error, in one type.

use std::error::Error as StdError;
use std::fmt;
use std::ops::Deref;

/// Any error: what a command fails with when `#[command(error = ..)]` is left out, and what an event
/// handler's error becomes.
///
/// Takes every `std::error::Error` by `?`. For that very reason it cannot implement the trait itself
/// (`From<E: Error>` and core's `From<T> for T` would overlap, E0119); it derefs to one, converts
/// into `Box<dyn Error>`, and [`CommandError<bus::Error>`](crate::CommandError) is one.
pub struct Error(pub(super) Box<dyn StdError + Send + Sync>);

/// A result with [`bus::Error`](Error).
pub type Result<T, E = Error> = std::result::Result<T, E>;

impl Error {
    /// An error that says `message`.
    pub fn msg(message: impl fmt::Display) -> Self {
        #[derive(Debug, thiserror::Error)]
        #[error("{0}")]
        struct Message(String);
        Self(Box::new(Message(message.to_string())))
    }

    /// Of one that is boxed already.
    #[cfg(feature = "tower")]
    pub(crate) fn from_box(error: Box<dyn StdError + Send + Sync>) -> Self {
        Self(error)
    }

    /// The error inside, if it is an `E`.
    #[must_use]
    pub fn downcast_ref<E: StdError + 'static>(&self) -> Option<&E> {
        self.inner().downcast_ref()
    }

    /// The error and its sources, on one line.
    #[must_use]
    pub fn chain(&self) -> String {
        let mut text = self.to_string();
        let mut source = self.source();
        while let Some(error) = source {
            text.push_str(": ");
            text.push_str(&error.to_string());
            source = error.source();
        }
        text
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}
impl From<Error> for Box<dyn StdError + Send + Sync> {
    fn from(error: Error) -> Self {
        error.into_inner()
    }
}
impl From<Error> for Box<dyn StdError> {
    fn from(error: Error) -> Self {
        error.into_inner()
    }
}
impl Deref for Error {
    type Target = dyn StdError + Send + Sync;
    fn deref(&self) -> &Self::Target {
        self.inner()
    }
}
impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.inner(), f)
    }
}
impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.inner(), f)
    }
}

/// What can be the source of a [`CommandError`]: every `std::error::Error`, and [`Error`], which
/// cannot be one.
pub trait Source: fmt::Debug + fmt::Display {
    /// As the standard's trait.
    fn as_source(&self) -> Option<&(dyn StdError + 'static)>;
}
#[diagnostic::do_not_recommend]
impl<E: StdError + 'static> Source for E {
    fn as_source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self)
    }
}
impl Source for Error {
    fn as_source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(self.inner())
    }
}
