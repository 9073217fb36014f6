//! Handlers registered and unregistered while the bus runs.
//!
//! The table that was built stays as it is and is read without a lock. The first addition makes a
//! second table, of all handlers, and raises a flag; from then on dispatches look there.

use std::borrow::Cow;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock, Weak};

use super::plan::{HandlerInfo, Plan};
use super::table::Table;
use crate::core::Core;
use crate::sync::{Mutex, lock};

/// What may be said of a handler that is registered at run time.
#[derive(Debug, Clone, Default)]
#[must_use]
pub struct HandlerOptions {
    pub(crate) priority: i32,
    pub(crate) name: Option<Cow<'static, str>>,
    pub(crate) concurrency: Option<NonZeroU32>,
}

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
    /// How many runs of the handler there may be at once: for handlers of events. A number that
    /// cannot be 0, as the registration of such a handler has no way to refuse one.
    pub fn concurrency(mut self, runs: NonZeroU32) -> Self {
        self.concurrency = Some(runs);
        self
    }
}

/// Why a handler could not be registered at run time.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A command has exactly one handler.
    #[error(
        "command {command} is handled by {by}: unregister that first, or register with a priority higher than {}",
        by.priority
    )]
    AlreadyHandled {
        /// The command.
        command: &'static str,
        /// Its handler.
        by: HandlerInfo,
    },
    /// The runs of a command's handler cannot be limited.
    #[error(
        "handler {handler} is given `concurrency`, which limits a handler of events: command {command} runs in its caller's task; leave it out"
    )]
    LimitedCommand {
        /// The command.
        command: &'static str,
        /// The handler.
        handler: HandlerInfo,
    },
    /// The handler takes something that nobody provided.
    #[error(
        "handler {handler} takes a `{resource}` that was not provided: write a `#[bus::resource]` function that returns one, or call `Bus::builder().provide(..)`"
    )]
    MissingResource {
        /// The handler.
        handler: HandlerInfo,
        /// The type of the resource.
        resource: &'static str,
    },
}

#[derive(Default)]
pub(crate) struct Additions {
    /// Is there a second table? Read by every dispatch; written by registrations alone.
    any: AtomicBool,
    table: RwLock<Arc<Table>>,
    /// What the second table is made of, in the order of registration.
    added: Mutex<Vec<(u64, Arc<Plan>)>>,
    next: AtomicU64,
}

impl Additions {
    /// The table of all handlers, if any was ever added.
    #[inline]
    pub(crate) fn table(&self) -> Option<Arc<Table>> {
        if !self.any.load(Ordering::Acquire) {
            return None;
        }
        Some(Arc::clone(&self.table.read().unwrap_or_else(PoisonError::into_inner)))
    }

    pub(crate) fn add(&self, core: &Core, plan: Plan) -> Result<Registration, RegisterError> {
        if plan.message.is_command() && plan.slots.is_some() {
            let (command, handler) = (plan.message.name(), plan.handler);
            return Err(RegisterError::LimitedCommand { command, handler });
        }
        let mut added = lock(&self.added);
        if plan.message.is_command()
            && let Some(rival) = rival(core, &added, &plan)
        {
            return Err(RegisterError::AlreadyHandled {
                command: plan.message.name(),
                by: rival.handler.clone(),
            });
        }
        let number = self.next.fetch_add(1, Ordering::Relaxed);
        let info = plan.handler.clone();
        added.push((number, Arc::new(plan)));
        self.compile(core, &added);
        Ok(Registration { core: core.weak(), number, info })
    }

    fn remove(&self, core: &Core, number: u64) -> bool {
        let mut added = lock(&self.added);
        let before = added.len();
        added.retain(|(other, _)| *other != number);
        let found = added.len() < before;
        if found {
            self.compile(core, &added);
        }
        found
    }

    fn compile(&self, core: &Core, added: &[(u64, Arc<Plan>)]) {
        let built = &core.table;
        let mut plans: Vec<Arc<Plan>> = built.commands.values().cloned().collect();
        plans.extend(built.events.values().flat_map(|route| route.plans.iter().cloned()));
        plans.extend(added.iter().map(|(_, plan)| Arc::clone(plan)));
        // Stable: equals stay in the order of registration.
        plans.sort_by(|a, b| a.handler.order(&b.handler));
        let table = Arc::new(Table::new(plans));
        *self.table.write().unwrap_or_else(PoisonError::into_inner) = table;
        self.any.store(true, Ordering::Release);
    }
}

/// A handler of the same command that the new one would not outrank, or would tie with.
fn rival(core: &Core, added: &[(u64, Arc<Plan>)], new: &Plan) -> Option<Arc<Plan>> {
    let id = new.message.type_id();
    let built = core.table.commands.get(&id);
    let added = added.iter().map(|(_, plan)| plan).filter(|plan| plan.message.type_id() == id);
    built.into_iter().chain(added).find(|p| p.handler.priority >= new.handler.priority).cloned()
}

/// A handler registered at run time. Dropping this leaves it registered.
#[derive(Clone)]
pub struct Registration {
    core: Weak<Core>,
    number: u64,
    info: HandlerInfo,
}

impl Registration {
    /// Takes the handler out: calls that have begun go on, no new ones begin. `false` when it was
    /// out already, or the bus is gone.
    pub fn unregister(&self) -> bool {
        self.core.upgrade().is_some_and(|core| core.additions.remove(&core, self.number))
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
