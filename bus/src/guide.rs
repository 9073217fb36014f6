//! The guide: how things work, a chapter each.

#[doc = include_str!("../guide/events.md")]
pub mod events {}

#[doc = include_str!("../guide/sessions.md")]
pub mod sessions {}

#[doc = include_str!("../guide/filters.md")]
pub mod filters {}

#[doc = include_str!("../guide/middleware.md")]
pub mod middleware {}

#[doc = include_str!("../guide/ordering.md")]
pub mod ordering {}

#[doc = include_str!("../guide/batches.md")]
pub mod batches {}

#[doc = include_str!("../guide/later.md")]
pub mod later {}

#[doc = include_str!("../guide/listening.md")]
pub mod listening {}

#[doc = include_str!("../guide/tracing.md")]
pub mod tracing {}

#[doc = include_str!("../guide/metrics.md")]
pub mod metrics {}

#[doc = include_str!("../guide/observers.md")]
pub mod observers {}

#[doc = include_str!("../guide/health.md")]
pub mod health {}

#[doc = include_str!("../guide/resilience.md")]
pub mod resilience {}

#[doc = include_str!("../guide/dead-letters.md")]
pub mod dead_letters {}

/// Feature `testing`.
#[cfg(feature = "testing")]
#[doc = include_str!("../guide/testing.md")]
pub mod testing {}
