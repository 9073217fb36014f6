//! Opening a session: what it brings with it, and what may be wrong with that.

use std::fmt;
use std::future::Future;
use std::panic::Location;
use std::sync::Arc;
use std::time::Duration;

use super::guard::SessionGuard;
use super::handle::Session;
use super::id::SessionId;
use super::member::Member;
use super::scope::{MAX_DEPTH, Parts, Scope};
use crate::bus::Bus;
use crate::context::OwnedContext;
use crate::core::Core;
use crate::error::SessionError;
use crate::handler::reply::IntoOutcome;
use crate::handler::resource::{Provided, Resource, ResourceSet};
use crate::message::carrier::{MessageOf, TakeFrom};
use crate::message::kind::{self, Carrier, EventOutcome, Outcome};
use crate::message::{Command, Event, Message, SessionStartEvent};
use crate::observe::{What, tap};
use crate::pipeline::{ambient, announce};
use crate::registration::{closure_plan, linked_plan};
use crate::registry::HandlerOptions;
use crate::registry::entry::{HandlerEntry, HandlerType};
use crate::registry::listens::Own;
use crate::registry::plan::Plan;
use crate::registry::registration::register;
use crate::sync::lock;

/// A session to be opened: [`Bus::session`]. What is registered and provided here is there before
/// its start is announced.
#[must_use = "a session is opened by `.open().await`"]
pub struct SessionBuilder {
    bus: Bus,
    id: Option<SessionId>,
    parent: Option<Arc<Scope>>,
    handlers: Vec<Brought>,
    resources: Vec<Provided>,
    close_timeout: Option<Duration>,
    top_level: bool,
}

/// A handler that a session brings with it.
enum Brought {
    Closure(Box<Plan>),
    Linked(&'static HandlerEntry),
}

impl SessionBuilder {
    pub(crate) fn new(bus: Bus, id: Option<SessionId>, parent: Option<Arc<Scope>>) -> Self {
        let (handlers, resources) = (Vec::new(), Vec::new());
        Self { bus, id, parent, handlers, resources, close_timeout: None, top_level: false }
    }

    /// Registers a `#[handler]` function on the session: usually a `manual` one. What it takes may be
    /// [provided](Self::provide) here.
    pub fn register<H: HandlerType>(mut self) -> Self {
        self.handlers.push(Brought::Linked(H::ENTRY));
        self
    }

    /// Registers a closure for an event: `|event: Arc<SignedUp>, cx: OwnedContext| async move { .. }`.
    #[track_caller]
    pub fn on_event<A, F, Fut>(self, handler: F) -> Self
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Event,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<kind::Event, Outcome = EventOutcome>,
    {
        self.on_event_with(HandlerOptions::new(), handler)
    }

    /// As [`on_event`](Self::on_event), with a priority, a name or a limit of its runs.
    #[track_caller]
    pub fn on_event_with<A, F, Fut>(mut self, options: HandlerOptions, handler: F) -> Self
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Event,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<kind::Event, Outcome = EventOutcome>,
    {
        let plan = closure_plan(options, handler, Location::caller());
        self.handlers.push(Brought::Closure(Box::new(plan)));
        self
    }

    /// Registers a closure for a command: what is executed through the session is answered by it, in
    /// place of the bus's handler.
    #[track_caller]
    pub fn on_command<A, F, Fut>(self, handler: F) -> Self
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Command,
        Carrier<A::Message>: Send,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    {
        self.on_command_with(HandlerOptions::new(), handler)
    }

    /// As [`on_command`](Self::on_command), with a priority or a name.
    #[track_caller]
    pub fn on_command_with<A, F, Fut>(mut self, options: HandlerOptions, handler: F) -> Self
    where
        A: MessageOf + TakeFrom<Carrier<A::Message>> + Send + 'static,
        A::Message: Command,
        Carrier<A::Message>: Send,
        F: Fn(A, OwnedContext) -> Fut + Send + Sync + 'static,
        Fut: Future + Send + 'static,
        Fut::Output: IntoOutcome<<A::Message as Message>::Kind, Outcome = Outcome<A::Message>>,
    {
        let plan = closure_plan(options, handler, Location::caller());
        self.handlers.push(Brought::Closure(Box::new(plan)));
        self
    }

    /// Provides a resource to whatever runs in the session, the bus's handlers included: in place of
    /// the bus's resource of this type, if there is one.
    pub fn provide<T: Resource>(mut self, value: T) -> Self {
        self.resources.push(Provided::new(value));
        self
    }

    /// Opens it inside no other session: also from a handler that runs in one, and through a
    /// [`Session`].
    pub fn top_level(mut self) -> Self {
        (self.top_level, self.parent) = (true, None);
        self
    }

    /// How long the end of the session waits for what is in flight, for its callbacks, and for those
    /// who hear of it, each: as [`Builder::session_close_timeout`](crate::Builder::session_close_timeout)
    /// says, by default.
    pub fn close_timeout(mut self, limit: Duration) -> Self {
        self.close_timeout = Some(limit);
        self
    }

