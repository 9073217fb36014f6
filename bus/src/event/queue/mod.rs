//! The bounded queue between those who publish and the dispatcher.
//!
//! [`push`] is the publishers' side, [`take`] the dispatcher's, [`parked`] what waits for a slot of a
//! handler. The rest is what the two sides agree on: [`strategy`], [`claims`], [`marks`], [`age`] and
//! [`rate`].
//!
//! # Invariants
//!
//! * What is **queued** is at most the capacity: what lies here, what the dispatcher has taken and
//!   not started, and what has started but waits for a slot of a handler. But for **debt**: what
//!   handlers publish and emit is pushed at once, since a handler that waited for the queue would
//!   wait for itself; and what has to wait for a slot when it has been through a group of handlers
//!   already has left its place. What handlers push has a ceiling of [`DEBT_CEILING`] capacities.
//! * Room is handed out in the order in which it was asked for. A place that was granted is kept for
//!   whom it was granted to, and goes on to the next if that one is gone.
//! * Every wake-up is decided under the lock, or by [`Claims`], which are one word.
//! * Foreign code (wakers, listeners, destructors of events) runs after the lock is released.
//! * The bus's own events have a lane of their own, and count against nothing of the user's.

mod age;
mod claims;
mod marks;
mod parked;
mod push;
mod rate;
mod stats;
pub(crate) mod strategy;
mod take;
mod then;

#[cfg(all(test, bus_loom))]
mod models;

use std::collections::VecDeque;
use std::sync::Arc;
use std::task::Waker;
use std::time::{Duration, Instant};

pub(crate) use marks::Crossing;
pub use marks::QueueMark;
pub(crate) use parked::{GivenUp, Parking, WaitsForSlot};
pub(crate) use push::{Place, Push};
pub(crate) use stats::Progress;
pub use stats::QueueStats;
pub use strategy::BackpressureStrategy;
pub(crate) use strategy::{Intake, Refused};
pub(crate) use take::{Batch, Take};
pub(crate) use then::Witness;

use age::Ages;
use claims::{Claims, InBatch};
use marks::Marks;
use parked::Parked;
use rate::Rate;
use stats::Counts;
use then::Then;

use crate::clock::Clock;
use crate::envelope::Envelope;
use crate::metrics::messages::Tally;
use crate::sync::atomic::AtomicUsize;
use crate::sync::{Mutex, MutexGuard, Sharded, Waiters, lock};

/// Debt may grow to this many times the capacity. A bus that is that far behind is not catching up.
pub(crate) const DEBT_CEILING: usize = 10;

/// The bounded queue of events, as it can be looked at: how full it is, and what has passed.
pub struct BoundedEventQueue {
    state: Mutex<State>,
    claims: Claims,
    /// How many handlers wait, with an event that counts as queued.
    waits: AtomicUsize,
    pub(crate) config: QueueConfig,
    clock: Arc<dyn Clock>,
    pub(crate) rejected: Sharded,
    pub(crate) filtered: Sharded,
    pub(crate) expired: Sharded,
    witness: Box<dyn Witness>,
}

/// What the builder was told of the queue.
#[derive(Debug, Clone)]
pub(crate) struct QueueConfig {
    pub(crate) capacity: usize,
    pub(crate) strategy: BackpressureStrategy,
    pub(crate) batch_size: usize,
    pub(crate) batch_timeout: Duration,
    /// High and low, as parts of the capacity.
    pub(crate) marks: (f64, f64),
}

struct State {
    events: VecDeque<Envelope>,
    own: VecDeque<Envelope>,
    /// Events that wait for a slot of a handler, oldest first.
    parked: VecDeque<Parked>,
    /// The dispatcher, if it waits.
    dispatcher: Option<Sleeper>,
    /// Who waits for room.
    waiters: Waiters,
    /// Root commands that wait for the debt to be paid.
    debtors: Waiters,
    intake: Intake,
    ages: Ages,
    /// When the oldest event of the dispatcher's batch was pushed.
    batch_since: Option<Instant>,
    marks: Marks,
    rate: Rate,
    counts: Counts,
    tally: Tally,
}

/// The dispatcher waits until there are so many events.
struct Sleeper {
    waker: Waker,
    wants: usize,
}

