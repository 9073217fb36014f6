//! The runtime that the bus's own tasks live on.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};

use tokio::runtime::{EnterGuard, Handle};

/// The runtime given to the builder, else the one that was current at the first asynchronous use.
#[derive(Debug, Default)]
pub(crate) struct Runtime {
    handle: OnceLock<Handle>,
    warned: AtomicBool,
}

impl Runtime {
    pub(crate) fn new(given: Option<Handle>) -> Self {
        let runtime = Self::default();
        if let Some(handle) = given {
            let _ = runtime.handle.set(handle);
        }
        runtime
    }

    /// The runtime, if there is one by now.
    pub(crate) fn handle(&self) -> Option<&Handle> {
        if let Some(handle) = self.handle.get() {
            return Some(handle);
        }
        let current = Handle::try_current().ok()?;
        Some(self.handle.get_or_init(|| current))
    }

    /// Makes a runtime current, so that a timer can be made: the caller's if it is in one, else the
    /// bus's.
    pub(crate) fn enter(&self) -> Option<EnterGuard<'_>> {
        match Handle::try_current() {
            Ok(_) => None,
            Err(_) => self.handle.get().map(Handle::enter),
        }
    }

    /// Says once that timeouts are not kept.
    pub(crate) fn warn_without_time(&self) {
        if !self.warned.swap(true, Ordering::Relaxed) {
            tracing::warn!(
                "timeouts are not kept: no tokio runtime with timers is there; \
                 use `#[tokio::main]`, or `enable_time()` on the runtime's builder"
            );
        }
    }
}
