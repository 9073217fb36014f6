//! From what is registered and configured to a bus, or to all that is wrong with it.

mod handler_config;
mod settings;

use std::collections::HashSet;
use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

pub use handler_config::HandlerConfig;

use crate::bus::{Bus, WeakBus};
use crate::clock::TokioClock;
use crate::core::{Core, Counters, Settings, Work};
use crate::event::listen::Listeners;
use crate::event::losses::Losses;
use crate::event::order::Lanes;
use crate::event::queue::{BackpressureStrategy, BoundedEventQueue, QueueConfig};
use crate::event::runtime::Runtime;
use crate::event::schedule::Timers;
use crate::handler::resource::{Provided, Resource, ResourceSet};
use crate::metrics::messages::Tally;
use crate::metrics::{Metrics, MetricsConfig};
use crate::observe::failures::Failures;
use crate::observe::health::Watch;
use crate::observe::history::{History, Writes};
use crate::observe::observers::Observers;
use crate::observe::slow::SlowRuns;
use crate::observe::{Observer, warnings};
use crate::pipeline::cancel::Cancel;
use crate::registry::contract::{Registry, RegistryChanges};
use crate::registry::entry::{HandlerEntry, HandlerType, RegisteredResource, ResourceEntry};
use crate::registry::plan::Plan;
use crate::registry::problem::{BuildError, WiringProblem};
use crate::registry::table::Table;
use crate::registry::wired::Wired;
use crate::registry::wiring::{self, Planned};
use crate::registry::{SimpleRegistry, modules, provide};
use crate::resilience::RetryBudget;
use crate::resilience::breakers::Breakers;
use crate::resilience::check::{note_of, problems_of, problems_of_breakers};
use crate::resilience::dead_letters::{self, Store};
use crate::session::Sessions;

/// Configures a [`Bus`]. What is registered at link time is included unless it is left out.
#[must_use = "a builder does nothing until `.build()`"]
pub struct Builder {
    registered: bool,
    strict: bool,
    only: Vec<String>,
    without: Vec<&'static HandlerEntry>,
    #[cfg(feature = "testing")]
    faked: Vec<std::any::TypeId>,
    with: Vec<&'static HandlerEntry>,
    configure: Vec<(&'static HandlerEntry, HandlerConfig)>,
    provided: Vec<Provided>,
    runtime: Option<tokio::runtime::Handle>,
    queue: QueueConfig,
    observers: Vec<Box<dyn Observer>>,
    settings: Settings,
    registry: Box<dyn Registry>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            registered: true,
            strict: false,
            only: Vec::new(),
            without: Vec::new(),
            #[cfg(feature = "testing")]
            faked: Vec::new(),
            with: Vec::new(),
            configure: Vec::new(),
            provided: Vec::new(),
            runtime: None,
            queue: QueueConfig {
                capacity: 10_000,
                strategy: BackpressureStrategy::Block { timeout: Duration::from_secs(30) },
                batch_size: 100,
                batch_timeout: Duration::ZERO,
                marks: (0.8, 0.5),
            },
            observers: Vec::new(),
            settings: Settings {
                concurrency: 1024,
                command_timeout: Some(Duration::from_secs(30)),
                event_timeout: Some(Duration::from_secs(60)),
                slow_handler: Some(Duration::from_secs(5)),
                stuck_handler: Some(Duration::from_secs(30)),
                stalled: Duration::from_secs(5),
                trace_history: 0,
                track_callers: false,
                drain: Duration::from_secs(30),
                grace: Duration::from_secs(5),
                session_close: Duration::from_secs(30),
                dead_letters: dead_letters::CAPACITY,
                clock: Arc::new(TokioClock),
                filters: Vec::new(),
                layers: Vec::new(),
                hooks: Vec::new(),
                flow: None,
                metrics: Metrics::new(MetricsConfig::default()),
                resilience: None,
                budget: RetryBudget::default(),
                breakers: Breakers::default(),
                on_unhandled: None,
                on_queue_mark: None,
                #[cfg(feature = "testing")]
                probe: None,
            },
            registry: Box::new(SimpleRegistry::default()),
        }
    }
}

