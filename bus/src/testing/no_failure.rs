//! That nothing has failed.

use std::collections::BTreeSet;

use super::TestBus;
use super::expect::list;
use super::record::{Entry, Step};
use crate::message::MessageId;

impl TestBus {
    /// No command, and no handler of an event, has failed for good: with an error or a panic, in time-outs, or as it was
    /// refused; and none is a dead letter. An attempt that has failed, and was followed by one that has not, is no failure.
    /// Handlers of the bus's own events count too. Only a bus that has [settled](Self::settle) can show that.
    ///
    /// ```standalone_crate
    /// use bus::prelude::*;
    /// use bus::testing::TestBus;
    ///
    /// #[event]
    /// struct Placed;
    /// #[handler]
    /// async fn bill(_: &Placed) -> bus::Result<()> { Ok(()) }
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let bus = TestBus::from_registered()?;
    ///     bus.publish(Placed).await?;
    ///     bus.settle().await;
    ///     bus.expect_no_failure();
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    /// When one has: with what has failed, and the tree of what happened. And when the bus has not settled.
    #[track_caller]
    pub fn expect_no_failure(&self) {
        self.must_have_settled();
        let mut failed = failures(&self.recent());
        failed.extend(self.recorder.own_failures());
        if !failed.is_empty() {
            let (count, all) = (failed.len(), list(failed.iter().map(Entry::to_string)));
            self.fail(format_args!("expected no failure, and there were {count}{all}"));
        }
    }
}

/// The runs that have ended in failure. A dead letter is of one of them, unless that was not seen.
pub(super) fn failures(entries: &[Entry]) -> Vec<Entry> {
    let failed: Vec<_> = entries.iter().filter(|entry| entry.step.is_failure()).collect();
    let known: BTreeSet<MessageId> = failed.iter().filter_map(|entry| entry.id).collect();
    let is_letter = |entry: &&Entry| {
        let is_known = entry.id.is_some_and(|id| known.contains(&id));
        matches!(entry.step, Step::DeadLettered { .. }) && !is_known
    };
    let letters = entries.iter().filter(is_letter);
    failed.iter().copied().chain(letters).cloned().collect()
}
