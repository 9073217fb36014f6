//! The state of a breaker in one word, which is all that a call looks at while it is closed.

use crate::sync::atomic::{AtomicU64, Ordering};

use super::CircuitState;

/// The mode, below a number that goes up with each change: a call that was let in before the last one is known
/// by it. 2^61 changes are never reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Word(u64);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mode {
    Closed,
    /// Closed, whatever happens, until it is reset.
    Disabled,
    Open,
    /// Open until it is reset.
    ForcedOpen,
    HalfOpen,
}

impl Word {
    #[inline]
    pub(super) fn mode(self) -> Mode {
        match self.0 & 7 {
            0 => Mode::Closed,
            1 => Mode::Disabled,
            2 => Mode::Open,
            3 => Mode::ForcedOpen,
            _ => Mode::HalfOpen,
        }
    }

    /// Is everybody let in?
    #[inline]
    pub(super) fn lets_all_in(self) -> bool {
        self.0 & 7 <= 1
    }

    /// After a change.
    pub(super) fn next(self, mode: Mode) -> Self {
        Self((((self.0 >> 3) + 1) << 3) | mode as u64)
    }
}

impl Mode {
    pub(super) fn state(self) -> CircuitState {
        match self {
            Self::Closed | Self::Disabled => CircuitState::Closed,
            Self::Open | Self::ForcedOpen => CircuitState::Open,
            Self::HalfOpen => CircuitState::HalfOpen,
        }
    }
}

/// Written under the breaker's lock, read by everybody.
pub(super) struct Current(AtomicU64);

impl Current {
    pub(super) fn closed() -> Self {
        Self(AtomicU64::new(0))
    }

    #[inline]
    pub(super) fn get(&self) -> Word {
        Word(self.0.load(Ordering::Acquire))
    }

    pub(super) fn set(&self, word: Word) {
        self.0.store(word.0, Ordering::Release);
    }
}
