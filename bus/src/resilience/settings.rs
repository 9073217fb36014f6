//! What the bus does about the failures of all its handlers.

use std::time::Duration;

use super::policy::Classifier;
use super::{CircuitBreakerConfig, ErrorClass, RetryBudget, RetryConfig};
use crate::pipeline::ended::Ended;

/// What the bus does about the failures of all its handlers: [`Builder::resilient`](crate::Builder::resilient).
/// What is said of a message or of a handler counts more.
///
/// ```
/// use bus::{Bus, Resilience, RetryConfig};
/// use std::time::Duration;
///
/// let bus = Bus::builder()
///     .resilient(
///         Resilience::default()
///             .retry(RetryConfig { max_retries: 5, ..RetryConfig::default() })
///             .delayed_retries([10, 20, 30].map(Duration::from_secs)),
///     )
///     .build()?;
/// # Ok::<(), bus::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[must_use = "given to `Builder::resilient`"]
pub struct Resilience {
    pub(crate) retry: Option<RetryConfig>,
    pub(crate) later: Vec<Duration>,
    pub(crate) budget: RetryBudget,
    pub(crate) breaker: Option<CircuitBreakerConfig>,
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) dead_letters: bool,
    pub(crate) classify: Option<Classifier>,
}

impl Default for Resilience {
    /// Three retries within the budget, a circuit breaker for each handler, and dead letters: as
    /// [`RetryConfig`], [`RetryBudget`] and [`CircuitBreakerConfig`] are by default.
    fn default() -> Self {
        Self {
            retry: Some(RetryConfig::default()),
            later: Vec::new(),
            budget: RetryBudget::default(),
            breaker: Some(CircuitBreakerConfig::default()),
            attempt_timeout: None,
            dead_letters: true,
            classify: None,
        }
    }
}

impl Resilience {
    /// Handlers that have failed are called again so. Not those of commands that they take by value, and
    /// that are not `Clone`: the wiring report says so of each.
    pub fn retry(mut self, retry: impl Into<Option<RetryConfig>>) -> Self {
        self.retry = retry.into();
        self
    }

    /// When an event's handler has failed, and its retries too, it gets the event again after these, one
    /// after the other, each time with its retries: none unless it is said.
    pub fn delayed_retries(mut self, delays: impl IntoIterator<Item = Duration>) -> Self {
        self.later = delays.into_iter().collect();
        self
    }

    /// How many retries there may be, of all handlers together.
    pub fn budget(mut self, budget: RetryBudget) -> Self {
        self.budget = budget;
        self
    }

    /// Each handler stands behind a circuit breaker of its own, like this; `None`: behind none.
    pub fn circuit_breaker(mut self, config: impl Into<Option<CircuitBreakerConfig>>) -> Self {
        self.breaker = config.into();
        self
    }

    /// Ends each attempt of a handler after this long: none unless it is said.
    pub fn attempt_timeout(mut self, timeout: impl Into<Option<Duration>>) -> Self {
        self.attempt_timeout = timeout.into();
        self
    }

    /// Whether what handlers give up on is kept: it is.
    pub fn dead_letters(mut self, kept: bool) -> Self {
        self.dead_letters = kept;
        self
    }

    /// Says the classes of errors of which nothing nearer is known: neither by their type
    /// ([`Classify`](crate::Classify)), nor by `retry_if`, nor by the error itself. `None` leaves it open,
    /// and then it is [`Transient`](ErrorClass::Transient).
    pub fn classify(
        mut self,
        classify: impl Fn(&Ended<'_>) -> Option<ErrorClass> + Send + Sync + 'static,
    ) -> Self {
        self.classify = Some(Classifier::new(classify));
        self
    }
}
