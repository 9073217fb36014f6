//! The timer of a call, armed only when its handler is pending.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::clock::Sleep;
use crate::core::Core;

pin_project! {
    /// In place, so that a pending handler costs no allocation more than a ready one.
    #[project = TimerProj]
    pub(crate) enum Timer {
        /// The handler has not been pending yet.
        Unarmed,
        Armed { #[pin] sleep: Sleep },
        /// There is no deadline, or no runtime that could keep it.
        Endless,
    }
}

impl Timer {
    /// Ready when the deadline has passed. `deadline` is asked once, at the first call.
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        core: &Core,
        task: &mut task::Context<'_>,
        deadline: impl FnOnce() -> Option<Instant>,
    ) -> Poll<()> {
        if let TimerProj::Unarmed = self.as_mut().project() {
            self.set(arm(core, deadline()));
        }
        match self.project() {
            TimerProj::Armed { sleep } => sleep.poll(task),
            TimerProj::Unarmed | TimerProj::Endless => Poll::Pending,
        }
    }
}

impl Timer {
    /// Is there nothing to wait for?
    pub(crate) fn is_endless(&self) -> bool {
        matches!(self, Self::Endless)
    }
}

fn arm(core: &Core, deadline: Option<Instant>) -> Timer {
    let Some(deadline) = deadline else {
        return Timer::Endless;
    };
    if core.runtime.is_timeless() {
        return Timer::Endless;
    }
    // tokio's timer panics where no runtime, or one without time, is current.
    let armed = catch_unwind(AssertUnwindSafe(|| {
        let _entered = core.runtime.enter();
        core.settings.clock.sleep_until(deadline)
    }));
    match armed {
        Ok(sleep) => Timer::Armed { sleep },
        Err(_) => {
            core.runtime.found_timeless();
            Timer::Endless
        }
    }
}

/// `false` where there is no timer: nothing was waited then.
pub(crate) async fn sleep(core: &Core, duration: Duration) -> bool {
    let mut timer = pin!(Timer::Unarmed);
    let deadline = core.settings.clock.now().checked_add(duration);
    poll_fn(|task| match timer.as_mut().poll(core, task, || deadline) {
        Poll::Ready(()) => Poll::Ready(true),
        Poll::Pending if timer.is_endless() => Poll::Ready(false),
        Poll::Pending => Poll::Pending,
    })
    .await
}

/// `false` when the time is over. Without a timer, the time is never over.
pub(crate) async fn within(core: &Core, limit: Duration, work: impl Future<Output = ()>) -> bool {
    let mut work = pin!(work);
    let mut timer = pin!(Timer::Unarmed);
    poll_fn(|task| {
        if work.as_mut().poll(task).is_ready() {
            return Poll::Ready(true);
        }
        let deadline = || core.settings.clock.now().checked_add(limit);
        timer.as_mut().poll(core, task, deadline).map(|()| false)
    })
    .await
}
