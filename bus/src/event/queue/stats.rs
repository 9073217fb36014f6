//! What the queue tells of itself.

use std::fmt;
use std::time::{Duration, Instant};

use super::parked::Parked;
use super::{BoundedEventQueue, State};

/// What has passed.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Counts {
    pub(super) accepted: u64,
    pub(super) taken: u64,
    /// Of the user's events: dropped after they were accepted, or lost before.
    pub(super) dropped: u64,
    /// Dead letters that are run again: they were accepted before.
    pub(super) reruns: u64,
    pub(super) own_accepted: u64,
    pub(super) own_dropped: u64,
    /// Accepted (the bus's own included), and gone without a delivery.
    pub(super) discarded: u64,
    /// The bus's own of these.
    pub(super) own_discarded: u64,
    /// How often an event had to wait for a slot.
    pub(super) parked: u64,
    pub(super) largest: usize,
    pub(super) visits: u64,
}

/// The event queue: how full it is, and what has passed it. The bus's own events are not counted,
/// but for their drops.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub struct QueueStats {
    /// How many events it holds.
    pub capacity: usize,
    /// Events queued now: not started, or waiting for a slot of a handler.
    pub queued: usize,
    /// How many of them are over the capacity: what handlers have published, or what waits for a
    /// slot.
    pub debt: usize,
    /// The most that were ever queued.
    pub largest: usize,
    /// For how long the oldest has waited. Never too short; too long by at most the time between
    /// two visits of the dispatcher. One that waits for a retry, or for a slot after others of its handlers have run, is
    /// queued since then.
    pub oldest: Option<Duration>,
    /// Events accepted. A dead letter that is run again is not accepted again.
    pub accepted: u64,
    /// Events that the dispatcher has taken.
    pub taken: u64,
    /// Events lost after they were accepted, or emitted when it was too late.
    pub dropped: u64,
    /// Events refused: given back by a [`PublishError`](crate::PublishError).
    pub rejected: u64,
    /// Events that a filter has kept out.
    pub filtered: u64,
    /// Events that were queued for longer than their `ttl`, and not handled.
    pub expired: u64,
    /// The bus's own events that were dropped, since their handlers could not follow.
    pub lifecycle_dropped: u64,
    /// How often an event had to wait for a slot of a handler.
    pub waited_for_slots: u64,
    /// How often the high mark was reached.
    pub times_high: u64,
    /// How often the dispatcher has looked for events. Stands still while none come.
    pub visits: u64,
    /// The rate at which events are accepted, per second, while
    /// [`AdaptiveRateLimit`](crate::BackpressureStrategy::AdaptiveRateLimit) holds publishers back.
    pub rate_limit: Option<f64>,
}

/// What changes when the dispatcher does something.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Progress {
    visits: u64,
    taken: u64,
    in_hand: usize,
}

impl BoundedEventQueue {
    /// How many events are queued.
    #[must_use]
    pub fn len(&self) -> usize {
        self.queued(&self.lock())
    }

    /// Is no event queued?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events it holds, but for what handlers publish.
    #[must_use]
    pub fn capacity(&self) -> usize {
        self.config.capacity
    }

    /// All there is to know, of one moment.
    #[must_use]
    pub fn stats(&self) -> QueueStats {
        let now = self.clock.now();
        let state = self.lock();
        let (queued, counts) = (self.queued(&state), state.counts);
        QueueStats {
            capacity: self.config.capacity,
            queued,
            debt: queued.saturating_sub(self.config.capacity),
            largest: counts.largest,
            oldest: self.oldest(&state).map(|at| now.saturating_duration_since(at)),
            accepted: counts.accepted,
            taken: counts.taken,
            dropped: counts.dropped,
            rejected: self.rejected.sum(),
            filtered: self.filtered.sum(),
            expired: self.expired.sum(),
            lifecycle_dropped: counts.own_dropped,
            waited_for_slots: counts.parked,
            times_high: state.marks.times_high(),
            visits: counts.visits,
            rate_limit: state.rate.per_second(),
        }
    }

    /// How many of the user's events have left the queue for a delivery, whether that has ended or not.
    pub(crate) fn delivered(&self) -> u64 {
        let state = self.lock();
        let Counts { accepted, reruns, discarded, own_discarded, .. } = state.counts;
        let gone = discarded - own_discarded + self.queued(&state) as u64;
        (accepted + reruns).saturating_sub(gone)
    }

    /// Where the dispatcher is, and how many events wait for it; those that wait for a slot of a handler, or
    /// for their turn, do not.
    pub(crate) fn progress(&self) -> (Progress, usize) {
        let state = self.lock();
        let in_hand = self.claims.look().untouched();
        let Counts { visits, taken, .. } = state.counts;
        (Progress { visits, taken, in_hand }, state.events.len() + in_hand)
    }

    /// Was the high mark reached, and not the low one since?
    pub(crate) fn is_high(&self) -> bool {
        self.lock().marks.is_high()
    }

    fn queued(&self, state: &State) -> usize {
        state.events.len() + self.claims.look().untouched() + state.parked.len()
    }

    /// When the oldest of what is queued was pushed, or earlier.
    pub(super) fn oldest(&self, state: &State) -> Option<Instant> {
        self.oldest_of(state, |_| true)
    }

    /// The same, of what the rate follows: that an event waits for its retry says nothing of how far behind the bus is.
    pub(super) fn oldest_new(&self, state: &State) -> Option<Instant> {
        self.oldest_of(state, |parked| parked.is_first)
    }

    fn oldest_of(&self, state: &State, counts: impl Fn(&Parked) -> bool) -> Option<Instant> {
        let parked = state.parked.front().filter(|parked| counts(parked));
        let batch = state.batch_since.filter(|_| self.claims.look().untouched() > 0);
        let parked = parked.map(|parked| parked.since);
        parked.into_iter().chain(batch).chain(state.ages.oldest()).min()
    }
}

impl fmt::Debug for BoundedEventQueue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("BoundedEventQueue").field(&self.stats()).finish()
    }
}
