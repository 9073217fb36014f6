//! What errors say of themselves.

use std::any::type_name;
use std::fmt;

use crate::error::{CommandError, PublishError};

/// An error, in words.
pub trait Said {
    #[doc(hidden)]
    fn said(&self) -> String;
}

impl<E: 'static> Said for CommandError<E> {
    fn said(&self) -> String {
        said(self)
    }
}

impl<E> Said for PublishError<E> {
    fn said(&self) -> String {
        self.to_string()
    }
}

/// The handler's own error may not be one that can be written. What happened says more.
pub(super) fn said<E>(error: &CommandError<E>) -> String {
    struct Text<'e, E>(&'e CommandError<E>);
    impl<E> fmt::Display for Text<'_, E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.describe(f, |_, f| f.write_str(type_name::<E>()))
        }
    }
    Text(error).to_string()
}
