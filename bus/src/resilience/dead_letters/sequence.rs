//! Sequences: where a handler has given up on an event of a lane, those that follow it there wait behind
//! the dead letter, for this handler.
//!
//! The first of a sequence, its head, is the only one that can be retried. When that went well, or when it is
//! discarded, those behind it are run one after the other, until one fails, which is then the head, or
//! none is left. New events still go behind them: a sequence is there until its last letter is gone,
//! which the runner says inside the turn of the lane.

use std::collections::{HashMap, VecDeque};

use super::entry::DeadLetterData;
use super::store::{Store, arrived};
use super::{Buried, Cause, DeadLetterId};
use crate::core::Core;
use crate::message::order::LaneId;
use crate::registry::HandlerId;

/// How many events may wait behind one dead letter, for one handler and one key (or one ordered type or
/// stream). Those that come when there are so many are lost to that handler: counted as
/// [`refused`](crate::DeadLetterStats::refused), and reported as
/// [dropped](crate::EventsDroppedEvent).
pub const PARKED_PER_KEY: usize = 100;

/// What has an order: the events of a lane, for one handler.
pub(super) type Key = (HandlerId, LaneId);

/// Why an event was not parked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum NotParked {
    /// So many are parked there already: it is lost to its handler.
    Full { limit: usize },
    /// Nothing holds it up any more: it is to be run.
    Free,
}

/// The sequences, each with its letters in their order.
#[derive(Default)]
pub(super) struct Sequences(HashMap<Key, VecDeque<DeadLetterId>>);

impl Sequences {
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn head(&self, key: Key) -> Option<DeadLetterId> {
        self.0.get(&key)?.front().copied()
    }

    pub(super) fn enter(&mut self, key: Key, id: DeadLetterId) {
        self.0.entry(key).or_default().push_back(id);
    }

    pub(super) fn leave(&mut self, key: Key, id: DeadLetterId) {
        let Some(letters) = self.0.get_mut(&key) else { return };
        letters.retain(|other| *other != id);
        if letters.is_empty() {
            self.0.remove(&key);
            if self.0.len() < self.0.capacity() / 4 {
                self.0.shrink_to_fit();
            }
        }
    }

    /// How many are behind the head.
    fn behind(&self, key: Key) -> usize {
        self.0.get(&key).map_or(0, |letters| letters.len().saturating_sub(1))
    }
}

impl DeadLetterData {
    pub(super) fn key(&self) -> Option<Key> {
        Some((self.hidden.handler_id, self.hidden.lane?))
    }
}

impl Store {
    /// The dead letter that holds up events of a lane for a handler. To be asked in the handler's turn.
    pub(crate) fn is_behind(&self, handler: HandlerId, lane: LaneId) -> Option<DeadLetterId> {
        if !self.has_sequences() {
            return None;
        }
        self.lock().sequences.head((handler, lane))
    }

    /// Keeps an event that has to follow a dead letter, in the turn of its handler; the cause is filled in
    /// here.
    ///
    /// # Errors
    /// [`NotParked::Full`]: too many are there already. It is counted here, and to be reported as dropped.
    /// [`NotParked::Free`]: what held it up is gone since it was asked for.
    pub(crate) fn park(&self, core: &Core, buried: Buried) -> Result<DeadLetterId, NotParked> {
        let mut data = DeadLetterData::of(buried);
        let key = data.key().ok_or(NotParked::Free)?;
        let mut state = self.lock();
        let behind = state.sequences.head(key).ok_or(NotParked::Free)?;
        if state.sequences.behind(key) >= PARKED_PER_KEY {
            state.stats.refused += 1;
            return Err(NotParked::Full { limit: PARKED_PER_KEY });
        }
        data.cause = Cause::Parked { behind };
        state.stats.parked += 1;
        let added = state.add(core, data, self.capacity());
        drop(state);
        Ok(arrived(core, added))
    }
}
