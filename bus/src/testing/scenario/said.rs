//! What errors say of themselves.

use crate::error::{CommandError, PublishError};
use crate::message::MessageInfo;
use crate::pipeline::command::conclusion::text_of;

/// An error, in words.
pub trait Said {
    /// Of a message of this type: it knows whether the error of its handler can be written.
    #[doc(hidden)]
    fn said(&self, info: &MessageInfo) -> String;
}

impl<E: 'static> Said for CommandError<E> {
    fn said(&self, info: &MessageInfo) -> String {
        text_of(self, info)
    }
}

impl<E> Said for PublishError<E> {
    fn said(&self, _: &MessageInfo) -> String {
        self.to_string()
    }
}
