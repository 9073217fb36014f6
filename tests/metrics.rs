//! What a bus counts and measures of itself, and how it is written down.

mod common;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use bus::{
    Bus, Context, Emit, HandlerOptions, MetricValue, MetricsConfig, OwnedContext, Sampling,
    command, event, handler,
};

#[command]
#[derive(Clone)]
struct Pay(u64);

#[derive(Debug, thiserror::Error)]
#[error("the bank is closed")]
struct Closed;

#[handler(retry(max_retries = 2, initial_delay = "10ms", jitter = none))]
async fn pay(pay: &Pay, context: &Context, emit: Emit<Paid>) -> bus::Result<()> {
    match pay.0 {
        0 => Err(Closed)?,
        1 if context.attempt() < 3 => Err(Closed)?,
        2 => panic!("no such amount"),
        3 => std::future::pending().await,
        n => emit.send(Paid(n)),
    }
    Ok(())
}

#[event]
struct Paid(u64);

#[handler]
async fn book(_: &Paid) {
    tokio::time::sleep(Duration::from_millis(30)).await;
}

#[handler]
fn refuse(paid: &Paid) -> bus::Result<()> {
    if paid.0.is_multiple_of(2) { Err(Closed)? } else { Ok(()) }
}

#[event]
struct Unheard;

fn bus() -> Bus {
    Bus::from_registered().unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_retried_command_is_one_command_and_every_end_is_counted_once() {
    let bus = bus();
    bus.execute(Pay(5)).await.unwrap();
    bus.execute(Pay(1)).await.unwrap();
    bus.execute(Pay(0)).await.unwrap_err();
    bus.execute(Pay(2)).await.unwrap_err();
    // The caller goes away.
    let gone = tokio::time::timeout(Duration::from_millis(1), bus.execute(Pay(3)));
    assert!(gone.await.is_err());
    bus.idle().await;
    let metrics = bus.metrics().snapshot();
    let counters = ["sent", "processed", "failed"]
        .map(|what| metrics.counter(&format!("commands_{what}_total")).unwrap());
    assert_eq!(counters, [5, 2, 3]);
    assert_eq!(metrics.gauge("commands_in_flight"), Some(0.0));
    // Twice each for the one that succeeds in the end and the one that does not.
    assert_eq!(metrics.counter("retries_total"), Some(4));
    let none = (metrics.counter("retries"), metrics.counter("queue_size"), metrics.gauge("retry"));
    assert_eq!(none, (None, None, None), "a name that no such metric has");
    let pay = [("handler", "pay"), ("message", "metrics::Pay"), ("kind", "command")];
    let of_pay = |name: &str| metrics.get(name, &pay).cloned();
    assert_eq!(of_pay("handler_processed_total"), Some(MetricValue::Counter(2)));
    // The one whose caller has gone is a failure for its handler too.
    assert_eq!(of_pay("handler_failed_total"), Some(MetricValue::Counter(3)));
    assert_eq!(of_pay("handler_retries_total"), Some(MetricValue::Counter(4)));
}

#[tokio::test(start_paused = true)]
async fn a_command_in_flight_is_neither_processed_nor_failed() {
    let bus = bus();
    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(Pay(3)).await.map_err(drop) }
    });
    tokio::task::yield_now().await;
    let metrics = bus.metrics().snapshot();
    assert_eq!(metrics.counter("commands_sent_total"), Some(1));
    assert_eq!(metrics.gauge("commands_in_flight"), Some(1.0));
    waiting.abort();
    let _ = waiting.await;
    let metrics = bus.metrics().snapshot();
    assert_eq!(metrics.gauge("commands_in_flight"), Some(0.0), "gauges return to zero");
    assert_eq!(metrics.counter("commands_failed_total"), Some(1));
}

#[tokio::test(start_paused = true)]
async fn events_count_pairs_and_durations_are_those_of_the_bus_clock() {
    let bus = bus();
    for n in 4..8 {
        bus.publish(Paid(n)).await.unwrap();
    }
    bus.publish(Unheard).await.unwrap();
    assert!(bus.metrics().snapshot().gauge("queue_size") > Some(0.0));
    bus.idle().await;
    let metrics = bus.metrics().snapshot();
    assert_eq!(metrics.counter("events_published_total"), Some(5));
    assert_eq!(metrics.counter("events_processed_total"), Some(6));
    assert_eq!(metrics.counter("events_failed_total"), Some(2));
    assert_eq!(metrics.counter("events_unhandled_total"), Some(1));
    let gauges = ["queue_size", "events_in_flight"].map(|name| metrics.gauge(name));
    assert_eq!(gauges, [Some(0.0); 2]);
    let took = metrics.histogram("event_processing_duration_seconds").unwrap();
    assert_eq!(took.count, 8);
    assert!((took.sum - 0.12).abs() < 1e-9, "four times 30 ms: {}", took.sum);
    let up_to = |bound: f64| took.buckets.iter().find(|(b, _)| *b == bound).unwrap().1;
    assert_eq!([up_to(0.001), up_to(0.025), up_to(0.05), up_to(f64::INFINITY)], [4, 4, 8, 8]);
    let [p50, p95, _] = took.percentiles.unwrap();
    assert!(p50 < 0.001 && (p95 - 0.03).abs() < 0.001, "{p50} {p95}");
    assert_eq!(metrics.histogram("event_critical_time_seconds").unwrap().count, 8);
}

