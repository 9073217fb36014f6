//! What keeps a call within bounds. One idea a file.

mod backoff;
#[allow(dead_code, unused_imports)] // What the dispatch calls: until it does.
pub(crate) mod breaker;
#[allow(dead_code)] // As above: the builder's check.
pub(crate) mod budget;
mod class;
pub(crate) mod declared;
pub(crate) mod recent;
pub(crate) mod timer;
pub(crate) mod token_bucket;
pub(crate) mod window;

pub use backoff::{Jitter, RetryConfig};
pub use breaker::{
    CircuitBreaker, CircuitBreakerConfig, CircuitChange, CircuitConfigError, CircuitError,
    CircuitReason, CircuitSnapshot, CircuitState,
};
pub use budget::RetryBudget;
pub use class::{Classify, ErrorClass};
pub use token_bucket::Rate;

#[cfg(all(test, bus_loom))]
mod models;
