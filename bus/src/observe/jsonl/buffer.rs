//! Lines on their way to the thread that writes them. The lock is held to move a line, never to write one.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use super::JsonlStats;

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
    lines: VecDeque<String>,
    /// Of all of them together.
    bytes: usize,
    /// Not said yet.
    unsaid: u64,
    closed: bool,
    /// The writer is gone: what is not written by now never will be.
    ended: bool,
    said_last: bool,
    /// Of all lines that were pushed: how many the writer is done with.
    pushed: u64,
    done: u64,
    stats: JsonlStats,
}

/// What there is to write.
pub(super) struct Lines {
    pub(super) lines: VecDeque<String>,
    /// After these, so many were dropped.
    pub(super) dropped: u64,
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
        let is_large = bytes > self.room.saturating_mul(LINE) && !state.lines.is_empty();
        if state.closed || is_large || state.lines.len() >= self.room {
            state.unsaid += 1;
            state.stats.dropped += 1;
            return;
        }
        state.bytes = bytes;
        state.lines.push_back(line);
        state.pushed += 1;
        let was_empty = state.lines.len() == 1;
        drop(state);
        if was_empty {
            self.filled.notify_one();
        }
    }

    /// All that there is, when there is something. `None`: nothing comes any more.
    pub(super) fn take(&self) -> Option<Lines> {
        let mut state = self.lock();
        while state.lines.is_empty() && !state.closed {
            state = self.filled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        // At the end what was dropped is said once, whatever comes of that.
        if state.lines.is_empty()
            && (state.unsaid == 0 || std::mem::replace(&mut state.said_last, true))
        {
            return None;
        }
        let lines = std::mem::take(&mut state.lines);
        state.bytes = 0;
        Some(Lines { lines, dropped: std::mem::take(&mut state.unsaid) })
    }

    /// Of the lines that were taken, so many were written; what was dropped and not said is said later.
    pub(super) fn done(&self, written: u64, lost: u64, unsaid: u64, errors: u64) {
        let mut state = self.lock();
        state.done += written + lost;
        state.unsaid += lost + unsaid;
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

    /// The writer has written the last line, that some were dropped among them.
    pub(super) fn ended(&self) {
        self.lock().ended = true;
        self.emptied.notify_all();
    }

    /// `false`: the time was over first.
    pub(super) fn flush(&self, limit: Duration) -> bool {
        let until = self.lock().pushed;
        self.wait(limit, |state| state.done >= until || state.ended)
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
    use super::Buffer;
    use std::sync::Arc;
    use std::time::Duration;

    fn push(buffer: &Buffer, lines: std::ops::Range<u32>) {
        lines.for_each(|line| buffer.push(line.to_string()));
    }

    #[test]
    fn a_full_buffer_takes_no_more_and_says_how_much_that_was() {
        let buffer = Buffer::new(3);
        push(&buffer, 0..5);
        assert_eq!(buffer.stats().dropped, 2);
        assert!(!buffer.flush(Duration::ZERO), "nobody writes");
        let taken = buffer.take().expect("there is something");
        assert_eq!(
            (Vec::from(taken.lines), taken.dropped),
            (vec!["0".into(), "1".into(), "2".into()], 2)
        );
        push(&buffer, 5..6);
        // They could not be written, nor that others were dropped.
        buffer.done(1, 2, 2, 1);
        let taken = buffer.take().expect("there is something");
        assert_eq!((taken.lines.len(), taken.dropped), (1, 4));
        buffer.done(1, 0, 0, 0);
        assert!(buffer.flush(Duration::ZERO));
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
        let taken = buffer.take().expect("there is something");
        assert_eq!((Vec::from(taken.lines), taken.dropped), (vec![long], 1));
        push(&buffer, 0..4);
        assert_eq!(buffer.stats().dropped, 1);
    }

    #[test]
    fn a_closed_one_gives_what_is_left_and_says_the_rest_once() {
        let buffer = Buffer::new(1);
        push(&buffer, 0..2);
        buffer.close();
        push(&buffer, 2..3);
        let taken = buffer.take().expect("a line is left");
        assert_eq!((taken.lines.len(), taken.dropped), (1, 2));
        buffer.done(0, 1, 2, 1);
        let last = buffer.take().expect("what was dropped is said");
        assert_eq!((last.lines.len(), last.dropped), (0, 3));
        buffer.done(0, 0, 3, 1);
        assert!(buffer.take().is_none());
    }

    /// The last line may be one that says what was dropped, of which nobody waits for the lines.
    #[test]
    fn the_end_waits_for_the_writer() {
        let buffer = Buffer::new(1);
        push(&buffer, 0..1);
        let taken = buffer.take().expect("there is something");
        push(&buffer, 1..3);
        buffer.done(taken.lines.len() as u64, 0, 0, 0);
        let taken = buffer.take().expect("there is something");
        buffer.done(taken.lines.len() as u64, 0, taken.dropped, 0);
        assert!(buffer.flush(Duration::ZERO), "each line is written ..");
        assert!(!buffer.end(Duration::ZERO), ".. but not that one was dropped");
        assert_eq!(buffer.take().expect("it is to be said").dropped, 1);
        buffer.done(0, 0, 0, 0);
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
        let taken = buffer.take().expect("there is something");
        buffer.done(taken.lines.len() as u64, 0, 0, 0);
        assert!(flushing.join().expect("it does not panic"));
        push(&buffer, 2..3);
        assert!(!buffer.flush(Duration::ZERO), "that one is not written");
    }
}
