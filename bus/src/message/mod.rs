//! What travels: messages, their two kinds, and how each kind reaches its handlers.
//!
//! In: a type annotated with `#[command]` or `#[event]`. Out: a [`Message`] that the pipeline can
//! carry ([`carrier`]), describe ([`info`]) and identify ([`id`]) without knowing its type.

pub(crate) mod any;
pub(crate) mod carrier;
pub(crate) mod id;
pub(crate) mod info;
pub(crate) mod keep;
pub mod kind;
pub(crate) mod lifecycle;
pub(crate) mod order;
pub mod probe;
mod validate;

#[cfg(feature = "json")]
pub use any::JsonError;
pub use any::{AnyEvent, category};
pub(crate) use carrier::Takes;
pub use id::MessageId;
pub use info::{Capabilities, Category, MessageInfo};
pub use lifecycle::{
    CircuitStateChangedEvent, CommandResultEvent, CommandStartedEvent, DeadLetteredEvent,
    EventHandlerFailedEvent, EventsDroppedEvent, QueueMarkEvent, SessionEndEvent,
    SessionStartEvent, UnhandledEvent,
};
pub use validate::{Invalid, Problem, Validate};

use std::sync::Arc;

use kind::Kind;

/// A value that travels on the bus: a command or an event.
///
/// Implemented by `#[command]` and `#[event]`, never by hand: the kind carries the reply types, so
/// that one `impl` says all there is to know, also for a generic type.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a bus message",
    label = "neither a command nor an event",
    note = "annotate the type with `#[bus::command]` or `#[bus::event]`"
)]
pub trait Message: Sized + Send + Sync + 'static {
    /// Command (with its output and error) or event.
    #[doc(hidden)]
    type Kind: Kind<Self>;
    /// Name, version, place and capabilities of the type.
    const INFO: &'static MessageInfo;

    /// An event of another type, as this one: [`AnyEvent`].
    #[doc(hidden)]
    fn of_any(_: &any::About<'_>) -> Option<Arc<Self>> {
        None
    }
}

/// An intention: exactly one handler, a typed output and a typed error.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a command",
    label = "expected a type annotated with `#[bus::command]`",
    note = "events are published: `bus.publish(event)`; commands are executed: `bus.execute(command)`"
)]
pub trait Command: Message<Kind = kind::Command<Self::Output, Self::Error>> {
    /// What its handler answers: `#[command(output = ..)]`, `()` when left out.
    type Output: Send + 'static;
    /// How its handler fails: `#[command(error = ..)]`, [`Error`](crate::Error) when left out.
    type Error: Send + 'static;
}

#[diagnostic::do_not_recommend]
impl<M, O: Send + 'static, E: Send + 'static> Command for M
where
    M: Message<Kind = kind::Command<O, E>>,
{
    type Output = O;
    type Error = E;
}

/// A fact: any number of handlers, queued, no answer.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "expected a type annotated with `#[bus::event]`",
    note = "commands are executed: `bus.execute(command)`; events are published: `bus.publish(event)`"
)]
pub trait Event: Message<Kind = kind::Event> {}

#[diagnostic::do_not_recommend]
impl<M: Message<Kind = kind::Event>> Event for M {}
