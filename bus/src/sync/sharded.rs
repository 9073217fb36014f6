//! A counter that several cores can move without sharing a cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Enough for the cores of common machines; threads beyond it share, which is slower and not wrong.
pub(crate) const SHARDS: usize = 16;

/// Two lines: processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Shard(AtomicU64);

/// Goes up only; a thread moves its own shard, reading adds them up.
#[derive(Default)]
pub(crate) struct Sharded([Shard; SHARDS]);

static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(usize::MAX) };
}

/// Of this thread. Who has fewer shards takes the remainder.
#[inline]
pub(crate) fn shard() -> usize {
    SHARD
        .try_with(|shard| {
            if shard.get() == usize::MAX {
                shard.set(NEXT.fetch_add(1, Ordering::Relaxed) % SHARDS);
            }
            shard.get()
        })
        .unwrap_or(0)
}

impl Sharded {
    /// Ordered with what follows: whoever sets a flag and then sums sees this, or is seen.
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0[shard()].0.fetch_add(n, Ordering::SeqCst);
    }

    /// Exact when nothing moves.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|shard| shard.0.load(Ordering::SeqCst)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::Sharded;
    use std::sync::Arc;

    #[test]
    fn what_every_thread_adds_is_in_the_sum() {
        let counter = Arc::new(Sharded::default());
        counter.add(3);
        let there = Arc::clone(&counter);
        std::thread::spawn(move || there.add(2)).join().unwrap();
        assert_eq!(counter.sum(), 5);
    }
}
