//! What handlers and middleware wait for.

use std::cell::RefCell;
use std::sync::Arc;
use std::task::{self, Poll};

use super::acting::acting;
use super::tracker::{Tracker, Waits};
use crate::core::Core;
use crate::probe::Who;
use crate::registry::HandlerInfo;

thread_local! {
    /// The handler or middleware that this thread is polling.
    static CURRENT: RefCell<Option<(Arc<Tracker>, u64)>> = const { RefCell::new(None) };
}

pub(super) fn current() -> Option<(Arc<Tracker>, u64)> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Puts the former one back.
struct Former(Option<(Arc<Tracker>, u64)>);

impl Former {
    fn enter(now: (Arc<Tracker>, u64)) -> Self {
        Self(CURRENT.with(|current| current.replace(Some(now))))
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        let former = self.0.take();
        let _ = CURRENT.try_with(|current| current.replace(former));
    }
}

/// Stands around the future of a handler, or of its middleware.
#[derive(Default)]
pub(crate) struct Watch(Option<(Arc<Tracker>, u64)>);

impl Watch {
    pub(crate) fn poll<T>(
        &mut self,
        core: &Core,
        (message, id, attempt): Who,
        handler: &HandlerInfo,
        task: &mut task::Context<'_>,
        poll: impl FnOnce(&mut task::Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Some(tracker) = &core.settings.probe else { return poll(task) };
        if tracker.yields() {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let number = match &self.0 {
            Some((_, number)) => *number,
            None => {
                let waits = Waits { handler: handler.clone(), message, id, attempt };
                let number = tracker.change(|state| state.add(waits));
                self.0 = Some((Arc::clone(tracker), number));
                number
            }
        };
        tracker.change(|state| state.set_pending(number, false));
        let former = Former::enter((Arc::clone(tracker), number));
        let acts = acting(core, handler);
        let polled = poll(task);
        drop((acts, former));
        match &polled {
            Poll::Ready(_) => self.end(),
            Poll::Pending => tracker.change(|state| state.set_pending(number, true)),
        }
        polled
    }

    fn end(&mut self) {
        if let Some((tracker, number)) = self.0.take() {
            tracker.change(|state| state.watches.remove(&number));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

/// What is being polled on this thread waits for the clock, or for the bus, as long as this is there.
pub(crate) struct Rest(Option<(Arc<Tracker>, u64)>);

impl Rest {
    pub(crate) fn begin() -> Self {
        let current = current();
        if let Some((tracker, number)) = &current {
            tracker.change(|state| state.rest(*number, 1));
        }
        Self(current)
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some((tracker, number)) = &self.0 {
            tracker.change(|state| state.rest(*number, -1));
        }
    }
}
