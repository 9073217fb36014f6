//! Metrics as JSON, for dashboards of one's own.

use std::fmt::{self, Write};

use super::MetricsCollector;
use super::collect::collect;
use super::exporter::{HistogramReading, MetricInfo, MetricReading, MetricsExporter, Name};
use super::snapshot::{HistogramSnapshot, MetricKind};
use super::text::push_escaped;
use crate::rfc3339::rfc3339;

impl MetricsCollector<'_> {
    /// One JSON object:
    ///
    /// ```json
    /// {
    ///   "timestamp": "2026-11-25T20:18:12.042Z",
    ///   "counters": {"commands_sent_total": 3, "events_dropped_total{reason=\"expired\"}": 0},
    ///   "histograms": {
    ///     "command_processing_duration_seconds": {
    ///       "description": "How long commands took ..", "count": 3, "sum": 0.03,
    ///       "percentiles": {"p50": 0.01, "p95": 0.01, "p99": 0.01},
    ///       "buckets": {"0.001": 0, "0.01": 3, "+Inf": 3}
    ///     }
    ///   },
    ///   "gauges": {"queue_size": 0.0},
    ///   "labels": {"events_dropped_total{reason=\"expired\"}": {"reason": "expired"}}
    /// }
    /// ```
    ///
    /// What has labels is named as in Prometheus's text, `name{label="value"}`, sorted as there and with the
    /// same escapes within the quotes; `labels` has those of each such name as an object, so that nobody needs to
    /// read them out of it. Percentiles are `null` where nothing was seen, and of a single handler; buckets are
    /// cumulative, and named after their bounds. A number that JSON has no word for is `null`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = String::new();
        // Only the writer could fail, and a string does not.
        let _ = self.write_json(&mut text);
        text
    }

    /// As [`to_json`](Self::to_json), piece by piece. Histograms are read after counters and gauges, and gauges that
    /// have labels after these.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_json(&self, out: &mut dyn Write) -> fmt::Result {
        let at = rfc3339(self.core.settings.clock.system_time());
        write!(out, "{{\"timestamp\":\"{at}\",\"counters\":{{")?;
        // Counters and gauges without labels are read together, so that what was sent is the sum of what has become
        // of it. Of those gauges there are always as many, so they can be kept; of the others not.
        let mut gauges = String::new();
        let (mut counters, mut aside) = (self.fields(&mut *out), self.fields(&mut gauges));
        collect(self.core, &mut Split { counters: &mut counters, gauges: &mut aside });
        counters.result.and(aside.result)?;
        out.write_str("},\"histograms\":{")?;
        self.only(out, MetricKind::Histogram, true)?;
        write!(out, "}},\"gauges\":{{{gauges}")?;
        self.only(out, MetricKind::Gauge, false)?;
        out.write_str("},\"labels\":{")?;
        let mut labels = Labels(self.fields(&mut *out));
        collect(self.core, &mut labels);
        labels.0.result?;
        out.write_str("}}")
    }

    /// Those of a kind, or those of them that have labels, after those that have none.
    fn only(&self, out: &mut dyn Write, kind: MetricKind, all: bool) -> fmt::Result {
        let mut only = Only { fields: self.fields(out), kind, all };
        only.fields.is_first = all;
        collect(self.core, &mut only);
        only.fields.result
    }

    fn fields<'o>(&'o self, out: &'o mut dyn Write) -> Fields<'o> {
        Fields::new(out, self.namespace())
    }
}

/// The fields of one object.
struct Fields<'o> {
    out: &'o mut dyn Write,
    namespace: Option<&'o str>,
    /// Name and help, of what belongs here.
    family: Option<(&'static str, &'static str)>,
    is_first: bool,
    /// The value of a label, on its way.
    escaped: String,
    /// The first error: what comes after it is not written.
    result: fmt::Result,
}

impl<'o> Fields<'o> {
    fn new(out: &'o mut dyn Write, namespace: Option<&'o str>) -> Self {
        Self {
            out,
            namespace,
            family: None,
            is_first: true,
            escaped: String::new(),
            result: Ok(()),
        }
    }

