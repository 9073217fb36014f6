//! What the metrics show where a look at plain traffic shows nothing: how long events have waited that were begun, what
//! an exporter does not want, breakers of a strange name, a budget without an end.

use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder};
use bus::{
    MetricInfo, MetricKind, MetricReading, MetricValue, MetricsConfig, MetricsExporter, RetryBudget,
};

const MINUTE: Duration = Duration::from_secs(60);

/// Its handler fails, and is called again much later.
#[event]
struct Fails;
#[handler]
async fn fails(_: &Fails) -> bus::Result<()> {
    Err(bus::Error::msg("not yet"))
}

/// Its handler has one slot, and takes its time.
#[event]
struct Slow;
#[handler(concurrency = 1)]
async fn slow(_: &Slow, cx: &Context) {
    cx.sleep(10 * MINUTE).await;
}

#[command]
struct Call(&'static str);
#[handler(name = "(others)", circuit_breaker(failure_threshold = 1))]
async fn call(call: &Call) -> bus::Result<()> {
    Err(bus::Error::msg(call.0))
}
#[command]
struct Other;
#[handler(circuit_breaker(failure_threshold = 1))]
async fn other(_: &Other) -> bus::Result<()> {
    Ok(())
}

fn bus(set: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> TestBus {
    let later = [10 * MINUTE];
    let builder = TestBus::builder().event_timeout(None).retry_budget(RetryBudget::unlimited());
    set(builder.configure::<fails>(|handler| handler.delayed_retries(later))).build().unwrap()
}

fn oldest(bus: &TestBus) -> (Option<Duration>, Option<f64>) {
    let shown = bus.metrics().snapshot().gauge("queue_oldest_age_seconds");
    (bus.event_queue().stats().oldest, shown)
}

#[tokio::test]
async fn what_waits_for_its_retry_has_an_age_and_hides_no_other() {
    let bus = bus(|builder| builder);
    assert_eq!(oldest(&bus), (None, Some(0.0)));
    bus.publish(Fails).await.unwrap();
    bus.advance(MINUTE).await;
    assert_eq!(oldest(&bus), (Some(MINUTE), Some(60.0)), "since it waits for its retry");
    for _ in 0..2 {
        bus.publish(Slow).await.unwrap();
    }
    bus.advance(5 * MINUTE).await;
    assert_eq!(oldest(&bus).0, Some(6 * MINUTE));
    // The retry is made: what waits for a slot is the oldest now.
    bus.advance(4 * MINUTE).await;
    assert_eq!((oldest(&bus).0, bus.stats().queued), (Some(9 * MINUTE), 1));
    bus.run(bus.idle()).await;
    assert_eq!(oldest(&bus), (None, Some(0.0)));
}

/// Counts what it is shown.
struct Shown(MetricKind, Vec<String>, u32);
impl MetricsExporter for Shown {
    fn wants(&self, kind: MetricKind, name: &str) -> bool {
        kind == self.0 && name != "queue_size"
    }
    fn family(&mut self, family: &MetricInfo<'_>) {
        self.1.push(family.full_name().to_string());
    }
    fn sample(&mut self, _: &[(&'static str, &str)], _: MetricReading<'_>) {
        self.2 += 1;
    }
}

#[tokio::test]
async fn what_an_exporter_does_not_want_it_is_not_shown() {
    let bus = bus(|builder| builder);
    let all = bus.metrics().snapshot().families;
    for kind in [MetricKind::Counter, MetricKind::Gauge, MetricKind::Histogram] {
        let wanted = all.iter().filter(|family| family.kind == kind && family.name != "queue_size");
        let samples: usize = wanted.clone().map(|family| family.samples.len()).sum();
        let names: Vec<_> = wanted.map(|family| family.name.clone()).collect();
        let mut shown = Shown(kind, Vec::new(), 0);
        bus.metrics().export(&mut shown);
        assert_eq!((shown.1, shown.2 as usize), (names, samples));
    }
}

#[tokio::test]
async fn a_breaker_that_is_named_like_those_that_share_a_series_is_among_them() {
    let one = MetricsConfig::default().series(1);
    let bus = bus(|builder| builder.metrics(one));
    bus.execute(Call("no answer")).await.unwrap_err();
    let families = bus.metrics().snapshot().families;
    let breakers = families.iter().find(|family| family.name == "circuit_breaker_state").unwrap();
    let shown: Vec<_> = breakers
        .samples
        .iter()
        .map(|sample| (sample.labels[0].1.as_str(), sample.value.clone()))
        .collect();
    let gauge = |value| MetricValue::Gauge(value);
    assert_eq!(shown, [("other", gauge(0.0)), ("(others)", gauge(1.0))]);
}

#[tokio::test]
async fn a_budget_without_an_end_is_infinite() {
    let bus = bus(|builder| builder);
    assert_eq!(bus.metrics().snapshot().gauge("retry_budget_remaining"), Some(f64::INFINITY));
    assert!(bus.metrics().to_prometheus().contains("\nretry_budget_remaining +Inf\n"));
}
