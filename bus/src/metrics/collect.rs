//! All metrics, one after another, for whoever writes them down: nothing is kept in between, so that an export
//! takes no more memory than its text.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::time::Duration;

use super::Metrics;
use super::grid::Grid;
use super::histogram::{Counted, Histogram};
use super::meter::{Meter, Metered};
use super::snapshot::MetricKind;
use crate::core::Core;
use crate::resilience::CircuitState;

/// Is shown one family after another, and the samples of each.
pub(crate) trait Visitor {
    fn family(&mut self, family: &Family);
    fn sample(&mut self, labels: &[(&'static str, &str)], value: Value<'_>);

    /// `false` of what it would pass over: what has a series for each handler is then not even read.
    fn wants(&self, _kind: MetricKind, _name: &str) -> bool {
        true
    }
}

/// A name, and what stands behind it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Family {
    /// Without the namespace; of a counter with `_total`.
    pub(crate) name: &'static str,
    pub(crate) kind: MetricKind,
    pub(crate) help: &'static str,
    pub(crate) unit: Option<&'static str>,
}

pub(crate) enum Value<'a> {
    Count(u64),
    Gauge(f64),
    Histogram(Buckets<'a>),
}

/// How many durations are in each bucket, and in none before it; in nanoseconds.
pub(crate) struct Buckets<'a> {
    pub(crate) bounds: &'a [u64],
    /// One more than there are bounds.
    pub(crate) counts: &'a [u64],
    pub(crate) sum: u64,
    /// Where all is known that was recorded: for percentiles.
    pub(crate) whole: Option<(&'a Grid, &'a Counted)>,
}

/// Shows all there is.
pub(crate) fn collect(core: &Core, to: &mut dyn Visitor) {
    let metrics = &core.settings.metrics;
    let mut on = On(to);
    commands(core, &mut on);
    events(core, &mut on);
    on.histogram(
        "command_processing_duration_seconds",
        "How long commands took, from their admission to their result, with all attempts and middleware.",
        &metrics.commands,
    );
    on.histogram(
        "event_processing_duration_seconds",
        "How long handlers of events took, with all attempts and what they wait for in between.",
        &metrics.events,
    );
    on.histogram(
        "event_critical_time_seconds",
        "From the publish of an event to the end of each of its handlers.",
        &metrics.critical,
    );
    gauges(core, &mut on);
    handlers(metrics, &mut on);
}

fn commands(core: &Core, on: &mut On<'_>) {
    // Ends are read before beginnings: what is in flight is never negative, and the sum is always right.
    let (processed, failed) = core.work.commands_ended();
    let sent = core.work.commands_begun.sum();
    on.count("commands_sent_total", "Commands that were sent.", sent);
    on.count("commands_processed_total", "Commands that have ended well.", processed);
    let help = "Commands that have failed, were refused, or whose callers have gone.";
    on.count("commands_failed_total", help, failed);
    let in_flight = sent.saturating_sub(processed).saturating_sub(failed);
    on.gauge("commands_in_flight", "Commands that are at work.", in_flight);
}

fn events(core: &Core, on: &mut On<'_>) {
    let (queue, counters) = (core.queue.stats(), &core.counters);
    let (processed, failed) = (counters.processed.sum(), counters.failed.sum());
    on.count("events_published_total", "Events that were accepted.", queue.accepted);
    let help = "Handlers of events that have ended well: pairs of an event and a handler.";
    on.count("events_processed_total", help, processed);
    let help = "Handlers of events that have failed for good: pairs of an event and a handler.";
    on.count("events_failed_total", help, failed);
    on.count(
        "events_rejected_total",
        "Events that their publisher was given back.",
        queue.rejected,
    );
    let help = "Events that nobody handles.";
    on.count("events_unhandled_total", help, counters.unhandled.sum());
    let help = "Events that were queued for longer than their ttl.";
    on.count("events_expired_total", help, queue.expired);
    on.family("events_dropped_total", MetricKind::Counter, "Events that were lost.", None);
    for (reason, count) in core.losses.counts() {
        on.0.sample(&[("reason", reason.label())], Value::Count(count));
    }
    let help = "Events that a filter has kept out, of the bus or of one handler.";
    on.family("events_filtered_total", MetricKind::Counter, help, None);
    // Two filters of one name are one series.
    let mut filtered = BTreeMap::<_, u64>::new();
    for filter in core.filters() {
        let handler = filter.handler.map(|handler| handler.name).unwrap_or_default();
        *filtered.entry((filter.filter, handler)).or_default() += filter.filtered;
    }
    for ((filter, handler), count) in &filtered {
        on.0.sample(&[("filter", filter), ("handler", handler)], Value::Count(*count));
    }
    let retries = core.settings.metrics.retries.load(Ordering::Relaxed);
    on.count("retries_total", "Calls of handlers after the first.", retries);
    let help = "Retries that were not made, as the budget was used up.";
    on.count("retries_refused_total", help, counters.over_budget.sum());
    on.gauge("events_in_flight", "Events whose handlers are at work.", core.in_flight());
}

