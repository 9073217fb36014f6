//! Events that have begun, and some of whose handlers wait for a slot: they count as queued until
//! the last of these has got one.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::{BoundedEventQueue, State, Then};
use crate::pipeline::cancel::Cancel;

/// One such event, as the queue sees it.
pub(super) struct Parked {
    number: u64,
    pub(super) since: Option<Instant>,
    /// Fires when it is dropped: the handlers that wait do not get it.
    given_up: Arc<Cancel>,
}

/// One such event, as its delivery sees it. Not queued again until a handler waits.
pub(crate) struct Parking<'q> {
    queue: &'q BoundedEventQueue,
    /// How many handlers wait.
    waiting: AtomicUsize,
    number: AtomicU64,
    given_up: OnceLock<Arc<Cancel>>,
}

/// A handler that waits for a slot.
pub(crate) struct WaitsForSlot<'p>(&'p Parking<'p>);

impl<'q> Parking<'q> {
    pub(crate) fn new(queue: &'q BoundedEventQueue) -> Self {
        let (waiting, number) = (AtomicUsize::new(0), AtomicU64::new(0));
        Self { queue, waiting, number, given_up: OnceLock::new() }
    }

    /// A handler of the event begins to wait. All of them run in one task, so that the counts here
    /// need no lock.
    pub(crate) fn wait(&self) -> WaitsForSlot<'_> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 {
            self.number.store(self.queue.park(Arc::clone(self.cancel())), Ordering::Relaxed);
        }
        WaitsForSlot(self)
    }

    /// Was the event dropped while it waited?
    pub(crate) fn is_given_up(&self) -> bool {
        self.given_up.get().is_some_and(|given_up| given_up.is_fired())
    }

    fn cancel(&self) -> &Arc<Cancel> {
        self.given_up.get_or_init(Arc::default)
    }
}

impl WaitsForSlot<'_> {
    /// Resolves when the event is dropped. Cancel-safe.
    pub(crate) async fn given_up(&self) {
        self.0.cancel().fired().await;
    }
}

impl Drop for WaitsForSlot<'_> {
    fn drop(&mut self) {
        if self.0.waiting.fetch_sub(1, Ordering::Relaxed) == 1 {
            self.0.queue.unpark(self.0.number.load(Ordering::Relaxed));
        }
    }
}

impl BoundedEventQueue {
    /// Queues an event that has begun, over the capacity if need be: it is here already.
    fn park(&self, given_up: Arc<Cancel>) -> u64 {
        let mut then = Then::default();
        let mut state = self.lock();
        let number = state.counts.parked;
        state.counts.parked += 1;
        if state.intake == super::Intake::Closed {
            then.given_up.push(given_up);
            state.counts.dropped += 1;
        } else {
            let since = state.batch_since;
            state.parked.push_back(Parked { number, since, given_up });
            let occupied = self.occupied(&state);
            state.counts.largest = state.counts.largest.max(occupied);
            then.marks.extend(state.marks.look(occupied));
        }
        self.release(state, then);
        number
    }

    /// Its handlers have all got a slot, or are not interested any more.
    fn unpark(&self, number: u64) {
        let mut then = Then::default();
        let mut state = self.lock();
        // Not found when it was dropped.
        if let Ok(at) = state.parked.binary_search_by_key(&number, |parked| parked.number) {
            state.parked.remove(at);
            self.room_was_made(&mut state, &mut then);
        }
        self.release(state, then);
    }
}

impl State {
    /// Drops the event that has waited longest for a slot.
    pub(super) fn give_up_parked(&mut self, then: &mut Then) -> bool {
        let oldest = self.parked.pop_front();
        let found = oldest.is_some();
        then.given_up.extend(oldest.map(|parked| parked.given_up));
        found
    }
}
