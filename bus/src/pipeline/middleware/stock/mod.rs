//! Middleware that are ready to use. One idea a file.

mod logging;
mod timing;

pub use logging::{Logging, logging};
pub use timing::{Timing, TimingStats, timing};
