//! The event's way, in this order: [`publish`] -> [`filter`] -> [`queue`] -> [`dispatcher`] -> [`delivery`] ->
//! [`group`] -> [`order`] -> [`slots`]; what is pending goes on in a task of its own ([`driven`]).
//!
//! In: an event, from outside ([`publish`]) or kept back by a handler until it succeeded
//! ([`effects`]). Out: each of its handlers has run once, or its failure has been announced
//! ([`completion`] tells who waits for that), or its loss ([`losses`]). [`idle`] is the moment when
//! nothing is on its way, [`shutdown`] the end of it all.

pub(crate) mod completion;
pub(crate) mod delivery;
pub(crate) mod dispatcher;
mod driven;
pub(crate) mod effects;
pub(crate) mod filter;
mod group;
pub(crate) mod idle;
pub(crate) mod listen;
pub(crate) mod losses;
pub(crate) mod order;
pub(crate) mod publish;
pub(crate) mod queue;
pub(crate) mod runtime;
pub(crate) mod schedule;
pub(crate) mod shutdown;
mod slots;

pub use completion::EventFailure;
pub use filter::{EventFilter, FilterStats, FilterView, filters};
pub use listen::{Subscription, WaitError, WaitFor};
pub use losses::DropReason;
pub use publish::{AndWait, Outcome, Publish, Published, Settled};
pub use queue::{BackpressureStrategy, BoundedEventQueue, QueueMark, QueueStats};
pub use schedule::{Later, Scheduled, When};
pub use shutdown::ShutdownReport;