fn gauges(core: &Core, on: &mut On<'_>) {
    let queue = core.queue.stats();
    on.gauge("queue_size", "Events that are queued.", queue.queued as u64);
    let help = "For how long the oldest of them has waited.";
    let oldest = queue.oldest.unwrap_or_default().as_secs_f64();
    on.seconds("queue_oldest_age_seconds", help, oldest);
    let help = "1 from the high mark of the queue on, until it is at its low mark.";
    on.gauge("backpressure_active", help, u64::from(core.queue.is_high()));
    let help = "Messages that a handler has given up on, and that are kept.";
    on.gauge("dead_letter_queue_size", help, core.dead_letters.len() as u64);
    on.gauge("active_sessions", "Sessions that are open.", core.sessions.len() as u64);
    let handlers = core.wired.table().map_or_else(|| core.table.handlers(), |t| t.handlers());
    on.gauge("registered_handlers", "Handlers of the bus.", handlers as u64);
    let help = "0 closed, 1 open, 2 half-open.";
    on.family("circuit_breaker_state", MetricKind::Gauge, help, None);
    // Of several of one name, the one that is worst off.
    let mut states = BTreeMap::<_, u8>::new();
    for breaker in core.circuit_breakers() {
        let state = match breaker.state() {
            CircuitState::Closed => 0,
            CircuitState::Open => 1,
            CircuitState::HalfOpen => 2,
        };
        let worst = states.entry(breaker.name().to_owned()).or_default();
        *worst = if *worst == 1 { 1 } else { state.max(*worst) };
    }
    for (name, state) in &states {
        on.0.sample(&[("breaker", name)], Value::Gauge(f64::from(*state)));
    }
    let budget = core.settings.budget.remaining(core.settings.clock.now());
    on.gauge("retry_budget_remaining", "Retries that the budget of the bus has left.", budget);
}

/// What is told of each handler.
type OfHandler = (&'static str, &'static str, fn(&Metered) -> u64);

const OF_HANDLER: [OfHandler; 3] = [
    ("handler_processed_total", "Messages that a handler has handled.", |m| m.processed),
    ("handler_failed_total", "Messages that a handler has failed with for good.", |m| m.failed),
    ("handler_retries_total", "Calls of a handler after the first.", |m| m.retries),
];

fn handlers(metrics: &Metrics, on: &mut On<'_>) {
    let meters = metrics.meters.all();
    for (name, help, value) in OF_HANDLER {
        if !on.0.wants(MetricKind::Counter, name) {
            continue;
        }
        on.family(name, MetricKind::Counter, help, None);
        for meter in &meters {
            on.0.sample(&labels(meter), Value::Count(value(&meter.metered())));
        }
    }
    if !on.0.wants(MetricKind::Histogram, "handler_duration_seconds") {
        return;
    }
    let help = "How long a handler took with a message, with all attempts.";
    on.family("handler_duration_seconds", MetricKind::Histogram, help, Some("seconds"));
    let bounds = &metrics.commands.grid().bounds;
    for meter in &meters {
        let Metered { buckets, sum, .. } = meter.metered();
        let value = Buckets { bounds, counts: &buckets, sum, whole: None };
        on.0.sample(&labels(meter), Value::Histogram(value));
    }
}

fn labels(meter: &Meter) -> [(&'static str, &str); 3] {
    let kind = if meter.is_command { "command" } else { "event" };
    [("handler", &meter.handler), ("message", meter.message), ("kind", kind)]
}

/// Shows families of one sample.
struct On<'v>(&'v mut dyn Visitor);

impl On<'_> {
    fn family(
        &mut self,
        name: &'static str,
        kind: MetricKind,
        help: &'static str,
        unit: Option<&'static str>,
    ) {
        self.0.family(&Family { name, kind, help, unit });
    }

    fn count(&mut self, name: &'static str, help: &'static str, count: u64) {
        self.family(name, MetricKind::Counter, help, None);
        self.0.sample(&[], Value::Count(count));
    }

    #[allow(clippy::cast_precision_loss)]
    fn gauge(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.family(name, MetricKind::Gauge, help, None);
        self.0.sample(&[], Value::Gauge(value as f64));
    }

    fn seconds(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.family(name, MetricKind::Gauge, help, Some("seconds"));
        self.0.sample(&[], Value::Gauge(value));
    }

    fn histogram(&mut self, name: &'static str, help: &'static str, histogram: &Histogram) {
        if !self.0.wants(MetricKind::Histogram, name) {
            return;
        }
        self.family(name, MetricKind::Histogram, help, Some("seconds"));
        let (grid, counted) = (histogram.grid(), histogram.counted());
        let counts = counted.buckets(grid);
        let (bounds, sum) = (&*grid.bounds, counted.sum);
        let whole = Some((grid, &counted));
        self.0.sample(&[], Value::Histogram(Buckets { bounds, counts: &counts, sum, whole }));
    }
}

/// For people and for Prometheus.
pub(crate) fn seconds(nanos: u64) -> f64 {
    Duration::from_nanos(nanos).as_secs_f64()
}
