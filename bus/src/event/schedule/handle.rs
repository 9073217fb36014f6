//! What the publisher of a scheduled event keeps.

use std::fmt;
use std::sync::Weak;
use std::time::Instant;

use super::{When, drive};
use crate::core::Core;
use crate::message::MessageId;

/// An event that is scheduled: takes it back, or moves it. Dropping it changes nothing.
#[derive(Clone)]
pub struct Scheduled {
    core: Weak<Core>,
    number: u64,
    id: MessageId,
}

impl Scheduled {
    pub(crate) fn new(core: Weak<Core>, number: u64, id: MessageId) -> Self {
        Self { core, number, id }
    }

    /// The id that the event will have. Of one that recurs, each time has another.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// When it is due. `None`: it was published, or cancelled; or it recurs, and its last time is not
    /// over.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        self.core.upgrade()?.timers.due(self.number)
    }

    /// Will it be published, or published again?
    #[must_use]
    pub fn is_pending(&self) -> bool {
        self.core.upgrade().is_some_and(|core| core.timers.is_pending(self.number))
    }

    /// Takes the event back. `false`: it is too late, as it was published, cancelled, or lost with its
    /// bus. Of one that recurs, all further times; one that is being handled goes on.
    pub fn cancel(&self) -> bool {
        let Some(core) = self.core.upgrade() else { return false };
        let taken = core.timers.remove(self.number);
        if let (Some(_), Some(history)) = (&taken, &core.history) {
            history.taken_back(self.id);
        }
        taken.is_some()
    }

    /// Moves the event to another time; one that recurs goes on from there. `false`: nothing has
    /// changed, as it is not waiting for its time now ([`due`](Self::due)), or the clock does not reach
    /// so far.
    pub fn reschedule(&self, when: impl Into<When>) -> bool {
        let Some(core) = self.core.upgrade() else { return false };
        let Some(at) = when.into().due(&*core.settings.clock) else { return false };
        let moved = core.timers.reschedule(self.number, at);
        drive::start(&core);
        moved
    }
}

impl fmt::Debug for Scheduled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Scheduled").field("id", &self.id).field("due", &self.due()).finish()
    }
}
