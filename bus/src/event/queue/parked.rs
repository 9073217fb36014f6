//! Events that have begun, and some of whose handlers wait for a slot: they count as queued until
//! the last of these has got one.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::{BackpressureStrategy, BoundedEventQueue, Intake, State, Then};
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
    /// Is it in the dispatcher's hand, and has its place still?
    in_hand: AtomicBool,
    /// The bus's own events are not counted.
    own: bool,
    /// How many handlers wait.
    waiting: AtomicUsize,
    number: AtomicU64,
    given_up: OnceLock<Arc<Cancel>>,
}

/// A handler that waits for a slot.
pub(crate) struct WaitsForSlot<'p>(&'p Parking<'p>);

impl<'q> Parking<'q> {
    pub(crate) fn new(queue: &'q BoundedEventQueue, own: bool) -> Self {
        Self {
            queue,
            in_hand: AtomicBool::new(true),
            own,
            waiting: AtomicUsize::new(0),
            number: AtomicU64::new(0),
            given_up: OnceLock::new(),
        }
    }

    /// The dispatcher has started it, and turns to the next.
    pub(crate) fn leave_hand(&self) {
        self.in_hand.store(false, Ordering::Relaxed);
    }

    /// A handler of the event begins to wait. All of them run in one task, so that what is kept here
    /// needs no lock.
    pub(crate) fn wait(&self) -> WaitsForSlot<'_> {
        if self.waiting.fetch_add(1, Ordering::Relaxed) == 0 && !self.own {
            let in_hand = self.in_hand.swap(false, Ordering::Relaxed);
            let number = self.queue.park(Arc::clone(self.cancel()), in_hand);
            self.number.store(number, Ordering::Relaxed);
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
        let parking = self.0;
        if parking.waiting.fetch_sub(1, Ordering::Relaxed) == 1 && !parking.own {
            parking.queue.unpark(parking.number.load(Ordering::Relaxed));
        }
    }
}

impl BoundedEventQueue {
    /// Queues an event that has begun: in the place that it has still if it is in the dispatcher's
    /// hand. If it has been through a group already, it may be over the capacity, or in the place of
    /// another where the oldest are dropped.
    fn park(&self, given_up: Arc<Cancel>, in_hand: bool) -> u64 {
        let mut then = Then::default();
        let mut state = self.lock();
        let number = state.counts.parked;
        state.counts.parked += 1;
        if in_hand {
            self.claims.put_down();
        }
        if state.intake == Intake::Closed {
            then.given_up.push(given_up);
            state.counts.dropped += 1;
        } else {
            if self.config.strategy == BackpressureStrategy::DropOldest {
                self.make_room(&mut state, &mut then);
            }
            let since = state.batch_since;
            state.parked.push_back(Parked { number, since, given_up });
            let occupied = self.occupied(&state);
            state.counts.largest = state.counts.largest.max(occupied);
        }
        // Whoever had asked of the hand has to ask again.
        self.room_was_made(&mut state, &mut then);
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
