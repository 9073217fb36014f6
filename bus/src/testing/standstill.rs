//! A note for who has forgotten that the clock stands still: a test that awaits what sleeps hangs without a word.

use std::io::{Write, stderr};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::Duration;

use super::TestClock;
use super::settle::Pending;
use super::watchdog::wake_after;
use crate::clock::Clock;
use crate::probe::Tracker;
use crate::sync::{Mutex, lock};

/// Looks at a test bus again and again, until nothing has gone on between two looks though a handler waits for the
/// clock, or for the bus; or somebody else does, as a retry or a circuit, and so whoever waits for that.
struct Look {
    tracker: Weak<Tracker>,
    clock: TestClock,
    every: Duration,
    seed: Option<u64>,
    /// What had gone on when it looked last.
    before: Mutex<Option<u64>>,
}

/// Says, to the error output, that the bus stands still when it has done so for this long of real time. Nothing is
/// decided by that: it may be that the test has something else to do.
pub(super) fn watch(tracker: &Arc<Tracker>, clock: &TestClock, limit: Duration, seed: Option<u64>) {
    let every = looks_every(limit);
    let (tracker, clock) = (Arc::downgrade(tracker), clock.clone());
    let look = Look { tracker, clock, every, seed, before: Mutex::default() };
    wake_after(every, Arc::new(look).into());
}

/// Two looks fit into the limit; but looking is not all that the watchdog is to do.
fn looks_every(limit: Duration) -> Duration {
    (limit / 2).max(Duration::from_millis(10))
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        let Some(tracker) = self.tracker.upgrade() else { return };
        let now = tracker.changes();
        let before = lock(&self.before).replace(now);
        let (_, waiting, _) = tracker.pending();
        let due = self.clock.next_due().map(|due| due.saturating_duration_since(self.clock.now()));
        let waits = !waiting.is_empty() || due.is_some();
        if before == Some(now) && tracker.is_at_rest() && waits {
            let waiting = waiting.iter().map(|waits| Pending::of(waits, false));
            // Past the capture of output: a test that hangs shows nothing of that.
            let _ = writeln!(stderr(), "{}", note(self.every, self.seed, waiting, due));
            return;
        }
        drop(tracker);
        wake_after(self.every, self.into());
    }
}

fn note(
    time: Duration,
    seed: Option<u64>,
    waiting: impl Iterator<Item = Pending>,
    due: Option<Duration>,
) -> String {
    let mut text = format!("nothing has gone on on a test bus for {time:?} of real time:\n");
    waiting.for_each(|pending| text.push_str(&format!("  {pending}\n")));
    if let Some(due) = due {
        text.push_str(&format!("  the next is due in {due:?}\n"));
    }
    if let Some(seed) = seed {
        text.push_str(&format!("its handlers are interleaved by seed {seed}\n"));
    }
    text + "its clock stands still until the test moves it. If the test waits for this: `bus.run(..).await` drives \
            what takes time, and `bus.advance(..).await` moves the clock"
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::*;

    #[test]
    fn it_looks_seldom_whatever_the_limit_is() {
        assert_eq!(looks_every(Duration::from_secs(10)), Duration::from_secs(5));
        assert!(looks_every(Duration::ZERO) >= Duration::from_millis(10), "it would spin");
    }

    #[test]
    fn the_note_names_the_seed() {
        let note = |seed| note(Duration::from_secs(5), seed, std::iter::empty(), None);
        assert!(note(Some(7)).contains("by seed 7"));
        assert!(!note(None).contains("seed"));
    }
}
