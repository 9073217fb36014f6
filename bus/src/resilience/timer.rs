//! The timer of a call, armed only when its handler is pending.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use crate::clock::Sleep;
use crate::core::{Core, Settings};
use crate::observe::slow::{Listed, SlowRun};

pin_project! {
    /// In place, so that a pending handler costs no allocation more than a ready one.
    #[project = TimerProj]
    pub(crate) enum Timer {
        /// The handler has not been pending yet.
        Unarmed,
        Armed { #[pin] sleep: Sleep },
        /// The handler was said to be slow; the timer of this moment is on the heap, where few come to.
        Slow { slow: Pin<Box<Slow>> },
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
            TimerProj::Slow { slow } => slow.sleep.as_mut().poll(task),
            TimerProj::Unarmed | TimerProj::Endless => Poll::Pending,
        }
    }

    /// As [`poll`](Self::poll), and says on the way that it takes long: after a while, and each time it
    /// has taken twice as long as when that was said last. Costs no timer more than the deadline does.
    pub(crate) fn poll_watched(
        mut self: Pin<&mut Self>,
        core: &Core,
        task: &mut task::Context<'_>,
        watched: &impl Watched,
    ) -> Poll<()> {
        let Some(first) = core.settings.first_look() else {
            return self.poll(core, task, || watched.deadline());
        };
        loop {
            match self.as_mut().project() {
                TimerProj::Unarmed => {
                    let deadline = watched.deadline();
                    let look = watched.since(core).checked_add(first);
                    self.set(arm(core, earlier(deadline, look)));
                    continue;
                }
                TimerProj::Endless => return Poll::Pending,
                TimerProj::Armed { sleep } => task::ready!(sleep.poll(task)),
                TimerProj::Slow { slow } => task::ready!(slow.sleep.as_mut().poll(task)),
            }
            let (deadline, now) = (watched.deadline(), core.settings.clock.now());
            if deadline.is_some_and(|deadline| deadline <= now) {
                return Poll::Ready(());
            }
            // The look may come late, where its thread had no time for it.
            let since = match self.as_mut().project() {
                TimerProj::Slow { slow } => slow.since,
                _ => watched.since(core).min(now.checked_sub(first).unwrap_or(now)),
            };
            let taken = now.saturating_duration_since(since);
            if core.settings.slow_handler.is_some_and(|slow| slow <= taken) {
                watched.is_slow(taken);
            }
            let next = taken.saturating_mul(2);
            let Timer::Armed { sleep } = arm(core, earlier(deadline, since.checked_add(next)))
            else {
                self.set(Timer::Endless);
                continue;
            };
            let sleep = Box::pin(sleep);
            match self.as_mut().project() {
                TimerProj::Slow { slow } => (slow.sleep, slow.next) = (sleep, next),
                _ => {
                    let _listed = core.slow_runs.list(watched.run(since));
                    let slow = Slow { sleep, since, next, _listed };
                    self.set(Timer::Slow { slow: Box::pin(slow) });
                }
            }
        }
    }
}

impl Settings {
    /// After how long it is first looked whether a handler is slow, or stuck.
    fn first_look(&self) -> Option<Duration> {
        match (self.slow_handler, self.stuck_handler) {
            (Some(slow), Some(stuck)) => Some(slow.min(stuck)),
            (slow, stuck) => slow.or(stuck),
        }
    }
}

/// What a timer watches.
pub(crate) trait Watched {
    /// When it has to be over; always the same.
    fn deadline(&self) -> Option<Instant>;
    /// When it was first pending, as far as that is known; else now.
    fn since(&self, core: &Core) -> Instant;
    /// It takes that long, and goes on.
    fn is_slow(&self, taken: Duration);
    /// What is known of it.
    fn run(&self, since: Instant) -> SlowRun;
}

/// A slow handler.
pub(crate) struct Slow {
    sleep: Pin<Box<Sleep>>,
    since: Instant,
    /// After how long it is said again.
    next: Duration,
    _listed: Listed,
}

fn earlier(one: Option<Instant>, other: Option<Instant>) -> Option<Instant> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
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

/// For ever, as far as anybody waits: thirty years. Clocks can add that, and tokio's timers can take it.
const FAR: Duration = Duration::from_secs(30 * 365 * 24 * 3600);

/// `false` where there is no timer: nothing was waited then. What would end after the end of time never does.
pub(crate) async fn sleep(core: &Core, duration: Duration) -> bool {
    let mut timer = pin!(Timer::Unarmed);
    let now = core.settings.clock.now();
    let deadline = now.checked_add(duration).or_else(|| now.checked_add(FAR));
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
