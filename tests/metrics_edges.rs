//! What the metrics count where it is not plain: dead letters that are run again, filters of handlers that go, what a
//! shutdown leaves undone, and what is nobody's traffic.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    BackpressureStrategy, CircuitBreakerConfig, EventFilter, FilterView, HandlerOptions,
    MetricValue, MetricsConfig, MetricsSnapshot, OwnedContext, RetryError, filters,
};

fn now(bus: &Bus) -> MetricsSnapshot {
    bus.metrics().snapshot()
}

/// The samples of a family: the values of their labels, and the count.
fn samples(bus: &Bus, family: &str) -> Vec<(Vec<String>, f64)> {
    let families = now(bus).families;
    let family = families.into_iter().find(|one| one.name == family).expect("it is there");
    let samples = family.samples.into_iter().map(|sample| {
        let labels = sample.labels.into_iter().map(|(_, value)| value).collect();
        let value = match sample.value {
            MetricValue::Counter(count) => count as f64,
            MetricValue::Gauge(value) => value,
            other => panic!("{other:?}"),
        };
        (labels, value)
    });
    samples.collect()
}

/// The count of the sample with this label.
fn count(bus: &Bus, family: &str, label: &str) -> f64 {
    let samples = samples(bus, family).into_iter();
    samples.filter(|(labels, _)| labels.iter().any(|l| l == label)).map(|(_, value)| value).sum()
}

#[derive(Default)]
struct World {
    is_up: AtomicBool,
}

/// Two messages of this file have one name, so that none is registered by itself.
fn bus() -> Bus {
    let builder = Bus::builder().without_registered().provide(World::default());
    let builder = builder.handler::<act>().handler::<pay>();
    builder.handler::<defuse>().handler::<defuse_slowly>().build().unwrap()
}

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

