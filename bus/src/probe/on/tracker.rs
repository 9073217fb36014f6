//! What goes on on one bus.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::sync::Notify;

use crate::message::{MessageId, MessageInfo};
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// What goes on on one bus. All of it changes under one lock, so that a look at it is a moment.
pub(crate) struct Tracker {
    state: Mutex<State>,
    /// Something has come to rest.
    changed: Notify,
    /// Where runs are interleaved by a seed.
    random: Option<Mutex<fastrand::Rng>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// How many tasks and callers were woken and not polled, or are being polled.
    pub(crate) runnable: usize,
    pub(super) watches: BTreeMap<u64, Watched>,
    next: u64,
    /// How often anything has changed.
    changes: u64,
}

pub(super) struct Watched {
    waits: Waits,
    /// Else it is being polled, and its task counts as runnable.
    pending: bool,
    rests: usize,
}

/// A handler that is pending.
#[derive(Clone)]
pub(crate) struct Waits {
    pub(crate) handler: HandlerInfo,
    pub(crate) message: &'static MessageInfo,
    pub(crate) id: MessageId,
    pub(crate) attempt: u32,
}

impl Tracker {
    pub(crate) fn new(seed: Option<u64>) -> Arc<Self> {
        let random = seed.map(|seed| Mutex::new(fastrand::Rng::with_seed(seed)));
        Arc::new(Self { state: Mutex::default(), changed: Notify::new(), random })
    }

    /// Is nothing runnable, and does nobody wait for anything but the clock and the bus?
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = lock(&self.state);
        state.runnable == 0 && state.watches.values().all(|watched| !watched.is_real())
    }

    /// Resolves when it [is at rest](Self::is_at_rest): there was such a moment. Cancel-safe.
    pub(crate) async fn rest(&self) {
        loop {
            // First: it hears of all that comes to rest from now on.
            let changed = self.changed.notified();
            if self.is_at_rest() {
                return;
            }
            changed.await;
        }
    }

    /// Differs from an earlier one if anything has gone on since.
    pub(crate) fn changes(&self) -> u64 {
        lock(&self.state).changes
    }

    /// Those that are pending: those that wait for something real, and the others; and how many are runnable.
    pub(crate) fn pending(&self) -> (Vec<Waits>, Vec<Waits>, usize) {
        let state = lock(&self.state);
        let pending = state.watches.values().filter(|watched| watched.pending);
        let (real, others): (Vec<_>, Vec<_>) = pending.partition(|watched| watched.is_real());
        let waits = |all: Vec<&Watched>| all.into_iter().map(|one| one.waits.clone()).collect();
        (waits(real), waits(others), state.runnable)
    }

    pub(super) fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        state.changes += 1;
        let result = change(&mut state);
        let may_rest = state.runnable == 0;
        drop(state);
        if may_rest {
            self.changed.notify_waiters();
        }
        result
    }

    pub(super) fn up(&self) {
        lock(&self.state).runnable += 1;
    }

    pub(super) fn down(&self) {
        self.change(|state| state.runnable = state.runnable.saturating_sub(1));
    }

    /// For one who draws by himself, from now on. `None`: there is no seed.
    pub(super) fn chance(&self) -> Option<fastrand::Rng> {
        self.random.as_ref().map(|random| lock(random).fork())
    }

    /// Shall what would go on now let the others go first?
    pub(super) fn yields(&self) -> bool {
        self.random.as_ref().is_some_and(|random| lock(random).bool())
    }
}

impl Watched {
    fn is_real(&self) -> bool {
        self.pending && self.rests == 0
    }
}

impl State {
    pub(super) fn add(&mut self, waits: Waits) -> u64 {
        self.next += 1;
        self.watches.insert(self.next, Watched { waits, pending: false, rests: 0 });
        self.next
    }

    pub(super) fn set_pending(&mut self, number: u64, pending: bool) {
        self.watches.entry(number).and_modify(|watched| watched.pending = pending);
    }

    pub(super) fn rest(&mut self, number: u64, change: isize) {
        self.watches.entry(number).and_modify(|watched| {
            watched.rests = watched.rests.saturating_add_signed(change);
        });
    }
}
