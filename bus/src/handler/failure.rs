//! What the error of a handler says of another attempt: asked before it is converted into the declared
//! error, when its own type is still known.
//!
//! As in [`probe`](crate::message::probe), what is inherent is preferred where its bounds hold, and the
//! trait is what remains.

use std::marker::PhantomData;

use crate::context::Context;
use crate::error::Error;
use crate::resilience::{Classify, ErrorClass};

/// Asks about a reply of type `R`.
#[derive(Debug)]
pub struct Reply<R>(PhantomData<fn(R)>);

impl<T, E> Reply<Result<T, E>> {
    /// The error, if there is one.
    #[inline]
    pub fn failure_of(reply: &Result<T, E>) -> Option<&E> {
        reply.as_ref().err()
    }
}

impl<T, E: KnowsClass> Reply<Result<T, E>> {
    /// Notes the class of the error, if there is one.
    #[inline]
    pub fn note_class(reply: &Result<T, E>, cx: &Context) {
        if let Err(error) = reply
            && let Some(class) = error.known_class()
        {
            cx.note_class(class);
        }
    }
}

/// A reply that is no `Result`, or one whose error knows no class.
pub trait Unclassed {
    /// The reply.
    type Reply;
    /// It is no failure. Of any error: where the reply is wrong, that alone is reported.
    #[must_use]
    fn failure_of<E: ?Sized>(_: &Self::Reply) -> Option<&E> {
        None
    }
    /// There is nothing to note.
    #[inline]
    fn note_class(_: &Self::Reply, _: &Context) {}
}
impl<R> Unclassed for Reply<R> {
    type Reply = R;
}

/// An error that may know its class.
pub trait KnowsClass {
    /// The class.
    fn known_class(&self) -> Option<ErrorClass>;
}
impl<E: Classify> KnowsClass for E {
    #[inline]
    fn known_class(&self) -> Option<ErrorClass> {
        Some(self.class())
    }
}
/// Only one that was made so: `Error::permanent(..)`.
impl KnowsClass for Error {
    #[inline]
    fn known_class(&self) -> Option<ErrorClass> {
        self.class()
    }
}

/// What `retry_if` has answered, as a class.
#[inline]
#[must_use]
pub const fn tried_again(again: bool) -> ErrorClass {
    if again { ErrorClass::Transient } else { ErrorClass::Permanent }
}
