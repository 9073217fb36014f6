//! The filters that come with the bus: before the queue, and before a handler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::TestBus;
use bus::{
    Bus, Category, Event, EventFilter, EventHandlerFailedEvent, FilterView, HandlerOptions,
    OwnedContext, Rate, RegisterError, Res, SessionId, command, event, filter, filters, handler,
    resource,
};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
#[resource]
fn log() -> Log {
    Log::default()
}

#[event]
#[derive(Clone)]
struct Number(u64);
#[event(kind = integration, name = "orders.placed")]
#[derive(Clone)]
struct Placed;

fn with(filter: impl EventFilter) -> TestBus {
    TestBus::builder().filter(filter).build().unwrap()
}

/// Does an event enter?
fn enters<E: Event>(bus: &Bus, event: E) -> bool {
    !bus.try_publish(event).map_err(|refused| refused.to_string()).unwrap().is_filtered()
}

#[tokio::test]
async fn an_event_is_chosen_by_what_it_is() {
    let bus = with(filters::of_type::<Number>());
    assert!(enters(&bus, Number(1)) && !enters(&bus, Placed));
    let bus = with(filters::of_type::<Number>().not());
    assert!(!enters(&bus, Number(1)) && enters(&bus, Placed));
    let bus = with(filters::category(Category::Integration));
    assert!(!enters(&bus, Number(1)) && enters(&bus, Placed));
    let bus = with(filters::name("orders.*"));
    assert!(!enters(&bus, Number(1)) && enters(&bus, Placed));
    let bus = with(filters::header("tenant").is("acme"));
    let sent = [
        bus.publish(Placed).header("tenant", "acme").await,
        bus.publish(Placed).header("tenant", "other").await,
        bus.publish(Placed).await,
    ];
    assert_eq!(sent.map(|sent| sent.ok().unwrap().is_filtered()), [false, true, true]);
    let bus = with(filters::header("tenant"));
    assert!(!bus.publish(Placed).header("tenant", "").await.ok().unwrap().is_filtered());
}

#[tokio::test]
async fn sessions_are_let_in_or_kept_out_with_those_inside() {
    let bus = with(filters::sessions(["noisy", "worse"]).not());
    let noisy = bus.session("noisy").open().await.unwrap();
    let inside = noisy.session("inside").open().await.unwrap();
    let other = bus.session("other").open().await.unwrap();
    for session in [&noisy, &inside] {
        assert!(session.try_publish(Placed).ok().unwrap().is_filtered());
    }
    assert!(!other.try_publish(Placed).ok().unwrap().is_filtered() && enters(&bus, Placed));
    let only = with(filters::sessions([SessionId::BUS]));
    let session = only.session("s").open().await.unwrap();
    assert!(enters(&only, Placed) && !session.try_publish(Placed).ok().unwrap().is_filtered());
}

#[tokio::test]
async fn filters_are_put_together_and_ask_no_more_than_they_have_to() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    let even = |event: &FilterView<'_>| event.get::<Number>().is_none_or(|n| n.0 % 2 == 0);
    let small = move |event: &FilterView<'_>| {
        count.fetch_add(1, Ordering::Relaxed);
        event.get::<Number>().is_none_or(|n| n.0 < 10)
    };
    let both = even.named("even").and(small.named("small"));
    assert_eq!(both.name(), "(even and small)");
    let bus = with(both);
    let entered: Vec<_> = (6..14).filter(|n| enters(&bus, Number(*n))).collect();
    assert_eq!((entered, asked.load(Ordering::Relaxed)), (vec![6, 8], 4));
    let bus = with(even.or(filters::of_type::<Placed>().not().not()));
    assert!(enters(&bus, Placed) && !enters(&bus, Number(3)));
}

#[tokio::test]
async fn a_rate_is_kept_for_each_type_or_key() {
    let bus = with(filters::rate_limit(Rate::per_second(10).burst(2)));
    let entered = (0..5).filter(|n| enters(&bus, Number(*n))).count();
    assert_eq!(entered, 2);
    assert!(enters(&bus, Placed), "another type has a rate of its own");
    bus.advance(Duration::from_millis(100)).await;
    assert!(enters(&bus, Number(0)) && !enters(&bus, Number(0)));
    let bus = with(filters::rate_limit_by(Rate::new(1, Duration::from_secs(60)), |event| {
        Some(event.get::<Number>()?.0)
    }));
    assert!(enters(&bus, Number(1)) && enters(&bus, Number(2)) && !enters(&bus, Number(1)));
    assert!(enters(&bus, Placed) && enters(&bus, Placed), "what has no key has no limit");
}

#[tokio::test]
async fn duplicates_are_kept_out_for_a_window() {
    let bus = with(filters::dedup(Duration::from_secs(60), |e| Some(e.get::<Number>()?.0)));
    assert!(enters(&bus, Number(1)) && !enters(&bus, Number(1)) && enters(&bus, Number(2)));
    bus.advance(Duration::from_secs(59)).await;
    assert!(!enters(&bus, Number(1)));
    bus.advance(Duration::from_secs(1)).await;
    assert!(enters(&bus, Number(1)), "the window counts from the first");
}