impl BoundedEventQueue {
    pub(crate) fn new(
        config: QueueConfig,
        clock: Arc<dyn Clock>,
        tally: Tally,
        witness: impl Witness + 'static,
    ) -> Self {
        let state = State {
            events: VecDeque::new(),
            own: VecDeque::new(),
            parked: VecDeque::new(),
            dispatcher: None,
            waiters: Waiters::default(),
            debtors: Waiters::default(),
            intake: Intake::Open,
            ages: Ages::default(),
            batch_since: None,
            marks: Marks::new(config.capacity, config.marks.0, config.marks.1),
            rate: Rate::new(),
            counts: Counts::default(),
            tally,
        };
        Self {
            state: Mutex::new(state),
            claims: Claims::new(),
            waits: AtomicUsize::new(0),
            config,
            clock,
            rejected: Sharded::default(),
            filtered: Sharded::default(),
            expired: Sharded::default(),
            witness: Box::new(witness),
        }
    }

    /// Who may push from now on. `Closed` gives back what nobody will take any more; what the
    /// dispatcher holds and has not started is claimed, and what waits for a slot is given up.
    pub(crate) fn limit_intake(&self, intake: Intake) -> Vec<Envelope> {
        let mut then = Then::default();
        let mut left = Vec::new();
        let mut state = self.lock();
        state.intake = state.intake.max(intake);
        if state.intake == Intake::Closed {
            while self.claims.drop_one() {
                state.counts.discarded += 1;
                state.counts.dropped += 1;
            }
            while state.give_up_parked(&mut then) {
                state.counts.dropped += 1;
            }
            let (users, own) = (state.events.len(), state.own.len());
            state.ages.left(users);
            left.extend(state.events.drain(..));
            left.extend(state.own.drain(..));
            state.counts.discarded += left.len() as u64;
            state.counts.dropped += users as u64;
            state.counts.own_dropped += own as u64;
            state.counts.own_discarded += own as u64;
            then.wake(state.debtors.all());
        }
        then.wake(state.waiters.all());
        then.dispatcher = state.wake_dispatcher();
        self.release(state, then);
        left
    }

    pub(crate) fn intake(&self) -> Intake {
        self.lock().intake
    }

    /// How many events were ever accepted, the bus's own included.
    pub(crate) fn begun(&self) -> u64 {
        let counts = &self.lock().counts;
        counts.accepted + counts.reruns + counts.own_accepted
    }

    /// How many of these left without being delivered.
    pub(crate) fn discarded(&self) -> u64 {
        self.lock().counts.discarded
    }

    /// How many events wait for the dispatcher, the bus's own included.
    pub(crate) fn waiting(&self) -> usize {
        let state = self.lock();
        state.events.len() + state.own.len() + self.claims.look().untouched()
    }

    /// Counts events that were lost before they were accepted.
    pub(crate) fn count_lost(&self, n: usize) {
        self.lock().counts.dropped += n as u64;
    }

    #[inline]
    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Queued, and places kept for those who were granted one.
    #[inline]
    fn occupied(&self, state: &State) -> usize {
        self.occupied_with(state, self.claims.look())
    }

    /// What is in the dispatcher's hand keeps its place, in case it has to wait for a slot. But it
    /// cannot be dropped, so it counts for nothing where the oldest are.
    #[inline]
    fn occupied_with(&self, state: &State, in_batch: InBatch) -> usize {
        let in_batch = match self.config.strategy {
            BackpressureStrategy::DropOldest => in_batch.untouched(),
            _ => in_batch.places(),
        };
        state.events.len() + in_batch + state.parked.len() + state.waiters.granted()
    }

    /// Room may have been made: hands it out, and looks at what else follows from it.
    fn room_was_made(&self, state: &mut State, then: &mut Then) {
        let waited_for = state.waiters.any_ungranted() || !state.debtors.is_empty();
        // Asked first and looked at then: a step after this look finds the question.
        let in_batch = if waited_for { self.claims.ask() } else { self.claims.look() };
        let mut occupied = self.occupied_with(state, in_batch);
        if !state.debtors.is_empty() && occupied <= self.config.capacity {
            then.wake(state.debtors.all());
        }
        if let BackpressureStrategy::Block { .. } = self.config.strategy {
            while occupied < self.config.capacity
                && let Some(waiter) = state.waiters.grant()
            {
                occupied += 1;
                then.wake([waiter]);
            }
        }
        then.crossed(state.marks.look(occupied));
    }
}

impl State {
    #[inline]
    fn admits(&self, who: Intake) -> Result<(), Refused> {
        match self.intake {
            Intake::Closed => Err(Refused::Closed),
            Intake::HandlersOnly if who == Intake::Open => Err(Refused::ShuttingDown),
            Intake::Open | Intake::HandlersOnly => Ok(()),
        }
    }

    /// Takes the dispatcher's waker, to be woken after the lock is released.
    fn wake_dispatcher(&mut self) -> Option<Waker> {
        self.dispatcher.take().map(|sleeper| sleeper.waker)
    }
}
