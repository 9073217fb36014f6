//! Building a test bus, as a bus is built.

use std::any::TypeId;
use std::fmt;
use std::time::{Duration, SystemTime};

use super::clock::TestClock;
use super::record::Recorder;
use super::test_bus::{Parts, TestBus};
use crate::builder::{Builder, HandlerConfig};
use crate::event::{BackpressureStrategy, EventFilter};
use crate::handler::resource::Resource;
use crate::message::{Command, Message, QueueMarkEvent, UnhandledEvent};
use crate::metrics::MetricsConfig;
use crate::observe::Observer;
use crate::pipeline::hook::Hook;
use crate::pipeline::middleware::IntoLayer;
use crate::probe::Tracker;
use crate::registry::BuildError;
use crate::registry::contract::Registry;
use crate::registry::entry::HandlerType;
use crate::resilience::{Resilience, RetryBudget};

/// How long `settle` waits for what goes on, in real time, before it says that it hangs.
const LIMIT: Duration = Duration::from_secs(10);

/// Configures a [`TestBus`]: what a [`Builder`] can, and what belongs to tests.
#[must_use = "a builder does nothing until `.build()`"]
pub struct TestBusBuilder {
    builder: Builder,
    /// Something was set on the builder, that another one would not have.
    is_set: bool,
    clock: TestClock,
    /// Who has said what the wall clock shows.
    shown_by: Option<&'static str>,
    seed: Option<u64>,
    limit: Duration,
    fakes: Vec<(TypeId, MakeFake)>,
}

type MakeFake = Box<dyn FnOnce(&TestBus) + Send>;

impl Default for TestBusBuilder {
    fn default() -> Self {
        let (builder, clock) = (Builder::default(), TestClock::new());
        let (seed, fakes) = (None, Vec::new());
        Self { builder, is_set: false, clock, shown_by: None, seed, limit: LIMIT, fakes }
    }
}

