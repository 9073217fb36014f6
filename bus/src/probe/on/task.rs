//! Who is woken and not polled yet: tasks of the bus, and the callers of commands.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Wake, Waker};

use pin_project_lite::pin_project;

use super::tracker::Tracker;
use super::watch::{Rest, current};
use crate::core::Core;
use crate::sync::{Mutex, lock};

/// Wakes the task, and counts it as runnable.
struct Woken {
    tracker: Arc<Tracker>,
    inner: Mutex<Inner>,
}

struct Inner {
    waker: Waker,
    woken: bool,
    /// It is over: nothing is counted any more.
    ended: bool,
}

impl Woken {
    /// It is runnable until it is polled.
    fn new(tracker: &Arc<Tracker>, waker: &Waker) -> Arc<Self> {
        tracker.up();
        let inner = Inner { waker: waker.clone(), woken: true, ended: false };
        Arc::new(Self { tracker: Arc::clone(tracker), inner: Mutex::new(inner) })
    }

    fn begin(&self, waker: &Waker) {
        let mut inner = lock(&self.inner);
        inner.waker.clone_from(waker);
        let was_woken = std::mem::take(&mut inner.woken);
        drop(inner);
        // What has counted as woken counts as polled from now on.
        if !was_woken {
            self.tracker.up();
        }
    }

    /// It will not be polled any more.
    fn is_over(&self) {
        let mut inner = lock(&self.inner);
        inner.ended = true;
        let was_woken = std::mem::take(&mut inner.woken);
        drop(inner);
        if was_woken {
            self.tracker.down();
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        let mut inner = lock(&self.inner);
        if !inner.ended && !std::mem::replace(&mut inner.woken, true) {
            // Under the lock: whoever polls it takes the count over.
            self.tracker.up();
        }
        let waker = inner.waker.clone();
        drop(inner);
        waker.wake();
    }
}

/// Counts as runnable as long as this is there.
pub(crate) struct Busy(Option<Arc<Tracker>>);

impl Busy {
    pub(crate) fn begin(core: &Core) -> Self {
        let tracker = core.settings.probe.clone();
        tracker.iter().for_each(|tracker| tracker.up());
        Self(tracker)
    }
}

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.iter().for_each(|tracker| tracker.down());
    }
}

/// While it is polled; also when that panics.
struct Polling<'w>(&'w Woken);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.tracker.down();
    }
}

/// A task of the bus's own, to be spawned.
pub(crate) fn task<F>(core: &Core, future: F) -> Task<F> {
    Task::of(core.settings.probe.as_ref(), future)
}

pin_project! {
    pub(crate) struct Task<F> {
        // `None` when it is over.
        #[pin]
        future: Option<F>,
        // After the future: what its destructors do belongs to it.
        woken: Counted,
    }
}

struct Counted(Option<Arc<Woken>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.iter().for_each(|woken| woken.is_over());
    }
}

impl<F> Task<F> {
    /// Runnable from now on.
    pub(super) fn of(tracker: Option<&Arc<Tracker>>, future: F) -> Self {
        let woken = tracker.map(|tracker| Woken::new(tracker, Waker::noop()));
        Self { future: Some(future), woken: Counted(woken) }
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let mut this = self.project();
        let mut poll = |task: &mut task::Context<'_>| {
            let Some(future) = this.future.as_mut().as_pin_mut() else { return Poll::Pending };
            let polled = future.poll(task);
            if polled.is_ready() {
                // Now, while it counts: its destructors wake others.
                this.future.set(None);
            }
            polled
        };
        match &this.woken.0 {
            None => poll(task),
            Some(woken) => polled(woken, task, poll),
        }
    }
}

fn polled<T>(
    woken: &Arc<Woken>,
    task: &task::Context<'_>,
    poll: impl FnOnce(&mut task::Context<'_>) -> Poll<T>,
) -> Poll<T> {
    woken.begin(task.waker());
    let _polling = Polling(woken);
    let waker = Waker::from(Arc::clone(woken));
    if woken.tracker.yields() {
        waker.wake();
        return Poll::Pending;
    }
    poll(&mut task::Context::from_waker(&waker))
}

/// A command, in the hands of whoever executes it: outside of handlers it is a task like others, inside of one
/// that waits for it, and has probes of its own.
#[derive(Default)]
pub(crate) enum Caller {
    #[default]
    New,
    Outside {
        counting: Counting,
        /// Of a handler of another bus, if one executes it.
        _rest: Rest,
    },
    Ended,
    Inside {
        _rest: Rest,
    },
}

/// [`Counted`], to be named outside.
pub(crate) struct Counting(Counted);

impl Caller {
    pub(crate) fn poll<T>(
        &mut self,
        core: &Core,
        task: &mut task::Context<'_>,
        poll: impl FnOnce(&mut task::Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Some(tracker) = &core.settings.probe else { return poll(task) };
        if let Self::New = self {
            let is_own = current().is_some_and(|(of, _)| Arc::ptr_eq(&of, tracker));
            *self = if is_own {
                Self::Inside { _rest: Rest::begin() }
            } else {
                let counting = Counting(Counted(Some(Woken::new(tracker, task.waker()))));
                Self::Outside { counting, _rest: Rest::begin() }
            };
        }
        let polled = match self {
            Self::Outside { counting: Counting(Counted(Some(woken))), .. } => {
                polled(woken, task, poll)
            }
            _ => poll(task),
        };
        if polled.is_ready() {
            *self = Self::Ended;
        }
        polled
    }
}
