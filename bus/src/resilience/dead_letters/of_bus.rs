//! The verbs of dead letters.

use std::collections::HashSet;
use std::fmt;

use super::retry::go_on;
use super::{DeadLetterEntry, DeadLetterId, DeadLetterStats, IntoSelect, Select, Selected};
use crate::bus::Bus;
use crate::core::Core;

/// The dead letters of a bus: [`Bus::dead_letters`].
#[derive(Clone, Copy)]
pub struct DeadLetters<'a> {
    core: &'a Core,
}

impl Bus {
    /// What handlers gave up on: commands, and events for one of their handlers. Kept in memory, in the
    /// order in which they came; when there are more than [`Builder::dead_letters`](crate::Builder::dead_letters)
    /// says, the oldest is thrown away, which is counted, logged, and told by an
    /// [`EventsDroppedEvent`](crate::EventsDroppedEvent). That one has come is told by a
    /// [`DeadLetteredEvent`](crate::DeadLetteredEvent).
    ///
    /// ```
    /// # let bus = bus::Bus::builder().build()?;
    /// for entry in bus.dead_letters().list() {
    ///     println!("{entry}");
    ///     println!("  {}", entry.error_chain);
    /// }
    /// assert!(bus.dead_letters().is_empty());
    /// # Ok::<(), bus::BuildError>(())
    /// ```
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

    /// Those that are chosen, to be listed, grouped, retried, discarded or exported: by a [`Select`], or by
    /// a closure that takes a `&DeadLetterEntry`.
    pub fn filter(self, which: impl IntoSelect) -> Selected<'a> {
        Selected { letters: self, select: which.into_select() }
    }

    pub(super) fn selected(self) -> Selected<'a> {
        Selected { letters: self, select: Select::new() }
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

    /// Throws all of them away; returns how many. What is being retried stays.
    pub fn clear(self) -> usize {
        self.selected().discard()
    }

    /// What they have held up, and is left, is run when all of them are gone.
    pub(super) fn discard_all(self, ids: &[DeadLetterId]) -> usize {
        let discarded: Vec<_> =
            ids.iter().filter_map(|id| self.core.dead_letters.discard(*id).ok()).collect();
        let held_up: HashSet<_> = discarded.iter().flatten().collect();
        held_up.into_iter().for_each(|key| go_on(self.core, *key));
        discarded.len()
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