#[event]
struct Deed;
#[handler(manual, concurrency = 1, retry(max_retries = 1, initial_delay = "1ms", jitter = none))]
async fn act(_: &Deed, world: &Res<World>) -> bus::Result<()> {
    if world.is_up.load(Ordering::Relaxed) { Ok(()) } else { Err(NoLuck)? }
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_run_again_is_published_once_and_its_run_is_no_retry() {
    let bus = bus();
    bus.publish(Deed).await.unwrap();
    bus.idle().await;
    let counts = |bus: &Bus| {
        ["events_published_total", "retries_total", "events_processed_total", "events_failed_total"]
            .map(|name| now(bus).counter(name).unwrap())
    };
    assert_eq!(counts(&bus), [1, 1, 0, 1]);
    let letter = bus.dead_letters().list()[0].id;
    bus.dead_letters().retry(letter).await.unwrap_err();
    assert_eq!(counts(&bus), [1, 2, 0, 2], "its second call was a retry, its first was not");
    bus.resource::<World>().unwrap().is_up.store(true, Ordering::Relaxed);
    bus.dead_letters().retry(letter).await.unwrap();
    assert_eq!(counts(&bus), [1, 2, 1, 2]);
    assert_eq!(count(&bus, "message_published_total", "metrics_edges::Deed"), 1.0);
    assert_eq!((now(&bus).gauge("events_in_flight"), bus.stats().published), (Some(0.0), 1));
}

#[command]
struct Pay;
#[handler(manual, retry(max_retries = 1, initial_delay = "1ms", jitter = none))]
async fn pay(_: &Pay) -> bus::Result<()> {
    Err(NoLuck)?
}

#[tokio::test(start_paused = true)]
async fn a_command_that_is_run_again_is_sent_again() {
    let bus = bus();
    bus.execute(Pay).await.unwrap_err();
    bus.dead_letters().retry_all().await;
    let counts = ["commands_sent_total", "commands_failed_total", "retries_total"];
    assert_eq!(counts.map(|name| now(&bus).counter(name)), [Some(2); 3]);
}

#[event]
struct Busy(bool);
#[handler(manual, concurrency = 1, timeout = "1h")]
async fn busy(event: &Busy) -> bus::Result<()> {
    if event.0 {
        std::future::pending::<()>().await;
    }
    Err(NoLuck)?
}
#[event]
struct Other;

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_finds_no_room_when_it_is_run_again_is_not_lost() {
    let builder = Bus::builder().without_registered().handler::<busy>();
    let builder = builder.configure::<busy>(|busy| busy.dead_letters(true)).event_queue_size(1);
    let bus = builder.backpressure_strategy(BackpressureStrategy::DropOldest).build().unwrap();
    bus.publish(Busy(false)).await.unwrap();
    bus.idle().await;
    let letter = bus.dead_letters().list()[0].id;
    bus.publish(Busy(true)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let retried = tokio::spawn({
        let bus = bus.clone();
        async move { bus.dead_letters().retry(letter).await }
    });
    tokio::time::sleep(Duration::from_millis(1)).await;
    assert_eq!(now(&bus).gauge("queue_size"), Some(1.0), "it waits for the one that is at work");
    bus.publish(Other).await.unwrap();
    let answer = retried.await.unwrap();
    assert!(matches!(answer, Err(RetryError::Failed { .. })), "{answer:?}");
    assert_eq!(bus.dead_letters().len(), 1);
    assert!(samples(&bus, "events_dropped_total").iter().all(|(_, count)| *count == 0.0));
    assert_eq!(samples(&bus, "message_dropped_total"), []);
}

#[command]
struct Flood;
#[handler(manual)]
fn flood(_: Flood, cx: &Context) -> bus::Result<()> {
    for _ in 0..20 {
        cx.emit(Deed);
        cx.emit(Other);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_a_handler_has_emitted_and_finds_no_room_is_lost_by_its_own_name() {
    let builder = Bus::builder().without_registered().handler::<flood>();
    let bus = builder.event_queue_size(1).build().unwrap();
    bus.execute(Flood).await.unwrap_err();
    let lost = samples(&bus, "message_dropped_total");
    let of = |name: &str| vec![format!("metrics_edges::{name}"), "overloaded".to_owned()];
    assert_eq!(lost, [(of("Deed"), 20.0), (of("Other"), 20.0)]);
    assert_eq!(bus.stats().dropped, 40);
}

fn never(_: &FilterView<'_>) -> bool {
    false
}

#[tokio::test(start_paused = true)]
async fn what_the_filters_of_handlers_have_kept_out_stays_when_they_go() {
    let bus = Bus::builder().without_registered().build().unwrap();
    let options = || {
        HandlerOptions::default()
            .name("picky")
            .filter(filters::of_type::<Other>().not().named("no"))
    };
    let hears = |_: Arc<Other>, _: OwnedContext| async {};
    let session = bus.session("desk").open().await.unwrap();
    session.register_event_handler_with(options(), hears).unwrap();
    session.publish(Other).await.unwrap();
    bus.idle().await;
    assert_eq!(count(&bus, "events_filtered_total", "picky"), 1.0, "also of a session");
    session.close().await;
    assert_eq!(count(&bus, "events_filtered_total", "picky"), 1.0);
    let registration = bus.register_event_handler_with(options(), hears).unwrap();
    bus.publish(Other).await.unwrap();
    bus.idle().await;
    assert_eq!(count(&bus, "events_filtered_total", "picky"), 2.0);
    registration.unregister();
    assert_eq!(count(&bus, "events_filtered_total", "picky"), 2.0, "a counter does not go down");
}

#[tokio::test(start_paused = true)]
async fn filters_and_breakers_have_no_more_series_than_is_said() {
    let config = MetricsConfig::default().series(3);
    let bus = Bus::builder().without_registered().metrics(config).build().unwrap();
    for n in 0..9_u32 {
        let breaker = CircuitBreakerConfig::default();
        let options = HandlerOptions::default().name(format!("made up {n}")).filter(never);
        let options = options.circuit_breaker(breaker);
        bus.register_event_handler_with(options, |_: Arc<Other>, _: OwnedContext| async {})
            .unwrap();
    }
    bus.publish(Other).await.unwrap();
    bus.idle().await;
    let filtered = samples(&bus, "events_filtered_total");
    assert_eq!(filtered.iter().map(|(_, count)| *count).collect::<Vec<_>>(), [1.0, 1.0, 1.0, 6.0]);
    assert_eq!(filtered[3].0, ["(others)", "(others)"]);
    let states = samples(&bus, "circuit_breaker_state");
    assert_eq!((states.len(), &*states[3].0[0]), (4, "(others)"));
    bus.circuit_breaker("made up 8").unwrap().force_open();
    let states = samples(&bus, "circuit_breaker_state");
    assert_eq!(states[3].1, 1.0, "of the others, the one that is worst off");
}

#[event]
struct Grouped;
#[handler(manual, priority = 2, timeout = "1h")]
async fn hangs(_: &Grouped) {
    std::future::pending::<()>().await;
}
#[handler(manual, priority = 1)]
async fn later(_: &Grouped) {}
#[handler(manual, priority = 1, filter = never)]
async fn picky(_: &Grouped) {}
#[handler(manual, batch = 3)]
async fn gathers(_: &[Arc<Grouped>]) -> bus::Result<()> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn handlers_that_are_never_begun_at_the_end_have_failed() {
    for with_batch in [false, true] {
        let builder = Bus::builder().without_registered();
        let builder = builder.handler::<hangs>().handler::<later>().handler::<picky>();
        let builder = if with_batch { builder.handler::<gathers>() } else { builder };
        let second = Duration::from_secs(1);
        let bus = builder.shutdown_timeout(second, second).build().unwrap();
        bus.publish(Grouped).await.unwrap();
        let report = bus.shutdown().await;
        assert_eq!(report.abandoned, ["hangs"]);
        let never_begun: &[&str] = if with_batch { &["later", "gathers"] } else { &["later"] };
        assert_eq!(report.not_begun, never_begun);
        assert!(report.to_string().contains("never begun: later"), "{report}");
        let failed = 1 + never_begun.len() as u64;
        assert_eq!(now(&bus).counter("events_failed_total"), Some(failed));
        assert_eq!(count(&bus, "handler_failed_total", "later"), 1.0);
        assert_eq!(count(&bus, "handler_failed_total", "picky"), 0.0, "its filter has said no");
        assert_eq!(count(&bus, "events_filtered_total", "picky"), 1.0);
        assert_eq!(now(&bus).gauge("events_in_flight"), Some(0.0));
    }
}

#[event]
struct Waiting;
#[handler(manual, concurrency = 1, timeout = "1h")]
async fn one_at_a_time(_: &Waiting) {
    std::future::pending::<()>().await;
}
#[handler(manual, concurrency = 1, batch = 2, timeout = "1h")]
async fn batch_at_a_time(_: &[Arc<Waiting>]) {
    std::future::pending::<()>().await;
}

/// One is at work, and the others wait for it. Their runtime goes, and nobody can tell them anything.
#[test]
fn who_waits_for_a_slot_when_the_runtime_ends_has_failed() {
    let builder = || Bus::builder().without_registered();
    let singly = builder().handler::<one_at_a_time>();
    let together = builder().handler::<batch_at_a_time>();
    for builder in [singly, together] {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
        let bus = builder.build().unwrap();
        runtime.block_on(async {
            for _ in 0..6 {
                bus.publish(Waiting).await.unwrap();
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
        });
        assert!(now(&bus).gauge("queue_size") > Some(0.0));
        drop(runtime);
        let lost: f64 = samples(&bus, "events_dropped_total").iter().map(|(_, count)| count).sum();
        let ended = now(&bus).counter("events_failed_total").unwrap() as f64 + lost;
        assert_eq!(ended, 6.0, "{}", bus.metrics().to_prometheus());
        assert_eq!(now(&bus).gauge("events_in_flight"), Some(0.0));
    }
}

#[handler(manual)]
async fn hears_sessions(_: &bus::SessionStartEvent) {
    std::future::pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn in_flight_are_the_events_of_users_that_are_not_queued() {
    let bus = Bus::builder().without_registered().handler::<hears_sessions>();
    let bus = bus.handler::<busy>().build().unwrap();
    let _session = bus.session("desk").open().await.unwrap();
    tokio::time::sleep(Duration::from_millis(1)).await;
    let in_flight = (now(&bus).gauge("events_in_flight"), bus.stats().events_in_flight);
    assert_eq!(in_flight, (Some(0.0), 0), "that event is the bus's own");
    for _ in 0..3 {
        bus.publish(Busy(true)).await.unwrap();
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let gauges = ["queue_size", "events_in_flight"].map(|name| now(&bus).gauge(name));
    assert_eq!(gauges, [Some(2.0), Some(1.0)], "two wait for the one place there is");
    assert_eq!((bus.stats().queued, bus.stats().events_in_flight), (2, 1));
}

#[command(name = "twin")]
struct Do;
#[event(name = "twin")]
struct Done;

/// What is registered when a bus runs may be named as it likes.
#[tokio::test(start_paused = true)]
async fn a_command_and_an_event_of_one_name_are_counted_apart() {
    let bus = Bus::builder().without_registered().build().unwrap();
    let same = || HandlerOptions::default().name("same");
    let on_do = |_: Do, _: OwnedContext| async { Ok::<_, bus::Error>(()) };
    bus.register_command_handler_with(same(), on_do).unwrap();
    let on_done = |_: Arc<Done>, _: OwnedContext| async {};
    bus.register_event_handler_with(same(), on_done).unwrap();
    bus.execute(Do).await.unwrap();
    bus.publish(Done).await.unwrap();
    bus.publish(Done).await.unwrap();
    bus.idle().await;
    let of = |kind| ["same", "twin", kind].map(str::to_owned).to_vec();
    let twins = samples(&bus, "handler_processed_total");
    assert_eq!(twins, [(of("command"), 1.0), (of("event"), 2.0)]);
}

static BANGS: AtomicU32 = AtomicU32::new(0);
#[event]
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        BANGS.fetch_add(1, Ordering::Relaxed);
        panic!("bang");
    }
}
#[handler(manual)]
async fn defuse(_: &Bomb) {}
#[handler(manual)]
async fn defuse_slowly(_: &Bomb) {
    tokio::task::yield_now().await;
}

#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_is_no_failure_of_a_handler() {
    let bus = bus();
    bus.publish(Bomb).await.unwrap();
    bus.idle().await;
    assert_eq!(BANGS.load(Ordering::Relaxed), 1);
    let counts = ["events_processed_total", "events_failed_total"];
    assert_eq!(counts.map(|name| now(&bus).counter(name)), [Some(2), Some(0)]);
    assert_eq!(now(&bus).gauge("events_in_flight"), Some(0.0));
}
