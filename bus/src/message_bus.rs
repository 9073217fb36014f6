//! The verbs of a handler, and `MessageBus`: what executes and publishes, for code that is generic
//! over it.

use std::sync::Arc;

use crate::bus::Bus;
use crate::context::{Context, OwnedContext};
use crate::error::PublishError;
use crate::event::publish::{self, Publish, Published};
use crate::message::{Command, Event};
use crate::pipeline::command::execute::Execute;
use crate::pipeline::options::Head;
use crate::session::Session;

/// Executes commands and publishes events: a [`Bus`], a [`Session`], or the [`Context`] of a handler.
///
/// ```
/// use bus::{MessageBus, PublishError};
///
/// #[bus::event]
/// struct Moved { by: i32 }
///
/// async fn step(bus: &impl MessageBus) -> Result<(), PublishError<Moved>> {
///     bus.publish(Moved { by: 1 }).await?;
///     Ok(())
/// }
/// ```
pub trait MessageBus: Send + Sync {
    /// As [`Bus::execute`].
    #[track_caller]
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>;

    /// As [`Bus::publish`].
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E>;

    /// As [`Bus::try_publish`].
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>>;
}

impl MessageBus for Bus {
    #[track_caller]
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Bus::execute(self, command)
    }
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Bus::publish(self, event)
    }
    #[track_caller]
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        Bus::try_publish(self, event)
    }
}

impl MessageBus for Context {
    #[track_caller]
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Context::execute(self, command)
    }
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Context::publish(self, event)
    }
    #[track_caller]
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        publish::try_publish(self.core(), event, Some(self.as_origin()), None)
    }
}

impl MessageBus for OwnedContext {
    #[track_caller]
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Context::execute(self, command)
    }
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Context::publish(self, event)
    }
    #[track_caller]
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        MessageBus::try_publish(&**self, event)
    }
}

/// What a handler does with the bus.
impl Context {
    /// The bus this runs on.
    #[must_use]
    pub fn bus(&self) -> Bus {
        Bus::of(self.core())
    }

    /// The session this runs in: `None` outside sessions. The handle does not own.
    #[must_use]
    pub fn session(&self) -> Option<Session> {
        Some(Session::new(self.bus(), Arc::clone(self.scope()?)))
    }

    /// Queues the event when this handler has succeeded; see [`Emit`](crate::Emit). Never waits.
    #[track_caller]
    pub fn emit<E: Event>(&self, event: E) {
        let scratch = self.scratch();
        let head = Head::here(self.core().settings.track_callers, None);
        scratch.outbox.send(head, &scratch.origin, E::INFO, Arc::new(event));
    }

    /// Executes a command as a part of this call: it inherits correlation, session, principal,
    /// deadline and cancellation. As [`Bus::execute`].
    #[track_caller]
    pub fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Execute::new(self.core(), command, self.inherited())
    }

    /// Publishes an event now, whatever becomes of this handler. It is queued at once, over the
    /// capacity of the queue if need be, so that a handler never waits for itself.
    #[track_caller]
    pub fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Publish::new(self.core(), event, Some(self.as_origin()))
    }
}
