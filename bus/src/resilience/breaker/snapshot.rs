//! What a breaker says of itself.

use std::sync::Arc;
use std::time::Duration;

use super::word::Mode;
use super::{CircuitBreaker, CircuitChange, CircuitState};
use crate::sync::atomic::Ordering;
use crate::sync::lock;

/// A circuit breaker as it was for a moment.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitSnapshot {
    /// The name of the breaker.
    pub name: Arc<str>,
    /// What it does with calls.
    pub state: CircuitState,
    /// It is as it is because an operator said so, and stays so until it is reset: open if it was forced, closed
    /// if it is disabled.
    pub held: bool,
    /// Calls that ended in the last window; a probe is none.
    pub calls: u64,
    /// Of these, such as failed.
    pub failures: u64,
    /// Calls that were not made, since there is this breaker.
    pub rejected: u64,
    /// If it is open: how long yet. Nothing if the next call will be a probe, and `None` if it was forced.
    pub retry_after: Option<Duration>,
    /// If it is half-open: probes that have not ended.
    pub probes: u32,
    /// If it is half-open: probes that have ended well.
    pub successes: u32,
    /// How often it has changed.
    pub changes: u64,
}

impl CircuitBreaker {
    /// What it is now. An open breaker becomes half-open when the first call comes after its time.
    #[must_use]
    pub fn state(&self) -> CircuitState {
        self.0.word.get().mode().state()
    }

    /// The last 32 changes, oldest first.
    #[must_use]
    pub fn history(&self) -> Vec<CircuitChange> {
        lock(&self.0.cold.state).log.history()
    }

    /// What there is to know of it.
    #[must_use]
    pub fn snapshot(&self) -> CircuitSnapshot {
        let at = self.0.since.nanos(self.0.clock.now());
        let state = lock(&self.0.cold.state);
        let mode = self.0.word.get().mode();
        let until = self.0.cold.until.load(Ordering::Relaxed);
        let left = Duration::from_nanos(until.saturating_sub(at));
        // In this order: a failure is counted as a call first.
        let failures = self.0.cold.failures.sum(at);
        CircuitSnapshot {
            name: Arc::clone(&self.0.name),
            state: mode.state(),
            held: matches!(mode, Mode::ForcedOpen | Mode::Disabled),
            calls: self.0.calls.sum(at).max(failures),
            failures,
            rejected: self.0.cold.rejected.load(Ordering::Relaxed),
            retry_after: (mode == Mode::Open).then_some(left),
            probes: state.probes,
            successes: state.successes,
            changes: state.log.count,
        }
    }
}
