//! Identity of a message inside this process.

use std::cell::Cell;
use std::fmt;
use std::num::NonZeroU64;
use std::sync::atomic::{AtomicU64, Ordering};

/// Names one message in this process: the bus and a sequence number. No clock and no randomness go
/// into it; it is unique, and its order means nothing across threads.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct MessageId {
    sequence: NonZeroU64,
    bus: u32,
}

/// How many numbers a thread takes at once: the shared counter is touched once in so many messages,
/// and two callers on two cores share no cache line.
const BLOCK: u64 = 1024;

static NEXT_BLOCK: AtomicU64 = AtomicU64::new(0);

thread_local! {
    /// The last number given out, and the last one of this thread's block.
    static BLOCK_OF_THREAD: Cell<(u64, u64)> = const { Cell::new((0, 0)) };
}

impl MessageId {
    #[inline]
    pub(crate) fn next(bus: u32) -> Self {
        let sequence = BLOCK_OF_THREAD.with(|block| {
            let (mut last, mut end) = block.get();
            if last == end {
                last = NEXT_BLOCK.fetch_add(BLOCK, Ordering::Relaxed);
                end = last + BLOCK;
            }
            block.set((last + 1, end));
            last + 1
        });
        // `last + 1` is at least one.
        let sequence = NonZeroU64::new(sequence).unwrap_or(NonZeroU64::MIN);
        Self { sequence, bus }
    }

    /// The number of the bus in this process, counted from 1.
    #[must_use]
    pub fn bus(self) -> u32 {
        self.bus
    }

    /// The number of the message in this process.
    #[must_use]
    pub fn sequence(self) -> u64 {
        self.sequence.get()
    }
}

impl fmt::Display for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.bus, self.sequence)
    }
}

impl fmt::Debug for MessageId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::MessageId;
    use std::collections::HashSet;

    #[test]
    fn ids_of_several_threads_never_meet() {
        let threads: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn(|| (0..3000).map(|_| MessageId::next(1)).collect::<Vec<_>>())
            })
            .collect();
        let all: Vec<_> = threads.into_iter().flat_map(|t| t.join().unwrap()).collect();
        let distinct: HashSet<_> = all.iter().copied().collect();
        assert_eq!(distinct.len(), all.len(), "an id was given out twice");
    }
}