#[tokio::test]
async fn a_sample_is_a_part_of_the_events_spread_evenly() {
    for part in [0.0, 0.1, 0.5, 0.9, 1.0] {
        let bus = with(filters::sample(part));
        let entered: Vec<_> = (0..1000).map(|n| enters(&bus, Number(n))).collect();
        for window in entered.chunks(200) {
            let found = window.iter().filter(|entered| **entered).count() as f64 / 200.0;
            assert!((found - part).abs() < 0.04, "{found} of {part}");
        }
        bus.shutdown().await;
    }
}

// At link time.

#[event]
struct Sized(usize);
#[filter(priority = 1)]
fn not_too_large(event: &FilterView<'_>) -> bool {
    event.get::<Sized>().is_none_or(|sized| sized.0 < 100)
}
#[filter(name = "never 13")]
fn never(event: &FilterView<'_>) -> bool {
    event.get::<Sized>().is_none_or(|sized| sized.0 != 13 && sized.0 < 100)
}

#[tokio::test]
async fn filters_of_link_time_come_first_and_each_counts_its_own() {
    let bus = with(filters::of_type::<Placed>().not());
    let entered: Vec<_> = [1, 13, 200].into_iter().filter(|n| enters(&bus, Sized(*n))).collect();
    assert!(!enters(&bus, Placed));
    assert_eq!(entered, [1]);
    let told: Vec<_> = bus.filters().iter().map(|f| (f.filter.to_string(), f.filtered)).collect();
    let told: Vec<_> = told.iter().map(|(name, n)| (name.as_str(), *n)).collect();
    let expected = [
        ("not_too_large", 1),
        ("never 13", 1),
        ("not of type orders.placed", 1),
        ("lucky::is_large", 0),
    ];
    assert_eq!(told, expected);
    assert_eq!(bus.event_queue().stats().filtered, 3);
    let without = Bus::builder().without_registered().build().unwrap();
    assert!(without.filters().is_empty());
}

// Before a handler.

mod lucky {
    use super::*;
    pub(super) fn is_large(event: &FilterView<'_>) -> bool {
        event.get::<Size>().is_some_and(|size| match size.0 {
            13 => panic!("unlucky"),
            n => n >= 10,
        })
    }
}
#[event]
struct Size(usize);
#[handler(filter = lucky::is_large, priority = 1)]
async fn large(event: &Size, log: &Res<Log>) {
    log.add(format!("large {}", event.0));
}
#[handler]
fn every(event: &Size, log: &Res<Log>) {
    log.add(format!("every {}", event.0));
}
#[handler]
fn failed(event: &EventHandlerFailedEvent, log: &Res<Log>) {
    log.add(format!("{}: {}", event.handler, event.error));
}

#[tokio::test]
async fn a_handlers_filter_concerns_that_handler_alone() {
    let bus = Bus::from_registered().unwrap();
    let log: Res<Log> = bus.resource().unwrap();
    for size in [5, 10, 13] {
        bus.publish(Size(size)).and_wait().await.ok().unwrap();
    }
    bus.idle().await;
    let panicked = "large: its filter lucky::is_large panicked: unlucky";
    let mut heard = log.take();
    heard.sort();
    assert_eq!(heard, ["every 10", "every 13", "every 5", "large 10", panicked].map(str::to_owned));
    let stats = bus.filters().into_iter().find(|stats| stats.handler.is_some()).unwrap();
    assert_eq!((&*stats.handler.unwrap().name, stats.filtered, stats.panicked), ("large", 1, 1));
    let stats = bus.stats();
    assert_eq!((stats.processed, stats.failed, stats.unhandled), (4, 1, 0));
}

#[tokio::test]
async fn a_filter_is_given_at_run_time_and_by_the_operator_too() {
    let bus = Bus::builder()
        .configure::<large>(|handler| handler.filter(filters::of_type::<Size>()))
        .build()
        .unwrap();
    let log: Res<Log> = bus.resource().unwrap();
    let own = log.clone();
    let options = HandlerOptions::new()
        .name("own")
        .filter(|event: &FilterView<'_>| event.get::<Size>().is_some_and(|size| size.0 == 1));
    bus.register_event_handler_with(options, move |event: Arc<Size>, _: OwnedContext| {
        own.add(format!("own {}", event.0));
        std::future::ready(())
    })
    .unwrap();
    bus.publish(Size(1)).and_wait().await.ok().unwrap();
    bus.publish(Size(2)).and_wait().await.ok().unwrap();
    assert_eq!(log.take(), ["large 1", "own 1", "every 1", "large 2", "every 2"]);
}

#[command]
struct Go;
#[handler(manual)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

#[tokio::test]
async fn a_command_is_not_filtered() {
    let refused = Bus::builder()
        .handler::<go>()
        .configure::<go>(|handler| handler.filter(filters::sample(0.5)))
        .build()
        .unwrap_err();
    assert!(
        refused.to_string().contains("must be left out: a command has to be answered"),
        "{refused}"
    );
    let bus = Bus::from_registered().unwrap();
    let options = HandlerOptions::new().filter(filters::sample(0.5));
    let refused = bus
        .register_command_handler_with(options, |_: Go, _: OwnedContext| async {
            Ok::<_, bus::Error>(())
        })
        .unwrap_err();
    assert!(matches!(refused, RegisterError::FilteredCommand { .. }), "{refused}");
}