#[tokio::test(start_paused = true)]
async fn what_is_not_timed_is_counted_all_the_same() {
    for (sampling, timed) in [(Sampling::Off, 0), (Sampling::Every, 8)] {
        let metrics = MetricsConfig::default().sampling(sampling);
        let bus = Bus::builder().metrics(metrics).build().unwrap();
        for _ in 0..8 {
            bus.execute(Pay(9)).await.unwrap();
        }
        bus.idle().await;
        let metrics = bus.metrics().snapshot();
        assert_eq!(metrics.counter("commands_processed_total"), Some(8));
        let histogram = metrics.histogram("command_processing_duration_seconds").unwrap();
        assert_eq!(histogram.count, timed, "{sampling:?}");
    }
}

/// Calls come in patterns, here always a command and the two handlers of its event: each of them is to have its
/// share. By chance; what is outside of these bounds comes once in 10^9 runs (six standard deviations).
#[tokio::test(start_paused = true)]
async fn each_of_those_that_take_turns_is_sampled() {
    const CALLS: u32 = 4000;
    let config = MetricsConfig::default().sampling(Sampling::one_in(2));
    let bus = Bus::builder().metrics(config).build().unwrap();
    for _ in 0..CALLS {
        bus.execute(Pay(9)).await.unwrap();
        bus.idle().await;
    }
    let metrics = bus.metrics().snapshot();
    let timed = |handler: &str, message: &str, kind: &str| {
        let labels = [("handler", handler), ("message", message), ("kind", kind)];
        match metrics.get("handler_duration_seconds", &labels) {
            Some(MetricValue::Histogram(histogram)) => histogram.count,
            other => panic!("{handler}: {other:?}"),
        }
    };
    let timed = [
        timed("pay", "metrics::Pay", "command"),
        timed("book", "metrics::Paid", "event"),
        timed("refuse", "metrics::Paid", "event"),
    ];
    let deviation = (f64::from(CALLS) / 4.0).sqrt();
    for one in timed {
        let off = (one as f64 - f64::from(CALLS / 2)).abs();
        assert!(off < 6.0 * deviation, "{timed:?}");
    }
}

#[test]
fn settings_that_make_no_sense_are_refused() {
    let seconds = |all: &[u64]| all.iter().copied().map(Duration::from_secs).collect::<Vec<_>>();
    let refused = [
        MetricsConfig::default().namespace("1st"),
        MetricsConfig::default().namespace("a b"),
        MetricsConfig::default().buckets(seconds(&[2, 1])),
        MetricsConfig::default().buckets(seconds(&[0, 1])),
    ];
    for config in refused {
        let error = Bus::builder().metrics(config).build().unwrap_err().to_string();
        assert!(error.contains("metrics."), "{error}");
    }
}

/// Names and labels of each line, with its value.
fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let mut samples = BTreeMap::new();
    for line in lines {
        let (series, value) = line.rsplit_once(' ').unwrap();
        let former = samples.insert(series.to_owned(), value.parse().unwrap());
        assert_eq!(former, None, "a series is there twice: {series}");
    }
    samples
}

#[tokio::test(start_paused = true)]
async fn messages_are_bounded_as_handlers_are() {
    let bus = Bus::builder().metrics(MetricsConfig::default().series(1)).build().unwrap();
    for n in 4..7 {
        bus.publish(Paid(n)).await.unwrap();
    }
    let names = |bus: &Bus| {
        let families = bus.metrics().snapshot().families;
        let family = families.into_iter().find(|family| family.name == "message_published_total");
        let samples = family.unwrap().samples.into_iter();
        samples.map(|sample| (sample.labels[0].1.clone(), sample.value)).collect::<Vec<_>>()
    };
    let paid = ("metrics::Paid".to_owned(), MetricValue::Counter(3));
    assert_eq!(names(&bus), std::slice::from_ref(&paid));
    bus.publish(Unheard).await.unwrap();
    assert_eq!(names(&bus), [paid, ("(others)".to_owned(), MetricValue::Counter(1))]);
    bus.idle().await;
}

#[tokio::test(start_paused = true)]
async fn a_timer_goes_by_the_clock_of_the_bus() {
    let bus = bus();
    let timer = bus.metrics().timer();
    tokio::time::advance(Duration::from_millis(1500)).await;
    assert_eq!(timer.elapsed(), Duration::from_millis(1500));
}