    fn write(&mut self, labels: &[(&'static str, &str)], value: &MetricReading<'_>) {
        if let (Ok(()), Some(family)) = (self.result, self.family) {
            self.result = self.field(family, labels, value);
        }
    }

    fn field(
        &mut self,
        (name, help): (&'static str, &'static str),
        labels: &[(&'static str, &str)],
        value: &MetricReading<'_>,
    ) -> fmt::Result {
        self.key(name, labels)?;
        match value {
            MetricReading::Counter(count) => write!(self.out, "{count}"),
            MetricReading::Gauge(value) => write!(self.out, "{}", Number(*value)),
            MetricReading::Histogram(buckets) => self.histogram(help, buckets),
        }
    }

    /// The name of a field.
    fn key(&mut self, name: &str, labels: &[(&'static str, &str)]) -> fmt::Result {
        let between = if std::mem::take(&mut self.is_first) { "" } else { "," };
        write!(self.out, "{between}\"")?;
        let mut key = InString(&mut *self.out);
        write!(key, "{}", Name(self.namespace, name))?;
        let mut between = '{';
        for (label, value) in labels {
            self.escaped.clear();
            push_escaped(&mut self.escaped, value);
            write!(key, "{between}{label}=\"{}\"", self.escaped)?;
            between = ',';
        }
        if between == ',' {
            key.write_char('}')?;
        }
        self.out.write_str("\":")
    }

    /// The labels of a series, under its name.
    fn labels(&mut self, labels: &[(&'static str, &str)]) -> fmt::Result {
        let Some((name, _)) = self.family else { return Ok(()) };
        self.key(name, labels)?;
        let mut between = '{';
        for (label, value) in labels {
            write!(self.out, "{between}\"{label}\":\"")?;
            InString(&mut *self.out).write_str(value)?;
            self.out.write_char('"')?;
            between = ',';
        }
        self.out.write_char('}')
    }

    fn histogram(&mut self, help: &str, value: &HistogramReading<'_>) -> fmt::Result {
        let HistogramSnapshot { count, sum, buckets, percentiles } = HistogramSnapshot::of(value);
        self.out.write_str("{\"description\":\"")?;
        InString(&mut *self.out).write_str(help)?;
        write!(self.out, "\",\"count\":{count},\"sum\":{},\"percentiles\":{{", Number(sum))?;
        for (at, (name, between)) in [("p50", ""), ("p95", ","), ("p99", ",")].iter().enumerate() {
            let value = percentiles.map_or(f64::NAN, |all| all[at]);
            write!(self.out, "{between}\"{name}\":{}", Number(value))?;
        }
        self.out.write_str("},\"buckets\":{")?;
        for (at, (bound, count)) in buckets.iter().enumerate() {
            let between = if at == 0 { "" } else { "," };
            match *bound {
                f64::INFINITY => write!(self.out, "{between}\"+Inf\":{count}")?,
                bound => write!(self.out, "{between}\"{bound:?}\":{count}")?,
            }
        }
        self.out.write_str("}}")
    }
}

/// Counters to one object, gauges without labels to another.
struct Split<'s, 'o> {
    counters: &'s mut Fields<'o>,
    gauges: &'s mut Fields<'o>,
}

impl MetricsExporter for Split<'_, '_> {
    fn wants(&self, kind: MetricKind, _: &str) -> bool {
        kind != MetricKind::Histogram
    }

    fn family(&mut self, family: &MetricInfo<'_>) {
        self.counters.family =
            (family.kind == MetricKind::Counter).then_some((family.name, family.help));
        self.gauges.family =
            (family.kind == MetricKind::Gauge).then_some((family.name, family.help));
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        self.counters.write(labels, &reading);
        if labels.is_empty() {
            self.gauges.write(labels, &reading);
        }
    }
}

/// Those of one kind; all of them, or those that have labels.
struct Only<'o> {
    fields: Fields<'o>,
    kind: MetricKind,
    all: bool,
}

impl MetricsExporter for Only<'_> {
    fn wants(&self, kind: MetricKind, _: &str) -> bool {
        kind == self.kind
    }

    fn family(&mut self, family: &MetricInfo<'_>) {
        self.fields.family = (family.kind == self.kind).then_some((family.name, family.help));
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        if self.all || !labels.is_empty() {
            self.fields.write(labels, &reading);
        }
    }
}

/// The labels of those that have some.
struct Labels<'o>(Fields<'o>);

impl MetricsExporter for Labels<'_> {
    fn family(&mut self, family: &MetricInfo<'_>) {
        self.0.family = Some((family.name, family.help));
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], _: MetricReading<'_>) {
        if !labels.is_empty() && self.0.result.is_ok() {
            self.0.result = self.0.labels(labels);
        }
    }
}

/// The inside of a JSON string.
struct InString<'o>(&'o mut dyn Write);

impl Write for InString<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        text.chars().try_for_each(|c| match c {
            '"' | '\\' => write!(self.0, "\\{c}"),
            // What else JSON does not allow; and the two that are the end of a line to JavaScript.
            '\0'..='\x1f' | '\u{2028}' | '\u{2029}' => write!(self.0, "\\u{:04x}", u32::from(c)),
            c => self.0.write_char(c),
        })
    }
}

/// A number; `null` where JSON has none.
struct Number(f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_finite() { write!(f, "{:?}", self.0) } else { f.write_str("null") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(labels: &[(&'static str, &str)], value: &MetricReading<'_>) -> serde_json::Value {
        let mut text = String::new();
        let mut fields = Fields::new(&mut text, Some("shop"));
        fields.family = Some(("size", "a \"size\""));
        fields.write(labels, value);
        fields.write(&[], value);
        serde_json::from_str(&format!("{{{text}}}")).expect("JSON")
    }

    #[test]
    fn any_label_is_written_so_that_it_can_be_read() {
        let hostile = "a\"b\\c\nd\u{7}\u{2028}\u{1F980}}";
        let object = written(&[("of", hostile)], &MetricReading::Gauge(1.5));
        let name = "shop_size{of=\"a\\\"b\\\\c\\nd\u{7}\u{2028}\u{1F980}}\"}";
        assert_eq!(object[name], 1.5, "{object}");
        assert_eq!(object["shop_size"], 1.5);
    }

    #[test]
    fn what_is_no_number_is_null() {
        for value in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            assert!(written(&[], &MetricReading::Gauge(value))["shop_size"].is_null(), "{value}");
        }
        let tiny = written(&[], &MetricReading::Gauge(1e-300));
        assert_eq!(tiny["shop_size"], 1e-300);
    }

    #[test]
    fn a_histogram_of_nothing_has_no_percentiles() {
        let buckets =
            HistogramReading { bounds: &[1_000_000], counts: &[2, 1], sum: 5, whole: None };
        let histogram = &written(&[], &MetricReading::Histogram(buckets))["shop_size"];
        assert_eq!(
            (&histogram["count"], &histogram["description"]),
            (&3.into(), &"a \"size\"".into())
        );
        assert!(histogram["percentiles"]["p99"].is_null());
        assert_eq!(
            (&histogram["buckets"]["0.001"], &histogram["buckets"]["+Inf"]),
            (&2.into(), &3.into())
        );
    }
}
