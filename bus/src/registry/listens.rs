//! Which of the bus's own events somebody handles.

use std::any::TypeId;

use crate::message::{
    CircuitStateChangedEvent, CommandResultEvent, CommandStartedEvent, DeadLetteredEvent,
    EventHandlerFailedEvent, EventsDroppedEvent, QueueMarkEvent, SessionEndEvent,
    SessionStartEvent, UnhandledEvent,
};

/// One of the bus's own events.
#[derive(Clone, Copy)]
pub(crate) enum Own {
    CommandStarted,
    CommandResult,
    HandlerFailed,
    DeadLettered,
    CircuitChanged,
    Unhandled,
    QueueMark,
    Dropped,
    SessionStart,
    SessionEnd,
}

impl Own {
    fn all() -> [(Self, TypeId); 10] {
        [
            (Self::CommandStarted, TypeId::of::<CommandStartedEvent>()),
            (Self::CommandResult, TypeId::of::<CommandResultEvent>()),
            (Self::HandlerFailed, TypeId::of::<EventHandlerFailedEvent>()),
            (Self::DeadLettered, TypeId::of::<DeadLetteredEvent>()),
            (Self::CircuitChanged, TypeId::of::<CircuitStateChangedEvent>()),
            (Self::Unhandled, TypeId::of::<UnhandledEvent>()),
            (Self::QueueMark, TypeId::of::<QueueMarkEvent>()),
            (Self::Dropped, TypeId::of::<EventsDroppedEvent>()),
            (Self::SessionStart, TypeId::of::<SessionStartEvent>()),
            (Self::SessionEnd, TypeId::of::<SessionEndEvent>()),
        ]
    }
}

/// Which of them somebody handles: a bit for each, as every dispatch looks. The others are not even made.
#[derive(Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Listens(u16);

impl Listens {
    /// Those that are heard.
    pub(crate) fn which(is_heard: impl Fn(TypeId) -> bool) -> Self {
        let heard = Own::all().into_iter().filter(|(_, type_id)| is_heard(*type_id));
        Self(heard.fold(0, |bits, (own, _)| bits | 1 << own as u16))
    }

    #[inline]
    pub(crate) fn to(self, own: Own) -> bool {
        self.0 & 1 << own as u16 != 0
    }

    /// What either of them hears.
    #[inline]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0 | other.0)
    }
}
