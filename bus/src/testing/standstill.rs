//! A note for who has forgotten that the clock stands still: a test that awaits what sleeps hangs without a word.

use std::io::{Write, stderr};
use std::sync::{Arc, Weak};
use std::task::Wake;
use std::time::Duration;

use super::settle::Pending;
use super::watchdog::wake_after;
use crate::probe::Tracker;
use crate::sync::{Mutex, lock};

/// Looks at a test bus again and again, until nothing has gone on between two looks though a handler waits for the
/// clock, or for the bus.
struct Look {
    tracker: Weak<Tracker>,
    every: Duration,
    /// What had gone on when it looked last.
    before: Mutex<Option<u64>>,
}

/// Says, to the error output, that the bus stands still when it has done so for this long of real time. Nothing is
/// decided by that: it may be that the test has something else to do.
pub(super) fn watch(tracker: &Arc<Tracker>, limit: Duration) {
    // Two looks fit into the limit.
    let every = limit / 2;
    let look = Look { tracker: Arc::downgrade(tracker), every, before: Mutex::default() };
    wake_after(every, Arc::new(look).into());
}

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        let Some(tracker) = self.tracker.upgrade() else { return };
        let now = tracker.changes();
        let before = lock(&self.before).replace(now);
        let (_, waiting, _) = tracker.pending();
        if before == Some(now) && tracker.is_at_rest() && !waiting.is_empty() {
            let waiting = waiting.iter().map(|waits| Pending::of(waits, false));
            // Past the capture of output: a test that hangs shows nothing of that.
            let _ = writeln!(stderr(), "{}", note(self.every, waiting));
            return;
        }
        drop(tracker);
        wake_after(self.every, self.into());
    }
}

fn note(time: Duration, waiting: impl Iterator<Item = Pending>) -> String {
    let mut text = format!("nothing has gone on on a test bus for {time:?} of real time:\n");
    waiting.for_each(|pending| text.push_str(&format!("  {pending}\n")));
    text + "its clock stands still until the test moves it. If the test waits for this: `bus.run(..).await` drives \
            what takes time, and `bus.advance(..).await` moves the clock"
}
