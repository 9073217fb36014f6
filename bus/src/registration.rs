//! Registering handlers on a bus at run time: closures, functions, and `#[handler(manual)]` functions.

use std::borrow::Cow;
use std::future::Future;
use std::num::NonZeroU32;
use std::panic::Location;
use std::sync::Arc;

use crate::bus::Bus;
use crate::context::OwnedContext;
use crate::core::Core;
use crate::event::filter::Installed;
use crate::handler::closure;
use crate::handler::param::Requirements;
use crate::handler::reply::IntoOutcome;
use crate::message::carrier::{MessageOf, TakeFrom};
use crate::message::kind::{self, Carrier, EventOutcome, Kind, Outcome};
use crate::message::{Command, Event, Message};
use crate::observe::handler_stats::Counts;
use crate::pipeline::hook::Hooks;
use crate::registry::entry::{HandlerEntry, HandlerType};
use crate::registry::plan::{HandlerInfo, Plan, SlotRef, Time, slots};
use crate::registry::registration::register;
use crate::registry::{HandlerId, HandlerOptions, RegisterError, Registration};
use crate::resilience::said::{Said, SaidOf};
use crate::session::Scope;

/// Registration at run time. The handle that is returned may be ignored: the handler stays.
impl Bus {
    /// Registers a `#[handler]` function: one that is `manual`, or was left out.
    ///
    /// # Errors
    /// When the command is handled already, something the function takes was not provided, or the
    /// registry refuses.
    pub fn register<H: HandlerType>(&self) -> Result<Registration, RegisterError> {
        register(self.core(), None, linked_plan(self.core(), None, H::ENTRY)?)
    }

    /// Registers a closure for a command: `|command: SignUp, cx: OwnedContext| async move { .. }`.
    ///
    /// # Errors
    /// When the command has a handler of this priority or a higher one, or the registry refuses.
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
        register(self.core(), None, plan)
    }

    /// Registers a closure for an event: `|event: Arc<SignedUp>, cx: OwnedContext| async move { .. }`.
    ///
    /// # Errors
    /// When the registry refuses.
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
        register(self.core(), None, plan)
    }
}

/// The plan of a `#[handler]` function, if what it takes is there.
pub(crate) fn linked_plan(
    core: &Core,
    scope: Option<&Arc<Scope>>,
    entry: &'static HandlerEntry,
) -> Result<Plan, RegisterError> {
    let plan = Plan::of(entry);
    let handler = HandlerInfo { at_run_time: true, ..plan.handler };
    let there = core.route(plan.message, scope);
    if there.is_some_and(|route| route.plans.iter().any(|other| other.slot.is_of(entry))) {
        return Err(RegisterError::AlreadyRegistered { handler });
    }
    let mut takes = Requirements::default();
    (entry.require)(&mut takes);
    let is_there =
        |id| core.resources.contains(id) || scope.is_some_and(|scope| scope.provides(id));
    match takes.resources.iter().find(|needed| !is_there(needed.type_id)) {
        Some(missing) => {
            Err(RegisterError::MissingResource { handler, resource: missing.type_name })
        }
        None => Ok(Plan { handler, ..plan }),
    }
}

/// The plan of a closure, or of a function that is given like one.
pub(crate) fn closure_plan<A, F, Fut>(
    options: HandlerOptions,
    handler: F,
    place: &'static Location<'static>,
) -> Plan
where
    A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
    Carrier<A::Message>: Send,
    F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
    Fut: Future + Send + 'static,
    Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
{
    let message = <A::Message as Message>::INFO;
    Plan {
        time: Time::default(),
        at_once: false,
        id: HandlerId::next(),
        handler: HandlerInfo {
            name: options.name.unwrap_or(Cow::Borrowed("closure")),
            module: "",
            file: place.file(),
            line: place.line(),
            priority: options.priority,
            at_run_time: true,
        },
        message,
        timeout: message.timeout().into(),
        batch: None,
        deliver: <<A::Message as Message>::Kind as Kind<A::Message>>::DELIVER,
        emits: Box::default(),
        concurrency: options.concurrency.map(NonZeroU32::get),
        slots: slots(options.concurrency),
        is_plain: false,
        slot: SlotRef::Added(Arc::new(closure::slot(handler))),
        filter: options.filter.map(|filter| Box::new(Installed::new(filter))),
        takes: A::TAKES,
        layers: None,
        own_layers: options.layers,
        hooks: Hooks::default(),
        counts: Counts::new(true),
        meter: None,
        said: SaidOf::new(options.said.or(Said::by_message(message))),
        policy: None,
        owner: None,
    }
}
