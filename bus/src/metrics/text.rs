//! The text formats: Prometheus 0.0.4 and OpenMetrics 1.0. They differ in the names of counters' families, in
//! units, and in the end.
//!
//! A scrape of many series is some ten thousand lines, so they are put together by hand: what the lines of a family or
//! of a series have in common is written once and copied, and a series is handed on as a whole.

use std::fmt::{self, Write};

use super::digits::{push_float, push_integer, push_seconds};
use super::exporter::{
    HistogramReading, MetricInfo, MetricReading, MetricsExporter, Name, seconds,
};
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
    /// Of the family that is being written.
    name: String,
    /// Of the series that is being written, one after the other, each with its name.
    labels: String,
    /// The upper bounds of the buckets, as they are written: the same for all histograms of a bus.
    bounds: Vec<(u64, String)>,
    /// The lines of one series.
    lines: String,
    /// The first error: what comes after it is not written.
    result: fmt::Result,
}

impl<'t> Text<'t> {
    pub(super) fn new(out: &'t mut dyn Write, format: Format) -> Self {
        let (name, labels, lines) = (String::new(), String::new(), String::new());
        Self { out, format, name, labels, bounds: Vec::new(), lines, result: Ok(()) }
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
        let name = Name(family.namespace, name);
        writeln!(self.out, "# HELP {name} {}", family.help)?;
        writeln!(self.out, "# TYPE {name} {kind}")?;
        match (self.format, family.unit) {
            (Format::OpenMetrics, Some(unit)) => writeln!(self.out, "# UNIT {name} {unit}"),
            _ => Ok(()),
        }
    }

    fn histogram(&mut self, value: &HistogramReading<'_>) {
        let Self { name, labels, bounds, lines, .. } = self;
        if !bounds.iter().map(|(bound, _)| bound).eq(value.bounds) {
            *bounds = value.bounds.iter().map(|bound| (*bound, written(*bound))).collect();
        }
        let bounds = bounds.iter().map(|(_, bound)| &**bound).chain(["+Inf"]);
        let mut all = 0;
        for (bound, count) in bounds.zip(value.counts) {
            all += count;
            lines.extend([&**name, "_bucket{", labels]);
            lines.push_str(if labels.is_empty() { "le=\"" } else { ",le=\"" });
            lines.extend([bound, "\"} "]);
            push_integer(lines, all);
            lines.push('\n');
        }
        push_series(lines, name, "_sum", labels);
        push_seconds(lines, value.sum);
        lines.push('\n');
        push_series(lines, name, "_count", labels);
        push_integer(lines, all);
        lines.push('\n');
    }
}

/// A bound. OpenMetrics wants a point in it.
fn written(bound: u64) -> String {
    let mut text = String::new();
    push_float(&mut text, seconds(bound));
    text
}

/// What comes before a value.
fn push_series(lines: &mut String, name: &str, suffix: &str, labels: &str) {
    lines.extend([name, suffix]);
    if !labels.is_empty() {
        lines.extend(["{", labels, "}"]);
    }
    lines.push(' ');
}

impl MetricsExporter for Text<'_> {
    fn family(&mut self, family: &MetricInfo<'_>) {
        self.name.clear();
        self.name.extend(family.namespace.into_iter().flat_map(|namespace| [namespace, "_"]));
        self.name.push_str(family.name);
        if self.result.is_ok() {
            self.result = self.head(family);
        }
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        if self.result.is_err() {
            return;
        }
        self.labels.clear();
        for (name, value) in labels {
            self.labels.extend([if self.labels.is_empty() { "" } else { "," }, name, "=\""]);
            push_escaped(&mut self.labels, value);
            self.labels.push('"');
        }
        self.lines.clear();
        match reading {
            MetricReading::Counter(count) => {
                push_series(&mut self.lines, &self.name, "", &self.labels);
                push_integer(&mut self.lines, count);
                self.lines.push('\n');
            }
            MetricReading::Gauge(value) => {
                push_series(&mut self.lines, &self.name, "", &self.labels);
                push_float(&mut self.lines, value);
                self.lines.push('\n');
            }
            MetricReading::Histogram(value) => self.histogram(&value),
        }
        self.result = self.out.write_str(&self.lines);
    }
}

/// The value of a label: backslash, quote and line feed are escaped in both formats, and nothing else is.
pub(super) fn push_escaped(text: &mut String, value: &str) {
    for part in value.split_inclusive(['\\', '"', '\n']) {
        let (plain, escaped) = match part.as_bytes().last() {
            Some(b'\\') => (&part[..part.len() - 1], "\\\\"),
            Some(b'"') => (&part[..part.len() - 1], "\\\""),
            Some(b'\n') => (&part[..part.len() - 1], "\\n"),
            _ => (part, ""),
        };
        text.extend([plain, escaped]);
    }
}
