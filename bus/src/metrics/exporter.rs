//! What writes the metrics down: the formats that are here, and those of users.

use std::fmt;

use super::MetricsCollector;
use super::collect::collect;
use super::grid::Grid;
use super::histogram::Counted;
use super::snapshot::MetricKind;

/// Takes the metrics of a bus, one after another: for a format or a system of one's own.
///
/// Nothing is kept for it: it is shown a family, then each of its samples, then the next family. So an export takes
/// the memory that the exporter takes.
///
/// ```
/// use bus::{Bus, MetricInfo, MetricReading, MetricsExporter};
///
/// /// What StatsD takes, of counters and gauges.
/// #[derive(Default)]
/// struct Statsd {
///     name: String,
///     text: String,
/// }
///
/// impl MetricsExporter for Statsd {
///     fn family(&mut self, family: &MetricInfo<'_>) {
///         self.name = family.full_name().to_string();
///     }
///     fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
///         let (value, kind) = match reading {
///             MetricReading::Counter(count) => (count.to_string(), "c"),
///             MetricReading::Gauge(value) => (value.to_string(), "g"),
///             _ => return,
///         };
///         let tags: Vec<_> = labels.iter().map(|(name, value)| format!("{name}:{value}")).collect();
///         self.text += &format!("{}:{value}|{kind}|#{}\n", self.name, tags.join(","));
///     }
/// }
///
/// let bus = Bus::from_registered()?;
/// let mut statsd = Statsd::default();
/// bus.metrics().export(&mut statsd);
/// assert!(statsd.text.contains("queue_size:0|g|#\n"));
/// # Ok::<(), bus::BuildError>(())
/// ```
pub trait MetricsExporter {
    /// A family begins: the samples that follow are its own, until the next.
    fn family(&mut self, family: &MetricInfo<'_>);

    /// A sample. Its labels are in an order that does not change; their values are any text.
    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>);

    /// `false` of a family that is of no use to it: it is shown nothing of that. `name` is that of the table,
    /// without a namespace.
    fn wants(&self, kind: MetricKind, name: &str) -> bool {
        let _ = (kind, name);
        true
    }
}

impl MetricsCollector<'_> {
    /// Shows all of them to an exporter.
    pub fn export(&self, to: &mut dyn MetricsExporter) {
        collect(self.core, to);
    }
}

/// A name, and what stands behind it.
#[derive(Debug, Clone, Copy)]
#[non_exhaustive]
pub struct MetricInfo<'m> {
    /// What [`MetricsConfig::namespace`](crate::MetricsConfig::namespace) says.
    pub namespace: Option<&'m str>,
    /// Without the namespace; of a counter with `_total`.
    pub name: &'static str,
    /// What its samples are.
    pub kind: MetricKind,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// `seconds`, or none.
    pub unit: Option<&'static str>,
}

impl MetricInfo<'_> {
    /// The name in its namespace.
    #[must_use]
    pub fn full_name(&self) -> impl fmt::Display + use<'_> {
        Name(self.namespace, self.name)
    }
}

/// A name in its namespace.
pub(super) struct Name<'n>(pub(super) Option<&'n str>, pub(super) &'n str);

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(namespace) => write!(f, "{namespace}_{}", self.1),
            None => f.write_str(self.1),
        }
    }
}

/// The value of a sample, as an exporter is shown it.
#[derive(Debug)]
#[non_exhaustive]
pub enum MetricReading<'m> {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge.
    Gauge(f64),
    /// Of a histogram.
    Histogram(HistogramReading<'m>),
}

/// How often which durations were seen.
pub struct HistogramReading<'m> {
    /// The upper bounds of the buckets but the last, which has none; in nanoseconds.
    pub(super) bounds: &'m [u64],
    /// How many are in each bucket and in none before it: one more than there are bounds.
    pub(super) counts: &'m [u64],
    pub(super) sum: u64,
    /// Where all is known that was recorded.
    pub(super) whole: Option<(&'m Grid, &'m Counted)>,
}

impl HistogramReading<'_> {
    /// How many there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.counts.iter().sum()
    }

    /// All together, in seconds.
    #[must_use]
    pub fn sum(&self) -> f64 {
        seconds(self.sum)
    }

    /// Upper bounds in seconds, and how many are not above them. The last bound is infinite, and counts all.
    pub fn buckets(&self) -> impl Iterator<Item = (f64, u64)> {
        let bounds = self.bounds.iter().map(|bound| seconds(*bound)).chain([f64::INFINITY]);
        bounds.zip(self.counts).scan(0, |all, (bound, count)| {
            *all += count;
            Some((bound, *all))
        })
    }

    /// What `part` of all are not above (0.95: the 95th percentile), in seconds, off by a 32nd at most. `None`
    /// where nothing was seen, and of a single handler, of which only the buckets are kept.
    #[must_use]
    pub fn percentile(&self, part: f64) -> Option<f64> {
        self.whole.and_then(|(grid, all)| all.percentile(grid, part)).map(seconds)
    }

    /// Values in seconds, ascending, each with how many there are of it, off by a 32nd at most: for systems that
    /// have histograms of their own. Of a single handler they are the middles of its buckets, and what is above the
    /// last bound is that bound and a bit.
    pub fn values(&self) -> impl Iterator<Item = (f64, u64)> {
        let cells = self.whole.into_iter().flat_map(|(grid, all)| {
            all.cells.iter().enumerate().map(|(cell, count)| (grid.middle(cell), *count))
        });
        let buckets = self.counts.iter().enumerate().filter(|_| self.whole.is_none());
        let buckets = buckets.map(|(at, count)| (self.middle(at), *count));
        cells.chain(buckets).filter(|(_, n)| *n > 0).map(|(value, n)| (seconds(value), n))
    }

    fn middle(&self, bucket: usize) -> u64 {
        let lower = bucket.checked_sub(1).map_or(0, |below| self.bounds[below]);
        self.bounds
            .get(bucket)
            .map_or(lower.saturating_add(1), |upper| u64::midpoint(lower, *upper))
    }
}

impl fmt::Debug for HistogramReading<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let buckets: Vec<_> = self.buckets().collect();
        f.debug_struct("HistogramReading")
            .field("count", &self.count())
            .field("sum", &self.sum())
            .field("buckets", &buckets)
            .finish()
    }
}

/// For people and for Prometheus: the number that is nearest, which has the fewest digits.
#[allow(clippy::cast_precision_loss, reason = "below 104 days there is none")]
pub(crate) fn seconds(nanos: u64) -> f64 {
    nanos as f64 / 1e9
}
