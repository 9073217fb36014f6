//! The one typed door behind which a handler stands.
//!
//! The registry keeps a slot as `dyn Any`; whoever has the message gets it back by the message's
//! `TypeId`. So neither message nor reply is ever boxed, and a plain function needs no future.

use std::fmt;
use std::future::Future;
use std::pin::Pin;

use super::running::Running;
use crate::context::Context;
use crate::message::kind::{Carrier, Outcome};
use crate::pipeline::blocking;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::{Handle, Lender};

/// A future on the heap.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;
/// What a handler gives back, or why it was not called.
pub(crate) type Called<O> = Result<O, Box<Failure>>;

/// A handler that takes `I` and gives `O`.
#[non_exhaustive]
pub enum Slot<I, O> {
    /// `fn`: called where the message is.
    Plain(fn(I, &Context) -> Called<O>),
    /// `#[handler(blocking)] fn`: called on the runtime's pool for blocking work.
    Blocking(fn(I, &Context) -> Called<O>),
    /// `async fn`.
    Future(fn(I, Handle) -> Running<Called<O>>),
    /// A closure that was registered at run time.
    Closure(Box<dyn Fn(I, Handle) -> Running<Called<O>> + Send + Sync>),
}

/// The slot of a handler of `M`.
pub type SlotOf<M> = Slot<Carrier<M>, Outcome<M>>;

/// A handler after its first step.
#[allow(missing_debug_implementations, reason = "holds a future")]
pub enum Begun<O> {
    /// It has answered.
    Done(Called<O>),
    /// It has to be polled.
    Running(Running<Called<O>>),
}

impl<I: Send + 'static, O: Send + 'static> Slot<I, O> {
    /// Calls the handler, or makes the future that will.
    pub(crate) fn begin(&self, input: I, lender: &Lender<'_>) -> Begun<O> {
        match self {
            Self::Plain(call) => Begun::Done(call(input, lender.context())),
            Self::Blocking(call) => blocking::begin(*call, input, lender),
            Self::Future(start) => Begun::Running(start(input, lender.handle())),
            Self::Closure(start) => Begun::Running(start(input, lender.handle())),
        }
    }
}

impl<I, O> fmt::Debug for Slot<I, O> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Slot::Plain",
            Self::Blocking(_) => "Slot::Blocking",
            Self::Future(_) => "Slot::Future",
            Self::Closure(_) => "Slot::Closure",
        })
    }
}
