//! Later: events that are published at a time of their own.
//!
//! [`later`] makes an event into one that is due, [`timers`] keeps it until then, and [`drive`] puts
//! it into the queue: over the capacity if need be, but not before the debt of others is paid.
//! [`recurrence`] says when one comes again, [`handle`] takes it back.
//!
//! # Invariants
//!
//! * Nothing is driven and no timer is armed while nothing is due.
//! * What recurs is due again when all that followed from the last time is done: never two at once.

mod drive;
mod handle;
mod later;
mod recurrence;
mod timers;

pub(crate) use drive::start;
pub use handle::Scheduled;
pub(crate) use later::Due;
pub use later::{Later, When};
pub(crate) use recurrence::Recurrence;
#[cfg(feature = "cron")]
pub(crate) use recurrence::cron::Times;
pub(crate) use timers::{Entry, Timers, What};
