//! Lines on their way to the thread that writes them. The lock is held to move a line, never to write one.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::JsonlStats;
use super::entry::Entry;
use super::flushes::Flushes;

/// For so many bytes a line there is room: an error may have a text of any length.
const LINE: usize = 1024;

pub(super) struct Buffer {
    room: usize,
    state: Mutex<State>,
    /// There is something to write, or nothing will come any more.
    filled: Condvar,
    /// Something was written.
    emptied: Condvar,
}

#[derive(Default)]
struct State {
    /// What was dropped is among them, where it is missing.
    entries: VecDeque<Entry>,
    /// How many of these are lines, and their bytes.
    lines: usize,
    bytes: usize,
    closed: bool,
    /// The writer is gone: what is not written by now never will be.
    ended: bool,
    said_last: bool,
    /// Of all lines that found room: how many the writer is done with.
    pushed: u64,
    done: u64,
    flushes: Flushes,
    stats: JsonlStats,
}

/// What has become of the entries that were taken.
#[derive(Default)]
pub(super) struct Done {
    /// Lines, from the first one on.
    pub(super) written: u64,
    /// All the other lines.
    pub(super) lost: u64,
    /// So many are missing by gaps that could not be written.
    pub(super) unsaid: u64,
    pub(super) errors: u64,
}

impl Buffer {
    pub(super) fn new(room: usize) -> Self {
        let (state, filled, emptied) = (Mutex::default(), Condvar::new(), Condvar::new());
        Self { room, state, filled, emptied }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does not wait: where there is no room, the line is dropped.
    pub(super) fn push(&self, line: String) {
        let mut state = self.lock();
        let bytes = state.bytes.saturating_add(line.len());
        let is_large = bytes > self.room.saturating_mul(LINE) && state.lines > 0;
        if state.closed || is_large || state.lines >= self.room {
            state.stats.dropped += 1;
            match state.entries.back_mut() {
                Some(Entry::Gap(lines)) => *lines += 1,
                _ => state.entries.push_back(Entry::Gap(1)),
            }
            return;
        }
        state.bytes = bytes;
        state.entries.push_back(Entry::Line(line));
        state.lines += 1;
        state.pushed += 1;
        let was_empty = state.lines == 1;
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// All that there is, when there is a line. `None`: nothing comes any more.
    pub(super) fn take(&self) -> Option<Vec<Entry>> {
        let mut state = self.lock();
        while state.lines == 0 && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // At the end what was dropped is said once, whatever comes of that.
        if state.lines == 0
            && (state.entries.is_empty() || std::mem::replace(&mut state.said_last, true))
        {
            return None;
        }
        (state.lines, state.bytes) = (0, 0);
        Some(std::mem::take(&mut state.entries).into())
    }

    /// What is lost, and what is not said, is missing before all that has come since.
    pub(super) fn done(&self, Done { written, lost, unsaid, errors }: Done) {
        let mut state = self.lock();
        let first_lost = state.done + written + 1;
        state.done += written + lost;
        if lost > 0 {
            let last = state.done;
            state.flushes.lost(first_lost..=last);
        }
        match (lost + unsaid, state.entries.front_mut()) {
            (0, _) => {}
            (more, Some(Entry::Gap(lines))) => *lines += more,
            (more, _) => state.entries.push_front(Entry::Gap(more)),
        }
        state.stats.written += written;
        state.stats.dropped += lost;
        state.stats.errors += errors;
        drop(state);
        self.emptied.notify_all();
    }

    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.filled.notify_all();
    }

    /// The writer has written the last line, that some were dropped among them; or it has panicked.
    pub(super) fn ended(&self) {
        self.lock().ended = true;
        self.emptied.notify_all();
    }

    /// `false`: the time was over first, or a line was lost.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let mut state = self.lock();
        let (until, dropped) = (state.pushed, state.stats.dropped);
        let number = state.flushes.begin(until, dropped);
        drop(state);
        self.wait(limit, |state| state.done >= until || state.ended);
        let mut state = self.lock();
        let has_missed = state.flushes.end(number);
        // Where the writer has panicked, a line may be neither written nor lost.
        state.done >= until && !has_missed
    }

    /// Waits until the writer is gone. `false`: the time was over first.
    pub(super) fn end(&self, limit: Duration) -> bool {
        self.close();
        self.wait(limit, |state| state.ended)
    }

    fn wait(&self, limit: Duration, is_so: impl Fn(&State) -> bool) -> bool {
        let end = Instant::now().checked_add(limit);
        let mut state = self.lock();
        while !is_so(&state) {
            let left = end.map(|end| end.saturating_duration_since(Instant::now()));
            match left {
                Some(Duration::ZERO) => return false,
                Some(left) => {
                    let waited = self.emptied.wait_timeout(state, left);
                    state = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                None => state = self.emptied.wait(state).unwrap_or_else(PoisonError::into_inner),
            }
        }
        true
    }

    pub(super) fn stats(&self) -> JsonlStats {
        self.lock().stats
    }
}

#[cfg(test)]
mod tests {
    use super::{Buffer, Done, Entry};
    use std::sync::Arc;
    use std::time::Duration;