    /// Opens the session, and announces its start ([`SessionStartEvent`]). It ends when the guard is
    /// dropped or [closed](Session::close).
    ///
    /// # Errors
    /// When the id is taken, a handler cannot be registered, the session around it is closed, or the
    /// bus shuts down. Nothing is left of it then.
    ///
    /// # Cancel safety
    /// Does not wait.
    pub async fn open(self) -> Result<SessionGuard, SessionError> {
        self.open_now()
    }

    pub(super) fn open_now(mut self) -> Result<SessionGuard, SessionError> {
        let bus = self.bus.clone();
        let core = bus.core();
        if self.id.as_ref().is_some_and(|id| *id == SessionId::BUS || id.as_str().is_empty()) {
            return Err(SessionError::BadId { session_id: self.id.unwrap_or(SessionId::BUS) });
        }
        let is_inside = ambient::current_of(core, |current| current.is_some());
        if core.work.is_closing() && !is_inside {
            return Err(SessionError::ShuttingDown);
        }
        // Inside a handler, a session is one within the handler's.
        let around = || ambient::current_of(core, |current| current?.scope().cloned());
        if !self.top_level {
            self.parent = self.parent.take().or_else(around);
        }
        let in_parent = self.enter_parent(core)?;
        let scope = self.insert(core)?;
        if let (Some(parent), Some(_)) = (&scope.parent, &in_parent) {
            lock(&parent.state).children.insert(scope.number, Arc::clone(&scope));
        }
        lock(&scope.state).in_parent = in_parent;
        // From here on, dropping it ends it.
        let guard = SessionGuard::new(Session::new(bus.clone(), Arc::clone(&scope)));
        // What is around it may have begun to end meanwhile, and have missed this one.
        let late = match &scope.parent {
            Some(parent) if is_closed(core, parent) => {
                Some(SessionError::SessionClosed { session_id: parent.id.clone() })
            }
            _ if core.work.is_closing() && !is_inside => Some(SessionError::ShuttingDown),
            _ => None,
        };
        if let Some(late) = late {
            guard.never_opened();
            return Err(late);
        }
        for handler in self.handlers {
            let plan = match handler {
                Brought::Closure(plan) => Ok(*plan),
                Brought::Linked(entry) => linked_plan(core, Some(&scope), entry),
            };
            if let Err(refused) = plan.and_then(|plan| register(core, Some(&scope), plan)) {
                guard.never_opened();
                return Err(refused.into());
            }
        }
        if core.observers.is_on() {
            tap::of_session(core, &scope, What::SessionOpened);
        }
        if core.hears(Own::SessionStart, Some(&scope)) {
            let parent = scope.parent.as_ref().map(|parent| parent.id.clone());
            let event = SessionStartEvent { session_id: scope.id.clone(), parent };
            announce::of_session(core, &scope, event, |_| None);
        }
        Ok(guard)
    }

    /// An open session is in flight in the one around it.
    fn enter_parent(&self, core: &Core) -> Result<Option<Member>, SessionError> {
        let Some(parent) = &self.parent else { return Ok(None) };
        if parent.depth + 1 >= MAX_DEPTH {
            return Err(SessionError::TooDeep { session_id: parent.id.clone() });
        }
        let closed = || SessionError::SessionClosed { session_id: parent.id.clone() };
        ambient::enter(core, parent).ok_or_else(closed).map(Some)
    }

    fn insert(&mut self, core: &Core) -> Result<Arc<Scope>, SessionError> {
        let mut resources = ResourceSet::default();
        let any = !self.resources.is_empty();
        self.resources.drain(..).for_each(|provided| resources.insert(provided));
        let mut resources = any.then(|| Box::new(resources));
        let given = self.id.take();
        loop {
            let number = core.sessions.next();
            let id = given.clone();
            let id = id.unwrap_or_else(|| format!("session-{}-{number}", core.number).into());
            let scope = Arc::new(Scope::new(
                core,
                Parts {
                    id,
                    number,
                    parent: self.parent.clone(),
                    resources: resources.take(),
                    close_timeout: self.close_timeout,
                },
            ));
            if core.sessions.insert(&scope) {
                return Ok(scope);
            }
            if given.is_some() {
                return Err(SessionError::AlreadyOpen { session_id: scope.id.clone() });
            }
            // Somebody has named a session as the bus would: the next number is free.
            resources = Arc::into_inner(scope).and_then(Scope::into_resources);
        }
    }
}

/// Does it take no more, also not of what is at work in it?
fn is_closed(core: &Core, scope: &Arc<Scope>) -> bool {
    scope.inside.is_closed() && (!ambient::is_inside(core, scope) || scope.own.is_closed())
}

impl fmt::Debug for SessionBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SessionBuilder")
            .field("id", &self.id)
            .field("handlers", &self.handlers.len())
            .finish_non_exhaustive()
    }
}
