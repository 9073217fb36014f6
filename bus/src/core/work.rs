//! What has begun and what has ended: so that a shutdown, or whoever waits for the bus to be idle, knows.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use tokio::sync::Notify;

use crate::pipeline::cancel::Cancel;
use crate::sync::{Mutex, Sharded};

/// What has begun and what has ended. Events begin in the queue, which counts them.
#[derive(Default)]
pub(crate) struct Work {
    pub(crate) commands_begun: Sharded,
    pub(crate) commands_processed: Sharded,
    /// Failed, refused, or dropped by their callers.
    pub(crate) commands_failed: Sharded,
    pub(crate) deliveries_ended: Sharded,
    /// The same of the bus's own events.
    own_deliveries_ended: Sharded,
    /// Looks for events that are due, and what they have found, until it is queued.
    pub(crate) due_begun: Sharded,
    pub(crate) due_ended: Sharded,
    /// Sessions that have begun to end; and retries of dead letters.
    pub(crate) closes_begun: Sharded,
    pub(crate) closes_ended: Sharded,
    closing: AtomicBool,
    /// Tells handlers of it.
    pub(crate) shutting_down: Cancel,
    /// Past the end: what still runs is cut off.
    pub(crate) abort: Cancel,
    pub(crate) dispatching: AtomicBool,
    /// The dispatcher has ended, and will not be started again.
    pub(crate) ended: AtomicBool,
    /// Handlers that were cut off, by name.
    pub(crate) abandoned: Mutex<Vec<String>>,
    /// Handlers that were never called with an event, as the bus ended before: by name.
    pub(crate) not_begun: Mutex<Vec<String>>,
    /// How many want to be told when something ends ..
    pub(crate) watchers: AtomicUsize,
    /// .. here.
    pub(crate) changed: Notify,
}

/// Something that is at work, and has ended when dropped.
pub(crate) struct AtWork<'a> {
    work: &'a Work,
    ended: &'a Sharded,
}

impl AtWork<'_> {
    /// Of a command, which has failed unless this is said.
    #[inline]
    pub(crate) fn has_succeeded(&mut self) {
        self.ended = &self.work.commands_processed;
    }
}

impl Work {
    /// Sequentially consistent with `close`: either the shutdown sees the command, or the command
    /// sees that the bus closes.
    #[inline]
    pub(crate) fn begin_command(&self) -> AtWork<'_> {
        self.commands_begun.add(1);
        AtWork { work: self, ended: &self.commands_failed }
    }

    /// A look for events that are due.
    pub(crate) fn begin_due(&self) -> AtWork<'_> {
        self.due_begun.add(1);
        AtWork { work: self, ended: &self.due_ended }
    }

    /// Is something due that is not queued yet?
    pub(crate) fn is_due(&self) -> bool {
        let ended = self.due_ended.sum();
        self.due_begun.sum() > ended
    }

    /// The delivery of an event that has left the queue: the bus's own, or a user's.
    pub(crate) fn delivering(&self, is_own: bool) -> AtWork<'_> {
        let ended = if is_own { &self.own_deliveries_ended } else { &self.deliveries_ended };
        AtWork { work: self, ended }
    }

    pub(crate) fn all_deliveries_ended(&self) -> u64 {
        self.deliveries_ended.sum() + self.own_deliveries_ended.sum()
    }

    pub(crate) fn session_ends(&self) {
        self.closes_begun.add(1);
    }

    pub(crate) fn session_ended(&self) {
        drop(AtWork { work: self, ended: &self.closes_ended });
    }

    /// A dead letter is retried, or what it has held up is run.
    pub(crate) fn retry_begins(&self) {
        self.closes_begun.add(1);
    }

    pub(crate) fn retry_ended(&self) {
        drop(AtWork { work: self, ended: &self.closes_ended });
    }

    /// How many commands have ended well, and how many have not.
    pub(crate) fn commands_ended(&self) -> (u64, u64) {
        (self.commands_processed.sum(), self.commands_failed.sum())
    }

    pub(crate) fn commands(&self) -> u64 {
        let (processed, failed) = self.commands_ended();
        let ended = processed + failed;
        self.commands_begun.sum().saturating_sub(ended)
    }

    pub(crate) fn ended_sum(&self) -> u64 {
        let (processed, failed) = self.commands_ended();
        let of_messages = processed + failed + self.all_deliveries_ended();
        of_messages + self.due_ended.sum() + self.closes_ended.sum()
    }

    /// Events are not among these: they begin in the queue.
    pub(crate) fn begun_sum(&self) -> u64 {
        self.commands_begun.sum() + self.due_begun.sum() + self.closes_begun.sum()
    }

    pub(crate) fn is_dispatching(&self) -> bool {
        self.dispatching.load(Ordering::SeqCst) && !self.ended.load(Ordering::SeqCst)
    }

    pub(crate) fn close(&self) {
        self.closing.store(true, Ordering::SeqCst);
        self.shutting_down.fire();
    }

    #[inline]
    pub(crate) fn is_closing(&self) -> bool {
        self.closing.load(Ordering::SeqCst)
    }
}

impl Drop for AtWork<'_> {
    #[inline]
    fn drop(&mut self) {
        self.ended.add(1);
        if self.work.watchers.load(Ordering::SeqCst) > 0 {
            self.work.changed.notify_waiters();
        }
    }
}