    fn push(buffer: &Buffer, lines: std::ops::Range<u32>) {
        lines.for_each(|line| buffer.push(line.to_string()));
    }

    fn take(buffer: &Buffer) -> Vec<Entry> {
        buffer.take().expect("there is something")
    }

    fn line(text: &str) -> Entry {
        Entry::Line(text.to_owned())
    }

    fn done(buffer: &Buffer, written: u64, lost: u64, unsaid: u64) {
        let errors = u64::from(lost + unsaid > 0);
        buffer.done(Done { written, lost, unsaid, errors });
    }

    #[test]
    fn a_full_buffer_takes_no_more_and_says_how_much_that_was() {
        let buffer = Buffer::new(3);
        push(&buffer, 0..5);
        assert_eq!(buffer.stats().dropped, 2);
        assert!(!buffer.flush(Duration::ZERO), "nobody writes");
        assert_eq!(take(&buffer), [line("0"), line("1"), line("2"), Entry::Gap(2)]);
        push(&buffer, 5..6);
        // They could not be written, nor that others were dropped: that is missing before what came since.
        done(&buffer, 1, 2, 2);
        assert_eq!(take(&buffer), [Entry::Gap(4), line("5")]);
        done(&buffer, 1, 0, 0);
        let stats = buffer.stats();
        assert_eq!((stats.written, stats.dropped, stats.errors), (2, 4, 1));
    }

    #[test]
    fn long_lines_take_the_room_of_many() {
        let buffer = Buffer::new(4);
        let long = "x".repeat(5000);
        buffer.push(long.clone());
        // One that is alone has room, however long it is.
        buffer.push("short".into());
        assert_eq!(buffer.stats().dropped, 1);
        assert_eq!(take(&buffer), [line(&long), Entry::Gap(1)]);
        push(&buffer, 0..1);
        // One that has no room is missing before a short one that has.
        buffer.push(long);
        push(&buffer, 1..2);
        assert_eq!(take(&buffer), [line("0"), Entry::Gap(1), line("1")]);
        assert_eq!(buffer.stats().dropped, 2);
    }

    #[test]
    fn a_closed_one_gives_what_is_left_and_says_the_rest_once() {
        let buffer = Buffer::new(1);
        push(&buffer, 0..2);
        buffer.close();
        push(&buffer, 2..3);
        assert_eq!(take(&buffer), [line("0"), Entry::Gap(2)]);
        done(&buffer, 0, 1, 2);
        assert_eq!(take(&buffer), [Entry::Gap(3)], "what was dropped is said");
        done(&buffer, 0, 0, 3);
        assert!(buffer.take().is_none());
    }

    /// The last line may be one that says what was dropped, of which nobody waits for the lines.
    #[test]
    fn the_end_waits_for_the_writer() {
        let buffer = Buffer::new(1);
        push(&buffer, 0..1);
        take(&buffer);
        push(&buffer, 1..3);
        done(&buffer, 1, 0, 0);
        take(&buffer);
        done(&buffer, 1, 0, 1);
        assert!(!buffer.flush(Duration::ZERO), "one was dropped");
        assert!(buffer.flush(Duration::ZERO), "each other line is written ..");
        assert!(!buffer.end(Duration::ZERO), ".. but not that one was dropped");
        assert_eq!(take(&buffer), [Entry::Gap(1)]);
        done(&buffer, 0, 0, 0);
        assert!(buffer.take().is_none());
        buffer.ended();
        assert!(buffer.end(Duration::ZERO));
    }

    #[test]
    fn a_flush_waits_for_what_was_there_before_it() {
        let buffer = Arc::new(Buffer::new(10));
        push(&buffer, 0..2);
        let flushing = std::thread::spawn({
            let buffer = Arc::clone(&buffer);
            move || buffer.flush(Duration::from_secs(60))
        });
        let taken = take(&buffer);
        done(&buffer, taken.len() as u64, 0, 0);
        assert!(flushing.join().expect("it does not panic"));
        push(&buffer, 2..3);
        assert!(!buffer.flush(Duration::ZERO), "that one is not written");
        take(&buffer);
        done(&buffer, 0, 1, 0);
        assert!(!buffer.flush(Duration::ZERO), "and now it is lost");
        assert!(buffer.flush(Duration::ZERO), "which was told");
    }

    /// As where the writer panics.
    #[test]
    fn what_nobody_will_write_is_not_written() {
        let buffer = Buffer::new(10);
        push(&buffer, 0..1);
        take(&buffer);
        buffer.ended();
        assert!(!buffer.flush(Duration::from_secs(60)));
    }
}