/// As of a [`Builder`].
macro_rules! as_builder {
    ($($(#[$doc:meta])* fn $name:ident $([$($generics:tt)*])? ($($arg:ident: $type:ty),*);)*) => {
        impl TestBusBuilder {
            $(
                #[doc = concat!("As [`Builder::", stringify!($name), "`].")]
                pub fn $name $(<$($generics)*>)? (self $(, $arg: $type)*) -> Self {
                    self.with(|builder| builder.$name($($arg),*))
                }
            )*
        }
    };
}

as_builder! {
    fn without_registered();
    fn only(module: impl Into<String>);
    fn filter(filter: impl EventFilter);
    fn middleware(middleware: impl IntoLayer);
    fn hook(hook: impl Hook);
    fn observer(observer: impl Observer);
    fn provide(value: impl Resource);
    fn registry(registry: impl Registry);
    fn strict();
    fn resilient(resilience: Resilience);
    fn retry_budget(budget: RetryBudget);
    fn event_queue_size(events: usize);
    fn backpressure_strategy(strategy: BackpressureStrategy);
    fn batch_size(events: usize);
    fn batch_timeout(timeout: Duration);
    fn concurrency(runs: usize);
    fn queue_marks(high: f64, low: f64);
    fn on_queue_mark(listener: impl Fn(&QueueMarkEvent) + Send + Sync + 'static);
    fn on_unhandled(listener: impl Fn(&UnhandledEvent) + Send + Sync + 'static);
    fn command_timeout(timeout: impl Into<Option<Duration>>);
    fn event_timeout(timeout: impl Into<Option<Duration>>);
    fn slow_handler_after(limit: impl Into<Option<Duration>>);
    fn stuck_handler_after(limit: impl Into<Option<Duration>>);
    fn stalled_after(limit: Duration);
    fn dead_letters(capacity: usize);
    fn metrics(metrics: MetricsConfig);
    fn trace_history(messages: usize);
    fn track_callers(track: bool);
    fn record_flow();
    fn shutdown_timeout(drain: Duration, cancel: Duration);
    fn session_close_timeout(limit: Duration);
}

impl TestBusBuilder {
    /// As [`Builder::without`].
    pub fn without<H: HandlerType>(self) -> Self {
        self.with(Builder::without::<H>)
    }

    /// As [`Builder::handler`].
    pub fn handler<H: HandlerType>(self) -> Self {
        self.with(Builder::handler::<H>)
    }

    /// As [`Builder::configure`].
    pub fn configure<H: HandlerType>(
        self,
        set: impl FnOnce(HandlerConfig) -> HandlerConfig,
    ) -> Self {
        self.with(|builder| builder.configure::<H>(set))
    }

    /// Everything else that a [`Builder`] can: `.with(|builder| builder.retry_budget(..))`. A clock that is set
    /// there is replaced by the test's.
    pub fn with(mut self, set: impl FnOnce(Builder) -> Builder) -> Self {
        self.builder = set(self.builder);
        self.is_set = true;
        self
    }

    /// This is what is configured, in place of a builder of its own: `TestBus::builder().of(app::builder())` tests
    /// what an application builds. Comes before all that is set as of a [`Builder`].
    ///
    /// # Panics
    /// When something was set before.
    #[track_caller]
    pub fn of(self, builder: Builder) -> Self {
        assert!(
            !self.is_set,
            "`.of(..)` comes first: it would drop what was set before it: \
             `TestBus::builder().of(builder).provide(..)`"
        );
        self.with(|_| builder)
    }

    /// What the wall clock shows at first.
    ///
    /// # Panics
    /// When there is a [`test_clock`](Self::test_clock).
    #[track_caller]
    pub fn system_time(mut self, time: SystemTime) -> Self {
        self.is_shown_by("system_time");
        self.clock = TestClock::at(time);
        self
    }

    /// A clock that is shared with another bus, or with what is tested.
    ///
    /// # Panics
    /// When there is a [`system_time`](Self::system_time).
    #[track_caller]
    pub fn test_clock(mut self, clock: TestClock) -> Self {
        self.is_shown_by("test_clock");
        self.clock = clock;
        self
    }

    #[track_caller]
    fn is_shown_by(&mut self, by: &'static str) {
        let other = self.shown_by.replace(by);
        assert!(
            other.is_none_or(|other| other == by),
            "`.test_clock(..)` has a time of its own: `TestClock::at(time)` makes one that shows what \
             `.system_time(time)` says, and one of the two is enough"
        );
    }

    /// How long, in real time, something may go on running until [`settle`](TestBus::settle) says that it
    /// hangs: 10 s by default.
    pub fn settle_limit(mut self, limit: Duration) -> Self {
        self.limit = limit;
        self
    }

    /// Interleaves handlers by this seed: each time one could go on, it may let others go first. On a runtime of
    /// one thread the same seed gives the same order. Jitter is drawn by it too; without a seed there is none.
    pub fn seed(mut self, seed: u64) -> Self {
        self.seed = Some(seed);
        self
    }

    /// Answers a command in place of its handler, which is left out: what that takes need not be there. Another one
    /// of the same command replaces it, also [while the bus runs](TestBus::fake). What it was called with is known to
    /// [`TestBus::faked`].
    pub fn fake<C: Command>(
        mut self,
        answer: impl Fn(&C) -> Result<C::Output, C::Error> + Send + Sync + 'static,
    ) -> Self {
        let id = <C as Message>::INFO.type_id();
        self.fakes.retain(|(other, _)| *other != id);
        self.fakes.push((id, Box::new(move |bus| drop(bus.fake::<C>(answer)))));
        self
    }

    /// Assembles the bus. Needs no runtime.
    ///
    /// # Errors
    /// All that is wrong with the wiring and the settings, at once and sorted.
    pub fn build(self) -> Result<TestBus, BuildError> {
        let Self { builder, clock, seed, limit, fakes, .. } = self;
        let (recorder, tracker) = (Recorder::new(clock.began()), Tracker::new(seed));
        let faked = fakes.iter().map(|(id, _)| *id).collect();
        let builder = builder.clock(clock.clone()).observer(recorder.clone());
        let bus = builder.tested(tracker.clone(), faked).build()?;
        let bus = TestBus::new(bus, Parts { clock, recorder, tracker, limit, seed });
        fakes.into_iter().for_each(|(_, make)| make(&bus));
        Ok(bus)
    }
}

impl fmt::Debug for TestBusBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBusBuilder")
            .field("builder", &self.builder)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
