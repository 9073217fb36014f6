//! The bounded queue between those who publish and the dispatcher.
//!
//! # Invariants
//!
//! * What is queued and what the dispatcher has taken but not started is at most the capacity, but
//!   for **debt**: what handlers publish and emit is pushed at once, since a handler that waited for
//!   the queue would wait for itself. Debt has a ceiling of [`DEBT_CEILING`] capacities.
//! * Every wake-up is decided under the lock, by what was true under the lock: the dispatcher says
//!   that it parks before it does, and a publisher that it waits, so neither is forgotten.
//! * The bus's own events have a lane of their own, and count against nothing of the user's.

use std::collections::VecDeque;
use std::sync::{Mutex, MutexGuard};
use std::time::Duration;

use tokio::sync::Notify;

use crate::envelope::Envelope;
use crate::sync::lock;

/// Debt may grow to this many times the capacity. A bus that is that far behind is not catching up.
pub(crate) const DEBT_CEILING: usize = 10;

/// What a publish from outside any handler does when the queue is full. Handlers never wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackpressureStrategy {
    /// Wait for room, and give up after the timeout: the default, with 30 s.
    Block {
        /// How long.
        timeout: Duration,
    },
    /// Make room: drop what has waited longest, and say so in the outcome.
    DropOldest,
    /// Refuse, and give the event back.
    RejectNew,
}

/// Who may push, and how far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Intake {
    Open,
    /// Shutting down: handlers may still publish.
    HandlersOnly,
    Closed,
}

/// Why the queue did not take an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the event queue is full ({capacity} events)")]
    Full { capacity: usize },
    #[error("handlers have published {ceiling} events more than the dispatcher could take")]
    Ceiling { ceiling: usize },
    #[error("events cause one another without end")]
    TooDeep,
    #[error("the bus is shutting down")]
    ShuttingDown,
    #[error("the bus is closed")]
    Closed,
}

pub(crate) struct Queue {
    state: Mutex<State>,
    capacity: usize,
    /// The dispatcher waits here.
    work: Notify,
    /// Publishers wait here for room, in order of arrival.
    room: Notify,
    /// Root commands wait here for the debt to be paid.
    paid: Notify,
}

struct State {
    events: VecDeque<Envelope>,
    lifecycle: VecDeque<Envelope>,
    /// Taken by the dispatcher and not started yet.
    taken: usize,
    /// The dispatcher is going through a batch, the bus's own events included.
    busy: bool,
    /// The dispatcher waits for work.
    parked: bool,
    /// How many wait for room.
    waiting: usize,
    intake: Intake,
    counts: Counts,
}

/// What has passed the queue.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Counts {
    pub(crate) accepted: u64,
    pub(crate) dropped: u64,
    pub(crate) lifecycle_dropped: u64,
    pub(crate) largest: usize,
}

impl Queue {
    pub(crate) fn new(capacity: usize) -> Self {
        let state = State {
            events: VecDeque::new(),
            lifecycle: VecDeque::new(),
            taken: 0,
            busy: false,
            parked: false,
            waiting: 0,
            intake: Intake::Open,
            counts: Counts::default(),
        };
        Self {
            state: Mutex::new(state),
            capacity,
            work: Notify::new(),
            room: Notify::new(),
            paid: Notify::new(),
        }
    }

    /// Pushes an event from outside any handler, if there is room and nobody waits for it.
    /// The event is given back when it is refused.
    pub(crate) fn push(&self, event: Envelope) -> Result<(), (Envelope, Refused)> {
        let mut state = self.lock();
        if let Err(refused) = state.admits(Intake::Open) {
            return Err((event, refused));
        }
        if state.occupied() >= self.capacity {
            return Err((event, Refused::Full { capacity: self.capacity }));
        }
        state.accept(event);
        self.wake_dispatcher(state);
        Ok(())
    }

    /// Pushes an event, and drops the oldest ones until it has room. What the dispatcher has taken
    /// is on its way and cannot be dropped: if nothing else is there, the capacity is exceeded by
    /// less than a batch.
    pub(crate) fn push_dropping(
        &self,
        event: Envelope,
    ) -> Result<Vec<Envelope>, (Envelope, Refused)> {
        let mut state = self.lock();
        if let Err(refused) = state.admits(Intake::Open) {
            return Err((event, refused));
        }
        let mut dropped = Vec::new();
        while state.occupied() >= self.capacity {
            let Some(oldest) = state.events.pop_front() else {
                break;
            };
            dropped.push(oldest);
        }
        state.counts.dropped += dropped.len() as u64;
        state.accept(event);
        self.wake_dispatcher(state);
        Ok(dropped)
    }

    /// Pushes what a handler has published or emitted: all of it or nothing.
    pub(crate) fn push_nested(
        &self,
        events: Vec<Envelope>,
    ) -> Result<(), (Vec<Envelope>, Refused)> {
        let mut state = self.lock();
        let ceiling = self.capacity.saturating_mul(DEBT_CEILING);
        if let Err(refused) = state.admits(Intake::HandlersOnly) {
            return Err((events, refused));
        }
        if state.occupied() + events.len() > self.capacity.saturating_add(ceiling) {
            return Err((events, Refused::Ceiling { ceiling }));
        }
        for event in events {
            state.accept(event);
        }
        self.wake_dispatcher(state);
        Ok(())
    }

