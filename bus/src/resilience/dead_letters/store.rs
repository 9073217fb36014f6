//! Where dead letters are kept: in the order in which they came, in bounds.
//!
//! All is decided under one lock, which is held for a few instructions. What is taken out is dropped when
//! it is given back: a message's destructor is foreign code.
//!
//! > **Invariant**: what is claimed is neither evicted nor discarded; it leaves by
//! > [`Store::succeeded`] alone, and is free again when its claim is dropped.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::entry::DeadLetterData;
use super::history::{self, TEXT, cut};
use super::line::Line;
use super::sequence::{Key, Sequences};
use super::{
    Buried, Cause, DeadLetterEntry, DeadLetterId, DeadLetterStats, DiscardError, FailedAttempt,
};
use crate::core::Core;
use crate::event::DropReason;
use crate::observe::{What, tap};
use crate::pipeline::announce;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};

/// The dead letters of a bus.
pub(crate) struct Store {
    capacity: usize,
    state: Mutex<State>,
    /// How many sequences there are: a look at this is all that an event costs while there is none.
    sequences: AtomicUsize,
}

#[derive(Default)]
pub(super) struct State {
    pub(super) line: Line<Slot>,
    pub(super) sequences: Sequences,
    pub(super) stats: DeadLetterStats,
    /// The number of the newest.
    last: u64,
    /// The number of the newest claim.
    claims: u64,
}

pub(super) struct Slot {
    pub(super) data: Arc<DeadLetterData>,
    pub(super) claim: Option<Claimed>,
}

/// It is being retried.
#[derive(Clone, Copy)]
pub(super) struct Claimed {
    number: u64,
    /// With a copy, which says nothing of the letter itself.
    is_copy: bool,
}

/// What was taken out, to be let go of without the lock.
pub(super) type Gone = Vec<Arc<DeadLetterData>>;

impl Store {
    /// Keeps at most so many.
    pub(crate) fn new(capacity: usize) -> Self {
        Self { capacity, state: Mutex::default(), sequences: AtomicUsize::new(0) }
    }

    /// Keeps what a handler has given up on, and announces it. Where that has a lane, it holds up those
    /// that come later, or is the last of those held up already.
    pub(crate) fn bury(&self, core: &Core, buried: Buried) -> DeadLetterId {
        let data = DeadLetterData::of(buried);
        let mut state = self.lock();
        let added = state.add(core, data, self.capacity);
        drop(state);
        arrived(core, added)
    }

    /// A run that was made for a letter went well: it is gone. Said by the runner inside the turn of its
    /// lane, so that what is behind it is still held up by those that are left. `false`: it was gone.
    pub(crate) fn succeeded(&self, id: DeadLetterId) -> bool {
        let mut state = self.lock();
        let gone = state.remove(id);
        state.stats.succeeded += u64::from(gone.is_some());
        drop(state);
        let was_there = gone.is_some();
        let_go(gone);
        was_there
    }

    /// A run that was made for a letter has failed: it keeps its place, and its attempts go on counting.
    /// Said by the runner inside the turn of its lane. Of a copy that has failed nothing is noted.
    #[allow(clippy::too_many_arguments, reason = "what the runner knows of a failure")]
    pub(crate) fn failed_again(
        &self,
        core: &Core,
        id: DeadLetterId,
        cause: Cause,
        error: String,
        error_chain: String,
        attempts_made: u32,
        history: Vec<FailedAttempt>,
    ) {
        let (error, error_chain) = (cut(error, TEXT), cut(error_chain, TEXT));
        let last = history.last().map(|attempt| attempt.at);
        let last = last.unwrap_or_else(|| core.settings.clock.system_time());
        let mut state = self.lock();
        if let Some(slot) = state.slot(id) {
            let claim = slot.claim.take();
            if !claim.is_some_and(|claim| claim.is_copy) {
                let data = Arc::make_mut(&mut slot.data);
                (data.cause, data.error, data.error_chain) = (cause, error, error_chain);
                data.attempts = data.attempts.saturating_add(attempts_made);
                data.last_attempted = last;
                let left_out = history::extend(&mut data.history, history);
                data.left_out = data.left_out.saturating_add(left_out);
            }
        }
        let evicted = state.make_room(self.capacity, None);
        drop(state);
        evict(core, evicted);
    }

    /// Takes one out that the user does not want any more. Returns what it held up, which is to be run
    /// now.
    pub(super) fn discard(&self, id: DeadLetterId) -> Result<Option<Key>, DiscardError> {
        let mut state = self.lock();
        let Some(slot) = state.slot(id) else { return Err(DiscardError::Gone { id }) };
        if slot.claim.is_some() {
            return Err(DiscardError::Busy { id });
        }
        let key = slot.data.key();
        let was_head = key.is_some_and(|key| state.sequences.head(key) == Some(id));
        let gone = state.remove(id);
        state.stats.discarded += 1;
        let held_up = key.filter(|key| was_head && state.sequences.head(*key).is_some());
        drop(state);
        let_go(gone);
        Ok(held_up)
    }

    /// The claim is given back: nothing was said of how the run ended, or it is known already.
    pub(super) fn release(&self, core: &Core, id: DeadLetterId, claim: u64) {
        let mut state = self.lock();
        let Some(slot) = state.slot(id) else { return };
        if slot.claim.is_none_or(|claimed| claimed.number != claim) {
            return;
        }
        slot.claim = None;
        let evicted = state.make_room(self.capacity, None);
        drop(state);
        evict(core, evicted);
    }

