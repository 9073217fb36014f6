//! Filters that let a part of the events in: so many in a time, one in so many, each key once.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use super::{EventFilter, FilterView};
use crate::resilience::Rate;
use crate::resilience::recent::Recent;
use crate::resilience::token_bucket::TokenBuckets;

/// How a key is made of an event; `None` for one that is not concerned.
type KeyOf<K> = Box<dyn Fn(&FilterView<'_>) -> Option<K> + Send + Sync>;

/// So many events in a time: [`rate_limit`].
pub struct RateLimit<K> {
    buckets: TokenBuckets<K>,
    key: KeyOf<K>,
    rate: Rate,
}

/// Accepts events of each type as often as `rate` says, and keeps the others out. Remembers 10 000 keys
/// at most, those that are nearest to their limit.
#[must_use]
pub fn rate_limit(rate: Rate) -> RateLimit<&'static str> {
    rate_limit_by(rate, |event| Some(event.info().name()))
}

/// As [`rate_limit`], for each key on its own. An event without a key (`None`) is accepted.
pub fn rate_limit_by<K: Hash + Eq + Send + 'static>(
    rate: Rate,
    key: impl Fn(&FilterView<'_>) -> Option<K> + Send + Sync + 'static,
) -> RateLimit<K> {
    RateLimit { buckets: TokenBuckets::new(rate), key: Box::new(key), rate }
}

impl<K: Hash + Eq + Send + 'static> EventFilter for RateLimit<K> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        (self.key)(event).is_none_or(|key| self.buckets.take(key, event.now()).is_ok())
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        (self.key)(event).is_none_or(|key| self.buckets.has(&key, event.now()))
    }
    fn name(&self) -> Cow<'static, str> {
        "rate limit".into()
    }
}
impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({:?})", self.rate)
    }
}

/// One event in so many: [`sample`].
#[derive(Debug)]
pub struct Sample {
    part: f64,
}

/// Accepts this part of the events, from 0 (none) to 1 (all), chosen by their ids: evenly, and the
/// same ones for each filter of the same part.
#[must_use]
pub fn sample(part: f64) -> Sample {
    Sample { part: part.clamp(0.0, 1.0) }
}

impl EventFilter for Sample {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        // The golden ratio spreads numbers that follow each other evenly (Weyl's sequence): in a row of
        // events, the share of those that are accepted is never far from the part.
        let spread = event.id().sequence().wrapping_mul(0x9E37_79B9_7F4A_7C15);
        (spread >> 11) as f64 / ((1_u64 << 53) as f64) < self.part
    }
    fn name(&self) -> Cow<'static, str> {
        format!("sample {}", self.part).into()
    }
}

/// Each key once in a window: [`dedup`].
pub struct Dedup<K> {
    recent: Recent<K>,
    key: KeyOf<K>,
}

/// Accepts an event if none with its key was accepted in the last `window`. One without a key (`None`)
/// is accepted. Remembers 100 000 keys at most.
///
/// ```
/// use bus::{Bus, event, filters};
/// use std::time::Duration;
///
/// #[event]
/// struct Paid { order: u64 }
///
/// let once = filters::dedup(Duration::from_secs(300), |event| Some(event.get::<Paid>()?.order));
/// let bus = Bus::builder().filter(once).build()?;
/// assert!(!bus.try_publish(Paid { order: 7 }).map_err(|e| e.to_string())?.is_filtered());
/// assert!(bus.try_publish(Paid { order: 7 }).map_err(|e| e.to_string())?.is_filtered());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub fn dedup<K: Hash + Eq + Clone + Send + 'static>(
    window: Duration,
    key: impl Fn(&FilterView<'_>) -> Option<K> + Send + Sync + 'static,
) -> Dedup<K> {
    Dedup { recent: Recent::new(window), key: Box::new(key) }
}

impl<K: Hash + Eq + Clone + Send + 'static> EventFilter for Dedup<K> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        (self.key)(event).is_none_or(|key| self.recent.is_new(key, event.now()))
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        (self.key)(event).is_none_or(|key| self.recent.would_be_new(&key, event.now()))
    }
    fn name(&self) -> Cow<'static, str> {
        "dedup".into()
    }
}
impl<K> fmt::Debug for Dedup<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dedup")
    }
}

/// Says what another filter decides: [`debug`].
#[derive(Debug)]
pub struct Debugged<F>(F);

/// Decides as `filter` does, and writes each decision to the log, at the level `debug`.
pub fn debug<F: EventFilter>(filter: F) -> Debugged<F> {
    Debugged(filter)
}

impl<F: EventFilter> EventFilter for Debugged<F> {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        let accepts = self.0.accepts(event);
        tracing::debug!(
            filter = &*self.0.name(),
            event = event.info().name(),
            id = %event.id(),
            accepts,
            "a filter has decided"
        );
        accepts
    }
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        self.0.would_accept(event)
    }
    fn name(&self) -> Cow<'static, str> {
        self.0.name()
    }
}
