//! Metrics: what happens is counted and measured where it happens, without a lock, and put together when
//! somebody asks.
//!
//! In: a run that has ended, with how long it took ([`Metrics`], [`meter`]). Out: families of counters,
//! gauges and histograms, to a [`MetricsExporter`]: Prometheus and OpenMetrics text, JSON, a snapshot.

pub(crate) mod bounded;
mod collect;
mod collector;
mod config;
#[cfg(any(feature = "metrics", feature = "otel"))]
mod deltas;
mod digits;
mod exporter;
#[cfg(feature = "metrics")]
mod facade;
mod grid;
mod histogram;
#[cfg(feature = "json")]
mod json;
pub(crate) mod messages;
pub(crate) mod meter;
mod meters;
#[cfg(feature = "otel")]
mod otel;
mod paged;
mod snapshot;
mod text;
mod timer;

pub use self::collector::MetricsCollector;
pub use self::config::{MetricsConfig, Sampling};
pub use self::exporter::{HistogramReading, MetricInfo, MetricReading, MetricsExporter};
#[cfg(feature = "metrics")]
pub use self::facade::MetricsFacade;
pub use self::snapshot::{
    HistogramSnapshot, MetricFamily, MetricKind, MetricValue, MetricsSnapshot, Sample,
};
pub use self::timer::Timer;

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use self::bounded::Bounded;
use self::grid::Grid;
use self::histogram::Histogram;
use self::messages::Messages;
use self::meter::Meter;
use self::meters::Meters;
pub(crate) use self::meters::OTHERS;
use crate::clock::Clock;
use crate::sync::Sharded;

/// Of a filter, and of the handler that it stands before, if it stands before one: by their names.
pub(crate) type Filtered = Bounded<(Cow<'static, str>, Cow<'static, str>), Sharded>;

/// What is measured on one bus. Another bus has its own.
pub(crate) struct Metrics {
    pub(crate) config: MetricsConfig,
    pub(crate) commands: Histogram,
    pub(crate) events: Histogram,
    /// From the publish to the end of each handler.
    pub(crate) critical: Histogram,
    pub(crate) meters: Meters,
    pub(crate) messages: Arc<Messages>,
    /// What filters have kept out.
    pub(crate) filtered: Filtered,
    pub(crate) retries: AtomicU64,
}

impl Metrics {
    pub(crate) fn new(config: MetricsConfig) -> Self {
        let grid = Arc::new(Grid::new(&config.buckets));
        let histogram = || Histogram::new(Arc::clone(&grid));
        Self {
            commands: histogram(),
            events: histogram(),
            critical: histogram(),
            meters: Meters::new(config.series, Arc::clone(&grid)),
            messages: Arc::new(Messages::new(config.series)),
            filtered: Filtered::new(config.series),
            config,
            retries: AtomicU64::new(0),
        }
    }

    /// Now, if this is one of those that are timed. What is not does not read the clock, which costs more than
    /// all of the counting.
    #[inline]
    pub(crate) fn start(&self, clock: &dyn Clock) -> Option<Instant> {
        match self.config.sampling {
            Sampling::Every => Some(clock.now()),
            // By chance: turns would fall in with the order of calls, and time the same one of them for ever.
            Sampling::OneIn(n) => (fastrand::u32(..n.get()) == 0).then(|| clock.now()),
            Sampling::Off => None,
        }
    }

    /// A command has ended.
    #[inline]
    pub(crate) fn command(&self, meter: &Meter, is_ok: bool, took: Option<Duration>) {
        let took = took.map(nanos);
        if let Some(took) = took {
            self.commands.record(took);
        }
        meter.ended(is_ok, took);
    }

    /// A handler of an event has ended.
    #[inline]
    pub(crate) fn event(
        &self,
        meter: &Meter,
        is_ok: bool,
        took: Option<Duration>,
        since_published: Option<Duration>,
    ) {
        let took = took.map(nanos);
        if let Some(took) = took {
            self.events.record(took);
        }
        if let Some(critical) = since_published {
            self.critical.record(nanos(critical));
        }
        meter.ended(is_ok, took);
    }

    pub(crate) fn retried(&self, meter: &Meter) {
        self.retries.fetch_add(1, Ordering::Relaxed);
        meter.retried();
    }
}

/// 584 years are enough.
fn nanos(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}
