//! All metrics of one moment, as values.

use std::time::SystemTime;

use super::exporter::{HistogramReading, MetricInfo, MetricReading, MetricsExporter, Name};

/// All metrics of one moment: [`MetricsCollector::snapshot`](super::MetricsCollector::snapshot).
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricsSnapshot {
    /// When, by the clock of the bus.
    pub at: SystemTime,
    /// In an order that does not change.
    pub families: Vec<MetricFamily>,
    pub(super) namespace: Option<String>,
}

/// A metric by its name, with a sample for each set of labels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct MetricFamily {
    /// With the namespace, if there is one; of a counter with `_total`.
    pub name: String,
    /// What its samples are.
    pub kind: MetricKind,
    /// What it means, in a sentence.
    pub help: &'static str,
    /// `seconds`, or none.
    pub unit: Option<&'static str>,
    /// One, if it has no labels.
    pub samples: Vec<Sample>,
}

/// What the samples of a family are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum MetricKind {
    /// Goes up only.
    Counter,
    /// Goes up and down.
    Gauge,
    /// Durations, counted in buckets.
    Histogram,
}

/// A value and its labels.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct Sample {
    /// Names and values.
    pub labels: Vec<(&'static str, String)>,
    /// The value.
    pub value: MetricValue,
}

/// The value of a sample.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum MetricValue {
    /// Of a counter.
    Counter(u64),
    /// Of a gauge.
    Gauge(f64),
    /// Of a histogram.
    Histogram(HistogramSnapshot),
}

/// How often which durations were seen, in seconds.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub struct HistogramSnapshot {
    /// How many.
    pub count: u64,
    /// All together.
    pub sum: f64,
    /// Upper bounds, and how many are not above them. The last bound is infinite, and counts all.
    pub buckets: Vec<(f64, u64)>,
    /// What 50, 95 and 99 % are not above, off by a 32nd at most; `None` where nothing was seen, and of a
    /// single handler.
    pub percentiles: Option<[f64; 3]>,
}

impl HistogramSnapshot {
    pub(crate) fn of(value: &HistogramReading<'_>) -> Self {
        let percentiles = match [0.5, 0.95, 0.99].map(|part| value.percentile(part)) {
            [Some(p50), Some(p95), Some(p99)] => Some([p50, p95, p99]),
            _ => None,
        };
        let (count, sum) = (value.count(), value.sum());
        Self { count, sum, buckets: value.buckets().collect(), percentiles }
    }
}

impl MetricsSnapshot {
    /// The value of the sample with these labels, in any order. The name is that of the table, without a
    /// namespace.
    #[must_use]
    pub fn get(&self, name: &str, labels: &[(&str, &str)]) -> Option<&MetricValue> {
        let name = Name(self.namespace.as_deref(), name).to_string();
        let family = self.families.iter().find(|family| family.name == name)?;
        let has_labels = |sample: &&Sample| {
            let has = |(name, value): &(&str, &str)| {
                sample.labels.iter().any(|(n, v)| n == name && v == value)
            };
            sample.labels.len() == labels.len() && labels.iter().all(has)
        };
        family.samples.iter().find(has_labels).map(|sample| &sample.value)
    }

    /// The count of a counter that has no labels. `None`: there is no such counter; one that has counted nothing is 0.
    #[must_use]
    pub fn counter(&self, name: &str) -> Option<u64> {
        match self.get(name, &[])? {
            MetricValue::Counter(count) => Some(*count),
            _ => None,
        }
    }

    /// The value of a gauge that has no labels. `None`: there is no such gauge.
    #[must_use]
    pub fn gauge(&self, name: &str) -> Option<f64> {
        match self.get(name, &[])? {
            MetricValue::Gauge(value) => Some(*value),
            _ => None,
        }
    }

    /// A histogram that has no labels.
    #[must_use]
    pub fn histogram(&self, name: &str) -> Option<&HistogramSnapshot> {
        match self.get(name, &[])? {
            MetricValue::Histogram(histogram) => Some(histogram),
            _ => None,
        }
    }
}

/// Keeps all that it is shown.
#[derive(Default)]
pub(super) struct Keeps {
    pub(super) families: Vec<MetricFamily>,
}

impl MetricsExporter for Keeps {
    fn family(&mut self, family: &MetricInfo<'_>) {
        let MetricInfo { kind, help, unit, .. } = *family;
        let name = family.full_name().to_string();
        self.families.push(MetricFamily { name, kind, help, unit, samples: Vec::new() });
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        let labels = labels.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let value = match reading {
            MetricReading::Counter(count) => MetricValue::Counter(count),
            MetricReading::Gauge(value) => MetricValue::Gauge(value),
            MetricReading::Histogram(value) => {
                MetricValue::Histogram(HistogramSnapshot::of(&value))
            }
        };
        if let Some(family) = self.families.last_mut() {
            family.samples.push(Sample { labels, value });
        }
    }
}
