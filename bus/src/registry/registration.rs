//! A handler registered while the bus runs: what may be said of it, and the handle to it.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::{Arc, Weak};

use super::contract::HandlerId;
use super::error::RegisterError;
use super::plan::{HandlerInfo, Plan};
use crate::core::Core;
use crate::event::EventFilter;
use crate::event::filter::AnyFilter;
use crate::pipeline::middleware::{IntoLayer, Layer};
use crate::resilience::check::problems_of;
use crate::resilience::said::{Said, setters};
use crate::session::{Scope, SessionId};

/// What may be said of a handler that is registered at run time.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HandlerOptions {
    pub(crate) priority: i32,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) concurrency: Option<NonZeroU32>,
    pub(crate) filter: Option<AnyFilter>,
    pub(crate) layers: Vec<Layer>,
    pub(crate) said: Said,
}

setters!(HandlerOptions);

impl HandlerOptions {
    /// Priority 0, named after the place of registration.
    pub fn new() -> Self {
        Self::default()
    }
    /// Higher runs first.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }
    /// The name in reports and errors.
    pub fn name(mut self, name: impl Into<Cow<'static, str>>) -> Self {
        self.name = Some(name.into());
        self
    }
    /// How many runs of the handler there may be at once. Of an event the others are queued, of a command
    /// they wait in turn: see [`waiting_room`](Self::waiting_room).
    pub fn concurrency(mut self, runs: NonZeroU32) -> Self {
        self.concurrency = Some(runs);
        self
    }
    /// Decides whether the handler is called: for handlers of events. Another one replaces it.
    pub fn filter(mut self, filter: impl EventFilter) -> Self {
        self.filter = Some(AnyFilter(Arc::new(filter)));
        self
    }
}

impl HandlerOptions {
    /// Adds a middleware around this handler alone.
    pub fn middleware(mut self, middleware: impl IntoLayer) -> Self {
        self.layers.push(middleware.into_layer());
        self
    }
}

/// Registers a handler of the bus, or of a session.
pub(crate) fn register(
    core: &Core,
    scope: Option<&Arc<Scope>>,
    plan: Plan,
) -> Result<Registration, RegisterError> {
    if plan.message.is_command() && plan.filter.is_some() {
        let (command, handler) = (plan.message.name(), plan.handler);
        return Err(RegisterError::FilteredCommand { command, handler });
    }
    if let Some(problem) = problems_of(&plan, &core.settings).into_iter().next() {
        return Err(RegisterError::Setting { problem: Box::new(problem) });
    }
    let needs = plan.own_layers.iter().flat_map(|layer| layer.require().1.resources);
    let is_there =
        |id| core.resources.contains(id) || scope.is_some_and(|scope| scope.provides(id));
    if let Some(missing) = needs.into_iter().find(|needed| !is_there(needed.type_id)) {
        let (handler, resource) = (plan.handler, missing.type_name);
        return Err(RegisterError::MissingResource { handler, resource });
    }
    let plan = Plan { owner: scope.map(Arc::downgrade), ..plan }.wrapped(&core.settings);
    let info = plan.handler.clone();
    let (wired, session, built) = match scope {
        None => (&core.wired, SessionId::BUS, Some(&core.table)),
        Some(scope) => (&scope.wired, scope.id.clone(), None),
    };
    let id = wired.register(core, &session, built, plan)?;
    Ok(Registration { core: core.weak(), scope: scope.map(Arc::downgrade), id, info })
}

/// A handler registered at run time. Dropping this leaves it registered: on a session, until that
/// ends.
#[derive(Clone)]
pub struct Registration {
    core: Weak<Core>,
    scope: Option<Weak<Scope>>,
    id: HandlerId,
    info: HandlerInfo,
}

impl Registration {
    /// Takes the handler out: calls that have begun go on to their end, no new ones begin. `false`
    /// when it was out already, or its session or bus is gone.
    pub fn unregister(&self) -> bool {
        let Some(core) = self.core.upgrade() else { return false };
        match &self.scope {
            None => core.wired.unregister(&core, &SessionId::BUS, self.id),
            Some(scope) => scope
                .upgrade()
                .is_some_and(|scope| scope.wired.unregister(&core, &scope.id, self.id)),
        }
    }

    /// From now on, drop means [`unregister`](Self::unregister).
    #[must_use = "dropping it unregisters the handler at once"]
    pub fn scoped(self) -> ScopedRegistration {
        ScopedRegistration(self)
    }

    /// The handler.
    #[must_use]
    pub fn handler(&self) -> &HandlerInfo {
        &self.info
    }

    /// Its id in the [`Registry`](crate::Registry).
    #[must_use]
    pub fn id(&self) -> HandlerId {
        self.id
    }
}

impl fmt::Debug for Registration {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Registration({})", self.info)
    }
}

/// A handler that is unregistered when this is dropped.
#[derive(Debug)]
pub struct ScopedRegistration(Registration);

impl Drop for ScopedRegistration {
    fn drop(&mut self) {
        self.0.unregister();
    }
}