    /// Pushes an event of the bus's own. Where listeners cannot follow, the oldest is dropped.
    pub(crate) fn push_lifecycle(&self, event: Envelope) {
        let mut state = self.lock();
        if state.intake == Intake::Closed {
            return;
        }
        let dropped = if state.lifecycle.len() >= self.capacity {
            state.counts.lifecycle_dropped += 1;
            state.lifecycle.pop_front()
        } else {
            None
        };
        state.lifecycle.push_back(event);
        self.wake_dispatcher(state);
        drop(dropped);
    }

    /// Resolves when a push may succeed. Cancel-safe: who stops waiting leaves no trace.
    pub(crate) async fn room(&self) {
        let room = self.room.notified();
        let mut room = std::pin::pin!(room);
        room.as_mut().enable();
        let _waiting = {
            let mut state = self.lock();
            if state.occupied() < self.capacity || state.intake != Intake::Open {
                return;
            }
            state.waiting += 1;
            Waiting(self)
        };
        room.await;
    }

    /// Is there debt?
    pub(crate) fn has_debt(&self) -> bool {
        self.lock().occupied() > self.capacity
    }

    /// Resolves when there is no debt, or nobody who would pay it. Cancel-safe.
    pub(crate) async fn paid(&self) {
        loop {
            let mut paid = std::pin::pin!(self.paid.notified());
            paid.as_mut().enable();
            {
                let state = self.lock();
                if state.occupied() <= self.capacity || state.intake == Intake::Closed {
                    return;
                }
            }
            paid.await;
        }
    }

    /// Takes what is there, up to `limit`, waiting for the first. The events of the former batch
    /// count as started. `false` when the queue is closed: nothing comes any more.
    pub(crate) async fn take(&self, batch: &mut Vec<Envelope>, limit: usize) -> bool {
        loop {
            {
                let mut state = self.lock();
                state.taken = 0;
                state.move_into(batch, limit);
                state.busy = !batch.is_empty();
                self.wake_publishers(&state);
                if !batch.is_empty() {
                    return true;
                }
                if state.intake == Intake::Closed {
                    return false;
                }
                state.parked = true;
            }
            self.work.notified().await;
        }
    }

    /// The dispatcher has started all of its batch but `left`.
    pub(crate) fn started_all_but(&self, left: usize) {
        let mut state = self.lock();
        state.taken = left;
        self.wake_publishers(&state);
    }

    pub(crate) fn limit_intake(&self, intake: Intake) -> Vec<Envelope> {
        let mut state = self.lock();
        state.intake = state.intake.max(intake);
        let mut left = Vec::new();
        if state.intake == Intake::Closed {
            left.extend(state.events.drain(..));
            state.counts.dropped += left.len() as u64;
            left.extend(state.lifecycle.drain(..));
            self.paid.notify_waiters();
        }
        self.room.notify_waiters();
        self.wake_dispatcher(state);
        left
    }

    pub(crate) fn capacity(&self) -> usize {
        self.capacity
    }

    pub(crate) fn intake(&self) -> Intake {
        self.lock().intake
    }

    /// Counts events that were lost outside the queue.
    pub(crate) fn count_dropped(&self, n: u64) {
        self.lock().counts.dropped += n;
    }

    /// Queued (or taken and not started), debt, and what has passed.
    pub(crate) fn gauge(&self) -> (usize, usize, Counts) {
        let state = self.lock();
        let queued = state.occupied();
        (queued, queued.saturating_sub(self.capacity), state.counts)
    }

    /// Is nothing queued, the bus's own events included, and nothing taken but not started?
    pub(crate) fn is_empty(&self) -> bool {
        let state = self.lock();
        !state.busy && state.occupied() == 0 && state.lifecycle.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Consumes the guard: the dispatcher is woken after the lock is released.
    fn wake_dispatcher(&self, mut state: MutexGuard<'_, State>) {
        let parked = std::mem::take(&mut state.parked);
        drop(state);
        if parked {
            self.work.notify_one();
        }
    }

    fn wake_publishers(&self, state: &State) {
        let room = self.capacity.saturating_sub(state.occupied());
        for _ in 0..room.min(state.waiting) {
            self.room.notify_one();
        }
        if state.occupied() <= self.capacity {
            self.paid.notify_waiters();
        }
    }
}

impl State {
    fn occupied(&self) -> usize {
        self.events.len() + self.taken
    }

    fn admits(&self, who: Intake) -> Result<(), Refused> {
        match self.intake {
            Intake::Closed => Err(Refused::Closed),
            Intake::HandlersOnly if who == Intake::Open => Err(Refused::ShuttingDown),
            Intake::Open | Intake::HandlersOnly => Ok(()),
        }
    }

    fn accept(&mut self, event: Envelope) {
        self.events.push_back(event);
        self.counts.accepted += 1;
        self.counts.largest = self.counts.largest.max(self.occupied());
    }

    /// The bus's own events come first: they are few, and tell of what has already happened.
    fn move_into(&mut self, batch: &mut Vec<Envelope>, limit: usize) {
        let own = self.lifecycle.len().min(limit);
        batch.extend(self.lifecycle.drain(..own));
        let users = self.events.len().min(limit);
        batch.extend(self.events.drain(..users));
        self.taken = users;
    }
}

/// Counts one who waits for room; uncounted also when it is cancelled.
struct Waiting<'q>(&'q Queue);

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        let mut state = self.0.lock();
        state.waiting -= 1;
    }
}
