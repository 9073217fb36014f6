//! What a breaker says of its changes.

use std::collections::VecDeque;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::SystemTime;

use crate::pipeline::failure::panic_text;
use crate::sync::{Mutex, lock};

/// What a circuit breaker does with a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum CircuitState {
    /// Lets it through.
    Closed,
    /// Rejects it.
    Open,
    /// Lets a few through, as probes, and rejects the others.
    HalfOpen,
}

/// As the word in a sentence: `half-open`.
impl fmt::Display for CircuitState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Closed => "closed",
            Self::Open => "open",
            Self::HalfOpen => "half-open",
        })
    }
}

/// A circuit breaker has changed.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct CircuitChange {
    /// What it was before. The same as `to` where an operator has only made it stay so.
    pub from: CircuitState,
    /// What it is now.
    pub to: CircuitState,
    /// When, by the clock on the wall.
    pub at: SystemTime,
    /// Why.
    pub reason: CircuitReason,
    /// The first change of a breaker is 1, and each is one more than the one before.
    pub number: u64,
}

/// Why a circuit breaker has changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum CircuitReason {
    /// It opened: so many calls in the window have failed.
    Failures {
        /// As many as this,
        failures: u64,
        /// of these.
        calls: u64,
    },
    /// It was open long enough: the next calls are probes.
    RecoveryTimeout,
    /// A probe has failed: it is open again.
    ProbeFailed,
    /// As many probes as it takes have ended well: it is closed.
    Recovered,
    /// [`force_open`](super::CircuitBreaker::force_open).
    ForcedOpen,
    /// [`disable`](super::CircuitBreaker::disable).
    Disabled,
    /// [`reset`](super::CircuitBreaker::reset).
    Reset,
}

impl fmt::Display for CircuitReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failures { failures, calls } => write!(f, "{failures} of {calls} calls failed"),
            Self::RecoveryTimeout => f.write_str("it is time for a probe"),
            Self::ProbeFailed => f.write_str("a probe failed"),
            Self::Recovered => f.write_str("the probes went well"),
            Self::ForcedOpen => f.write_str("it was forced open"),
            Self::Disabled => f.write_str("it was disabled"),
            Self::Reset => f.write_str("it was reset"),
        }
    }
}

/// `circuit opened: ..` for logs.
impl fmt::Display for CircuitChange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} -> {}: {}", self.from, self.to, self.reason)
    }
}

type Listener = Arc<dyn Fn(&CircuitChange) + Send + Sync>;

/// So many changes are remembered.
const HISTORY: usize = 32;

/// The last changes, and who is told of them. Lies in the breaker's lock.
#[derive(Default)]
pub(super) struct Log {
    history: VecDeque<CircuitChange>,
    /// How many there were.
    pub(super) count: u64,
    listeners: Vec<Listener>,
    untold: VecDeque<CircuitChange>,
    /// Somebody is telling, and takes along what comes meanwhile: so listeners hear of changes in their
    /// order, and one that makes another does not call itself.
    telling: bool,
}

impl Log {
    pub(super) fn note(
        &mut self,
        from: CircuitState,
        to: CircuitState,
        reason: CircuitReason,
        at: SystemTime,
    ) {
        self.count += 1;
        let change = CircuitChange { from, to, at, reason, number: self.count };
        if self.history.len() >= HISTORY {
            self.history.pop_front();
        }
        if !self.listeners.is_empty() {
            self.untold.push_back(change.clone());
        }
        self.history.push_back(change);
    }

    pub(super) fn listen(&mut self, listener: Listener) {
        self.listeners.push(listener);
    }

    pub(super) fn take_listeners(&mut self) -> Vec<Listener> {
        std::mem::take(&mut self.listeners)
    }

    pub(super) fn history(&self) -> Vec<CircuitChange> {
        self.history.iter().cloned().collect()
    }

    pub(super) fn has_untold(&self) -> bool {
        !self.untold.is_empty() && !self.telling
    }
}

/// Tells what was not told yet: with the lock released, for listeners are foreign code.
pub(super) fn tell<T>(state: &Mutex<T>, name: &str, log: impl Fn(&mut T) -> &mut Log) {
    let mut mine = false;
    loop {
        let (change, listeners) = {
            let mut state = lock(state);
            let log = log(&mut state);
            if log.telling && !mine {
                return;
            }
            let change = log.untold.pop_front();
            mine = change.is_some();
            log.telling = mine;
            let Some(change) = change else { return };
            (change, log.listeners.clone())
        };
        for listener in &listeners {
            if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(&change))) {
                let panic = panic_text(&*panic);
                tracing::error!(panic, name, "a listener of a circuit breaker panicked");
            }
        }
    }
}
