//! All metrics, one after another, for whoever writes them down: nothing is kept in between, so that an export
//! takes no more memory than its text.

use std::sync::atomic::Ordering;

use super::Metrics;
use super::exporter::{HistogramReading, MetricInfo, MetricReading, MetricsExporter};
use super::histogram::Histogram;
use super::meter::{Meter, Metered};
use super::meters::OTHERS;
use super::paged::paged;
use super::snapshot::MetricKind;
use crate::core::Core;
use crate::resilience::{CircuitBreaker, CircuitState};

/// Shows all there is.
pub(crate) fn collect(core: &Core, to: &mut dyn MetricsExporter) {
    let metrics = &core.settings.metrics;
    let namespace = metrics.config.namespace.as_deref();
    let mut on = On { to, namespace };
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
    messages(core, &mut on);
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
    let (processed, failed) = (counters.processed.sum(), counters.all_failed());
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
    if on.family("events_dropped_total", MetricKind::Counter, "Events that were lost.", None) {
        for (reason, count) in core.losses.by_reason() {
            on.to.sample(&[("reason", reason.label())], MetricReading::Counter(count));
        }
    }
    let help = "Events that a filter has kept out, of the bus or of one handler.";
    if on.family("events_filtered_total", MetricKind::Counter, help, None) {
        // Two filters of one name are one series.
        core.settings.metrics.filtered.each(|(filter, handler), count| {
            let labels = [("filter", &**filter), ("handler", &**handler)];
            on.to.sample(&labels, MetricReading::Counter(count.sum()));
        });
    }
    let retries = core.settings.metrics.retries.load(Ordering::Relaxed);
    on.count("retries_total", "Calls of handlers after the first.", retries);
    let help = "Retries that were not made, as the budget was used up.";
    on.count("retries_refused_total", help, counters.over_budget.sum());
    let help = "Events that are not queued any more, and whose handlers are at work.";
    on.gauge("events_in_flight", help, core.users_in_flight());
}

fn gauges(core: &Core, on: &mut On<'_>) {
    let queue = core.queue.stats();
    on.gauge("queue_size", "Events that are queued.", queue.queued as u64);
    let help = "For how long the oldest of the queued events has waited.";
    let oldest = queue.oldest.unwrap_or_default().as_secs_f64();
    on.seconds("queue_oldest_age_seconds", help, oldest);
    let help = "1 from the high mark of the queue on, until it is at its low mark.";
    on.gauge("backpressure_active", help, u64::from(core.queue.is_high()));
    let help = "Messages that a handler has given up on, and that are kept.";
    on.gauge("dead_letter_queue_size", help, core.dead_letters.len() as u64);
    on.gauge("active_sessions", "Sessions that are open.", core.sessions.len() as u64);
    let handlers = core.wired.table().map_or_else(|| core.table.handlers(), |t| t.handlers());
    on.gauge("registered_handlers", "Handlers of the bus.", handlers as u64);
    breakers(core, on);
    let budget = core.settings.budget.remaining(core.settings.clock.now());
    on.budget("retry_budget_remaining", "Retries that the budget of the bus has left.", budget);
}

fn breakers(core: &Core, on: &mut On<'_>) {
    let help = "What a circuit breaker does: 0 closed, 1 open, 2 half-open.";
    if !on.family("circuit_breaker_state", MetricKind::Gauge, help, None) {
        return;
    }
    let (mut left, mut others) = (core.settings.metrics.config.series, None);
    let mut show = |name: &str, state: u8| {
        on.to.sample(&[("breaker", name)], MetricReading::Gauge(f64::from(state)));
    };
    // Of several of one name, and of those that share a series, the one that is worst off.
    let worst = |one: u8, other: u8| {
        if one == OPEN {
            one
        } else if other == OPEN {
            other
        } else {
            one.max(other)
        }
    };
    paged(
        |offer| core.each_breaker(&mut |breaker| offer(breaker.shared_name(), state(breaker))),
        |former, state| *former = worst(*former, state),
        // One may bear the name of those that share a series.
        |name, state| match left.checked_sub(1).filter(|_| **name != *OTHERS) {
            Some(less) => {
                left = less;
                show(name, *state);
            }
            None => others = Some(others.map_or(*state, |former| worst(former, *state))),
        },
    );
    others.into_iter().for_each(|state| show(OTHERS, state));
}

const OPEN: u8 = 1;

fn state(breaker: &CircuitBreaker) -> u8 {
    match breaker.state() {
        CircuitState::Closed => 0,
        CircuitState::Open => OPEN,
        CircuitState::HalfOpen => 2,
    }
}

