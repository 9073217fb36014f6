//! A histogram: bounded in memory, without a lock, each thread in its own shard.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::grid::Grid;
use crate::sync::{SHARDS, Shard};

/// How often which durations were seen.
pub(crate) struct Histogram {
    grid: Arc<Grid>,
    /// Made by the first thread that comes to it: the cells of the grid, and then their sum. What is written lies
    /// apart from these pointers, so that no thread takes the others' from them.
    shards: [OnceLock<Box<[AtomicU64]>>; SHARDS],
}

/// All shards together, at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Counted {
    pub(crate) cells: Vec<u64>,
    pub(crate) sum: u64,
}

impl Histogram {
    pub(crate) fn new(grid: Arc<Grid>) -> Self {
        Self { grid, shards: std::array::from_fn(|_| OnceLock::new()) }
    }

    /// Adds one, in nanoseconds.
    #[inline]
    pub(crate) fn record(&self, nanos: u64) {
        let here = Shard::here();
        let shard = self.shards[here.index()].get_or_init(|| self.shard());
        here.count(&shard[self.grid.cell(nanos)], 1);
        here.count(&shard[self.grid.len()], nanos);
    }

    fn shard(&self) -> Box<[AtomicU64]> {
        (0..=self.grid.len()).map(|_| AtomicU64::new(0)).collect()
    }

    pub(crate) fn grid(&self) -> &Grid {
        &self.grid
    }

    /// All that was recorded. Exact when nothing moves.
    pub(crate) fn counted(&self) -> Counted {
        let mut counted = Counted { cells: vec![0; self.grid.len()], sum: 0 };
        for shard in self.shards.iter().filter_map(OnceLock::get) {
            for (sum, cell) in counted.cells.iter_mut().zip(shard) {
                *sum += cell.load(Ordering::Relaxed);
            }
            counted.sum = counted.sum.wrapping_add(shard[self.grid.len()].load(Ordering::Relaxed));
        }
        counted
    }
}

impl Counted {
    pub(crate) fn count(&self) -> u64 {
        self.cells.iter().sum()
    }

    /// How many are in each bucket, and in none before it.
    pub(crate) fn buckets(&self, grid: &Grid) -> Vec<u64> {
        let mut buckets = vec![0; grid.bounds.len() + 1];
        for (cell, count) in self.cells.iter().enumerate() {
            buckets[grid.bucket(cell)] += count;
        }
        buckets
    }

    /// What `part` of all are not longer than, in nanoseconds: off by a 32nd at most. `None` of nothing.
    pub(crate) fn percentile(&self, grid: &Grid, part: f64) -> Option<u64> {
        let count = self.count();
        // Nearest rank: the first that has so many up to it.
        #[allow(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            clippy::cast_precision_loss
        )]
        let rank = ((part * count as f64).ceil() as u64).clamp(1, count.max(1));
        let mut seen = 0;
        let cell = self.cells.iter().position(|n| {
            seen += n;
            seen >= rank
        });
        cell.map(|cell| grid.middle(cell))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn percentiles_are_near_the_truth() {
        let histogram = Histogram::new(Arc::new(Grid::new(&[Duration::from_millis(1)])));
        assert_eq!(histogram.counted().percentile(histogram.grid(), 0.5), None);
        for n in 1..=1000 {
            histogram.record(n * 10_000);
        }
        let counted = histogram.counted();
        assert_eq!((counted.count(), counted.sum), (1000, 10_000 * 500_500));
        assert_eq!(counted.buckets(histogram.grid()), [100, 900]);
        for (part, truth) in
            [(0.0, 10_000), (0.5, 5_000_000), (0.99, 9_900_000), (1.0, 10_000_000_u64)]
        {
            let told = counted.percentile(histogram.grid(), part).unwrap();
            assert!(told.abs_diff(truth) <= truth / 16, "{part}: {told} for {truth}");
        }
    }

    #[test]
    fn what_every_thread_records_is_in_the_sum() {
        let histogram = Histogram::new(Arc::new(Grid::new(&[Duration::from_secs(1)])));
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| (0..1000).for_each(|n| histogram.record(n)));
            }
        });
        assert_eq!((histogram.counted().count(), histogram.counted().sum), (4000, 4 * 499_500));
    }
}
