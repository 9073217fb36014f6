//! When a circuit breaker opens, and how it closes again.

use std::time::Duration;

/// When a circuit breaker opens, and how it closes again.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CircuitBreakerConfig {
    /// Opens when so many calls of the window have failed: 5 ..
    pub failure_threshold: u32,
    /// .. and these are at least such a part of all of them: 0.5. With 0 the number alone decides.
    pub failure_ratio: f64,
    /// How far back calls are counted: 60 s. A success takes nothing out of it.
    pub window_size: Duration,
    /// How long it is open at first, before it lets a call through as a probe: 60 s.
    pub recovery_timeout: Duration,
    /// How many probes have to end well, one after the other, before it closes: 3.
    pub success_threshold: u32,
    /// How many probes there may be at once: 1.
    pub probes: u32,
    /// How much longer it is open each time a probe fails: 2.0. With 1 it is always as long.
    pub recovery_growth: f64,
    /// Longer it is never open: 10 min.
    pub max_recovery_timeout: Duration,
    /// A call that takes longer counts as a failure, though it ends well. `None`: however long.
    pub slow_call: Option<Duration>,
}

impl Default for CircuitBreakerConfig {
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            failure_ratio: 0.5,
            window_size: Duration::from_secs(60),
            recovery_timeout: Duration::from_secs(60),
            success_threshold: 3,
            probes: 1,
            recovery_growth: 2.0,
            max_recovery_timeout: Duration::from_secs(600),
            slow_call: None,
        }
    }
}
