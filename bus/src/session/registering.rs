//! Registering handlers on a session: as on a bus, until the session ends.

use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use super::handle::Session;
use super::scope::Scope;
use crate::context::OwnedContext;
use crate::core::Core;
use crate::handler::reply::IntoOutcome;
use crate::message::carrier::{MessageOf, TakeFrom};
use crate::message::kind::{self, Carrier, EventOutcome, Outcome};
use crate::message::{Command, Event, Message};
use crate::registration::{closure_plan, linked_plan};
use crate::registry::entry::HandlerType;
use crate::registry::registration::register;
use crate::registry::{HandlerOptions, RegisterError, Registration};

/// Registration at run time. The handler stays until it is unregistered, or the session ends. A
/// command's handler answers in place of the bus's; one of an event joins them, by priority.
impl Session {
    /// Registers a `#[handler]` function: one that is `manual`, or was left out.
    ///
    /// # Errors
    /// When the command is handled already, something the function takes was not provided,
    /// the session is closed, or the registry refuses.
    pub fn register<H: HandlerType>(&self) -> Result<Registration, RegisterError> {
        let (core, scope) = self.place();
        register(core, scope, linked_plan(core, scope, H::ENTRY)?)
    }

    /// Registers a closure for a command: `|command: SignUp, cx: OwnedContext| async move { .. }`.
    ///
    /// # Errors
    /// When the command has a handler of this priority or a higher one here, the session is
    /// closed, or the registry refuses.
    #[track_caller]
    pub fn register_command_handler<A, F, Fut>(
        &self,
        handler: F,
    ) -> Result<Registration, RegisterError>
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Command,
        Carrier<A::Message>: Send,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    {
        self.register_command_handler_with(HandlerOptions::new(), handler)
    }

    /// As [`register_command_handler`](Self::register_command_handler), with a priority or a
    /// name. Of several handlers of a command, the one with the highest priority answers.
    ///
    /// # Errors
    /// As there, and when the options limit the runs: only those of an event's handler can be.
    #[track_caller]
    pub fn register_command_handler_with<A, F, Fut>(
        &self,
        options: HandlerOptions,
        handler: F,
    ) -> Result<Registration, RegisterError>
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Command,
        Carrier<A::Message>: Send,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    {
        let plan = closure_plan(options, handler, Location::caller());
        let (core, scope) = self.place();
        register(core, scope, plan)
    }

    /// Registers a closure for an event: `|event: Arc<SignedUp>, cx: OwnedContext| async move { .. }`.
    ///
    /// # Errors
    /// When the session is closed, or the registry refuses.
    #[track_caller]
    pub fn register_event_handler<A, F, Fut>(
        &self,
        handler: F,
    ) -> Result<Registration, RegisterError>
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Event,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<kind::Event, Outcome = EventOutcome>,
    {
        self.register_event_handler_with(HandlerOptions::new(), handler)
    }

    /// As [`register_event_handler`](Self::register_event_handler), with a priority, a name or
    /// a limit of its runs.
    ///
    /// # Errors
    /// As there.
    #[track_caller]
    pub fn register_event_handler_with<A, F, Fut>(
        &self,
        options: HandlerOptions,
        handler: F,
    ) -> Result<Registration, RegisterError>
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Event,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<kind::Event, Outcome = EventOutcome>,
    {
        let plan = closure_plan(options, handler, Location::caller());
        let (core, scope) = self.place();
        register(core, scope, plan)
    }

    fn place(&self) -> (&Core, Option<&Arc<Scope>>) {
        (self.bus().core(), Some(self.scope()))
    }
}
