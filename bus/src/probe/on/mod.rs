//! The probes of a test bus.
//!
//! [`tracker`] keeps what goes on, [`task`](mod@task) tells it of what is woken and polled, [`watch`] of what handlers
//! wait for, [`acting`](mod@acting) of which of them sends something.

mod acting;
#[cfg(all(test, bus_loom))]
mod models;
mod task;
mod tracker;
mod watch;

pub(crate) use acting::{acting, actor};
pub(crate) use task::{Busy, Caller, task};
pub(crate) use tracker::{Tracker, Waits};
pub(crate) use watch::{Rest, Watch};

use crate::core::Core;
use crate::probe::Delays;
use crate::resilience::{Jitter, RetryConfig};

/// On a test bus nothing is left to chance: jitter is drawn by its seed, and there is none without a seed.
pub(crate) fn delays(core: &Core, retry: &RetryConfig) -> Delays {
    match &core.settings.probe {
        None => Box::new(retry.delays()),
        Some(tracker) => match tracker.chance() {
            None => Box::new(RetryConfig { jitter: Jitter::None, ..*retry }.delays()),
            Some(mut chance) => Box::new(retry.delays_by(move || chance.f64())),
        },
    }
}
