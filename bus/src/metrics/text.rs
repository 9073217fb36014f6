//! The text formats: Prometheus 0.0.4 and OpenMetrics 1.0. They differ in the names of counters' families, in
//! units, and in the end.

use std::fmt::{self, Write};

use super::exporter::{HistogramReading, MetricInfo, MetricReading, MetricsExporter, Name};
use super::snapshot::MetricKind;

#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Format {
    Prometheus,
    OpenMetrics,
}

/// Writes what it is shown.
pub(super) struct Text<'t> {
    out: &'t mut dyn Write,
    format: Format,
    namespace: Option<&'t str>,
    /// Of the family that is being written.
    name: &'static str,
    /// The first error: what comes after it is not written.
    result: fmt::Result,
}

impl<'t> Text<'t> {
    pub(super) fn new(out: &'t mut dyn Write, format: Format, namespace: Option<&'t str>) -> Self {
        Self { out, format, namespace, name: "", result: Ok(()) }
    }

    pub(super) fn end(self) -> fmt::Result {
        self.result?;
        match self.format {
            Format::Prometheus => Ok(()),
            Format::OpenMetrics => self.out.write_str("# EOF\n"),
        }
    }

    fn head(&mut self, family: &MetricInfo<'_>) -> fmt::Result {
        let kind = match family.kind {
            MetricKind::Counter => "counter",
            MetricKind::Gauge => "gauge",
            MetricKind::Histogram => "histogram",
        };
        // There the family of a counter is named without what its samples end in.
        let name = match self.format {
            Format::Prometheus => family.name,
            Format::OpenMetrics => family.name.strip_suffix("_total").unwrap_or(family.name),
        };
        let name = Name(self.namespace, name);
        writeln!(self.out, "# HELP {name} {}", family.help)?;
        writeln!(self.out, "# TYPE {name} {kind}")?;
        match (self.format, family.unit) {
            (Format::OpenMetrics, Some(unit)) => writeln!(self.out, "# UNIT {name} {unit}"),
            _ => Ok(()),
        }
    }

    fn write(&mut self, labels: &[(&'static str, &str)], value: &MetricReading<'_>) -> fmt::Result {
        match value {
            MetricReading::Counter(count) => self.line("", labels, None, count),
            MetricReading::Gauge(value) => self.line("", labels, None, &Number(*value)),
            MetricReading::Histogram(buckets) => self.histogram(labels, buckets),
        }
    }

    fn histogram(
        &mut self,
        labels: &[(&'static str, &str)],
        value: &HistogramReading<'_>,
    ) -> fmt::Result {
        for (bound, count) in value.buckets() {
            self.line("_bucket", labels, Some(bound), &count)?;
        }
        self.line("_sum", labels, None, &Number(value.sum()))?;
        self.line("_count", labels, None, &value.count())
    }

    fn line(
        &mut self,
        suffix: &str,
        labels: &[(&'static str, &str)],
        bound: Option<f64>,
        value: &dyn fmt::Display,
    ) -> fmt::Result {
        write!(self.out, "{}{suffix}", Name(self.namespace, self.name))?;
        let mut between = '{';
        for (name, value) in labels {
            write!(self.out, "{between}{name}=\"{}\"", Escaped(value))?;
            between = ',';
        }
        if let Some(bound) = bound {
            write!(self.out, "{between}le=\"{}\"", Number(bound))?;
            between = ',';
        }
        if between == ',' {
            self.out.write_char('}')?;
        }
        writeln!(self.out, " {value}")
    }
}

impl MetricsExporter for Text<'_> {
    fn family(&mut self, family: &MetricInfo<'_>) {
        self.name = family.name;
        if self.result.is_ok() {
            self.result = self.head(family);
        }
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        if self.result.is_ok() {
            self.result = self.write(labels, &reading);
        }
    }
}

/// The value of a label: backslash, quote and line feed are escaped in both formats, and nothing else is.
pub(super) struct Escaped<'v>(pub(super) &'v str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|c| match c {
            '\\' => f.write_str("\\\\"),
            '"' => f.write_str("\\\""),
            '\n' => f.write_str("\\n"),
            c => f.write_char(c),
        })
    }
}

/// A number as both formats have it. OpenMetrics wants a point in the bounds of buckets.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            f64::INFINITY => f.write_str("+Inf"),
            number => write!(f, "{number:?}"),
        }
    }
}
