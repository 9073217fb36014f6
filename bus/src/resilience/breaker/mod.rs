//! The circuit breaker: calls that would fail are not made, until what they need has recovered.

mod config;

pub use config::CircuitBreakerConfig;
