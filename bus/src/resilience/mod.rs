//! What keeps a call within bounds. One idea a file.

mod backoff;
pub(crate) mod recent;
pub(crate) mod timer;
pub(crate) mod token_bucket;

pub use backoff::{Jitter, RetryConfig};
pub use token_bucket::Rate;
