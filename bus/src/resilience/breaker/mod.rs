//! The circuit breaker: calls that would fail are not made, until what they need has recovered.
//!
//! A call is let in with a ticket ([`control`]) or waits for one ([`line`]), and gives it back when it has ended.
//! While the breaker is closed, the way in is a look at one word ([`word`]), and the way out adds to a
//! [`Window`]. All else is decided under a lock, which no foreign code runs under.
//!
//! A breaker takes 1.7 KB, so those of 1 000 handlers take 1.7 MB. 1 KB of it is the window of its calls, which has
//! a shard for each of 8 threads. Failures have a window of their own with one shard: they are rare, or about to
//! open it; and a word that held both counts would have room for neither.

mod call;
mod change;
mod config;
mod control;
mod line;
mod look_ahead;
mod snapshot;
mod ticket;
mod word;

use std::fmt;
use std::sync::Arc;

pub use call::CircuitError;
pub use change::{CircuitChange, CircuitReason, CircuitState};
pub(crate) use config::BadSetting;
pub use config::{CircuitBreakerConfig, CircuitConfigError};
pub use snapshot::CircuitSnapshot;
pub(crate) use ticket::{Ticket, Verdict};

use self::control::State;
use self::word::{Current, Mode};
use super::window::{BUCKETS, SHARDS, Since, Window, nanos};
use crate::clock::{Clock, TokioClock};
use crate::sync::atomic::AtomicU64;
use crate::sync::{Mutex, lock};

/// Rejects calls while what they need fails, and lets a few through, as probes, to see whether it has recovered.
///
/// A clone is the same breaker. It opens when, of the calls in the window, at least
/// [`failure_threshold`](CircuitBreakerConfig::failure_threshold) have failed, and these are at least
/// [`failure_ratio`](CircuitBreakerConfig::failure_ratio) of all of them. When it has been open for the
/// [`recovery_timeout`](CircuitBreakerConfig::recovery_timeout), the next calls are probes; enough of them that end
/// well close it, and one that fails opens it again, for longer.
///
/// ```
/// use bus::{CircuitBreaker, CircuitBreakerConfig, CircuitError, CircuitState};
///
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let config = CircuitBreakerConfig { failure_threshold: 2, ..Default::default() };
/// let breaker = CircuitBreaker::new("mail", config)?;
/// let send = async || Err::<(), _>("no route to host");
///
/// for _ in 0..2 {
///     assert_eq!(breaker.call(send()).await, Err(CircuitError::Inner("no route to host")));
/// }
/// assert_eq!(breaker.state(), CircuitState::Open);
/// let rejected = breaker.call(send()).await.unwrap_err().to_string();
/// assert!(rejected.starts_with("circuit breaker mail is open: try again in 59."));
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct CircuitBreaker(Arc<Shared>);

/// What is read by each call lies apart from what is written.
struct Shared {
    name: Arc<str>,
    config: CircuitBreakerConfig,
    clock: Arc<dyn Clock>,
    since: Since,
    word: Current,
    calls: Window<SHARDS, BUCKETS>,
    cold: Cold,
}

/// What is written only when a call fails, or is not made.
#[repr(align(128))]
struct Cold {
    failures: Window<1, BUCKETS>,
    rejected: AtomicU64,
    /// When it has been open long enough. Written under the lock, before the word says that it is open.
    until: AtomicU64,
    state: Mutex<State>,
}

impl CircuitBreaker {
    /// A closed one.
    ///
    /// # Errors
    /// All settings that make no sense, with their ranges.
    pub fn new(
        name: impl Into<Arc<str>>,
        config: CircuitBreakerConfig,
    ) -> Result<Self, CircuitConfigError> {
        let name = name.into();
        let problems = config.problems();
        if problems.is_empty() {
            Ok(Self::build(name, config, Arc::new(TokioClock)))
        } else {
            Err(CircuitConfigError::new(&name, problems))
        }
    }

    fn build(name: Arc<str>, config: CircuitBreakerConfig, clock: Arc<dyn Clock>) -> Self {
        let width = nanos(config.window_size) / BUCKETS as u64;
        Self(Arc::new(Shared {
            name,
            config,
            clock,
            since: Since::default(),
            word: Current::closed(),
            calls: Window::new(width),
            cold: Cold {
                failures: Window::new(width),
                rejected: AtomicU64::new(0),
                until: AtomicU64::new(0),
                state: Mutex::new(State::default()),
            },
        }))
    }

    /// On another clock than tokio's; it must not use the breaker. Said before it is used: a new one, which no
    /// clone shares, and which only those are told of who are told of this one.
    #[must_use]
    pub fn with_clock(self, clock: Arc<dyn Clock>) -> Self {
        let listeners = lock(&self.0.cold.state).log.take_listeners();
        let other = Self::build(Arc::clone(&self.0.name), self.0.config, clock);
        for listener in listeners {
            lock(&other.0.cold.state).log.listen(listener);
        }
        other
    }

    /// What it is called in errors and logs.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.0.name
    }

    /// When it opens, and how it closes.
    #[must_use]
    pub fn config(&self) -> &CircuitBreakerConfig {
        &self.0.config
    }

    /// Rejects every call until [`reset`](Self::reset).
    pub fn force_open(&self) {
        self.0.force(Mode::ForcedOpen, CircuitReason::ForcedOpen);
    }

    /// Lets every call through until [`reset`](Self::reset). They are still counted.
    pub fn disable(&self) {
        self.0.force(Mode::Disabled, CircuitReason::Disabled);
    }

    /// Closed, as at the beginning: nothing is counted, neither forced open nor disabled. Whoever waits to be let
    /// in is. Calls that are under way count for nothing.
    pub fn reset(&self) {
        self.0.reset();
    }

    /// Calls this with each change, one after the other and in their order, in the thread of whoever makes the
    /// first of them. It may use the breaker. If it panics, that is logged.
    pub fn on_change(&self, listener: impl Fn(&CircuitChange) + Send + Sync + 'static) {
        lock(&self.0.cold.state).log.listen(Arc::new(listener));
    }
}

impl fmt::Debug for CircuitBreaker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreaker")
            .field("name", &self.name())
            .field("state", &self.state())
            .field("config", self.config())
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, bus_loom))]
mod models;
#[cfg(all(test, not(bus_loom)))]
mod tests;
