//! The bridge to the crate `metrics`: what a bus has counted, to its recorder.

use std::fmt;
use std::sync::Weak;
use std::time::Duration;

use ::metrics::{Key, Label, Level, Metadata, Recorder, Unit, with_recorder};

use super::MetricsCollector;
use super::collect::collect;
use super::deltas::Deltas;
use super::exporter::{MetricInfo, MetricReading, MetricsExporter};
use super::snapshot::MetricKind;
use crate::core::Core;
use crate::resilience::timer::within;
use crate::sync::{Mutex, lock};

impl MetricsCollector<'_> {
    /// The way to the recorder of the crate [`metrics`](::metrics), whichever is installed. Messages do not go that
    /// way: what has happened is handed over when it is told to, so a call costs what it costs without.
    ///
    /// ```
    /// # use std::time::Duration;
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = bus::Bus::from_registered()?;
    /// let facade = bus.metrics().to_facade();
    /// // Before each scrape ..
    /// facade.flush();
    /// // .. or every so often, as long as the bus is there.
    /// tokio::spawn(facade.every(Duration::from_secs(10)));
    /// # Ok(())
    /// # }
    /// ```
    #[must_use = "nothing is handed over until it is told to"]
    pub fn to_facade(&self) -> MetricsFacade {
        MetricsFacade { core: self.core.weak(), seen: Mutex::default() }
    }
}

/// Hands what a bus has counted to the recorder of the crate `metrics`: [`MetricsCollector::to_facade`].
///
/// All names, labels and meanings are those of the [guide](crate::guide::metrics). Counters are set to what they are
/// (`absolute`), gauges too. Histograms are given each value that has come since the last time, as it is kept: off by
/// a 32nd at most, and of single handlers the middle of its bucket. Make one for a bus: two would hand each value over
/// twice. Install the recorder first: what is handed over while there is none is gone. A recorder must not call
/// [`flush`](Self::flush) while it is told something.
pub struct MetricsFacade {
    core: Weak<Core>,
    seen: Mutex<Deltas>,
}

impl MetricsFacade {
    /// Hands over what there is now. `false`: the bus is gone.
    pub fn flush(&self) -> bool {
        let Some(core) = self.core.upgrade() else { return false };
        let mut seen = lock(&self.seen);
        with_recorder(|recorder| {
            let deltas = &mut *seen;
            collect(&core, &mut Out { recorder, deltas, name: "", key: String::new() });
        });
        true
    }

    /// Hands over what there is after each such time, by the clock of the bus, and when the bus has been shut down or
    /// its last handle is gone: what is counted until then is not lost. At most every millisecond. Then it ends.
    ///
    /// # Cancel safety
    /// When the future is dropped, nothing is handed over any more.
    pub async fn every(self, interval: Duration) {
        let interval = interval.max(Duration::from_millis(1));
        // The core: not a handle, whose end this waits for.
        let Some(core) = self.core.upgrade() else { return };
        while !within(&core, interval, core.work.abort.fired()).await {
            self.flush();
        }
        // What is cut off at the end counts too.
        let is_over = || !core.work.is_dispatching() && !core.work.is_due();
        within(&core, core.settings.grace, core.until(is_over)).await;
        self.flush();
    }
}

impl fmt::Debug for MetricsFacade {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsFacade")
    }
}

const METADATA: Metadata<'static> = Metadata::new("bus", Level::INFO, Some("bus"));

struct Out<'r> {
    recorder: &'r dyn Recorder,
    deltas: &'r mut Deltas,
    /// Of the family: in the table, and in its namespace.
    name: &'static str,
    key: String,
}

impl MetricsExporter for Out<'_> {
    fn family(&mut self, family: &MetricInfo<'_>) {
        self.name = family.name;
        self.key = family.full_name().to_string();
        // Each time: who knows whether the recorder is still the same.
        let (name, help) = (self.key.clone().into(), family.help.into());
        let unit = family.unit.map(|_| Unit::Seconds);
        match family.kind {
            MetricKind::Counter => self.recorder.describe_counter(name, unit, help),
            MetricKind::Gauge => self.recorder.describe_gauge(name, unit, help),
            MetricKind::Histogram => self.recorder.describe_histogram(name, unit, help),
        }
    }

    fn sample(&mut self, labels: &[(&'static str, &str)], reading: MetricReading<'_>) {
        let own = labels.iter().map(|(name, value)| Label::new(*name, (*value).to_owned()));
        let key = Key::from_parts(self.key.clone(), own.collect::<Vec<_>>());
        match reading {
            MetricReading::Counter(count) => {
                self.recorder.register_counter(&key, &METADATA).absolute(count);
            }
            MetricReading::Gauge(value) => self.recorder.register_gauge(&key, &METADATA).set(value),
            MetricReading::Histogram(reading) => {
                let histogram = self.recorder.register_histogram(&key, &METADATA);
                self.deltas.new_of(self.name, labels, &reading, |value, count| {
                    histogram.record_many(value, usize::try_from(count).unwrap_or(usize::MAX));
                });
            }
        }
    }
}
