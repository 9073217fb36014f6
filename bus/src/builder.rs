//! From what is registered and configured to a bus, or to all that is wrong with it.

use std::collections::HashSet;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use tokio::sync::Semaphore;

use crate::bus::{Bus, WeakBus};
use crate::clock::{Clock, TokioClock};
use crate::core::{Core, Counters, Settings, Work};
use crate::event::EventFilter;
use crate::event::losses::Losses;
use crate::event::queue::{BackpressureStrategy, BoundedEventQueue, QueueConfig};
use crate::event::runtime::Runtime;
use crate::handler::resource::{Provided, Resource, ResourceSet};
use crate::message::{QueueMarkEvent, UnhandledEvent};
use crate::pipeline::cancel::Cancel;
use crate::registry::additions::Additions;
use crate::registry::entry::{HandlerEntry, HandlerType, RegisteredResource, ResourceEntry};
use crate::registry::plan::{Plan, slots};
use crate::registry::problem::{BuildError, WiringProblem};
use crate::registry::provide;
use crate::registry::table::Table;
use crate::registry::wiring::{self, Planned};

/// Configures a [`Bus`]. What is registered at link time is included unless it is left out.
#[must_use = "a builder does nothing until `.build()`"]
pub struct Builder {
    registered: bool,
    strict: bool,
    only: Vec<String>,
    without: Vec<&'static HandlerEntry>,
    with: Vec<&'static HandlerEntry>,
    configure: Vec<(&'static HandlerEntry, HandlerConfig)>,
    provided: Vec<Provided>,
    runtime: Option<tokio::runtime::Handle>,
    queue: QueueConfig,
    settings: Settings,
}

/// What an operator may set for one handler, over what its attribute says.
#[derive(Debug, Clone, Default)]
pub struct HandlerConfig {
    pub(crate) priority: Option<i32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) concurrency: Option<u32>,
}

impl HandlerConfig {
    /// Higher runs first.
    #[must_use]
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = Some(priority);
        self
    }
    /// Ends a run of the handler after this long.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
    /// How many runs of the handler there may be at once, at least 1: for handlers of events.
    #[must_use]
    pub fn concurrency(mut self, runs: u32) -> Self {
        self.concurrency = Some(runs);
        self
    }

    fn apply(&self, plan: &mut Plan, problems: &mut Vec<WiringProblem>) {
        plan.handler.priority = self.priority.unwrap_or(plan.handler.priority);
        plan.timeout = self.timeout.or(plan.timeout);
        let Some(runs) = self.concurrency else { return };
        let limit = NonZeroU32::new(runs);
        let range = match limit {
            _ if plan.message.is_command() => "left out: a command runs in its caller's task",
            None => "at least 1",
            Some(_) => return plan.slots = slots(limit),
        };
        let value = format!("{runs} for the handler {}", plan.handler);
        problems.push(WiringProblem::BadSetting { setting: "concurrency", value, range });
    }
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            registered: true,
            strict: false,
            only: Vec::new(),
            without: Vec::new(),
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
            settings: Settings {
                concurrency: 1024,
                command_timeout: Some(Duration::from_secs(30)),
                event_timeout: Some(Duration::from_secs(60)),
                drain: Duration::from_secs(30),
                grace: Duration::from_secs(5),
                clock: Arc::new(TokioClock),
                filters: Vec::new(),
                on_unhandled: None,
                on_queue_mark: None,
            },
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
    /// inside). May be called more than once.
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

/// Settings.
impl Builder {
    /// How many events may be queued: 10 000 by default, at least 1.
    pub fn event_queue_size(mut self, events: usize) -> Self {
        self.queue.capacity = events;
        self
    }

    /// What a publish from outside any handler does when the queue is full:
    /// `Block { timeout: 30 s }` by default.
    pub fn backpressure_strategy(mut self, strategy: BackpressureStrategy) -> Self {
        self.queue.strategy = strategy;
        self
    }

    /// Adds a filter, which decides before the queue whether an event enters. Filters are asked in
    /// the order in which they are added, until one says no.
    pub fn filter(mut self, filter: impl EventFilter) -> Self {
        self.settings.filters.push(Box::new(filter));
        self
    }

    /// How many events the dispatcher takes at once: 100 by default, at least 1. It takes what is
    /// there and does not wait for more, unless there is a [`batch_timeout`](Self::batch_timeout).
    pub fn batch_size(mut self, events: usize) -> Self {
        self.queue.batch_size = events;
        self
    }

    /// How long the dispatcher waits for a full batch, from its first event on: not at all by
    /// default, since an idle bus would be slow for nothing. A batch that is full, a full queue and
    /// the shutdown end the wait.
    pub fn batch_timeout(mut self, timeout: Duration) -> Self {
        self.queue.batch_timeout = timeout;
        self
    }

    /// How many runs of event handlers may be pending at once: 1 024 by default, at least 1. A handler
    /// that is ready at once does not count; `#[handler(concurrency = n)]` limits a single one.
    pub fn concurrency(mut self, runs: usize) -> Self {
        self.settings.concurrency = runs;
        self
    }

