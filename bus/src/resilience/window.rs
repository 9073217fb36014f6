//! How often something happened in the last so and so long.
//!
//! Time is cut into buckets; a ring of them covers the window. A bucket is one word: the round of the
//! ring in which it was last used, above its count. Whoever comes in a later round finds an old one there
//! and begins anew, so nobody has to turn the ring, and nothing is locked.
//!
//! The word is cut so that neither part overflows. Of a window of `span` nanoseconds there are at most
//! 2^64 / `span` rounds, so the round fits above the lowest log2(`span`) bits; and these hold more than
//! one count in each two nanoseconds of the window. With 32 bits for each, the rounds of a window of 1 ms
//! would begin again after 49 days.

use std::sync::OnceLock;
use std::time::Instant;

use crate::sync;
use crate::sync::atomic::{AtomicU64, Ordering};

/// Shards of what every call counts. A shard is 128 bytes, and there is a window for each handler with a
/// circuit breaker: 1 KB with 8 of them. More cores share, which is slower and not wrong.
pub(crate) const SHARDS: usize = if cfg!(bus_loom) { 1 } else { 8 };

/// So many buckets cover the window: it is exact to a tenth. The models do with fewer: each one is a
/// point at which threads may be switched.
pub(crate) const BUCKETS: usize = if cfg!(bus_loom) { 2 } else { 10 };

/// Time in nanoseconds, from the first that was asked about: so a clock of the user's may be anywhere. Ends
/// after 584 years.
#[derive(Default)]
pub(crate) struct Since(OnceLock<Instant>);

impl Since {
    #[inline]
    pub(crate) fn nanos(&self, now: Instant) -> u64 {
        let start = *self.0.get_or_init(|| now);
        nanos(now.saturating_duration_since(start))
    }
}

/// Of a duration. What is longer than 584 years is as long.
#[inline]
pub(crate) fn nanos(duration: std::time::Duration) -> u64 {
    let whole = duration.as_secs().saturating_mul(1_000_000_000);
    whole.saturating_add(u64::from(duration.subsec_nanos()))
}

/// Counts what happens; forgets it after `B` times the width of a bucket. With one shard, for what is rare or
/// comes under a lock.
pub(crate) struct Window<const S: usize, const B: usize>([Shard<B>; S]);

/// Two lines: processors fetch them in pairs. How time is cut lies in each, where there is room for it.
#[repr(align(128))]
struct Shard<const B: usize> {
    cut: Cut,
    buckets: [AtomicU64; B],
}

#[derive(Clone, Copy)]
struct Cut {
    /// Of a bucket, in nanoseconds.
    width: u64,
    /// Where the round begins in the word of a bucket.
    shift: u32,
}

impl Cut {
    /// In which round, and which bucket.
    #[inline]
    fn place<const B: usize>(self, at: u64) -> (u64, usize) {
        let (epoch, buckets) = (at / self.width, B as u64);
        #[allow(clippy::cast_possible_truncation)] // Less than `B`.
        (epoch / buckets, (epoch % buckets) as usize)
    }

    #[inline]
    fn round(self, word: u64) -> u64 {
        word >> self.shift
    }

    #[inline]
    fn most(self) -> u64 {
        (1 << self.shift) - 1
    }
}

impl<const S: usize, const B: usize> Window<S, B> {
    /// With buckets of so many nanoseconds, at least one.
    pub(crate) fn new(width: u64) -> Self {
        let width = width.max(1);
        let cut = Cut { width, shift: width.saturating_mul(B as u64).ilog2() };
        let buckets = || std::array::from_fn(|_| AtomicU64::new(0));
        Self(std::array::from_fn(|_| Shard { cut, buckets: buckets() }))
    }

    /// It happened `n` times at `at`. What came a whole ring ago is not counted: it is too old.
    #[inline]
    pub(crate) fn add(&self, at: u64, n: u32) {
        let Shard { cut, buckets } = &self.0[sync::Shard::here().index() % S];
        let (round, bucket) = cut.place::<B>(at);
        let word = &buckets[bucket];
        let mut seen = word.load(Ordering::Relaxed);
        loop {
            let there = cut.round(seen);
            if there > round {
                return;
            }
            let count = if there == round { seen & cut.most() } else { 0 };
            let count = count.saturating_add(u64::from(n)).min(cut.most());
            let next = (round << cut.shift) | count;
            // Ordered with `sum`: of two who add and then sum, one at least sees both.
            match word.compare_exchange_weak(seen, next, Ordering::SeqCst, Ordering::Relaxed) {
                Ok(_) => return,
                Err(other) => seen = other,
            }
        }
    }

    /// How often it happened: what is older than `B` buckets is not counted, what is younger than all but one
    /// of them is, by the clock of whoever is ahead. So is what that one has counted.
    pub(crate) fn sum(&self, at: u64) -> u64 {
        let mut sum: u64 = 0;
        for Shard { cut, buckets } in &self.0 {
            let (round, current) = cut.place::<B>(at);
            for (bucket, word) in buckets.iter().enumerate() {
                // Those behind the current one belong to the round before.
                let oldest = if bucket <= current { round } else { round.saturating_sub(1) };
                let word = word.load(Ordering::SeqCst);
                if cut.round(word) >= oldest {
                    sum = sum.saturating_add(word & cut.most());
                }
            }
        }
        sum
    }

    /// Forgets all. What is added meanwhile may be forgotten or not.
    pub(crate) fn clear(&self) {
        for word in self.0.iter().flat_map(|shard| &shard.buckets) {
            word.swap(0, Ordering::SeqCst);
        }
    }
}

#[cfg(all(test, not(bus_loom)))]
#[path = "window_tests.rs"]
mod tests;