    /// Is it kept for this claim?
    pub(super) fn is_claimed(&self, id: DeadLetterId, claim: u64) -> bool {
        let mut state = self.lock();
        let claimed = state.slot(id).and_then(|slot| slot.claim);
        claimed.is_some_and(|claimed| claimed.number == claim)
    }

    /// All of them, the oldest first.
    pub(super) fn all(&self) -> Vec<DeadLetterEntry> {
        let state = self.lock();
        state.line.iter().map(|(_, slot)| DeadLetterEntry(Arc::clone(&slot.data))).collect()
    }

    pub(super) fn get(&self, id: DeadLetterId) -> Option<DeadLetterEntry> {
        Some(DeadLetterEntry(Arc::clone(&self.lock().slot(id)?.data)))
    }

    pub(crate) fn has(&self, id: DeadLetterId) -> bool {
        self.lock().slot(id).is_some()
    }

    pub(crate) fn len(&self) -> usize {
        self.lock().line.len()
    }

    pub(super) fn stats(&self) -> DeadLetterStats {
        let state = self.lock();
        let (present, sequences) = (state.line.len(), state.sequences.len());
        DeadLetterStats { present, sequences, capacity: self.capacity, ..state.stats }
    }

    pub(super) fn lock(&self) -> Locked<'_> {
        Locked { state: lock(&self.state), live: &self.sequences }
    }

    /// Does a dead letter hold up others? One load while there is none. Whoever asks in the turn of a lane
    /// sees what those before it in the lane have done.
    #[inline]
    pub(crate) fn has_sequences(&self) -> bool {
        self.sequences.load(Ordering::Acquire) > 0
    }

    pub(super) fn capacity(&self) -> usize {
        self.capacity
    }
}

/// The state under its lock. Says how many sequences there are when it is let go of.
pub(super) struct Locked<'a> {
    state: MutexGuard<'a, State>,
    live: &'a AtomicUsize,
}

impl std::ops::Deref for Locked<'_> {
    type Target = State;
    fn deref(&self) -> &State {
        &self.state
    }
}

impl std::ops::DerefMut for Locked<'_> {
    fn deref_mut(&mut self) -> &mut State {
        &mut self.state
    }
}

impl Drop for Locked<'_> {
    fn drop(&mut self) {
        self.live.store(self.state.sequences.len(), Ordering::Release);
    }
}

impl State {
    pub(super) fn slot(&mut self, id: DeadLetterId) -> Option<&mut Slot> {
        self.line.get_mut(id.number()).filter(|slot| slot.data.id == id)
    }

    /// Adds one at the end, and makes room for it.
    pub(super) fn add(
        &mut self,
        core: &Core,
        mut data: DeadLetterData,
        capacity: usize,
    ) -> (Arc<DeadLetterData>, Gone) {
        self.last += 1;
        data.id = DeadLetterId::new(core.number, self.last);
        let data = Arc::new(data);
        if let Some(key) = data.key() {
            self.sequences.enter(key, data.id);
        }
        self.line.push(self.last, Slot { data: Arc::clone(&data), claim: None });
        self.stats.buried += 1;
        let evicted = self.make_room(capacity, Some(self.last));
        (data, evicted)
    }

    /// Takes out the oldest while there are too many. What is being retried stays, and what has just come:
    /// if there is nothing else, there is one too many until a retry has ended.
    fn make_room(&mut self, capacity: usize, newest: Option<u64>) -> Gone {
        let mut gone = Vec::new();
        while self.line.len() > capacity {
            let free = |(number, slot): (u64, &Slot)| {
                (slot.claim.is_none() && Some(number) != newest).then_some(slot.data.id)
            };
            let Some(oldest) = self.line.iter().find_map(free) else { break };
            self.stats.evicted += 1;
            gone.extend(self.remove(oldest));
        }
        gone
    }

    /// Takes one out of the line and of its sequence.
    fn remove(&mut self, id: DeadLetterId) -> Option<Arc<DeadLetterData>> {
        self.slot(id)?;
        let slot = self.line.remove(id.number())?;
        if let Some(key) = slot.data.key() {
            self.sequences.leave(key, id);
        }
        Some(slot.data)
    }

    /// Keeps one for a run of it: the number of the claim.
    pub(super) fn claim(&mut self, id: DeadLetterId, is_copy: bool) -> u64 {
        self.claims += 1;
        let number = self.claims;
        if let Some(slot) = self.slot(id) {
            slot.claim = Some(Claimed { number, is_copy });
        }
        self.stats.retried += 1;
        number
    }
}

/// Tells of one that has come, and of those that had to go for it.
pub(super) fn arrived(core: &Core, (data, evicted): (Arc<DeadLetterData>, Gone)) -> DeadLetterId {
    announce::dead_lettered(core, &data);
    evict(core, evicted);
    let id = data.id;
    let_go(Some(data));
    id
}

/// Says that dead letters are lost: not once for each, see [`crate::event::losses`]. Of what the bus's own
/// events have caused nothing is announced, else a handler that fails for what is lost would be called
/// for ever.
fn evict(core: &Core, gone: Gone) {
    for data in &gone {
        if data.is_lifecycle() {
            tracing::debug!(message_name = data.message, id = %data.id, "a dead letter was evicted");
            continue;
        }
        let reason = DropReason::DeadLetterEvicted;
        if core.observers.is_on() {
            tap::of_letter(core, data, What::Dropped { reason, count: 1 });
        }
        core.losses.note(core, data.info(), 1, reason);
    }
    let_go(gone);
}

/// Drops what was taken out. A destructor of the user's may panic, and the runner is not to know.
fn let_go(gone: impl IntoIterator<Item = Arc<DeadLetterData>>) {
    for data in gone {
        if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(data))) {
            announce::letter_panicked(&*panic);
        }
    }
}
