//! Counts of what has happened.

use crate::core::Core;

/// What has happened on a bus so far. Handler runs are (event, handler) pairs; the bus's own events
/// are not counted as the user's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Events accepted into the queue.
    pub published: u64,
    /// Events refused: given back by a [`PublishError`](crate::PublishError).
    pub rejected: u64,
    /// Events lost after they were accepted, or emitted when it was too late.
    pub dropped: u64,
    /// Events that were queued for longer than their `ttl`, and not handled.
    pub expired: u64,
    /// The bus's own events that were dropped, since their handlers could not follow.
    pub lifecycle_dropped: u64,
    /// Events that nobody handles.
    pub unhandled: u64,
    /// Handler runs of events that ended well.
    pub processed: u64,
    /// Handler runs of events that failed, and events that a handler was not called with for good: parked
    /// behind a dead letter, or not let in. What was cut off is in the
    /// [report](crate::ShutdownReport::abandoned).
    pub failed: u64,
    /// Of those that ended well, such as had failed with an error that says
    /// [`Discard`](crate::ErrorClass::Discard).
    pub discarded: u64,
    /// Retries that were not made, as their [budget](crate::RetryBudget) was used up.
    pub retries_refused: u64,
    /// Messages that a handler has given up on, and that are kept now.
    pub dead_letters: usize,
    /// Events queued now.
    pub queued: usize,
    /// How many of them are over the capacity.
    pub debt: usize,
    /// The most that were ever queued.
    pub largest_queue: usize,
    /// Events that are not queued any more, and whose handlers are at work now. The bus's own are not among them.
    pub events_in_flight: u64,
    /// Events that are scheduled and not due yet, or recur.
    pub scheduled: usize,
    /// Who listens now: subscriptions, and those who wait for an event.
    pub listeners: usize,
    /// Lanes of ordered events that a handler holds or waits for now. A key costs nothing while none
    /// of its events is there.
    pub lanes: usize,
    /// Commands at work now.
    pub commands_in_flight: u64,
    /// Handlers of the bus, those registered at run time included.
    pub handlers: usize,
    /// Sessions that are open now.
    pub sessions_open: usize,
    /// Sessions that were opened.
    pub sessions_opened: u64,
    /// Sessions that have ended where no runtime was there to let them finish: in disorder.
    pub sessions_cut: u64,
}

impl Stats {
    pub(crate) fn of(core: &Core) -> Self {
        let queue = core.queue.stats();
        let handlers = core.wired.table().map_or_else(|| core.table.handlers(), |t| t.handlers());
        Self {
            published: queue.accepted,
            rejected: queue.rejected,
            dropped: queue.dropped,
            expired: queue.expired,
            lifecycle_dropped: queue.lifecycle_dropped,
            unhandled: core.counters.unhandled.sum(),
            processed: core.counters.processed.sum(),
            failed: core.counters.failed.sum(),
            discarded: core.counters.discarded.sum(),
            retries_refused: core.counters.over_budget.sum(),
            dead_letters: core.dead_letters.len(),
            queued: queue.queued,
            debt: queue.debt,
            largest_queue: queue.largest,
            events_in_flight: core.users_in_flight(),
            scheduled: core.timers.len(),
            listeners: core.listeners.len(),
            lanes: core.lanes.len(),
            commands_in_flight: core.work.commands(),
            handlers,
            sessions_open: core.sessions.len(),
            sessions_opened: core.sessions.opened.sum(),
            sessions_cut: core.sessions.cut.sum(),
        }
    }
}
