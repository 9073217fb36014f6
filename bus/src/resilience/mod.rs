//! What keeps a call within bounds. One idea a file.

mod backoff;
pub(crate) mod breaker;
pub(crate) mod breakers;
pub(crate) mod budget;
pub(crate) mod bulkhead;
pub(crate) mod check;
mod class;
pub(crate) mod dead_letters;
pub(crate) mod declared;
pub(crate) mod fault;
pub(crate) mod policy;
pub(crate) mod recent;
pub(crate) mod said;
mod settings;
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
pub use settings::Resilience;
pub use token_bucket::Rate;

#[cfg(all(test, bus_loom))]
mod models;
