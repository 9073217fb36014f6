//! The rate of [`AdaptiveRateLimit`](super::BackpressureStrategy::AdaptiveRateLimit): down by half
//! while events wait too long, up by steps when they do not.
//!
//! Additive increase and multiplicative decrease (Chiu and Jain 1989), steered by how long events
//! wait and not by how many there are, as CoDel does (RFC 8289, with its constants): a burst that is
//! worked off quickly is no reason to slow anybody down.

use std::time::{Duration, Instant};

/// Waiting longer than this is too long ..
const TARGET: Duration = Duration::from_millis(5);
/// .. if it lasts this long.
const INTERVAL: Duration = Duration::from_millis(100);
const DECREASE: f64 = 0.5;
/// The step up, and the least rate, as a part of the rate before the first decrease.
const STEP: f64 = 0.1;
/// Above this many times that rate, a limit limits nothing.
const LIFTED: f64 = 2.0;

#[derive(Debug)]
pub(super) struct Rate {
    limit: Option<Limit>,
    /// Since when events wait too long.
    slow_since: Option<Instant>,
    /// What was accepted since when: the rate while there is no limit.
    counted_since: Option<Instant>,
    accepted: u32,
}

#[derive(Debug)]
struct Limit {
    per_second: f64,
    /// Before the first decrease.
    before: f64,
    changed: Instant,
    /// When the next event may be accepted.
    next: Instant,
}

impl Rate {
    pub(super) fn new() -> Self {
        Self { limit: None, slow_since: None, counted_since: None, accepted: 0 }
    }

    /// When the next event may be accepted, if not now.
    pub(super) fn not_before(&mut self, now: Instant) -> Option<Instant> {
        self.recover(now);
        self.limit.as_ref().map(|limit| limit.next).filter(|next| *next > now)
    }

    /// An event has been accepted.
    pub(super) fn accepted(&mut self, now: Instant) {
        let since = *self.counted_since.get_or_insert(now);
        if now.saturating_duration_since(since) > 2 * INTERVAL {
            // Long ago is not the rate of now.
            self.counted_since = Some(now);
            self.accepted = 0;
        }
        self.accepted = self.accepted.saturating_add(1);
        if let Some(limit) = &mut self.limit {
            limit.next = limit.next.max(now) + Duration::from_secs_f64(limit.per_second.recip());
        }
    }

    /// The oldest event has waited for `delay`.
    pub(super) fn observe(&mut self, now: Instant, delay: Duration) {
        self.recover(now);
        if delay <= TARGET {
            self.slow_since = None;
            return;
        }
        let since = *self.slow_since.get_or_insert(now);
        if now.saturating_duration_since(since) >= INTERVAL {
            self.slow_since = Some(now);
            self.decrease(now);
        }
    }

    fn decrease(&mut self, now: Instant) {
        let (rate, before) = match &self.limit {
            Some(limit) => (limit.per_second, limit.before),
            None => {
                let since = self.counted_since.unwrap_or(now);
                let lasted = now.saturating_duration_since(since).max(INTERVAL);
                let rate = (f64::from(self.accepted) / lasted.as_secs_f64()).max(1.0);
                (rate, rate)
            }
        };
        let per_second = (rate * DECREASE).max(before * STEP);
        let next = self.limit.as_ref().map_or(now, |limit| limit.next);
        self.limit = Some(Limit { per_second, before, changed: now, next });
        (self.counted_since, self.accepted) = (None, 0);
    }

    /// By the time that has passed, so that it happens while nothing else does.
    fn recover(&mut self, now: Instant) {
        if self.slow_since.is_some() {
            return;
        }
        let Some(limit) = &mut self.limit else { return };
        let passed = now.saturating_duration_since(limit.changed);
        let steps = passed.as_secs_f64() / INTERVAL.as_secs_f64();
        if steps < 1.0 {
            return;
        }
        limit.per_second += limit.before * STEP * steps.floor();
        limit.changed = now;
        if limit.per_second >= limit.before * LIFTED {
            self.limit = None;
        }
    }

    /// The limit, in events per second.
    pub(super) fn per_second(&self) -> Option<f64> {
        self.limit.as_ref().map(|limit| limit.per_second)
    }
}

#[cfg(test)]
mod tests {
    use super::Rate;
    use std::time::{Duration, Instant};

    const MS: Duration = Duration::from_millis(1);

    /// A thousand events a second, of which each waits for `delay`.
    fn run(rate: &mut Rate, from: Instant, lasts: u32, delay: Duration) -> Instant {
        for ms in 0..lasts {
            let now = from + ms * MS;
            if rate.not_before(now).is_none() {
                rate.accepted(now);
            }
            rate.observe(now, delay);
        }
        from + lasts * MS
    }

    #[test]
    fn the_rate_goes_down_under_delay_and_comes_back_by_itself() {
        let start = Instant::now();
        let mut rate = Rate::new();
        let now = run(&mut rate, start, 90, 50 * MS);
        assert_eq!(rate.per_second(), None, "a short burst is no reason to slow down");
        let now = run(&mut rate, now, 20, 50 * MS);
        let first = rate.per_second().expect("100 ms of delay set a limit");
        assert!((400.0..600.0).contains(&first), "half of a thousand a second, not {first}");
        let now = run(&mut rate, now, 100, 50 * MS);
        let second = rate.per_second().expect("still slow");
        assert!((first * 0.4..first * 0.6).contains(&second), "halved again, not {second}");
        // Well again.
        rate.observe(now, Duration::ZERO);
        assert!(rate.not_before(now + 400 * MS).is_none());
        let better = rate.per_second().expect("it comes back by steps");
        assert!(better > second, "the rate did not recover: {better} after {second}");
        assert!(rate.not_before(now + Duration::from_secs(3)).is_none());
        assert_eq!(rate.per_second(), None, "the limit was not lifted");
    }

    #[test]
    fn the_rate_never_falls_to_nothing() {
        let mut rate = Rate::new();
        run(&mut rate, Instant::now(), 5_000, 50 * MS);
        let least = rate.per_second().expect("slow for five seconds");
        assert!((50.0..200.0).contains(&least), "a tenth of a thousand a second, not {least}");
    }
}
