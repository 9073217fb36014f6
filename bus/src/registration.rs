//! Registering handlers while the bus runs: closures, functions, and `#[handler(manual)]` functions.

use std::any::Any;
use std::borrow::Cow;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;

use crate::bus::Bus;
use crate::context::OwnedContext;
use crate::handler::closure;
use crate::handler::param::Requirements;
use crate::handler::reply::IntoOutcome;
use crate::message::carrier::{MessageOf, TakeFrom};
use crate::message::kind::{Carrier, Kind, Outcome};
use crate::message::{Command, Event, Message};
use crate::registry::additions::{HandlerOptions, RegisterError, Registration};
use crate::registry::entry::HandlerType;
use crate::registry::plan::{HandlerInfo, Plan, SlotRef, slots};

/// Registration at run time.
impl Bus {
    /// Registers a `#[handler]` function: one that is `manual`, or was left out.
    ///
    /// # Errors
    /// When the command is handled already, or something the function takes was not provided.
    pub fn register<H: HandlerType>(&self) -> Result<Registration, RegisterError> {
        let plan = Plan { handler: at_run_time(Plan::of(H::ENTRY).handler), ..Plan::of(H::ENTRY) };
        let mut takes = Requirements::default();
        (H::ENTRY.require)(&mut takes);
        let missing = takes.0.iter().find(|r| !self.core().resources.contains(r.type_id));
        if let Some(requirement) = missing {
            return Err(RegisterError::MissingResource {
                handler: plan.handler,
                resource: requirement.type_name,
            });
        }
        self.core().additions.add(self.core(), plan)
    }

    /// Registers a closure for a command: `|command: SignUp, cx: OwnedContext| async move { .. }`.
    ///
    /// # Errors
    /// When the command has a handler of this priority or a higher one.
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

    /// As [`register_command_handler`](Self::register_command_handler), with a priority or a name.
    /// Of several handlers of a command, the one with the highest priority answers.
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
        let plan =
            plan::<A::Message>(options, Arc::new(closure::slot(handler)), Location::caller());
        self.core().additions.add(self.core(), plan)
    }

    /// Registers a closure for an event: `|event: Arc<SignedUp>, cx: OwnedContext| async move { .. }`.
    #[track_caller]
    pub fn register_event_handler<A, F, Fut>(&self, handler: F) -> Registration
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Event,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    {
        self.register_event_handler_with(HandlerOptions::new(), handler)
    }

    /// As [`register_event_handler`](Self::register_event_handler), with a priority, a name or a
    /// limit of its runs.
    #[track_caller]
    pub fn register_event_handler_with<A, F, Fut>(
        &self,
        options: HandlerOptions,
        handler: F,
    ) -> Registration
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Event,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    {
        let plan =
            plan::<A::Message>(options, Arc::new(closure::slot(handler)), Location::caller());
        match self.core().additions.add(self.core(), plan) {
            Ok(registration) => registration,
            // An event has any number of handlers.
            Err(refused) => unreachable!("{refused}"),
        }
    }
}

fn plan<M: Message>(
    options: HandlerOptions,
    slot: Arc<dyn Any + Send + Sync>,
    place: &'static Location<'static>,
) -> Plan {
    let name = options.name.unwrap_or(Cow::Borrowed("closure"));
    let handler = HandlerInfo {
        name,
        module: "",
        file: place.file(),
        line: place.line(),
        priority: options.priority,
        at_run_time: true,
    };
    Plan {
        handler,
        message: M::INFO,
        timeout: M::INFO.timeout(),
        deliver: <M::Kind as Kind<M>>::DELIVER,
        slots: slots(options.concurrency),
        is_plain: false,
        slot: SlotRef::Added(slot),
    }
}

fn at_run_time(handler: HandlerInfo) -> HandlerInfo {
    HandlerInfo { at_run_time: true, ..handler }
}
