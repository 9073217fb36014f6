//! Is the bus alive, and ready for more? For the probes of whatever runs the process.
//!
//! Nothing is watched for this on the way of a message. Who is slow is known from the timer of its call;
//! whether the dispatcher stands still, from looking at its own count of visits twice.

use std::fmt;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use super::health_reason::HealthReason;
use crate::bus::Bus;
use crate::core::Core;
use crate::event::queue::{Intake, Progress};
use crate::resilience::CircuitState;
use crate::sync::{Mutex, lock};

/// How a bus is: [`Bus::health`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "json", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Health {
    /// Does it work at all? If not, nothing helps but another one: for a liveness probe.
    pub live: bool,
    /// Should it be given more to do? For a readiness probe.
    pub ready: bool,
    /// Why not. Empty if it is live and ready.
    pub reasons: Vec<HealthReason>,
}

/// `live and ready`, or what is not and why.
impl fmt::Display for Health {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match (self.live, self.ready) {
            (true, true) => "live and ready",
            (true, false) => "live, not ready",
            (false, _) => "not live",
        })?;
        let mut between = ": ";
        for reason in &self.reasons {
            write!(f, "{between}{reason}")?;
            between = "; ";
        }
        Ok(())
    }
}

/// When the dispatcher was first seen to be where it still is.
#[derive(Default)]
pub(crate) struct Watch(Mutex<Option<(Progress, Instant)>>);

impl Watch {
    /// For how long it has stood still, as far as that was seen.
    fn still_for(&self, progress: Progress, now: Instant) -> Duration {
        let mut seen = lock(&self.0);
        match *seen {
            Some((former, since)) if former == progress => now.saturating_duration_since(since),
            _ => {
                *seen = Some((progress, now));
                Duration::ZERO
            }
        }
    }

    fn forget(&self) {
        *lock(&self.0) = None;
    }
}

impl Bus {
    /// Is the bus alive and ready for more, and if not, why? Cheap enough to be asked each second; whoever
    /// asks pays for it, and nobody else. May be asked from any thread, outside of a runtime too, so that a
    /// runtime that hangs does not keep it from saying so.
    ///
    /// A dispatcher that stands still is found by asking twice, at least
    /// [`stalled_after`](crate::Builder::stalled_after) apart: a probe asks again and again.
    ///
    /// ```
    /// use bus::{Bus, event};
    ///
    /// #[event]
    /// struct Rang;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::builder().build()?;
    /// assert_eq!(bus.health().to_string(), "live and ready");
    /// bus.publish(Rang).await?;
    /// bus.shutdown().await;
    /// assert!(!bus.health().ready);
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn health(&self) -> Health {
        let core = self.core();
        let now = core.settings.clock.now();
        let mut reasons = Vec::new();
        of_dispatcher(core, now, &mut reasons);
        if core.work.is_closing() && !core.work.ended.load(Ordering::SeqCst) {
            reasons.push(HealthReason::ShuttingDown);
        }
        if core.queue.is_high() && core.queue.intake() == Intake::Open {
            let (queued, capacity) = (core.queue.len(), core.queue.capacity());
            reasons.push(HealthReason::QueueHigh { queued, capacity });
        }
        for breaker in self.circuit_breakers() {
            let snapshot = breaker.snapshot();
            let lets_none = snapshot.retry_after != Some(Duration::ZERO);
            if snapshot.state == CircuitState::Open && lets_none {
                let (breaker, retry_after) = (snapshot.name.to_string(), snapshot.retry_after);
                reasons.push(HealthReason::CircuitOpen { breaker, retry_after });
            }
        }
        let limit = core.settings.stuck_handler;
        let stuck = limit.map(|limit| core.slow_runs.longer_than(limit, now));
        reasons.extend(stuck.into_iter().flatten().map(|(run, taken)| {
            HealthReason::HandlerStuck {
                handler: run.handler.name.to_string(),
                file: run.handler.file,
                line: run.handler.line,
                message: run.message.name(),
                id: run.id,
                taken,
            }
        }));
        let live = !reasons.iter().any(HealthReason::is_fatal);
        Health { live, ready: reasons.is_empty(), reasons }
    }
}

fn of_dispatcher(core: &Core, now: Instant, reasons: &mut Vec<HealthReason>) {
    if core.work.ended.load(Ordering::SeqCst) {
        return reasons.push(HealthReason::Ended);
    }
    let (progress, waiting) = core.queue.progress();
    if waiting == 0 || core.slots.available_permits() == 0 {
        return core.watch.forget();
    }
    if !core.work.dispatching.load(Ordering::SeqCst) {
        return reasons.push(HealthReason::NoRuntime { waiting });
    }
    // For so long it may be waiting for a batch to fill.
    let limit = core.settings.stalled.saturating_add(core.queue.config.batch_timeout);
    let since = core.watch.still_for(progress, now);
    if since >= limit {
        reasons.push(HealthReason::Stalled { waiting, since });
    }
}
