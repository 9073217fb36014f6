//! Where the events of a handler wait that is not called for long: queued, and in reach of `DropOldest`.

use super::Line;
use super::batch::Taken;
use crate::event::group::SteppedAside;
use crate::event::queue::{Parking, WaitsForSlot};
use crate::pipeline::middleware::source::LeftOut;
use crate::sync::{Mutex, lock};

/// The event of a handler, or those that it takes together.
#[derive(Clone, Copy)]
pub(super) enum Wayside<'w> {
    One(&'w Line<'w>),
    /// Those that are dropped are left out of the next call.
    Batch(&'w [Taken<'w>], &'w Mutex<LeftOut>),
}

/// Those that wait.
pub(super) enum Waits<'w> {
    One(WaitsForSlot<'w>),
    Batch(Vec<Option<WaitsForSlot<'w>>>, &'w Mutex<LeftOut>),
}

impl<'w> Wayside<'w> {
    /// The groups after its own do not wait for it.
    pub(super) fn step_aside(self) -> SteppedAside<'w> {
        match self {
            Self::One(line) => line.aside.step(),
            // A batch has at least one.
            Self::Batch(taken, _) => taken[0].item.line.aside.step(),
        }
    }

    /// Begins to wait; `None`: all were dropped.
    pub(super) fn wait(self) -> Option<Waits<'w>> {
        let wait = |parking: &'w Parking<'w>| parking.wait().ok();
        match self {
            Self::One(line) => wait(&line.parking).map(Waits::One),
            Self::Batch(taken, left_out) => {
                let waits: Vec<_> = taken.iter().map(|one| wait(&one.item.line.parking)).collect();
                waits.iter().any(Option::is_some).then_some(Waits::Batch(waits, left_out))
            }
        }
    }
}

impl Waits<'_> {
    /// Resolves when the last is dropped.
    pub(super) async fn given_up(&self) {
        match self {
            Self::One(waits) => waits.given_up().await,
            Self::Batch(all, _) => {
                for waits in all.iter().flatten() {
                    waits.given_up().await;
                }
            }
        }
    }

    /// Waits no more. `false`: all were dropped.
    pub(super) fn end(self) -> bool {
        match self {
            Self::One(waits) => waits.end().is_ok(),
            Self::Batch(all, left_out) => {
                let mut is_any_there = false;
                for (at, waits) in all.into_iter().enumerate() {
                    let is_there = waits.is_some_and(|waits| waits.end().is_ok());
                    is_any_there |= is_there;
                    if !is_there {
                        lock(left_out).drop_event(at);
                    }
                }
                is_any_there
            }
        }
    }
}
