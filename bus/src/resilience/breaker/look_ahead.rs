//! What is asked of a breaker without a call.

use std::sync::Arc;
use std::time::Instant;

use super::CircuitBreaker;
use super::word::Mode;
use crate::sync::atomic::Ordering;

impl CircuitBreaker {
    /// Might a call be let in then, as far as is known now?
    pub(crate) fn admits_at(&self, then: Instant) -> bool {
        match self.0.word.get().mode() {
            Mode::Closed | Mode::HalfOpen | Mode::Disabled => true,
            Mode::ForcedOpen => false,
            Mode::Open => self.0.since.nanos(then) >= self.0.cold.until.load(Ordering::Relaxed),
        }
    }

    /// Where it lies: that of its clones too.
    pub(crate) fn place(&self) -> usize {
        Arc::as_ptr(&self.0).addr()
    }

    /// Its name, for whoever keeps it.
    pub(crate) fn shared_name(&self) -> Arc<str> {
        Arc::clone(&self.0.name)
    }
}