/// Which handlers.
impl Builder {
    /// Leaves out everything that is registered at link time: handlers and resources.
    pub fn without_registered(mut self) -> Self {
        self.registered = false;
        self
    }

    /// Of what is registered at link time, only the handlers of these modules (and the modules
    /// inside). May be called more than once. A module in which nothing is linked is an error when the bus is built.
    pub fn only(mut self, module: impl Into<String>) -> Self {
        self.only.push(module.into());
        self
    }

    /// Leaves out one handler.
    pub fn without<H: HandlerType>(mut self) -> Self {
        self.without.push(H::ENTRY);
        self
    }

    /// Adds one handler: a `manual` one, or one that would otherwise be left out.
    pub fn handler<H: HandlerType>(mut self) -> Self {
        self.with.push(H::ENTRY);
        self
    }

    /// Overrides what a handler's attribute says.
    /// `.configure::<sign_up>(|handler| handler.priority(3))`.
    pub fn configure<H: HandlerType>(
        mut self,
        set: impl FnOnce(HandlerConfig) -> HandlerConfig,
    ) -> Self {
        self.configure.push((H::ENTRY, set(HandlerConfig::default())));
        self
    }

    /// Keeps the handlers in a registry of one's own, in place of a [`SimpleRegistry`].
    pub fn registry(mut self, registry: impl Registry) -> Self {
        self.registry = Box::new(registry);
        self
    }

    /// Refuses to build a bus in which a linked command has no handler; otherwise that is a warning
    /// in the [`WiringReport`](crate::WiringReport).
    pub fn strict(mut self) -> Self {
        self.strict = true;
        self
    }

    /// Provides a resource, in place of what a `#[resource]` function would: that is not called.
    pub fn provide<T: Resource>(mut self, value: T) -> Self {
        let provided = Provided::new(value);
        self.provided.retain(|former| former.type_id != provided.type_id);
        self.provided.push(provided);
        self
    }
}

