//! What keeps a call within bounds. One idea a file.

mod backoff;
mod breaker;
mod class;
pub(crate) mod declared;
pub(crate) mod recent;
pub(crate) mod timer;
pub(crate) mod token_bucket;
#[allow(dead_code)] // Until something counts in it.
pub(crate) mod window;

pub use backoff::{Jitter, RetryConfig};
pub use breaker::CircuitBreakerConfig;
pub use class::{Classify, ErrorClass};
pub use token_bucket::Rate;
