//! `MessageBus`: what executes and publishes, for code that is generic over it.

use crate::bus::Bus;
use crate::context::{Context, OwnedContext};
use crate::error::PublishError;
use crate::event::publish::{self, Publish, Published};
use crate::message::{Command, Event};
use crate::pipeline::execute::Execute;

/// Executes commands and publishes events: a [`Bus`], or the [`Context`] of a handler.
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
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>;

    /// As [`Bus::publish`].
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E>;

    /// As [`Bus::try_publish`].
    ///
    /// # Errors
    /// As there.
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>>;
}

impl MessageBus for Bus {
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Bus::execute(self, command)
    }
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Bus::publish(self, event)
    }
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        Bus::try_publish(self, event)
    }
}

impl MessageBus for Context {
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Context::execute(self, command)
    }
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Context::publish(self, event)
    }
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        publish::try_publish(self.core(), event, self.inherited().origin.as_ref())
    }
}

impl MessageBus for OwnedContext {
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Context::execute(self, command)
    }
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Context::publish(self, event)
    }
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        MessageBus::try_publish(&**self, event)
    }
}
