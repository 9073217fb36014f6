//! The grid of a histogram: log-linear, sixteen steps an octave, so that a percentile is off by a 32nd at
//! most; and cut at the bounds of the buckets that are exported, so that these are exact.

use std::time::Duration;

use super::nanos;

/// Steps in an octave, as a power of two.
const STEPS: u32 = 4;
/// What is shorter than 64 ns is not told apart ..
const LOWEST: u32 = 6;
/// .. nor what is longer than 2^47 ns, 39 hours.
const HIGHEST: u32 = 46;
const BINS: usize = 2 + (((HIGHEST - LOWEST + 1) as usize) << STEPS);

/// Cells, each up to a number of nanoseconds that is included.
pub(crate) struct Grid {
    /// Of the cells, ascending. The last has no end.
    uppers: Box<[u64]>,
    /// The first cell of each bin.
    first: Box<[u16]>,
    /// The bucket of each cell.
    buckets: Box<[u8]>,
    /// The upper bounds of the buckets but the last, which has none.
    pub(crate) bounds: Box<[u64]>,
}

/// The bin of the log-linear scale.
#[inline]
fn bin(nanos: u64) -> usize {
    if nanos < 1 << LOWEST {
        return 0;
    }
    let octave = nanos.ilog2();
    if octave > HIGHEST {
        return BINS - 1;
    }
    let step = (nanos >> (octave - STEPS)) & ((1 << STEPS) - 1);
    1 + (((octave - LOWEST) as usize) << STEPS) + step as usize
}

/// Where it begins.
fn lower(bin: usize) -> u64 {
    match bin.checked_sub(1) {
        None => 0,
        Some(n) => {
            let (octave, step) = (n >> STEPS, n & ((1 << STEPS) - 1));
            ((1_u64 << STEPS) + step as u64)
                << (LOWEST - STEPS + u32::try_from(octave).unwrap_or(0))
        }
    }
}

impl Grid {
    /// `bounds`: of the buckets, ascending.
    pub(crate) fn new(bounds: &[Duration]) -> Self {
        let bounds: Box<[u64]> = bounds.iter().map(|bound| nanos(*bound)).collect();
        let ends = (1..BINS).map(|bin| lower(bin) - 1);
        let mut uppers: Vec<u64> = ends.chain(bounds.iter().copied()).chain([u64::MAX]).collect();
        uppers.sort_unstable();
        uppers.dedup();
        let index = |n: usize| u16::try_from(n).unwrap_or(u16::MAX);
        let first = (0..BINS).map(|bin| index(uppers.partition_point(|upper| *upper < lower(bin))));
        let bucket = |upper: &u64| bounds.partition_point(|bound| bound < upper);
        let buckets = uppers.iter().map(|upper| u8::try_from(bucket(upper)).unwrap_or(u8::MAX));
        Self { first: first.collect(), buckets: buckets.collect(), uppers: uppers.into(), bounds }
    }

    /// How many cells there are.
    pub(crate) fn len(&self) -> usize {
        self.uppers.len()
    }

    /// The cell of a duration. Bounds are further apart than bins, as a rule: it looks at one or two.
    #[inline]
    pub(crate) fn cell(&self, nanos: u64) -> usize {
        let mut cell = usize::from(self.first[bin(nanos)]);
        while nanos > self.uppers[cell] {
            cell += 1;
        }
        cell
    }

    /// The bucket of a cell.
    #[inline]
    pub(crate) fn bucket(&self, cell: usize) -> usize {
        usize::from(self.buckets[cell])
    }

    /// What stands for all that is in a cell: its middle, and of the last its beginning.
    pub(crate) fn middle(&self, cell: usize) -> u64 {
        let lower = cell.checked_sub(1).map_or(0, |below| self.uppers[below].saturating_add(1));
        match self.uppers[cell] {
            u64::MAX => lower,
            upper => lower + (upper - lower) / 2,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn grid() -> Grid {
        Grid::new(&[1, 5, 25, 26].map(Duration::from_millis))
    }

    #[test]
    fn bins_begin_where_they_say() {
        for n in 1..BINS {
            assert_eq!((bin(lower(n)), bin(lower(n) - 1)), (n, n - 1), "{n}");
        }
    }

    #[test]
    fn a_bound_is_included_in_its_bucket() {
        let grid = grid();
        let bucket = |nanos| grid.bucket(grid.cell(nanos));
        assert_eq!([0, 999_999, 1_000_000, 1_000_001].map(bucket), [0, 0, 0, 1]);
        assert_eq!([5_000_000, 25_000_000, 25_000_001].map(bucket), [1, 2, 3]);
        assert_eq!([26_000_000, 26_000_001, u64::MAX].map(bucket), [3, 4, 4]);
    }

    proptest! {
        #[test]
        fn each_duration_is_in_the_bucket_that_its_bounds_say(nanos in 0..100_000_000_u64) {
            let grid = grid();
            let said = grid.bounds.iter().position(|bound| nanos <= *bound).unwrap_or(4);
            prop_assert_eq!(grid.bucket(grid.cell(nanos)), said);
        }

        #[test]
        fn the_middle_of_a_cell_is_off_by_a_32nd_at_most(nanos in 64..1_u64 << 46) {
            let grid = grid();
            let middle = grid.middle(grid.cell(nanos));
            prop_assert!(middle.abs_diff(nanos) <= nanos / 32 + 1, "{nanos} is told as {middle}");
        }
    }
}
