//! Events that have begun, and some of whose handlers wait for a slot: they count as queued until
//! the last of these has got one.

use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::Instant;

use super::{BoundedEventQueue, Intake, State, Then};
use crate::pipeline::cancel::Cancel;

/// One such event, as the queue sees it.
pub(super) struct Parked {
    number: u64,
    /// When it was queued, or earlier. Never later than that of those behind it, so that the first says how long the
    /// oldest has waited.
    pub(super) since: Instant,
    /// It has not been through a group of handlers, or waited before: it waits as the bus is behind.
    pub(super) is_first: bool,
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
    /// Tells those who wait that the event was dropped. What decides is whether it is still queued.
    given_up: OnceLock<Arc<Cancel>>,
    is_given_up: AtomicBool,
    is_expired: AtomicBool,
}

/// The event was dropped while its handler waited for a slot.
#[derive(Debug)]
pub(crate) struct GivenUp;

/// A handler that waits for a slot.
pub(crate) struct WaitsForSlot<'p> {
    parking: &'p Parking<'p>,
    left: bool,
}

impl<'q> Parking<'q> {
    pub(crate) fn new(queue: &'q BoundedEventQueue, own: bool) -> Self {
        Self {
            queue,
            in_hand: AtomicBool::new(true),
            own,
            waiting: AtomicUsize::new(0),
            number: AtomicU64::new(0),
            given_up: OnceLock::new(),
            is_given_up: AtomicBool::new(false),
            is_expired: AtomicBool::new(false),
        }
    }

    /// It has waited for too long: no further handler gets it.
    pub(crate) fn expire(&self) -> GivenUp {
        self.is_expired.store(true, Ordering::Relaxed);
        self.is_given_up.store(true, Ordering::Relaxed);
        GivenUp
    }

    pub(crate) fn is_expired(&self) -> bool {
        self.is_expired.load(Ordering::Relaxed)
    }

    /// Is it an event of the bus's own?
    pub(crate) fn is_own(&self) -> bool {
        self.own
    }

    /// The dispatcher has started it, and turns to the next.
    pub(crate) fn leave_hand(&self) {
        self.in_hand.store(false, Ordering::Relaxed);
    }

    /// A handler of the event begins to wait. All of them run in one task, so that what is kept here
    /// needs no lock.
    pub(crate) fn wait(&self) -> Result<WaitsForSlot<'_>, GivenUp> {
        if self.is_given_up() {
            return Err(GivenUp);
        }
        if self.waiting.load(Ordering::Relaxed) == 0 && !self.own {
            let in_hand = self.in_hand.swap(false, Ordering::Relaxed);
            let Some(number) = self.queue.park(Arc::clone(self.cancel()), in_hand) else {
                self.is_given_up.store(true, Ordering::Relaxed);
                return Err(GivenUp);
            };
            self.number.store(number, Ordering::Relaxed);
        }
        self.waiting.fetch_add(1, Ordering::Relaxed);
        if !self.own {
            self.queue.waits.fetch_add(1, Ordering::Relaxed);
        }
        Ok(WaitsForSlot { parking: self, left: false })
    }

    /// Was the event dropped while it waited?
    pub(crate) fn is_given_up(&self) -> bool {
        self.is_given_up.load(Ordering::Relaxed)
    }

    fn cancel(&self) -> &Arc<Cancel> {
        self.given_up.get_or_init(Arc::default)
    }
}

impl WaitsForSlot<'_> {
    /// Resolves when the event is dropped. Cancel-safe.
    pub(crate) async fn given_up(&self) {
        self.parking.cancel().fired().await;
        self.parking.is_given_up.store(true, Ordering::Relaxed);
    }

    /// The handler has a slot now: it may have the event, unless that was dropped meanwhile. Decided
    /// under the queue's lock, where the last to wait takes the event out.
    pub(crate) fn end(mut self) -> Result<(), GivenUp> {
        if self.leave() {
            return Ok(());
        }
        self.parking.is_given_up.store(true, Ordering::Relaxed);
        Err(GivenUp)
    }

    /// Waits no more. `false`: the event was dropped.
    fn leave(&mut self) -> bool {
        self.left = true;
        let Parking { queue, own, waiting, number, .. } = self.parking;
        if !own {
            queue.waits.fetch_sub(1, Ordering::Relaxed);
        }
        let is_last = waiting.fetch_sub(1, Ordering::Relaxed) == 1;
        let number = number.load(Ordering::Relaxed);
        *own || if is_last { queue.unpark(number) } else { queue.is_parked(number) }
    }
}

impl Drop for WaitsForSlot<'_> {
    fn drop(&mut self) {
        if !self.left {
            self.leave();
        }
    }
}

impl BoundedEventQueue {
    /// Queues an event that has begun: in the place that it has still if it is in the dispatcher's
    /// hand; over the capacity, if need be, if it has been through a group already. `None`: it is
    /// dropped, as nothing is queued any more.
    fn park(&self, given_up: Arc<Cancel>, in_hand: bool) -> Option<u64> {
        let mut then = Then::default();
        let mut state = self.lock();
        if in_hand {
            self.claims.put_down_one();
        }
        let number = (state.intake != Intake::Closed).then_some(state.counts.parked);
        match number {
            None => state.counts.dropped += 1,
            Some(number) => {
                state.counts.parked += 1;
                // One that has left the hand is queued again from now on.
                let pushed = state.batch_since.filter(|_| in_hand);
                let since = pushed.unwrap_or_else(|| self.clock.now());
                state.park(Parked { number, since, is_first: in_hand, given_up });
                let occupied = self.occupied(&state);
                state.counts.largest = state.counts.largest.max(occupied);
            }
        }
        // Whoever had asked of the hand has to ask again.
        self.room_was_made(&mut state, &mut then);
        self.release(state, then);
        number
    }

    /// Is there a handler that waits, or was not told yet that its event is dropped?
    pub(crate) fn has_waits(&self) -> bool {
        self.waits.load(Ordering::Relaxed) > 0
    }

    /// Is it still queued, or was it dropped?
    fn is_parked(&self, number: u64) -> bool {
        self.lock().parked.binary_search_by_key(&number, |parked| parked.number).is_ok()
    }

    /// Its handlers have all got a slot, or are not interested any more. `false`: it was dropped.
    fn unpark(&self, number: u64) -> bool {
        let mut then = Then::default();
        let mut state = self.lock();
        let found = state.parked.binary_search_by_key(&number, |parked| parked.number);
        if let Ok(at) = found {
            state.parked.remove(at);
            self.room_was_made(&mut state, &mut then);
        }
        self.release(state, then);
        found.is_ok()
    }
}

impl State {
    fn park(&mut self, parked: Parked) {
        let since = parked.since;
        let younger = self.parked.iter_mut().rev().take_while(|other| other.since > since);
        younger.for_each(|other| other.since = since);
        self.parked.push_back(parked);
    }

    /// Drops the event that has waited longest for a slot.
    pub(super) fn give_up_parked(&mut self, then: &mut Then) -> bool {
        let oldest = self.parked.pop_front();
        let found = oldest.is_some();
        if let Some(parked) = oldest {
            then.give_up(parked.given_up);
        }
        found
    }
}
