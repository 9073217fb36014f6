//! What a user asks for the metrics of a bus.

use std::fmt::{self, Write};

use super::collect::collect;
use super::snapshot::{Keeps, MetricsSnapshot};
use super::text::{Format, Text};
use crate::bus::Bus;
use crate::core::Core;

/// The metrics of a bus: [`Bus::metrics`].
///
/// Reading them stops nobody: what happens meanwhile may be in one value and not yet in another. Counters are
/// exact when nothing moves, and `commands_sent_total` is always the sum of what was processed, has failed,
/// and is in flight.
#[derive(Clone, Copy)]
pub struct MetricsCollector<'b> {
    pub(super) core: &'b Core,
}

impl Bus {
    /// What the bus has counted and measured.
    ///
    /// ```
    /// let bus = bus::Bus::from_registered()?;
    /// let text = bus.metrics().to_prometheus();
    /// assert!(text.contains("# TYPE events_published_total counter\nevents_published_total 0\n"));
    /// # Ok::<(), bus::BuildError>(())
    /// ```
    #[must_use]
    pub fn metrics(&self) -> MetricsCollector<'_> {
        MetricsCollector { core: self.core() }
    }
}

impl MetricsCollector<'_> {
    /// All of them, as values.
    #[must_use]
    pub fn snapshot(&self) -> MetricsSnapshot {
        let mut keeps = Keeps::default();
        collect(self.core, &mut keeps);
        let namespace = self.namespace().map(str::to_owned);
        let at = self.core.settings.clock.system_time();
        MetricsSnapshot { at, families: keeps.families, namespace }
    }

    /// Prometheus's text format, to be served as `text/plain; version=0.0.4; charset=utf-8`.
    #[must_use]
    pub fn to_prometheus(&self) -> String {
        let mut text = String::new();
        // Only the writer could fail, and a string does not.
        let _ = self.write_prometheus(&mut text);
        text
    }

    /// As [`to_prometheus`](Self::to_prometheus), piece by piece.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_prometheus(&self, out: &mut dyn Write) -> fmt::Result {
        self.write(out, Format::Prometheus)
    }

    /// OpenMetrics 1.0, to be served as `application/openmetrics-text; version=1.0.0; charset=utf-8`.
    #[must_use]
    pub fn to_openmetrics(&self) -> String {
        let mut text = String::new();
        let _ = self.write_openmetrics(&mut text);
        text
    }

    /// As [`to_openmetrics`](Self::to_openmetrics), piece by piece.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_openmetrics(&self, out: &mut dyn Write) -> fmt::Result {
        self.write(out, Format::OpenMetrics)
    }

    fn write(&self, out: &mut dyn Write, format: Format) -> fmt::Result {
        let mut text = Text::new(out, format);
        collect(self.core, &mut text);
        text.end()
    }

    pub(super) fn namespace(&self) -> Option<&str> {
        self.core.settings.metrics.config.namespace.as_deref()
    }
}

impl fmt::Debug for MetricsCollector<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("MetricsCollector")
    }
}