    /// At which fill the queue says that it runs full, and at which that it is well again, as parts
    /// of its size: 0.8 and 0.5 by default. Each crossing is said once, by a
    /// [`QueueMarkEvent`] and to [`on_queue_mark`](Self::on_queue_mark).
    pub fn queue_marks(mut self, high: f64, low: f64) -> Self {
        self.queue.marks = (high, low);
        self
    }

    /// Is told when the queue crosses one of its marks, by the thread that makes it cross: must be
    /// quick. Needs no listener for [`QueueMarkEvent`].
    pub fn on_queue_mark(
        mut self,
        listener: impl Fn(&QueueMarkEvent) + Send + Sync + 'static,
    ) -> Self {
        self.settings.on_queue_mark = Some(Box::new(listener));
        self
    }

    /// Is told of every event that nobody handles, by the dispatcher: must be quick. Needs no
    /// listener for [`UnhandledEvent`].
    pub fn on_unhandled(
        mut self,
        listener: impl Fn(&UnhandledEvent) + Send + Sync + 'static,
    ) -> Self {
        self.settings.on_unhandled = Some(Box::new(listener));
        self
    }

    /// The timeout of commands whose handler and type say nothing: 30 s by default, `None` for none.
    pub fn command_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.command_timeout = timeout.into();
        self
    }

    /// The timeout of event handlers that say nothing: 60 s by default, `None` for none.
    pub fn event_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.settings.event_timeout = timeout.into();
        self
    }

    /// How long [`Bus::shutdown`] drains before it cancels what is left (30 s by default), and how
    /// long that may then take (5 s by default).
    pub fn shutdown_timeout(mut self, drain: Duration, cancel: Duration) -> Self {
        self.settings.drain = drain;
        self.settings.grace = cancel;
        self
    }

    /// The runtime for the dispatcher, instead of the one that is current at the first use.
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// A clock other than tokio's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Arc::new(clock);
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
        wiring::check_handlers(&plans, &resources, &promised, &mut problems);
        let report = wiring::report(self.registered, self.strict, &plans, &mut problems);
        if !problems.is_empty() {
            return Err(BuildError::new(problems));
        }
        let plans = plans.into_iter().map(|(_, plan)| Arc::new(plan)).collect();
        let core = Arc::new_cyclic(|me| Core {
            number: NUMBER.fetch_add(1, Ordering::Relaxed),
            queue: queue(self.queue, &self.settings, me.clone()),
            slots: Semaphore::new(self.settings.concurrency.min(Semaphore::MAX_PERMITS)),
            losses: Losses::default(),
            settings: self.settings,
            table: Table::new(plans),
            additions: Additions::default(),
            resources,
            wiring: report,
            runtime: Runtime::new(self.runtime),
            counters: Counters::default(),
            cancel: Cancel::default(),
            work: Work::default(),
            me: me.clone(),
        });
        Ok(Bus::new(core))
    }

    /// The handlers of this bus, in the order in which they run.
    fn plans(&mut self, problems: &mut Vec<WiringProblem>) -> Vec<Planned> {
        let mut entries = if self.registered { wiring::registered() } else { Vec::new() };
        if !self.only.is_empty() {
            entries.retain(|entry| wiring::is_within(entry.meta.module, &self.only));
        }
        entries.retain(|entry| !self.without.iter().any(|out| std::ptr::eq(*out, *entry)));
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

    fn bad_settings(&self) -> Vec<WiringProblem> {
        let counts = [
            ("event_queue_size", self.queue.capacity),
            ("batch_size", self.queue.batch_size),
            ("concurrency", self.settings.concurrency),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count == 0);
        let counts = counts.map(|(setting, _)| (setting, "0", "at least 1"));
        let timeouts = [
            ("command_timeout", self.settings.command_timeout),
            ("event_timeout", self.settings.event_timeout),
        ];
        let timeouts = timeouts.into_iter().filter(|(_, timeout)| *timeout == Some(Duration::ZERO));
        let timeouts = timeouts.map(|(setting, _)| (setting, "0 s", "longer than that, or `None`"));
        let problem = |(setting, value, range): (&'static str, &str, &'static str)| {
            WiringProblem::BadSetting { setting, value: value.to_owned(), range }
        };
        let (high, low) = self.queue.marks;
        let marks = format!("{high} and {low}");
        let are_marks = 0.0 <= low && low < high && high <= 1.0;
        let range = "two parts of the queue's size, high above low, from 0 to 1";
        let marks = (!are_marks).then_some(("queue_marks", &*marks, range));
        counts.chain(timeouts).chain(marks).map(problem).collect()
    }
}

/// The queue, which tells the core of its marks.
fn queue(config: QueueConfig, settings: &Settings, core: Weak<Core>) -> BoundedEventQueue {
    BoundedEventQueue::new(config, Arc::clone(&settings.clock), core)
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
