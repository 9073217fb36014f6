//! `Emit<E>`: events that leave the handler only if it returns `Ok`.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::param::{Param, ParamError, Requirements};
use crate::context::{Context, Scratch};
use crate::message::Event;
use crate::pipeline::options::Head;

/// Emits events of one type from inside a handler.
///
/// What is sent is kept back until the handler has returned `Ok`, then queued at once and together;
/// a handler that fails, panics or is cancelled has emitted nothing. Being a parameter, it shows in
/// the handler's signature which events may follow.
///
/// An `Emit` that outlives its handler (moved into a spawned task) sends straight to the queue if
/// the handler succeeded; if it did not, the event is dropped, counted
/// ([`Stats::dropped`](crate::Stats)) and logged.
pub struct Emit<E> {
    scratch: Arc<Scratch>,
    /// Do messages know where they were sent?
    is_tracked: bool,
    // Sends `E` by value, holds none.
    event: PhantomData<fn(E)>,
}

impl<E: Event> Emit<E> {
    /// Sends the event when the handler has succeeded. Never waits.
    #[track_caller]
    pub fn send(&self, event: E) {
        let head = Head::here(self.is_tracked, None);
        self.scratch.outbox.send(head, &self.scratch.origin, E::INFO, Arc::new(event));
    }
}

impl<E> Clone for Emit<E> {
    fn clone(&self) -> Self {
        Self { scratch: Arc::clone(&self.scratch), is_tracked: self.is_tracked, event: PhantomData }
    }
}

impl<'cx, E: Event> Param<'cx> for Emit<E> {
    fn require(requirements: &mut Requirements) {
        requirements.emits::<E>();
    }
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        let is_tracked = cx.core().settings.track_callers;
        Ok(Self { scratch: Arc::clone(cx.scratch()), is_tracked, event: PhantomData })
    }
}

impl<E> fmt::Debug for Emit<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Emit<{}>", std::any::type_name::<E>())
    }
}
