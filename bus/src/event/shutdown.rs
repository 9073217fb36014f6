//! The end: stop the intake, drain, cancel, cut off, and say what was left.

use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use super::dispatcher;
use super::queue::Intake;
use crate::core::Core;
use crate::resilience::timer::Timer;
use crate::sync::lock;

/// What a bus has done in its life, and what was left when it was shut down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Handler runs of events that ended well, since the bus was built.
    pub completed: u64,
    /// Handler runs of events that failed, since the bus was built.
    pub failed: u64,
    /// Events that were queued and not started when the shutdown gave up on them.
    pub dropped: u64,
    /// Handlers of events that were cut off, by name.
    pub abandoned: Vec<String>,
    /// Commands that were still at work at the end.
    pub commands_left: u64,
}

impl ShutdownReport {
    /// Was nothing left behind?
    #[must_use]
    pub fn is_clean(&self) -> bool {
        self.dropped == 0 && self.abandoned.is_empty() && self.commands_left == 0
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, failed, dropped, abandoned, commands_left } = self;
        write!(f, "shut down: {completed} handler runs completed, {failed} failed")?;
        if *dropped > 0 {
            write!(f, ", {dropped} events dropped")?;
        }
        if !abandoned.is_empty() {
            write!(f, ", cut off: {}", abandoned.join(", "))?;
        }
        if *commands_left > 0 {
            write!(f, ", {commands_left} commands left running")?;
        }
        Ok(())
    }
}

/// Each step begins when the one before has ended, or has taken too long.
pub(crate) async fn shutdown(core: &Core) -> ShutdownReport {
    let dropped = core.queue.gauge().2.dropped;
    core.work.closing.store(true, Ordering::SeqCst);
    core.queue.limit_intake(Intake::HandlersOnly);
    if !core.queue.is_empty() {
        // Events that waited for a runtime have one now.
        dispatcher::start(core);
    }
    let drained = within(core, core.settings.drain, quiet(core)).await;
    if !drained {
        core.cancel.fire();
        within(core, core.settings.grace, quiet(core)).await;
    }
    drop(core.queue.limit_intake(Intake::Closed));
    core.work.abort.store(true, Ordering::SeqCst);
    core.work.settled.notify_waiters();
    // What is cut off is dropped at its next await, which is now.
    within(core, core.settings.grace, dispatcher_ended(core)).await;
    ShutdownReport {
        completed: core.counters.processed.sum(),
        failed: core.counters.failed.sum(),
        dropped: core.queue.gauge().2.dropped - dropped,
        abandoned: lock(&core.work.abandoned).clone(),
        commands_left: core.work.commands.sum(),
    }
}

/// Resolves when nothing is queued or at work, or nobody is there to do it.
async fn quiet(core: &Core) {
    until(core, || {
        let can_drain = core.work.is_dispatching();
        (core.queue.is_empty() || !can_drain)
            && core.work.deliveries.sum() == 0
            && core.work.commands.sum() == 0
            // Looked at again: what was at work a moment ago may have published.
            && (core.queue.is_empty() || !can_drain)
    })
    .await;
}

async fn dispatcher_ended(core: &Core) {
    until(core, || core.work.deliveries.sum() == 0 && !core.work.is_dispatching()).await;
}

async fn until(core: &Core, is_so: impl Fn() -> bool) {
    loop {
        let mut settled = pin!(core.work.settled.notified());
        settled.as_mut().enable();
        if is_so() {
            return;
        }
        settled.await;
    }
}

/// `false` when the time is over. Without a timer, the time is never over.
async fn within(core: &Core, limit: Duration, work: impl Future<Output = ()>) -> bool {
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

/// The last user handle is gone: nobody will await a shutdown.
pub(crate) fn abandon(core: &Core) {
    core.work.abort.store(true, Ordering::SeqCst);
    core.work.closing.store(true, Ordering::SeqCst);
    let was_open = core.queue.intake() == Intake::Open;
    let queued = core.queue.limit_intake(Intake::Closed);
    let users = queued.iter().filter(|event| !event.lifecycle).count();
    let running = core.work.deliveries.sum();
    if was_open && (users > 0 || running > 0) {
        tracing::warn!(
            queued = users,
            running,
            "a bus was dropped with work left: await `bus.shutdown()` before the last handle goes"
        );
    }
}
