//! Middleware that are ready to use. One idea a file.

mod from_fn;
mod logging;
mod timing;

pub use from_fn::{FromFn, Handling, from_fn};
pub use logging::{Logging, logging};
pub use timing::{Timing, TimingStats, timing};
