//! The runtime that the bus's own tasks live on.

use std::sync::OnceLock;

use tokio::runtime::{EnterGuard, Handle, Id};

/// The runtime given to the builder, else the one that was current at the first asynchronous use.
#[derive(Debug, Default)]
pub(crate) struct Runtime {
    handle: OnceLock<Handle>,
    /// A runtime that was found to have no timers.
    timeless: OnceLock<Option<Id>>,
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

    /// Is it known that there are no timers where this is called?
    pub(crate) fn is_timeless(&self) -> bool {
        self.timeless.get().is_some_and(|found| *found == current())
    }

    /// There are no timers where this is called: says once that timeouts are not kept.
    pub(crate) fn found_timeless(&self) {
        if self.timeless.set(current()).is_ok() {
            tracing::warn!(
                "timeouts are not kept: no tokio runtime with timers is there; \
                 use `#[tokio::main]`, or `enable_time()` on the runtime's builder"
            );
        }
    }
}

/// The runtime that this runs in, if it does.
fn current() -> Option<Id> {
    Handle::try_current().ok().map(|handle| handle.id())
}
