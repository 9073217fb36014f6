//! Middleware that are ready to use. One idea a file.

mod authorize;
mod bulkhead;
#[cfg(feature = "chaos")]
mod chaos;
mod dedup;
mod from_fn;
mod logging;
mod rate_limit;
mod retry;
mod timing;
#[cfg(feature = "tower")]
mod tower;
mod validation;

pub use authorize::{Authorize, Denied, Verdict, authorize, require_principal, require_role};
pub use bulkhead::{Bulkhead, bulkhead_by};
#[cfg(feature = "chaos")]
pub use chaos::{Chaos, chaos};
pub use dedup::{Dedup, dedup};
pub use from_fn::{FromFn, Handling, from_fn};
pub use logging::{Logging, logging};
pub use rate_limit::{RateLimit, rate_limit, rate_limit_by};
pub use retry::{Retry, retry};
pub use timing::{Timing, TimingStats, timing};
#[cfg(feature = "tower")]
pub use tower::{CallFailed, Tower, TowerCall, TowerCalls, TowerRun, tower};
pub use validation::{Validation, validation};
