//! A bus for tests.

use std::any::TypeId;
use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use super::builder::TestBusBuilder;
use super::clock::TestClock;
use super::fake::Answers;
use super::record::{Entry, Recorder};
use super::standstill;
use crate::bus::Bus;
use crate::error::PublishError;
use crate::event::publish::{Publish, Published};
use crate::message::{Command, Event};
use crate::message_bus::MessageBus;
use crate::pipeline::command::execute::Execute;
use crate::probe::Tracker;
use crate::registry::BuildError;
use crate::sync::Mutex;

/// A [`Bus`] that keeps a record of what happens, and whose time stands still until the test moves it. It *is* a bus
/// ([`Deref`], [`MessageBus`]): nothing else is different.
///
/// See the [module](super).
pub struct TestBus {
    bus: Bus,
    pub(super) clock: TestClock,
    pub(super) recorder: Recorder,
    pub(super) tracker: Arc<Tracker>,
    pub(super) limit: Duration,
    pub(super) seed: Option<u64>,
    /// What happened before this entry is not looked at by expectations.
    pub(super) mark: AtomicUsize,
    pub(super) fakes: Mutex<BTreeMap<TypeId, Answers>>,
}

/// What a test bus is made of, beside its bus.
pub(super) struct Parts {
    pub(super) clock: TestClock,
    pub(super) recorder: Recorder,
    pub(super) tracker: Arc<Tracker>,
    pub(super) limit: Duration,
    pub(super) seed: Option<u64>,
}

impl TestBus {
    pub(super) fn new(bus: Bus, parts: Parts) -> Self {
        let Parts { clock, recorder, tracker, limit, seed } = parts;
        let (mark, fakes) = (AtomicUsize::new(0), Mutex::default());
        standstill::watch(&tracker, &clock, limit, seed);
        Self { bus, clock, recorder, tracker, limit, seed, mark, fakes }
    }

    /// A test bus of everything that is registered at link time.
    ///
    /// # Errors
    /// All that is wrong with the wiring, at once.
    pub fn from_registered() -> Result<Self, BuildError> {
        Self::builder().build()
    }

    /// One to be configured, as a bus is.
    pub fn builder() -> TestBusBuilder {
        TestBusBuilder::default()
    }

    /// The bus. It may be cloned, and given to what is tested.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// Its clock.
    #[must_use]
    pub fn clock(&self) -> &TestClock {
        &self.clock
    }

    /// The seed that its handlers are interleaved by, if they are.
    #[must_use]
    pub fn seed(&self) -> Option<u64> {
        self.seed
    }

    /// All that has happened, in causal order.
    #[must_use]
    pub fn record(&self) -> Vec<Entry> {
        self.recorder.all()
    }

    /// What has happened, as a tree of what has caused what: what an expectation that fails prints.
    #[must_use]
    pub fn tree(&self) -> String {
        self.recorder.tree()
    }

    /// Expectations look only at what happens from now on. The [record](Self::record) goes on, and lets go of the events
    /// that it has kept so far: of those that are `Debug` it keeps the text.
    pub fn forget(&self) {
        self.mark.store(self.recorder.forget(), Ordering::Relaxed);
    }

    /// What expectations look at.
    pub(super) fn recent(&self) -> Vec<Entry> {
        self.recorder.since(self.mark())
    }

    pub(super) fn mark(&self) -> usize {
        self.mark.load(Ordering::Relaxed)
    }
}

impl Deref for TestBus {
    type Target = Bus;
    fn deref(&self) -> &Bus {
        &self.bus
    }
}

impl MessageBus for TestBus {
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Bus::execute(&self.bus, command)
    }
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Bus::publish(&self.bus, event)
    }
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        Bus::try_publish(&self.bus, event)
    }
}

impl fmt::Debug for TestBus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TestBus")
            .field("bus", &self.bus)
            .field("clock", &self.clock)
            .field("seed", &self.seed)
            .finish_non_exhaustive()
    }
}
