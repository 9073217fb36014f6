//! A breaker in a test's time.

mod calling;
mod random;
mod scenarios;
mod waiting;

use std::time::{Duration, Instant};

use super::{CircuitBreaker, CircuitBreakerConfig, Verdict};
use crate::clock::{Clock, TokioClock};

/// Opens after 3 failures of at least half of the calls of 10 s, for 1 s.
fn config() -> CircuitBreakerConfig {
    CircuitBreakerConfig {
        failure_threshold: 3,
        failure_ratio: 0.5,
        window_size: Duration::from_secs(10),
        recovery_timeout: Duration::from_secs(1),
        success_threshold: 2,
        probes: 1,
        recovery_growth: 2.0,
        max_recovery_timeout: Duration::from_secs(5),
        slow_call: None,
    }
}

fn breaker() -> CircuitBreaker {
    CircuitBreaker::new("tested", config()).expect("a good config")
}

fn now() -> Instant {
    TokioClock.now()
}

/// Calls that end at once.
fn end(breaker: &CircuitBreaker, times: usize, verdict: Verdict) {
    for _ in 0..times {
        let ticket = breaker.admit(now).expect("it lets calls in");
        breaker.ended(ticket, verdict, None, now);
    }
}
