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
        let at = bucket(u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX));
        if self.counts.len() <= at {
            self.counts.resize(at + 1, 0);
        }
        self.counts[at] += 1;
        self.total += 1;
    }

    /// The time within which this share of all executions was done; zero when there was none.
    pub(crate) fn percentile(&self, share: f64) -> Duration {
        let rank = (self.total as f64 * share).ceil() as u64;
        let mut seen = 0;
        for (at, count) in self.counts.iter().enumerate() {
            seen += count;
            if seen >= rank.max(1) {
                return Duration::from_nanos(upper(at));
            }
        }
        Duration::ZERO
    }
}

/// Values below `STEPS` have a counter each; above, each doubling is cut into `STEPS`.
fn bucket(nanos: u64) -> usize {
    let steps = u64::from(STEPS);
    if nanos < steps {
        return nanos as usize;
    }
    let doubling = nanos.ilog2() - STEPS.ilog2();
    (u64::from(doubling) * steps + (nanos >> doubling)) as usize
}

/// The largest value of a bucket.
fn upper(bucket: usize) -> u64 {
    let (bucket, steps) = (bucket as u64, u64::from(STEPS));
    if bucket < 2 * steps {
        return bucket;
    }
    let doubling = bucket / steps - 1;
    let mantissa = bucket - doubling * steps;
    ((mantissa + 1) << doubling) - 1
}
