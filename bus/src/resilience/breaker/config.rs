//! When a circuit breaker opens, and how it closes again.

use std::fmt;
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

/// A setting, its value, and what it has to be.
pub(crate) type BadSetting = (&'static str, String, &'static str);

impl CircuitBreakerConfig {
    /// What no breaker can do.
    pub(crate) fn problems(&self) -> Vec<BadSetting> {
        let Self {
            failure_threshold,
            failure_ratio,
            window_size,
            recovery_timeout,
            success_threshold,
            probes,
            recovery_growth,
            max_recovery_timeout,
            slow_call,
        } = *self;
        let mut problems = Vec::new();
        let mut check = |is_good: bool, setting, value: String, range| {
            if !is_good {
                problems.push((setting, value, range));
            }
        };
        let text = |duration: Duration| format!("{duration:?}");
        check(
            failure_threshold > 0,
            "failure_threshold",
            failure_threshold.to_string(),
            "at least 1",
        );
        let is_ratio = (0.0..=1.0).contains(&failure_ratio);
        check(is_ratio, "failure_ratio", failure_ratio.to_string(), "from 0 to 1");
        check(!window_size.is_zero(), "window_size", text(window_size), "longer than that");
        let is_between = !recovery_timeout.is_zero() && recovery_timeout <= max_recovery_timeout;
        let range = "longer than no time, and no longer than `max_recovery_timeout`";
        check(is_between, "recovery_timeout", text(recovery_timeout), range);
        check(
            success_threshold > 0,
            "success_threshold",
            success_threshold.to_string(),
            "at least 1",
        );
        let is_few = probes > 0 && probes <= success_threshold.max(1);
        check(is_few, "probes", probes.to_string(), "at least 1, and at most `success_threshold`");
        let grows = recovery_growth >= 1.0 && recovery_growth.is_finite();
        check(grows, "recovery_growth", recovery_growth.to_string(), "at least 1, and finite");
        let slow = slow_call.unwrap_or(Duration::MAX);
        check(!slow.is_zero(), "slow_call", text(slow), "longer than that, or `None`");
        problems
    }

    /// How long it is open when so many probes have failed since it was closed.
    pub(super) fn open_for(&self, failed: u32) -> Duration {
        let exponent = i32::try_from(failed).unwrap_or(i32::MAX);
        let open_for = self.recovery_timeout.as_secs_f64() * self.recovery_growth.powi(exponent);
        // What is longer than any duration is longer than the longest allowed.
        let open_for = Duration::try_from_secs_f64(open_for).unwrap_or(Duration::MAX);
        if failed == 0 { self.recovery_timeout } else { open_for.min(self.max_recovery_timeout) }
    }
}

/// Settings with which there is no circuit breaker.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct CircuitConfigError {
    name: String,
    problems: Vec<BadSetting>,
}

impl CircuitConfigError {
    pub(super) fn new(name: &str, problems: Vec<BadSetting>) -> Self {
        Self { name: name.to_owned(), problems }
    }
}

impl fmt::Display for CircuitConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "circuit breaker {}: ", self.name)?;
        for (n, (setting, value, range)) in self.problems.iter().enumerate() {
            let and = if n == 0 { "" } else { "; " };
            write!(f, "{and}`{setting}` is {value}, and must be {range}")?;
        }
        Ok(())
    }
}
