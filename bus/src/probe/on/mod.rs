//! The probes of a test bus.
//!
//! [`tracker`] keeps what goes on, [`task`](mod@task) tells it of what is woken and polled, [`watch`] of what handlers
//! wait for.

mod task;
mod tracker;
mod watch;

pub(crate) use task::{Busy, Caller, task};
pub(crate) use tracker::{Tracker, Waits};
pub(crate) use watch::{Rest, Watch};
