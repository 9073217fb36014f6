//! What threads share.
//!
//! [`Mutex`] and [`atomic`] are the standard library's, or loom's when the models are run
//! (`--cfg bus_loom`; a plain `--cfg loom` would take parts of tokio away). What the models check
//! takes them from here.

mod sharded;
mod shared;
mod waiters;

use std::sync::PoisonError;

pub(crate) use sharded::{SHARDS, Shard, Sharded};
pub(crate) use shared::shared;
pub(crate) use waiters::{Ticket, Waiters};

#[cfg(bus_loom)]
pub(crate) use loom::sync::{Mutex, MutexGuard, atomic};
#[cfg(not(bus_loom))]
pub(crate) use std::sync::{Mutex, MutexGuard, atomic};

/// Locks. The bus never runs a user's code under a lock, so a poisoned one holds no broken state.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
