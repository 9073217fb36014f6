//! How long something takes, by the clock of the bus.

use std::fmt;
use std::time::{Duration, Instant};

use super::MetricsCollector;
use crate::clock::Clock;

/// How long something takes, by the clock of the bus, which does not go back, and which a test moves:
/// [`MetricsCollector::timer`]. It allocates nothing.
#[derive(Clone, Copy)]
pub struct Timer<'b> {
    clock: &'b dyn Clock,
    began: Instant,
}

impl<'b> MetricsCollector<'b> {
    /// One that begins now.
    ///
    /// ```
    /// # use std::time::Duration;
    /// let bus = bus::Bus::from_registered()?;
    /// let timer = bus.metrics().timer();
    /// // What takes its time.
    /// let took: Duration = timer.elapsed();
    /// # Ok::<(), bus::BuildError>(())
    /// ```
    #[must_use]
    pub fn timer(&self) -> Timer<'b> {
        let clock = &*self.core.settings.clock;
        Timer { clock, began: clock.now() }
    }
}

impl Timer<'_> {
    /// How long it is since it began.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.clock.now().saturating_duration_since(self.began)
    }
}

impl fmt::Debug for Timer<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Timer").field(&self.elapsed()).finish()
    }
}
