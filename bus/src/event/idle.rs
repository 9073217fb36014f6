//! Idle: nothing is queued and nothing runs.

use std::pin::pin;
use std::sync::atomic::Ordering;

use super::dispatcher;
use crate::core::{Core, Work};
use crate::probe::Rest;

impl Core {
    /// Was there a moment at which nothing was queued and nothing ran?
    ///
    /// All that begins is counted before what causes it ends. So if everything that had ended is
    /// all that has ever begun, read in this order, then nothing was on its way between the two.
    pub(crate) fn was_idle(&self) -> bool {
        let ended = self.work.ended_sum() + self.queue.discarded();
        let begun = self.work.begun_sum() + self.queue.begun();
        ended == begun
    }

    /// How many events have handlers that are at work. Exact when nothing moves.
    pub(crate) fn in_flight(&self) -> u64 {
        let ended = self.work.all_deliveries_ended() + self.queue.discarded();
        let begun = self.queue.begun().saturating_sub(self.queue.waiting() as u64);
        begun.saturating_sub(ended)
    }

    /// How many events of users are not queued any more, and have handlers that are at work. Exact when nothing
    /// moves.
    pub(crate) fn users_in_flight(&self) -> u64 {
        // Ends first: what begins meanwhile is in flight, and none is missing.
        let ended = self.work.deliveries_ended.sum();
        self.queue.delivered().saturating_sub(ended)
    }

    /// Resolves when `is_so`; looks whenever something ends. Cancel-safe.
    pub(crate) async fn until(&self, is_so: impl Fn() -> bool) {
        let _watching = Watching::begin(&self.work);
        loop {
            let mut changed = pin!(self.work.changed.notified());
            changed.as_mut().enable();
            if is_so() {
                return;
            }
            changed.await;
        }
    }
}

/// Resolves when nothing is queued and nothing runs, or nobody is there who would. Cancel-safe.
pub(crate) async fn idle(core: &Core) {
    let _rest = Rest::begin();
    // Events that waited for a runtime have one now.
    dispatcher::start(core);
    let nobody = || core.work.ended.load(Ordering::SeqCst) && core.work.commands() == 0;
    core.until(|| core.was_idle() || nobody()).await;
}

/// While somebody watches, whatever ends says so.
struct Watching<'a>(&'a Work);

impl<'a> Watching<'a> {
    fn begin(work: &'a Work) -> Self {
        // Sequentially consistent with `Work::has_ended`: either that sees the watcher, or the watcher sees
        // what has ended.
        work.watchers.fetch_add(1, Ordering::SeqCst);
        Self(work)
    }
}

impl Drop for Watching<'_> {
    fn drop(&mut self) {
        self.0.watchers.fetch_sub(1, Ordering::SeqCst);
    }
}
