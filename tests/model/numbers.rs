//! The one place that reads the numbers of the bus.

use bus::{Bus, ShutdownReport};

#[derive(Debug, Clone, Copy)]
pub(crate) struct Numbers {
    /// Accepted.
    pub(crate) published: u64,
    pub(crate) rejected: u64,
    /// Accepted and not delivered, or emitted and not accepted.
    pub(crate) dropped: u64,
    /// Announcements of the bus's own.
    pub(crate) own_dropped: u64,
    pub(crate) unhandled: u64,
    pub(crate) processed: u64,
    pub(crate) failed: u64,
    pub(crate) queued: usize,
    pub(crate) debt: usize,
    /// How often an event that had begun had to wait for a slot.
    pub(crate) waited_for_slots: u64,
    pub(crate) largest_queue: usize,
    pub(crate) events_in_flight: u64,
    pub(crate) commands_in_flight: u64,
}

impl Numbers {
    pub(crate) fn of(bus: &Bus) -> Self {
        let stats = bus.stats();
        Self {
            published: stats.published,
            rejected: stats.rejected,
            dropped: stats.dropped,
            own_dropped: stats.lifecycle_dropped,
            unhandled: stats.unhandled,
            processed: stats.processed,
            failed: stats.failed,
            queued: stats.queued,
            debt: stats.debt,
            waited_for_slots: bus.event_queue().stats().waited_for_slots,
            largest_queue: stats.largest_queue,
            events_in_flight: stats.events_in_flight,
            commands_in_flight: stats.commands_in_flight,
        }
    }

    /// Is nothing queued and nothing at work?
    pub(crate) fn is_quiet(&self) -> bool {
        self.queued == 0 && self.events_in_flight == 0
    }
}

/// What the shutdown said.
#[derive(Debug, Clone)]
pub(crate) struct Farewell {
    pub(crate) completed: u64,
    pub(crate) failed: u64,
    pub(crate) dropped: u64,
    pub(crate) not_due: u64,
    /// The names of the handlers that were cut off, one for each run.
    pub(crate) abandoned: Vec<String>,
    pub(crate) commands_left: u64,
    pub(crate) took_ms: u64,
}

impl Farewell {
    pub(crate) fn of(report: ShutdownReport, took_ms: u64) -> Self {
        Self {
            completed: report.completed,
            failed: report.failed,
            dropped: report.dropped,
            not_due: report.not_due,
            abandoned: report.abandoned,
            commands_left: report.commands_left,
            took_ms,
        }
    }
}
