//! The settings of a bus: what they are by default, and which are wrong.

use std::sync::Arc;
use std::time::Duration;

use super::Builder;
use crate::clock::Clock;
use crate::event::EventFilter;
use crate::event::filter::{AnyFilter, Installed};
use crate::event::queue::BackpressureStrategy;
use crate::message::{QueueMarkEvent, UnhandledEvent};
use crate::metrics::{Metrics, MetricsConfig};
use crate::observe::Observer;
use crate::observe::flow::Flow;
use crate::pipeline::hook::Hook;
use crate::pipeline::middleware::IntoLayer;
use crate::registry::problem::WiringProblem;
use crate::resilience::{Resilience, RetryBudget};

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

    /// Adds a filter, which decides before the queue whether an event enters. Filters are asked until
    /// one says no: first those that are registered at link time, the highest priority first, then
    /// those that are added here, in the order in which they are.
    pub fn filter(mut self, filter: impl EventFilter) -> Self {
        self.settings.filters.push(Installed::new(AnyFilter(Arc::new(filter))));
        self
    }

    /// Wraps the calls of handlers: of commands, and of each (event, handler) pair. A
    /// [`Layer`](crate::Layer) says of which, and where it is put.
    ///
    /// ```
    /// use bus::{Bus, Layer, middleware};
    ///
    /// let timing = middleware::timing();
    /// let bus = Bus::builder()
    ///     .middleware(timing.clone())
    ///     .middleware(Layer::new(middleware::logging()).on_commands())
    ///     .build()?;
    /// assert!(timing.stats().is_empty());
    /// # Ok::<(), bus::BuildError>(())
    /// ```
    pub fn middleware(mut self, middleware: impl IntoLayer) -> Self {
        self.settings.layers.push(middleware.into_layer());
        self
    }

    /// Adds a hook, which is told before and after each run of a handler.
    pub fn hook(mut self, hook: impl Hook) -> Self {
        self.settings.hooks.push(Arc::new(hook));
        self
    }

    /// Adds an observer, which is told of everything that happens. One that is added while the bus runs:
    /// [`Bus::observe`](crate::Bus::observe).
    pub fn observer(mut self, observer: impl Observer) -> Self {
        self.observers.push(Box::new(observer));
        self
    }

    /// Remembers which messages the handlers of which have sent, for the graph of
    /// [`Bus::describe`](crate::Bus::describe): what they publish, execute, or emit without an
    /// [`Emit`](crate::Emit) parameter does not show in their signatures. Takes a lock for each
    /// message that a handler sends, so it is off by default.
    pub fn record_flow(mut self) -> Self {
        self.settings.flow = Some(Flow::default());
        self
    }

    /// What is measured, and how finely: by default every call is.
    pub fn metrics(mut self, metrics: MetricsConfig) -> Self {
        self.settings.metrics = Metrics::new(metrics);
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

    /// After how long a handler that is pending is said to be slow, as a warning in the log with its file
    /// and line: 5 s by default, `None` for never. It is said again each time it has taken twice as long.
    pub fn slow_handler_after(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.slow_handler = limit.into();
        self
    }

    /// After how long a call of a handler that is pending makes the bus [not ready](crate::Bus::health), with
    /// the handler's file and line as the reason: 30 s by default, `None` for never.
    pub fn stuck_handler_after(mut self, limit: impl Into<Option<Duration>>) -> Self {
        self.settings.stuck_handler = limit.into();
        self
    }

    /// For how long the dispatcher may take no event, while events are queued and slots are free, before the
    /// bus is [not live](crate::Bus::health): 5 s by default.
    pub fn stalled_after(mut self, limit: Duration) -> Self {
        self.settings.stalled = limit;
        self
    }

    /// Remembers of the last so many messages what has become of them, for
    /// [`Bus::trace_tree`](crate::Bus::trace_tree). Takes a lock at each step of each message, so it is off by
    /// default.
    pub fn trace_history(mut self, messages: usize) -> Self {
        self.settings.trace_history = messages;
        self
    }

    /// Remembers of each message in which file and line it was executed, published or emitted:
    /// [`Context::sent_from`](crate::Context::sent_from). The compiler tells it, so nothing is looked up;
    /// but it makes what a message carries beside its own content, which is an allocation, so it is off by
    /// default.
    pub fn track_callers(mut self, track: bool) -> Self {
        self.settings.track_callers = track;
        self
    }

    /// How long [`Bus::shutdown`](crate::Bus::shutdown) drains before it cancels what is left (30 s by default), and how
    /// long that may then take (5 s by default).
    pub fn shutdown_timeout(mut self, drain: Duration, cancel: Duration) -> Self {
        self.settings.drain = drain;
        self.settings.grace = cancel;
        self
    }

    /// How long the end of a session waits for what is in flight in it, for its callbacks, and for those
    /// who hear of it, each: 30 s by default. What is left then is cancelled, which may take as long
    /// as [`shutdown_timeout`](Self::shutdown_timeout) says.
    pub fn session_close_timeout(mut self, limit: Duration) -> Self {
        self.settings.session_close = limit;
        self
    }

    /// How many [dead letters](crate::Bus::dead_letters) are kept: 1 000 by default, at least 1. When there
    /// are more, the oldest is thrown away, which is counted and reported.
    pub fn dead_letters(mut self, capacity: usize) -> Self {
        self.settings.dead_letters = capacity;
        self
    }

    /// The runtime for the dispatcher, instead of the one that is current at the first use.
    pub fn runtime(mut self, runtime: tokio::runtime::Handle) -> Self {
        self.runtime = Some(runtime);
        self
    }

    /// Does this about the failures of all handlers: retries within a budget, a circuit breaker for each, and
    /// dead letters, unless it is said otherwise.
    pub fn resilient(mut self, resilience: Resilience) -> Self {
        self.settings.budget = resilience.budget.clone();
        self.settings.resilience = Some(resilience);
        self
    }

    /// How many retries there may be where these are declared by attributes: 20 % of the calls of 10 s, and 10
    /// a second. That of [`resilient`](Self::resilient) is the same one.
    pub fn retry_budget(mut self, budget: RetryBudget) -> Self {
        self.settings.budget = budget;
        self
    }

    /// A clock other than tokio's.
    pub fn clock(mut self, clock: impl Clock) -> Self {
        self.settings.clock = Arc::new(clock);
        self
    }
}

impl Builder {
    pub(super) fn bad_settings(&self) -> Vec<WiringProblem> {
        let counts = [
            ("event_queue_size", self.queue.capacity),
            ("batch_size", self.queue.batch_size),
            ("concurrency", self.settings.concurrency),
            ("dead_letters", self.settings.dead_letters),
        ];
        let counts = counts.into_iter().filter(|(_, count)| *count == 0);
        let counts = counts.map(|(setting, _)| (setting, "0", "at least 1"));
        let timeouts = [
            ("command_timeout", self.settings.command_timeout),
            ("event_timeout", self.settings.event_timeout),
            ("slow_handler_after", self.settings.slow_handler),
            ("stuck_handler_after", self.settings.stuck_handler),
            ("stalled_after", Some(self.settings.stalled)),
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
        let resilience = self.settings.resilience.iter().flat_map(|all| all.problems());
        let budget = self.settings.budget.problems();
        let resilience = resilience
            .chain(budget)
            .chain(self.settings.metrics.config.problems())
            .map(|(setting, value, range)| WiringProblem::BadSetting { setting, value, range });
        counts.chain(timeouts).chain(marks).map(problem).chain(resilience).collect()
    }
}
