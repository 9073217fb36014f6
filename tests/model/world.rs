//! What the handlers and publishers of one scenario share.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use super::Log;
use super::scenario::{Scenario, Time};

/// Handlers make no more events than this, so that every scenario ends.
const MOST_MADE_BY_HANDLERS: u64 = 150;
/// Ids of events that handlers make begin here.
pub(crate) const FIRST_NESTED: u64 = 1_000_000;

pub(crate) struct World {
    pub(crate) scenario: Scenario,
    pub(crate) time: Time,
    pub(crate) log: Log,
    pub(crate) pending: Gauge,
    made_by_handlers: AtomicU64,
}

impl World {
    pub(crate) fn new(scenario: &Scenario, time: Time) -> Arc<Self> {
        Arc::new(Self {
            scenario: scenario.clone(),
            time,
            log: Log::new(),
            pending: Gauge::default(),
            made_by_handlers: AtomicU64::new(0),
        })
    }

    /// The id of an event that a handler is about to make, if it may.
    pub(crate) fn id_for_handler(&self) -> Option<u64> {
        let made = self.made_by_handlers.fetch_add(1, Ordering::Relaxed);
        (made < MOST_MADE_BY_HANDLERS).then_some(FIRST_NESTED + made)
    }
}

/// How many there are now, and the most there ever were.
#[derive(Default)]
pub(crate) struct Gauge {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Gauge {
    pub(crate) fn up(&self) {
        let now = self.now.fetch_add(1, Ordering::SeqCst) + 1;
        self.most.fetch_max(now, Ordering::SeqCst);
    }
    pub(crate) fn down(&self) {
        self.now.fetch_sub(1, Ordering::SeqCst);
    }
    pub(crate) fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}
