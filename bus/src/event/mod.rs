//! The event's way, in this order: [`publish`] -> [`queue`] -> [`dispatcher`] -> [`delivery`].
//!
//! In: an event, from outside ([`publish`]) or kept back by a handler until it succeeded
//! ([`effects`]). Out: each of its handlers has run once, or its failure has been announced.
//! [`shutdown`] is the end of it all.

pub(crate) mod delivery;
pub(crate) mod dispatcher;
pub(crate) mod effects;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod runtime;
pub(crate) mod shutdown;

pub use publish::{Outcome, Publish, Published};
pub use queue::BackpressureStrategy;
pub use shutdown::ShutdownReport;
