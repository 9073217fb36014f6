//! How long executions take, in a fixed number of counters.

use std::time::Duration;

/// Counters for each doubling: a percentile is off by at most one part in so many.
const STEPS: u32 = 32;

/// A log-linear histogram of nanoseconds.
#[derive(Debug, Default)]
pub(crate) struct Latency {
    counts: Vec<u64>,
    total: u64,
}

impl Latency {
    pub(crate) fn record(&mut self, duration: Duration) {
        // More than four seconds are counted as four.
        let at = bucket(u32::try_from(duration.as_nanos()).unwrap_or(u32::MAX)) as usize;
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.total += 1;
    }

    /// The time within which so many percent of all executions were done; zero when there was none.
    pub(crate) fn percentile(&self, percent: u64) -> Duration {
        let rank = (self.total * percent).div_ceil(100).max(1);
        let mut seen = 0;
        for (at, count) in (0_u32..).zip(&self.counts) {
            seen += count;
            if seen >= rank {
                return Duration::from_nanos(upper(at));
            }
        }
        Duration::ZERO
    }
}

/// Values below `STEPS` have a counter each; above, each doubling is cut into `STEPS`.
fn bucket(nanos: u32) -> u32 {
    if nanos < STEPS {
        return nanos;
    }
    let doubling = nanos.ilog2() - STEPS.ilog2();
    doubling * STEPS + (nanos >> doubling)
}

/// The largest value of a bucket.
fn upper(bucket: u32) -> u64 {
    if bucket < 2 * STEPS {
        return u64::from(bucket);
    }
    let doubling = bucket / STEPS - 1;
    let mantissa = u64::from(bucket - doubling * STEPS);
    ((mantissa + 1) << doubling) - 1
}
