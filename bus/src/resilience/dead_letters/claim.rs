//! A dead letter that is kept for one run of it.

use std::sync::{Arc, Weak};

use super::sequence::Key;
use super::store::{State, Store};
use super::{Again, DeadLetterData, DeadLetterId, Letter, RetryError};
use crate::core::Core;

/// While it lives, nobody else retries or discards the letter. Dropped before anything was said of how the
/// run ended, it gives the letter back as it was.
pub(crate) struct Claim {
    core: Weak<Core>,
    id: DeadLetterId,
    number: u64,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.dead_letters.release(&core, self.id, self.number);
        }
    }
}

impl Claim {
    /// The run went well. If its runner has not said so, it is said here.
    pub(super) fn succeeded(&self, core: &Core) {
        if core.dead_letters.is_claimed(self.id, self.number) {
            core.dead_letters.succeeded(self.id);
        }
    }
}

/// A letter to be run, and how.
pub(super) struct ToRun {
    pub(super) letter: Letter,
    pub(super) again: Arc<dyn Again>,
    /// The sequence that it is the head of.
    pub(super) key: Option<Key>,
}

impl Store {
    /// Keeps a letter for one run of it. `is_copy`: of a copy.
    pub(super) fn claim(
        &self,
        core: &Core,
        id: DeadLetterId,
        is_copy: bool,
    ) -> Result<ToRun, RetryError> {
        let mut state = self.lock();
        let Some(slot) = state.slot(id) else { return Err(RetryError::Gone { id }) };
        let (is_free, data) = (slot.claim.is_none(), Arc::clone(&slot.data));
        let head = data.key().and_then(|key| state.sequences.head(key));
        if let Some(head) = head.filter(|head| *head != id) {
            return Err(RetryError::Behind { id, head });
        }
        if !is_free {
            return Err(RetryError::Busy { id });
        }
        Ok(state.prepare(core, &data, is_copy))
    }

    /// Keeps the head of a sequence for a run. `None`: there is none, or it is being retried already, by
    /// one who then goes on with the sequence.
    pub(super) fn claim_head(&self, core: &Core, key: Key) -> Option<ToRun> {
        let mut state = self.lock();
        let head = state.sequences.head(key)?;
        let slot = state.slot(head)?;
        if slot.claim.is_some() {
            return None;
        }
        let data = Arc::clone(&slot.data);
        Some(state.prepare(core, &data, false))
    }
}

impl State {
    fn prepare(&mut self, core: &Core, data: &DeadLetterData, is_copy: bool) -> ToRun {
        let number = self.claim(data.id, is_copy);
        let claim = Claim { core: core.weak(), id: data.id, number };
        let hidden = &data.hidden;
        let letter = Letter {
            id: data.id,
            message: Arc::clone(&hidden.message),
            message_id: data.message_id,
            info: hidden.info,
            head: hidden.head.clone(),
            handler_id: hidden.handler_id,
            handler: data.handler.clone(),
            session: hidden.session.clone(),
            correlation: data.correlation_id,
            principal: data.principal.clone(),
            lifecycle: hidden.lifecycle,
            lane: hidden.lane,
            attempts: data.attempts,
            claim: Arc::new(claim),
        };
        ToRun { letter, again: Arc::clone(&hidden.again), key: data.key() }
    }
}
