//! What is measured, and how finely.

use std::num::NonZeroU32;
use std::time::Duration;

use super::exporter::seconds;
use super::nanos;

/// What a bus measures of itself: [`Builder::metrics`](crate::Builder::metrics). The default times every
/// call.
///
/// ```
/// use bus::{Bus, MetricsConfig, Sampling};
///
/// let metrics = MetricsConfig::default().namespace("shop").sampling(Sampling::one_in(64));
/// let bus = Bus::builder().metrics(metrics).build()?;
/// assert!(bus.metrics().to_prometheus().contains("shop_commands_sent_total 0"));
/// # Ok::<(), bus::BuildError>(())
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct MetricsConfig {
    pub(crate) namespace: Option<String>,
    pub(crate) sampling: Sampling,
    /// Ascending.
    pub(crate) buckets: Vec<Duration>,
    pub(crate) series: usize,
}

/// Which calls are timed. All are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Sampling {
    /// Each.
    #[default]
    Every,
    /// One of so many, by chance. The others do not read the clock.
    OneIn(NonZeroU32),
    /// None: the histograms stay empty.
    Off,
}

impl Sampling {
    /// One of `n`; of 0 none.
    #[must_use]
    pub fn one_in(n: u32) -> Self {
        match NonZeroU32::new(n) {
            None => Self::Off,
            Some(n) if n.get() == 1 => Self::Every,
            Some(n) => Self::OneIn(n),
        }
    }
}

/// In milliseconds. The bounds that the architecture document names.
const BUCKETS_MS: [u64; 12] = [1, 5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10_000];

impl Default for MetricsConfig {
    fn default() -> Self {
        Self {
            namespace: None,
            sampling: Sampling::Every,
            buckets: BUCKETS_MS.map(Duration::from_millis).to_vec(),
            series: 1000,
        }
    }
}

impl MetricsConfig {
    /// Stands before all names, with an underscore: letters, digits and underscores, none of the digits first.
    #[must_use]
    pub fn namespace(mut self, namespace: impl Into<String>) -> Self {
        self.namespace = Some(namespace.into());
        self
    }

    /// Which calls are timed: each by default.
    #[must_use]
    pub fn sampling(mut self, sampling: Sampling) -> Self {
        self.sampling = sampling;
        self
    }

    /// The upper bounds of the buckets of all histograms, each included in its bucket; at most 60. By default
    /// 1, 5, 10, 25, 50, 100, 250, 500 ms and 1, 2.5, 5, 10 s.
    #[must_use]
    pub fn buckets(mut self, bounds: impl IntoIterator<Item = Duration>) -> Self {
        self.buckets = bounds.into_iter().collect();
        self
    }

    /// How many handlers have series of their own, 1 000 by default, and how many messages, filters and breakers. Those
    /// that come later share one, named `(others)`, so that handlers that are registered without end do not fill the
    /// memory.
    #[must_use]
    pub fn series(mut self, handlers: usize) -> Self {
        self.series = handlers;
        self
    }

    /// What is wrong: setting, value, range.
    pub(crate) fn problems(&self) -> Vec<(&'static str, String, &'static str)> {
        let mut problems = Vec::new();
        if let Some(namespace) = &self.namespace
            && !is_name(namespace)
        {
            let range = "letters, digits and underscores, and no digit first";
            problems.push(("metrics.namespace", format!("{namespace:?}"), range));
        }
        // As they are written: two that are the same there would be one bucket twice.
        let written = |bound: &Duration| seconds(nanos(*bound));
        let is_ascending =
            self.buckets.windows(2).all(|pair| written(&pair[0]) < written(&pair[1]));
        let is_positive = self.buckets.first().is_none_or(|first| !first.is_zero());
        if !is_ascending || !is_positive || self.buckets.len() > 60 {
            let range = "at most 60 bounds, ascending, and longer than 0 s";
            problems.push(("metrics.buckets", format!("{:?}", self.buckets), range));
        }
        problems
    }
}

fn is_name(name: &str) -> bool {
    let is_letter = |c: char| c.is_ascii_alphabetic() || c == '_';
    name.starts_with(is_letter) && name.chars().all(|c| is_letter(c) || c.is_ascii_digit())
}