fn messages(core: &Core, on: &mut On<'_>) {
    let help = "Events of a type that were accepted.";
    if on.family("message_published_total", MetricKind::Counter, help, None) {
        core.settings.metrics.messages.each(|message, count| {
            let count = count.load(Ordering::Relaxed);
            on.to.sample(&[("message", message)], MetricReading::Counter(count));
        });
    }
    let help = "Messages of a type that were lost.";
    if on.family("message_dropped_total", MetricKind::Counter, help, None) {
        core.losses.by_message(|message, reason, count| {
            let labels = [("message", message), ("reason", reason.label())];
            on.to.sample(&labels, MetricReading::Counter(count));
        });
    }
}

/// What is told of each handler.
type OfHandler = (&'static str, &'static str, fn(&Metered) -> u64);

const OF_HANDLER: [OfHandler; 3] = [
    ("handler_processed_total", "Messages that a handler has handled.", |m| m.processed),
    ("handler_failed_total", "Messages that a handler has failed with for good.", |m| m.failed),
    ("handler_retries_total", "Calls of a handler after the first.", |m| m.retries),
];

fn handlers(metrics: &Metrics, on: &mut On<'_>) {
    let mut read = Metered::default();
    for (name, help, value) in OF_HANDLER {
        if !on.family(name, MetricKind::Counter, help, None) {
            continue;
        }
        metrics.meters.each(|meter| {
            meter.read(&mut read);
            on.to.sample(&labels(meter), MetricReading::Counter(value(&read)));
        });
    }
    let help = "How long a handler took with a message, with all attempts and what it waits for in between.";
    if !on.family("handler_duration_seconds", MetricKind::Histogram, help, Some("seconds")) {
        return;
    }
    let bounds = &metrics.commands.grid().bounds;
    metrics.meters.each(|meter| {
        meter.read(&mut read);
        let Metered { buckets: counts, sum, .. } = &read;
        let value = HistogramReading { bounds, counts, sum: *sum, whole: None };
        on.to.sample(&labels(meter), MetricReading::Histogram(value));
    });
}

fn labels(meter: &Meter) -> [(&'static str, &str); 3] {
    let (message, handler, is_event) = &meter.key;
    let kind = if *is_event { "event" } else { "command" };
    [("handler", handler), ("message", message), ("kind", kind)]
}

/// Shows families of one sample.
struct On<'v> {
    to: &'v mut dyn MetricsExporter,
    namespace: Option<&'v str>,
}

impl On<'_> {
    /// Begins a family. `false`: it is not wanted, and nothing of it is shown.
    fn family(
        &mut self,
        name: &'static str,
        kind: MetricKind,
        help: &'static str,
        unit: Option<&'static str>,
    ) -> bool {
        let is_wanted = self.to.wants(kind, name);
        if is_wanted {
            self.to.family(&MetricInfo { namespace: self.namespace, name, kind, help, unit });
        }
        is_wanted
    }

    fn count(&mut self, name: &'static str, help: &'static str, count: u64) {
        if self.family(name, MetricKind::Counter, help, None) {
            self.to.sample(&[], MetricReading::Counter(count));
        }
    }

    #[allow(clippy::cast_precision_loss)]
    fn gauge(&mut self, name: &'static str, help: &'static str, value: u64) {
        self.value(name, help, None, value as f64);
    }

    /// What has no limit is infinite.
    #[allow(clippy::cast_precision_loss)]
    fn budget(&mut self, name: &'static str, help: &'static str, left: u64) {
        let left = if left == u64::MAX { f64::INFINITY } else { left as f64 };
        self.value(name, help, None, left);
    }

    fn seconds(&mut self, name: &'static str, help: &'static str, value: f64) {
        self.value(name, help, Some("seconds"), value);
    }

    fn value(
        &mut self,
        name: &'static str,
        help: &'static str,
        unit: Option<&'static str>,
        value: f64,
    ) {
        if self.family(name, MetricKind::Gauge, help, unit) {
            self.to.sample(&[], MetricReading::Gauge(value));
        }
    }

    fn histogram(&mut self, name: &'static str, help: &'static str, histogram: &Histogram) {
        if !self.family(name, MetricKind::Histogram, help, Some("seconds")) {
            return;
        }
        let (grid, counted) = (histogram.grid(), histogram.counted());
        let counts = counted.buckets(grid);
        let (bounds, sum) = (&*grid.bounds, counted.sum);
        let whole = Some((grid, &counted));
        self.to.sample(
            &[],
            MetricReading::Histogram(HistogramReading { bounds, counts: &counts, sum, whole }),
        );
    }
}
