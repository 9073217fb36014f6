//! The bridge to OpenTelemetry: what a bus has counted, to a meter.

use std::sync::{Arc, Weak};

use opentelemetry::KeyValue;
use opentelemetry::metrics::{AsyncInstrument, Histogram, Meter};

use super::MetricsCollector;
use super::collect::collect;
use super::deltas::Deltas;
use super::exporter::{MetricInfo, MetricReading, MetricsExporter, seconds};
use super::snapshot::MetricKind;
use crate::core::Core;
use crate::sync::{Mutex, lock};

impl MetricsCollector<'_> {
    /// Gives all metrics of the bus to a meter of OpenTelemetry, which reads them whenever it collects; messages do
    /// not go that way, so a call costs what it costs without.
    ///
    /// Names, labels (as attributes) and meanings are those of the [guide](crate::guide::metrics). Counters and
    /// gauges are observed as they are. Histograms have the buckets of the bus, and are given each value that has come
    /// since the last collection, as it is kept: off by a 32nd at most, and of single handlers the middle of its
    /// bucket. A value is a call of the meter's, so where there are millions between two collections, take
    /// [`Sampling::one_in`](crate::Sampling::one_in).
    ///
    /// A meter keeps its instruments for ever; they hold the bus weakly, and tell nothing when it is gone. Call it once
    /// for a bus: twice would count each value of the histograms twice.
    ///
    /// ```
    /// use opentelemetry::global;
    ///
    /// let bus = bus::Bus::from_registered()?;
    /// bus.metrics().observe_with(&global::meter("shop"));
    /// # Ok::<(), bus::BuildError>(())
    /// ```
    pub fn observe_with(&self, meter: &Meter) {
        let mut families = Families::default();
        collect(self.core, &mut families);
        let bounds = self.core.settings.metrics.commands.grid().bounds.iter();
        let bounds: Vec<f64> = bounds.map(|bound| seconds(*bound)).collect();
        let shared = Arc::new(Shared { core: self.core.weak(), state: Mutex::default() });
        for (at, family) in families.0.into_iter().enumerate() {
            let Named { name, full_name, kind, help, unit } = family;
            let (asked, mut histogram) = (Arc::clone(&shared), None);
            match kind {
                MetricKind::Counter => {
                    let counter = meter.u64_observable_counter(full_name).with_description(help);
                    let _ = counter.with_callback(move |to| asked.counts(at, to)).build();
                }
                MetricKind::Gauge => {
                    let gauge = meter.f64_observable_gauge(full_name).with_description(help);
                    let gauge = gauge.with_unit(unit);
                    let _ = gauge.with_callback(move |to| asked.values(at, to)).build();
                }
                MetricKind::Histogram => {
                    let made = meter.f64_histogram(full_name).with_description(help);
                    let made = made.with_unit(unit).with_boundaries(bounds.clone());
                    histogram = Some(made.build());
                }
            }
            let read = Read { name, histogram, samples: Vec::new(), is_told: true };
            lock(&shared.state).all.push(read);
        }
    }
}

/// What all instruments of a bus share. They are asked one after the other, and what they tell is of one moment: the
/// bus is read when one is asked that has told what was read before.
struct Shared {
    core: Weak<Core>,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    all: Vec<Read>,
    deltas: Deltas,
}

/// A family, as it was read.
struct Read {
    name: &'static str,
    /// Nothing asks for its values: they are recorded when the bus is read.
    histogram: Option<Histogram<f64>>,
    samples: Vec<(Vec<KeyValue>, Sample)>,
    is_told: bool,
}

enum Sample {
    Count(u64),
    Value(f64),
}

impl Shared {
    fn counts(&self, at: usize, to: &dyn AsyncInstrument<u64>) {
        self.tell(at, |attributes, sample| {
            if let Sample::Count(count) = sample {
                to.observe(*count, attributes);
            }
        });
    }

    fn values(&self, at: usize, to: &dyn AsyncInstrument<f64>) {
        self.tell(at, |attributes, sample| {
            if let Sample::Value(value) = sample {
                to.observe(*value, attributes);
            }
        });
    }

    fn tell(&self, at: usize, show: impl Fn(&[KeyValue], &Sample)) {
        let Some(core) = self.core.upgrade() else { return };
        let mut state = lock(&self.state);
        if state.all.get(at).is_some_and(|read| read.is_told) {
            state.read(&core);
        }
        let Some(read) = state.all.get_mut(at) else { return };
        read.is_told = true;
        read.samples.iter().for_each(|(attributes, sample)| show(attributes, sample));
    }
}

impl State {
    fn read(&mut self, core: &Core) {
        for read in &mut self.all {
            read.samples.clear();
            read.is_told = false;
        }
        collect(core, &mut Reads { state: self, at: None });
    }
}

/// Reads all into their places.
struct Reads<'s> {
    state: &'s mut State,
    at: Option<usize>,
}

impl MetricsExporter for Reads<'_> {
    fn family(&mut self, family: &MetricInfo<'_>) {
        self.at = self.state.all.iter().position(|read| read.name == family.name);
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        let State { all, deltas } = &mut *self.state;
        let Some(read) = self.at.and_then(|at| all.get_mut(at)) else { return };
        let attribute =
            |(name, value): &(&'static str, &str)| KeyValue::new(*name, (*value).to_owned());
        let attributes: Vec<_> = labels.iter().map(attribute).collect();
        match reading {
            MetricReading::Counter(count) => read.samples.push((attributes, Sample::Count(count))),
            MetricReading::Gauge(value) => read.samples.push((attributes, Sample::Value(value))),
            MetricReading::Histogram(reading) => {
                let Some(histogram) = &read.histogram else { return };
                deltas.new_of(read.name, labels, &reading, |value, count| {
                    (0..count).for_each(|_| histogram.record(value, &attributes));
                });
            }
        }
    }
}

struct Named {
    name: &'static str,
    full_name: String,
    kind: MetricKind,
    help: &'static str,
    unit: &'static str,
}

/// All families, without their samples.
#[derive(Default)]
struct Families(Vec<Named>);

impl MetricsExporter for Families {
    fn family(&mut self, family: &MetricInfo<'_>) {
        let MetricInfo { name, kind, help, .. } = *family;
        // As the Unified Code for Units of Measure has it.
        let unit = if family.unit == Some("seconds") { "s" } else { "" };
        self.0.push(Named { name, full_name: family.full_name().to_string(), kind, help, unit });
    }

    fn sample(&mut self, _: &[(&'static str, &str)], _: MetricReading<'_>) {}
}
