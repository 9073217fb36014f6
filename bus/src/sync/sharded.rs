//! A counter that several cores can move without sharing a cache line.

use std::cell::Cell;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// Enough for the cores of common machines; threads beyond it share, which is slower and not wrong.
pub(crate) const SHARDS: usize = 16;
/// So many of them belong to one thread each, as long as it lives. The others are for the threads that find none.
const OWNED: usize = 12;

/// Two lines: processors fetch them in pairs.
#[derive(Default)]
#[repr(align(128))]
struct Line(AtomicU64);

/// Goes up only; a thread moves its own shard, reading adds them up.
#[derive(Default)]
pub(crate) struct Sharded([Line; SHARDS]);

/// The shard of a thread.
///
/// > **Invariant**: of all threads only its owner writes to a shard that is owned. So what it counts there needs no
/// > atomic addition: a load and a store, which cost a fifth of it. Who owns it next has seen what its
/// > former owner has stored, by the bit in [`TAKEN`].
#[derive(Clone, Copy)]
pub(crate) struct Shard(usize);

/// A bit for each shard that is owned.
static TAKEN: AtomicUsize = AtomicUsize::new(0);
/// For the threads that own none, one after the other.
static NEXT: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    static SHARD: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWNER: Owner = const { Owner(Cell::new(None)) };
}

const UNKNOWN: usize = usize::MAX;

/// Gives the shard back when its thread ends.
struct Owner(Cell<Option<usize>>);

impl Drop for Owner {
    fn drop(&mut self) {
        if let Some(shard) = self.0.get() {
            // What this thread counts from now on, in other destructors, it counts elsewhere.
            SHARD.set(OWNED);
            TAKEN.fetch_and(!(1 << shard), Ordering::Release);
        }
    }
}

impl Shard {
    /// That of this thread.
    #[inline]
    pub(crate) fn here() -> Self {
        let shard = SHARD.get();
        if shard == UNKNOWN { Self::find() } else { Self(shard) }
    }

    #[cold]
    fn find() -> Self {
        let free = |taken: usize| {
            let free = usize::try_from((!taken).trailing_zeros()).unwrap_or(OWNED);
            (free < OWNED).then_some(free)
        };
        let take = |taken| free(taken).map(|shard| taken | 1 << shard);
        // A thread that ends already is no owner.
        let owned = OWNER.try_with(|owner| {
            let taken = TAKEN.fetch_update(Ordering::Acquire, Ordering::Acquire, take).ok()?;
            let shard = free(taken);
            owner.0.set(shard);
            shard
        });
        let shared = || OWNED + NEXT.fetch_add(1, Ordering::Relaxed) % (SHARDS - OWNED);
        let shard = owned.ok().flatten().unwrap_or_else(shared);
        SHARD.set(shard);
        Self(shard)
    }

    #[inline]
    pub(crate) fn index(self) -> usize {
        self.0
    }

    /// Adds to a counter that lies in this shard. Orders nothing, and is seen by whoever sees what this thread has
    /// released since.
    #[inline]
    pub(crate) fn count(self, counter: &AtomicU64, n: u64) {
        if self.0 < OWNED {
            let counted = counter.load(Ordering::Relaxed).wrapping_add(n);
            counter.store(counted, Ordering::Relaxed);
        } else {
            counter.fetch_add(n, Ordering::Relaxed);
        }
    }
}

impl Sharded {
    /// Ordered with what follows: whoever sets a flag and then sums sees this, or is seen. One counter is moved
    /// either by this or by [`count`](Self::count).
    #[inline]
    pub(crate) fn add(&self, n: u64) {
        self.0[Shard::here().index()].0.fetch_add(n, Ordering::SeqCst);
    }

    /// The same, without the order: for what is only looked at.
    #[inline]
    pub(crate) fn count(&self, n: u64) {
        let shard = Shard::here();
        shard.count(&self.0[shard.index()].0, n);
    }

    /// Exact when nothing moves.
    pub(crate) fn sum(&self) -> u64 {
        self.0.iter().map(|line| line.0.load(Ordering::SeqCst)).sum()
    }
}

#[cfg(test)]
mod tests {
    use super::{Shard, Sharded};
    use std::cell::RefCell;
    use std::sync::{Arc, Barrier};
    use std::thread;

    #[test]
    fn what_every_thread_adds_is_in_the_sum() {
        let counter = Arc::new(Sharded::default());
        counter.add(3);
        let there = Arc::clone(&counter);
        thread::spawn(move || there.add(2)).join().unwrap();
        assert_eq!(counter.sum(), 5);
    }

    #[test]
    fn more_threads_than_shards_count_exactly() {
        let (counter, all) = (Sharded::default(), Barrier::new(40));
        thread::scope(|scope| {
            for _ in 0..40 {
                scope.spawn(|| {
                    // All at once, so that some find no shard of their own.
                    all.wait();
                    (0..10_000).for_each(|_| counter.count(1));
                });
            }
        });
        assert_eq!(counter.sum(), 400_000);
    }

    #[test]
    fn a_shard_goes_from_thread_to_thread_and_keeps_what_was_counted() {
        let counter = Arc::new(Sharded::default());
        for _ in 0..200 {
            let there = Arc::clone(&counter);
            thread::spawn(move || there.count(1)).join().unwrap();
        }
        assert_eq!(counter.sum(), 200);
    }

    /// Counts when its thread ends.
    struct Late(Arc<Sharded>);

    impl Drop for Late {
        fn drop(&mut self) {
            self.0.count(1);
        }
    }

    thread_local! {
        static LATE: RefCell<Option<Late>> = const { RefCell::new(None) };
    }

    #[test]
    fn a_thread_that_ends_counts_to_the_last() {
        let counter = Arc::new(Sharded::default());
        let threads: Vec<_> = (0..30)
            .map(|n| {
                let there = Arc::clone(&counter);
                thread::spawn(move || {
                    // Destructors run in the order of first use: before that of the shard, and after it.
                    if n % 2 == 0 {
                        Shard::here();
                    }
                    LATE.set(Some(Late(Arc::clone(&there))));
                    there.count(1);
                })
            })
            .collect();
        threads.into_iter().for_each(|thread| thread.join().unwrap());
        assert_eq!(counter.sum(), 60);
    }
}