impl Builder {
    /// Assembles the bus. Needs no runtime.
    ///
    /// # Errors
    /// All that is wrong with the wiring and the settings, at once and sorted.
    pub fn build(mut self) -> Result<Bus, BuildError> {
        static NUMBER: AtomicU32 = AtomicU32::new(1);
        let mut problems = self.bad_settings();
        let plans = self.plans(&mut problems);

        let mut resources = ResourceSet::default();
        resources.insert(Provided::new(WeakBus::default()));
        std::mem::take(&mut self.provided).into_iter().for_each(|value| resources.insert(value));
        let functions = self.resource_functions();
        let promised: HashSet<_> = functions.iter().map(|entry| entry.type_id).collect();
        provide::provide(functions, &mut resources, &mut problems);
        let is_there = |id| resources.contains(id) || promised.contains(&id);
        if self.registered {
            self.settings.add_linked();
        }
        wiring::check_handlers(&plans, is_there, &mut problems);
        wiring::check_layers(&self.settings.layers, is_there, &mut problems);
        for (_, plan) in &plans {
            problems.extend(problems_of(plan, &self.settings));
        }
        problems.extend(problems_of_breakers(plans.iter().map(|(_, plan)| plan)));
        let mut report = wiring::report(self.registered, self.strict, &plans, &mut problems);
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }
        report.warnings.extend(plans.iter().filter_map(|(_, plan)| note_of(plan, &self.settings)));
        self.settings.wire_filters();
        let wrapped = |(entry, plan): Planned| (entry, plan.wrapped(&self.settings));
        let plans = plans.into_iter().map(wrapped).collect();
        let changes = RegistryChanges::default();
        self.registry.watch(changes.clone());
        let listed = wiring::keep(&*self.registry, plans, self.strict, &mut report)?;
        let table = Table::compile(listed);
        report.warnings.extend(warnings::of(&table));
        let history = History::of(self.settings.trace_history);
        let writes = history.iter().map(|history| Box::new(Writes(Arc::clone(history))) as Box<_>);
        self.observers.splice(0..0, writes);
        let core = Arc::new_cyclic(|me| Core {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            queue: queue(self.queue, &self.settings, me.clone()),
            slots: Semaphore::new(self.settings.concurrency.min(Semaphore::MAX_PERMITS)),
            own_slots: Semaphore::new(self.settings.concurrency.min(Semaphore::MAX_PERMITS)),
            lanes: Lanes::default(),
            listeners: Listeners::default(),
            losses: Losses::new(self.settings.metrics.config.series),
            timers: Timers::default(),
            dead_letters: Store::new(self.settings.dead_letters),
            settings: self.settings,
            table,
            registry: self.registry,
            wired: Wired::default(),
            sessions: Sessions::default(),
            resources,
            wiring: report,
            runtime: Runtime::new(self.runtime),
            counters: Counters::default(),
            failures: Failures::default(),
            slow_runs: SlowRuns::default(),
            watch: Watch::default(),
            observers: Observers::of(self.observers),
            history,
            cancel: Cancel::default(),
            work: Work::default(),
            me: me.clone(),
        });
        changes.attach(&core);
        core.settings.breakers.tell(core.weak());
        Ok(Bus::new(core))
    }

    /// A bus without handlers, for a context that belongs to none.
    #[cfg(feature = "testing")]
    pub(crate) fn bare(provided: Vec<Provided>) -> Bus {
        let bare = Self { provided, ..Self::default() };
        match bare.without_registered().build() {
            Ok(bus) => bus,
            Err(wrong) => unreachable!("there is nothing in it that could be wrong: {wrong}"),
        }
    }

    /// That of a test bus; these commands are answered by it.
    #[cfg(feature = "testing")]
    pub(crate) fn tested(
        mut self,
        tracker: Arc<crate::probe::Tracker>,
        faked: Vec<std::any::TypeId>,
    ) -> Self {
        (self.settings.probe, self.faked) = (Some(tracker), faked);
        self
    }

    /// The handlers of this bus, in the order in which they run.
    fn plans(&mut self, problems: &mut Vec<WiringProblem>) -> Vec<Planned> {
        let mut entries = if self.registered { wiring::registered() } else { Vec::new() };
        if !self.only.is_empty() {
            entries.retain(|entry| wiring::is_within(entry.meta.module, &self.only));
        }
        if self.registered {
            problems.extend(modules::problems_of(&self.only));
        }
        entries.retain(|entry| !self.without.iter().any(|out| std::ptr::eq(*out, *entry)));
        #[cfg(feature = "testing")]
        entries.retain(|entry| !self.faked.contains(&entry.message.type_id()));
        for added in &self.with {
            if !entries.iter().any(|entry| std::ptr::eq(*entry, *added)) {
                entries.push(added);
            }
        }
        let mut plans: Vec<_> = entries.into_iter().map(|entry| (entry, Plan::of(entry))).collect();
        for (entry, config) in std::mem::take(&mut self.configure) {
            match plans.iter_mut().find(|(other, _)| std::ptr::eq(*other, entry)) {
                Some((_, plan)) => config.apply(plan, problems),
                None => problems.push(WiringProblem::NoSuchHandler {
                    setting: "configure",
                    handler: Plan::of(entry).handler.to_string(),
                }),
            }
        }
        plans.sort_by(|(_, a), (_, b)| a.handler.order(&b.handler));
        plans
    }

    fn resource_functions(&self) -> Vec<&'static ResourceEntry> {
        let functions = inventory::iter::<RegisteredResource>.into_iter().map(|entry| entry.0);
        functions.filter(|_| self.registered).collect()
    }
}

impl Settings {
    /// What stands around handlers and is registered at link time comes before what was added.
    fn add_linked(&mut self) {
        let added = std::mem::replace(&mut self.filters, wiring::linked_filters());
        self.filters.extend(added);
        let added = std::mem::replace(&mut self.layers, wiring::linked_layers());
        self.layers.extend(added);
        let added = std::mem::replace(&mut self.hooks, wiring::linked_hooks());
        self.hooks.extend(added);
    }
}

/// The queue, which tells the core of its marks.
fn queue(config: QueueConfig, settings: &Settings, core: Weak<Core>) -> BoundedEventQueue {
    let tally = Tally::new(Arc::clone(&settings.metrics.messages));
    BoundedEventQueue::new(config, Arc::clone(&settings.clock), tally, core)
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("registered", &self.registered)
            .field("strict", &self.strict)
            .field("only", &self.only)
            .finish_non_exhaustive()
    }
}
