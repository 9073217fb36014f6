//! The counters, compared with what callers were told and what handlers have done.

use std::sync::atomic::Ordering::Relaxed;

use bus::prelude::*;
use bus::{MetricValue, MetricsSnapshot, Sampling};
use proptest::prelude::*;

use super::play::Told;
use super::scenario::Scenario;
use super::{LATE, World};

/// True at any time.
pub(crate) fn adds_up(metrics: &MetricsSnapshot) -> Result<(), TestCaseError> {
    let [sent, processed, failed] = ["sent", "processed", "failed"]
        .map(|what| metrics.counter(&format!("commands_{what}_total")).unwrap());
    let in_flight = metrics.gauge("commands_in_flight").unwrap();
    prop_assert_eq!((processed + failed) as f64 + in_flight, sent as f64);
    let sum = |family: &str| all(metrics, family, |_| true);
    prop_assert_eq!(
        sum("message_published_total"),
        metrics.counter("events_published_total").unwrap()
    );
    prop_assert_eq!(sum("message_dropped_total"), sum("events_dropped_total"));
    prop_assert_eq!(sum("handler_retries_total"), metrics.counter("retries_total").unwrap());
    Ok(())
}

/// All samples of a family together, of those whose labels are wanted.
fn all(metrics: &MetricsSnapshot, family: &str, wants: impl Fn(&[(&str, String)]) -> bool) -> u64 {
    let family = metrics.families.iter().find(|one| one.name == family).unwrap();
    let wanted = family.samples.iter().filter(|sample| wants(&sample.labels));
    let counts = wanted.map(|sample| match sample.value {
        MetricValue::Counter(count) => count,
        ref other => panic!("{other:?}"),
    });
    counts.sum()
}

pub(crate) fn compare(
    bus: &Bus,
    metrics: &MetricsSnapshot,
    told: &Told,
    scenario: &Scenario,
) -> Result<(), TestCaseError> {
    let World { work, first, second, short, stuck } = &*bus.resource::<World>().unwrap();
    let counter = |name: &str| metrics.counter(name).unwrap();
    // A command whose caller leaves while what it has emitted waits for room has ended well.
    let [_, executed, _] = work.counts();
    prop_assert!(told.executed.load(Relaxed) <= executed);
    prop_assert_eq!(counter("commands_sent_total"), told.sent);
    prop_assert_eq!(counter("commands_processed_total"), executed);
    prop_assert_eq!(counter("commands_failed_total"), told.sent - executed);
    for gauge in [
        "commands_in_flight",
        "events_in_flight",
        "queue_size",
        "queue_oldest_age_seconds",
        "backpressure_active",
    ] {
        prop_assert_eq!(metrics.gauge(gauge), Some(0.0), "{}", gauge);
    }

    let handlers =
        [("work", work), ("first", first), ("second", second), ("short", short), ("stuck", stuck)];
    let mut of_events = [0; 2];
    let mut retries = 0;
    for (name, done) in handlers {
        let [began, well, retried] = done.counts();
        let of = |family: &str| {
            all(metrics, family, |labels| labels.contains(&("handler", name.to_owned())))
        };
        prop_assert_eq!(of("handler_processed_total"), well, "processed by {}", name);
        prop_assert_eq!(of("handler_retries_total"), retried, "retries of {}", name);
        retries += retried;
        if name != "work" {
            prop_assert_eq!(of("handler_failed_total"), began - well, "failed by {}", name);
            of_events[0] += well;
            of_events[1] += began - well;
        }
    }
    prop_assert_eq!(counter("retries_total"), retries);
    prop_assert_eq!([counter("events_processed_total"), counter("events_failed_total")], of_events);
    // What was given up after its retries is kept.
    if scenario.ends_after == LATE {
        let [began, well, _] = first.counts();
        // Of commands, those of which a caller was told; one that has left then may not have heard.
        let kept = metrics.gauge("dead_letter_queue_size").unwrap() - (began - well) as f64;
        let told = told.failed.load(Relaxed) as f64..=counter("commands_failed_total") as f64;
        prop_assert!(told.contains(&kept), "{} of {:?}", kept, told);
    }

    prop_assert_eq!(counter("events_rejected_total"), told.rejected.load(Relaxed));
    let by_bus = |labels: &[(&str, String)]| labels.contains(&("handler", String::new()));
    prop_assert_eq!(all(metrics, "events_filtered_total", by_bus), told.filtered.load(Relaxed));
    let full = |labels: &[(&str, String)]| labels.contains(&("reason", "queue_full".to_owned()));
    prop_assert_eq!(all(metrics, "events_dropped_total", full), told.dropped.load(Relaxed));

    // Each event that was accepted came to its handlers, or was lost, and that is said.
    let came = [first, short, stuck].map(|done| done.counts()[0]).iter().sum::<u64>();
    let lost = all(metrics, "events_dropped_total", |labels| {
        !labels.contains(&("reason", "expired".to_owned()))
    });
    let ends = came + counter("events_unhandled_total") + counter("events_expired_total") + lost;
    prop_assert_eq!(counter("events_published_total"), ends);
    // What handlers emit is accepted too.
    prop_assert!(counter("events_published_total") >= told.accepted.load(Relaxed));

    let timed = metrics.histogram("command_processing_duration_seconds").unwrap().count;
    match scenario.sampling {
        // Those whose callers have gone have no end.
        Sampling::Every if scenario.ends_after == LATE => {
            let told = executed + told.failed.load(Relaxed);
            prop_assert!((told..=counter("commands_sent_total")).contains(&timed));
        }
        Sampling::Off => prop_assert_eq!(timed, 0),
        _ => prop_assert!(timed <= told.sent),
    }
    Ok(())
}
