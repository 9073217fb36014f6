//! The end: stop the intake, drain, cancel, cut off, and say what was left.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use super::dispatcher;
use super::losses::DropReason;
use super::queue::Intake;
use super::schedule::What;
use crate::core::Core;
use crate::observe::{What as Told, tap};
use crate::resilience::timer::{sleep, within};
use crate::sync::lock;

/// What a bus has done in its life, and what was left when it was shut down.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ShutdownReport {
    /// Handler runs of events that ended well, since the bus was built.
    pub completed: u64,
    /// Handler runs of events that failed, since the bus was built; those that were cut off are not among them.
    pub failed: u64,
    /// Events that were queued and not started when the shutdown gave up on them.
    pub dropped: u64,
    /// Events that were scheduled and not due yet. What recurs is not counted.
    pub not_due: u64,
    /// Handlers of events that were cut off, by name.
    pub abandoned: Vec<String>,
    /// Handlers of events that were never begun, by name: one of a higher priority was cut off before, or they waited
    /// for a slot until the end.
    pub not_begun: Vec<String>,
    /// Events whose handlers were still at work at the end, since they block their thread; the bus's own too.
    pub events_left: u64,
    /// Commands that were still at work at the end.
    pub commands_left: u64,
    /// Sessions that had not ended at the end.
    pub sessions_left: u64,
}

impl ShutdownReport {
    /// Was nothing left behind?
    #[must_use]
    pub fn is_clean(&self) -> bool {
        let Self { dropped, not_due, events_left, commands_left, sessions_left, .. } = self;
        let left = dropped + not_due + events_left + commands_left + sessions_left;
        left == 0 && self.abandoned.is_empty() && self.not_begun.is_empty()
    }
}

impl fmt::Display for ShutdownReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { completed, failed, dropped, not_due, abandoned, .. } = self;
        write!(f, "shut down: {completed} handler runs completed, {failed} failed")?;
        if *dropped > 0 {
            write!(f, ", {dropped} events dropped")?;
        }
        if *not_due > 0 {
            write!(f, ", {not_due} events not due yet")?;
        }
        if !abandoned.is_empty() {
            write!(f, ", cut off: {}", abandoned.join(", "))?;
        }
        if !self.not_begun.is_empty() {
            write!(f, ", never begun: {}", self.not_begun.join(", "))?;
        }
        let left = [
            (self.events_left, "events left running"),
            (self.commands_left, "commands left running"),
            (self.sessions_left, "sessions left open"),
        ];
        let left = left.iter().filter(|(count, _)| *count > 0);
        left.into_iter().try_for_each(|(count, what)| write!(f, ", {count} {what}"))
    }
}

/// Each step begins when the one before has ended, or has taken too long.
pub(crate) async fn shutdown(core: &Core) -> ShutdownReport {
    let dropped = core.queue.stats().dropped;
    core.work.close();
    let not_due = stop_timers(core, DropReason::NotDue);
    core.queue.limit_intake(Intake::HandlersOnly);
    core.sessions.end_all();
    if !core.was_idle() {
        // Events that waited for a runtime have one now.
        dispatcher::start(core);
    }
    let drained = within(core, core.settings.drain, drained(core)).await;
    if !drained {
        core.cancel.fire();
        within(core, core.settings.grace, self::drained(core)).await;
    }
    for event in core.queue.limit_intake(Intake::Closed).iter().filter(|event| !event.lifecycle) {
        core.losses.note_event(core, event, DropReason::ShutDown);
    }
    within(core, core.settings.grace, told(core)).await;
    core.work.abort.fire();
    // What is cut off is dropped at its next await, which is now.
    let is_over = || !core.work.is_dispatching() && !core.work.is_due();
    within(core, core.settings.grace, core.until(is_over)).await;
    core.losses.flush(core);
    core.listeners.end();
    ShutdownReport {
        completed: core.counters.processed.sum(),
        failed: core.counters.failed.sum(),
        dropped: core.queue.stats().dropped - dropped,
        not_due: not_due as u64,
        abandoned: lock(&core.work.abandoned).clone(),
        not_begun: lock(&core.work.not_begun).clone(),
        events_left: core.in_flight(),
        commands_left: core.work.commands(),
        sessions_left: core.sessions.len() as u64,
    }
}

/// What is not due yet will not be published.
pub(super) fn stop_timers(core: &Core, why: DropReason) -> usize {
    let mut lost = core.timers.close();
    lost.retain(|entry| !entry.recurs());
    let mut by_name = BTreeMap::new();
    for entry in &lost {
        if core.observers.is_on() {
            let What { id, info, head, origin, .. } = &entry.what;
            let dropped = Told::Dropped { reason: why, count: 1 };
            tap::of_sent(core, (*info, Some(*id)), head.as_deref(), origin.as_deref(), dropped);
        }
        by_name.entry(entry.what.info.name()).or_insert((entry.what.info, 0)).1 += 1;
    }
    for (info, count) in by_name.into_values() {
        core.losses.note(core, info, count, why);
    }
    // Now, while it can still be heard.
    core.losses.flush(core);
    lost.len()
}

/// Resolves when nothing is queued or at work, or nobody is there to do it.
async fn drained(core: &Core) {
    let is_drained = || {
        let nobody = !core.work.is_dispatching() && core.work.commands() == 0;
        core.was_idle() || nobody
    };
    loop {
        core.until(is_drained).await;
        // Handlers may have opened sessions meanwhile, and left them open.
        if !core.sessions.end_all() {
            return;
        }
    }
}

/// Resolves when the handlers that have waited know that their events are dropped: so none of them is cut off,
/// and what had failed before becomes a dead letter.
async fn told(core: &Core) {
    while core.queue.has_waits() && sleep(core, Duration::from_millis(1)).await {}
}

/// The last user handle is gone: nobody will await a shutdown.
pub(crate) fn abandon(core: &Core) {
    let running = core.users_in_flight();
    core.work.close();
    let not_due = stop_timers(core, DropReason::NotDue);
    let was_open = core.queue.intake() == Intake::Open;
    let before = core.queue.stats().dropped;
    drop(core.queue.limit_intake(Intake::Closed));
    core.work.abort.fire();
    core.listeners.end();
    core.sessions.end_all();
    let queued = core.queue.stats().dropped - before;
    if was_open && (queued > 0 || running > 0 || not_due > 0) {
        tracing::warn!(
            queued,
            running,
            not_due,
            "a bus was dropped with work left: await `bus.shutdown()` before the last handle goes"
        );
    }
}
