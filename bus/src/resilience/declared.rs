//! What attributes say of retries and circuit breakers. Built in `const` contexts by generated code.
#![allow(missing_docs)]

use std::time::Duration;

use super::{CircuitBreakerConfig, Jitter, RetryConfig};

/// `retry(..)`: what is left out is as in [`RetryConfig::default`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryMeta {
    pub max_retries: Option<u32>,
    pub initial_delay: Option<Duration>,
    pub max_delay: Option<Duration>,
    pub exponential_base: Option<f64>,
    pub jitter: Option<Jitter>,
}

/// `circuit_breaker(..)`: what is left out is as in [`CircuitBreakerConfig::default`].
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BreakerMeta {
    /// Shared with all that name the same.
    pub name: Option<&'static str>,
    pub failure_threshold: Option<u32>,
    pub failure_ratio: Option<f64>,
    pub window_size: Option<Duration>,
    pub recovery_timeout: Option<Duration>,
    pub success_threshold: Option<u32>,
}

impl RetryMeta {
    pub(crate) fn config(&self) -> RetryConfig {
        let default = RetryConfig::default();
        RetryConfig {
            max_retries: self.max_retries.unwrap_or(default.max_retries),
            initial_delay: self.initial_delay.unwrap_or(default.initial_delay),
            max_delay: self.max_delay.unwrap_or(default.max_delay),
            exponential_base: self.exponential_base.unwrap_or(default.exponential_base),
            jitter: self.jitter.unwrap_or(default.jitter),
        }
    }
}

impl BreakerMeta {
    pub(crate) fn config(&self) -> CircuitBreakerConfig {
        let default = CircuitBreakerConfig::default();
        CircuitBreakerConfig {
            failure_threshold: self.failure_threshold.unwrap_or(default.failure_threshold),
            failure_ratio: self.failure_ratio.unwrap_or(default.failure_ratio),
            window_size: self.window_size.unwrap_or(default.window_size),
            recovery_timeout: self.recovery_timeout.unwrap_or(default.recovery_timeout),
            success_threshold: self.success_threshold.unwrap_or(default.success_threshold),
            ..default
        }
    }
}
