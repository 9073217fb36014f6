//! Token buckets, one for each key: how often something may happen.

use std::collections::HashMap;
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::sync::{Mutex, lock};

/// How often something may happen: so many times in so long, and at most so many at once.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Rate {
    burst: u32,
    /// Between two tokens.
    every: Duration,
}

impl Rate {
    /// So many times in `period`, evenly; as many at once. Both are at least one: 0 counts as 1, and
    /// no time as a nanosecond.
    #[must_use]
    pub fn new(times: u32, period: Duration) -> Self {
        let times = times.max(1);
        let every = period.checked_div(times).unwrap_or_default().max(Duration::from_nanos(1));
        Self { burst: times, every }
    }

    /// So many times a second.
    #[must_use]
    pub fn per_second(times: u32) -> Self {
        Self::new(times, Duration::from_secs(1))
    }

    /// At most so many at once, after a pause.
    #[must_use]
    pub fn burst(mut self, times: u32) -> Self {
        self.burst = times.max(1);
        self
    }
}

/// How many keys are remembered at most. A key that is not remembered has a full bucket, so the one
/// that was used longest ago is forgotten first, which is the one that is fullest.
const KEYS: usize = 10_000;

/// A bucket is known by the time at which it will be full: tokens come evenly, so that says how many
/// there are now (the "virtual scheduling" form of the generic cell rate algorithm, ITU-T I.371).
pub(crate) struct TokenBuckets<K> {
    rate: Rate,
    full_at: Mutex<HashMap<K, Instant>>,
}

impl<K: Hash + Eq> TokenBuckets<K> {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, full_at: Mutex::new(HashMap::new()) }
    }

    /// Is there a token?
    pub(crate) fn has(&self, key: &K, now: Instant) -> bool {
        let Rate { burst, every } = self.rate;
        let full_at = lock(&self.full_at).get(key).copied().unwrap_or(now);
        let missing = full_at.saturating_duration_since(now);
        missing.saturating_add(every) <= every.saturating_mul(burst)
    }

    /// Takes a token, or says when there will be one.
    pub(crate) fn take(&self, key: K, now: Instant) -> Result<(), Duration> {
        self.reserve(key, now, Duration::ZERO).map(drop)
    }

    /// Takes the next token, if it is there after `at_most`, and says when it is; else says the same, and
    /// takes none.
    pub(crate) fn reserve(
        &self,
        key: K,
        now: Instant,
        at_most: Duration,
    ) -> Result<Duration, Duration> {
        let Rate { burst, every } = self.rate;
        let mut buckets = lock(&self.full_at);
        // Without tokens, the bucket will be full after this long.
        let empty = every.saturating_mul(burst);
        let full_at = buckets.get(&key).copied().unwrap_or(now).max(now);
        let missing = full_at.saturating_duration_since(now);
        let after = missing.saturating_add(every);
        let wait = after.saturating_sub(empty);
        if wait > at_most {
            return Err(wait);
        }
        if buckets.len() >= KEYS && !buckets.contains_key(&key) {
            make_room(&mut buckets, now);
        }
        // A clock that ends before that has no bucket to fill.
        if let Some(full_at) = now.checked_add(after) {
            buckets.insert(key, full_at);
        }
        Ok(wait)
    }
}

/// Forgets the buckets that are full, or else the fuller half: each walk pays for many takes.
fn make_room<K: Hash + Eq>(buckets: &mut HashMap<K, Instant>, now: Instant) {
    buckets.retain(|_, full_at| *full_at > now);
    if buckets.len() < KEYS {
        return;
    }
    let mut times: Vec<_> = buckets.values().copied().collect();
    let middle = times.len() / 2;
    let (_, median, _) = times.select_nth_unstable(middle);
    let median = *median;
    buckets.retain(|_, full_at| *full_at > median);
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::{KEYS, Rate, TokenBuckets};
    use crate::sync::lock;
    use std::time::{Duration, Instant};

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_burst_is_taken_at_once_and_the_rest_comes_evenly() {
        let buckets = TokenBuckets::new(Rate::per_second(10).burst(3));
        let start = Instant::now();
        let taken = (0..5).filter(|_| buckets.take((), start).is_ok()).count();
        assert_eq!(taken, 3);
        assert_eq!(buckets.take((), start), Err(100 * MS));
        assert_eq!(buckets.take((), start + 99 * MS), Err(MS));
        assert_eq!(buckets.take((), start + 100 * MS), Ok(()));
        // However long the pause: no more than the burst.
        let later = start + Duration::from_secs(3600);
        assert_eq!((0..9).filter(|_| buckets.take((), later).is_ok()).count(), 3);
    }

    #[test]
    fn keys_are_apart_and_only_so_many_are_remembered() {
        let buckets = TokenBuckets::new(Rate::new(1, Duration::from_secs(60)));
        let now = Instant::now();
        for key in 0..3 * KEYS {
            assert_eq!(buckets.take(key, now + MS * u32::try_from(key).unwrap()), Ok(()));
            assert!(lock(&buckets.full_at).len() <= KEYS);
        }
        let last = 3 * KEYS - 1;
        assert!(buckets.take(last, now + 30_000 * MS).is_err(), "the newest was forgotten");
    }

    #[test]
    fn numbers_that_make_no_sense_do_no_harm() {
        let now = Instant::now();
        for rate in [Rate::new(0, Duration::ZERO), Rate::new(u32::MAX, Duration::MAX).burst(0)] {
            let buckets = TokenBuckets::new(rate);
            assert_eq!(buckets.take((), now), Ok(()));
        }
    }
}
