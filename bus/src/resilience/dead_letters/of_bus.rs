//! The verbs of dead letters.

use std::fmt;

use super::retry::go_on;
use super::{DeadLetterEntry, DeadLetterId, DeadLetterStats};
use crate::bus::Bus;
use crate::core::Core;

/// The dead letters of a bus: [`Bus::dead_letters`].
#[derive(Clone, Copy)]
pub struct DeadLetters<'a> {
    core: &'a Core,
}

impl Bus {
    /// What handlers gave up on.
    #[must_use]
    pub fn dead_letters(&self) -> DeadLetters<'_> {
        DeadLetters { core: self.core() }
    }
}

impl<'a> DeadLetters<'a> {
    pub(super) fn core(self) -> &'a Core {
        self.core
    }

    /// All of them, the oldest first. Looking at them changes nothing.
    #[must_use]
    pub fn list(self) -> Vec<DeadLetterEntry> {
        self.core.dead_letters.all()
    }

    /// One of them.
    #[must_use]
    pub fn get(self, id: DeadLetterId) -> Option<DeadLetterEntry> {
        self.core.dead_letters.get(id)
    }

    /// How many there are.
    #[must_use]
    pub fn len(self) -> usize {
        self.core.dead_letters.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// Counts of what became of them.
    #[must_use]
    pub fn stats(self) -> DeadLetterStats {
        self.core.dead_letters.stats()
    }

    /// Throws one away. If it has held up others, these are run now, in the background.
    ///
    /// # Errors
    /// [`DiscardError`]: there is no such letter, or it is being retried; then it stays.
    pub fn discard(self, id: DeadLetterId) -> Result<(), DiscardError> {
        let held_up = self.core.dead_letters.discard(id)?;
        held_up.inspect(|key| go_on(self.core, *key));
        Ok(())
    }
}

/// Why a dead letter was not discarded.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DiscardError {
    /// It is not there any more, or never was.
    #[error("there is no dead letter {id}: it was retried, discarded or evicted")]
    Gone {
        /// The dead letter.
        id: DeadLetterId,
    },
    /// It is being retried.
    #[error("dead letter {id} is being retried, and was not discarded")]
    Busy {
        /// The dead letter.
        id: DeadLetterId,
    },
}

impl fmt::Debug for DeadLetters<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetters").field("stats", &self.stats()).finish()
    }
}
