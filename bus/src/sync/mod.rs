//! What threads share.

mod sharded;

use std::sync::{Mutex, MutexGuard, PoisonError};

pub(crate) use sharded::Sharded;

/// Locks. The bus never runs a user's code under a lock, so a poisoned one holds no broken state.
pub(crate) fn lock<T: ?Sized>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