#[tokio::test(start_paused = true)]
async fn handlers_of_sessions_share_a_series_and_series_are_bounded() {
    let bus = Bus::builder().metrics(MetricsConfig::default().series(5)).build().unwrap();
    let series = |bus: &Bus| samples(&bus.metrics().to_prometheus()).len();
    let mut before = 0;
    for n in 0..50_u32 {
        let session = bus.session(format!("s{n}")).open().await.unwrap();
        let options = HandlerOptions::default().name(format!("made up {n}"));
        session
            .register_event_handler_with(options, |_: Arc<Paid>, _: OwnedContext| async {})
            .unwrap();
        session.close().await;
        if n == 10 {
            before = series(&bus);
        }
    }
    assert_eq!(series(&bus), before, "forty handlers more, and no series");
    bus.idle().await;
    assert_eq!(bus.metrics().snapshot().gauge("active_sessions"), Some(0.0));
}

/// Fails after a second, and once more.
#[event]
struct Stacked;
#[handler(batch = 10, retry(max_retries = 1, initial_delay = "1s", jitter = none))]
async fn stack(_: &[Arc<Stacked>]) -> bus::Result<()> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    Err(Closed)?
}

#[tokio::test(start_paused = true)]
async fn the_events_of_a_batch_take_as_long_as_all_of_its_attempts() {
    let bus = bus();
    for _ in 0..3 {
        bus.publish(Stacked).await.unwrap();
    }
    bus.idle().await;
    let metrics = bus.metrics().snapshot();
    let took = metrics.histogram("event_processing_duration_seconds").unwrap();
    assert_eq!((took.count, took.sum), (3, 9.0), "two calls of a second, and one in between");
    assert_eq!(
        metrics.counter("retries_total"),
        Some(1),
        "it was called once more, with all of them"
    );
}

#[tokio::test(start_paused = true)]
async fn a_command_into_a_session_that_is_closed_has_failed() {
    let bus = bus();
    let session = bus.session("desk").open().await.unwrap();
    let handle = session.handle();
    session.close().await;
    handle.execute(Pay(5)).await.unwrap_err();
    bus.execute(Pay(5)).session("nowhere").await.unwrap_err();
    let metrics = bus.metrics().snapshot();
    let counts = ["sent", "processed", "failed"]
        .map(|what| metrics.counter(&format!("commands_{what}_total")).unwrap());
    assert_eq!(counts, [2, 0, 2]);
}

/// A listener of the bus's own events, which fails and is called again.
#[handler(retry(max_retries = 1, initial_delay = "1ms", jitter = none))]
async fn listens(_: &bus::SessionStartEvent) -> bus::Result<()> {
    Err(Closed)?
}

#[tokio::test(start_paused = true)]
async fn what_happens_to_the_bus_s_own_events_is_counted_nowhere() {
    let bus = bus();
    let session = bus.session("desk").open().await.unwrap();
    bus.idle().await;
    let stats = bus.handler_stats();
    let runs = stats.iter().find(|stats| stats.handler.name == "listens").unwrap().runs;
    assert_eq!(runs, 2);
    let text = bus.metrics().to_prometheus();
    assert!(!text.contains("listens"), "{text}");
    for name in ["retries_total", "events_published_total", "events_failed_total"] {
        assert!(text.contains(&format!("\n{name} 0\n")), "{name}: {text}");
    }
    session.close().await;
}

#[test]
fn a_metric_is_asked_for_by_its_whole_name() {
    let bus = Bus::builder().metrics(MetricsConfig::default().namespace("shop")).build().unwrap();
    let metrics = bus.metrics().snapshot();
    assert!(metrics.get("commands_failed_total", &[]).is_some());
    assert!(metrics.get("failed_total", &[]).is_none());
    assert!(metrics.get("shop_commands_failed_total", &[]).is_none());
}

#[event]
struct Queued;
#[handler(manual)]
async fn hangs(_: &Queued) {
    std::future::pending::<()>().await;
}

/// The dispatcher has taken some, and waits for a slot; the others are queued.
#[test]
fn what_a_runtime_takes_with_it_is_counted() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let builder = Bus::builder().without_registered().handler::<hangs>();
    let bus = builder.concurrency(1).batch_size(3).build().unwrap();
    runtime.block_on(async {
        for _ in 0..6 {
            bus.publish(Queued).await.unwrap();
        }
        tokio::task::yield_now().await;
    });
    assert_eq!(bus.stats().queued, 5);
    drop(runtime);
    let now = bus.metrics().snapshot();
    let lost = now.get("events_dropped_total", &[("reason", "runtime_ended")]);
    assert!(matches!(lost, Some(MetricValue::Counter(5))), "{lost:?}");
    assert_eq!(now.counter("events_failed_total"), Some(1), "it was cut off");
    assert_eq!((now.gauge("queue_size"), bus.stats().dropped), (Some(0.0), 5));
    assert_eq!(now.gauge("events_in_flight"), Some(0.0));
}
