//! What the queue does when events come faster than they are handled: the strategies, the marks,
//! the counters.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    BackpressureStrategy, Builder, Bus, DropReason, EventsDroppedEvent, Outcome, PublishErrorKind,
    QueueMark, QueueMarkEvent, Res, event, handler,
};
use tokio::sync::Semaphore;
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

/// Handled one after the other: each takes a permit, and a slot of the bus until then.
#[event]
struct Tick(usize);

struct Gate {
    open: Semaphore,
    started: Mutex<Vec<usize>>,
}

#[bus::resource]
fn gate() -> Gate {
    Gate { open: Semaphore::new(0), started: Mutex::default() }
}

#[handler]
async fn tick(event: &Tick, gate: &Res<Gate>) {
    gate.started.lock().expect("no test panics with it").push(event.0);
    if let Ok(permit) = gate.open.acquire().await {
        permit.forget();
    }
}

fn build(builder: Builder) -> (Bus, Arc<Gate>) {
    let bus = builder.build().expect("the wiring of this file is right");
    let gate = bus.resource::<Gate>().expect("provided").into_arc();
    (bus, gate)
}

/// One event at a time is at work, and the queue behind it holds four.
fn small(strategy: BackpressureStrategy) -> Builder {
    Bus::builder().event_queue_size(4).concurrency(1).backpressure_strategy(strategy)
}

/// One event is at work and cannot end, four are queued.
async fn fill(bus: &Bus) {
    for n in 0..5 {
        bus.publish(Tick(n)).await.expect("there is room");
        settle().await;
    }
    assert_eq!(bus.event_queue().len(), 4);
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn those_who_wait_are_served_in_order_and_nobody_overtakes_them() {
    let (bus, gate) = build(small(BackpressureStrategy::Block { timeout: 3_600_000 * MS }));
    fill(&bus).await;
    let mut waiting = Vec::new();
    for n in 5..8 {
        let bus = bus.clone();
        waiting.push(tokio::spawn(async move { bus.publish(Tick(n)).await }));
        settle().await;
    }
    // One of the line gives up: the others move on.
    waiting.remove(1).abort();
    gate.open.add_permits(1);
    // What comes now finds the room that was made promised to those who wait.
    let refused = bus.try_publish(Tick(99)).expect_err("others wait").into_event();
    assert_eq!(refused.0, 99);
    settle().await;
    gate.open.add_permits(100);
    for waiting in waiting {
        waiting.await.expect("not aborted").expect("there is room by now");
    }
    assert!(bus.shutdown().await.is_clean());
    assert_eq!(*gate.started.lock().unwrap(), [0, 1, 2, 3, 4, 5, 7]);
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_reaches_what_the_dispatcher_has_taken() {
    let (bus, gate) = build(small(BackpressureStrategy::DropOldest));
    // All in one batch: the first is started, and the others wait in the dispatcher's hands.
    for n in 0..4 {
        bus.publish(Tick(n)).await.expect("there is room");
    }
    settle().await;
    assert_eq!(*gate.started.lock().unwrap(), [0]);
    let outcomes = [4, 5, 6].map(|n| bus.try_publish(Tick(n)).expect("room is made").outcome);
    assert_eq!(
        outcomes,
        [Outcome::Queued, Outcome::QueuedAfterDropping(1), Outcome::QueuedAfterDropping(1)]
    );
    assert_eq!(bus.event_queue().len(), 4, "the bound holds");
    gate.open.add_permits(100);
    let report = bus.shutdown().await;
    assert_eq!(*gate.started.lock().unwrap(), [0, 3, 4, 5, 6]);
    assert_eq!((bus.stats().dropped, report.dropped, report.completed), (2, 0, 5));
}

#[derive(Default)]
struct Notices(Mutex<Vec<(&'static str, DropReason, u64)>>);

#[bus::resource]
fn notices() -> Notices {
    Notices::default()
}

#[handler]
fn note(event: &EventsDroppedEvent, notices: &Res<Notices>) {
    notices.0.lock().unwrap().push((event.event, event.reason, event.count));
}

#[tokio::test(start_paused = true)]
async fn a_burst_of_drops_is_told_together() {
    let (bus, gate) = build(small(BackpressureStrategy::DropOldest));
    let notices = bus.resource::<Notices>().expect("provided").into_arc();
    fill(&bus).await;
    for n in 0..1_000 {
        bus.try_publish(Tick(n)).expect("room is made");
    }
    gate.open.add_permits(10_000);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told = notices.0.lock().unwrap().clone();
    let why = ("backpressure::Tick", DropReason::QueueFull);
    assert_eq!(told, [(why.0, why.1, 1), (why.0, why.1, 999)], "at once, and a second later");
    assert_eq!(bus.stats().dropped, 1_000);
    assert!(bus.shutdown().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_is_told_together_too() {
    let (bus, gate) = build(small(BackpressureStrategy::RejectNew));
    let notices = bus.resource::<Notices>().expect("provided").into_arc();
    fill(&bus).await;
    for n in 0..100 {
        let error = bus.publish(Tick(n)).await.expect_err("the queue is full");
        assert_eq!(error.kind(), &PublishErrorKind::Full { capacity: 4 });
        assert_eq!(error.event.0, n, "the event comes back");
    }
    gate.open.add_permits(10_000);
    tokio::time::sleep(Duration::from_secs(3)).await;
    let told: u64 = notices
        .0
        .lock()
        .unwrap()
        .iter()
        .map(|(_, why, n)| {
            assert_eq!(*why, DropReason::Rejected);
            n
        })
        .sum();
    assert_eq!((told, bus.stats().rejected, bus.stats().dropped), (100, 100, 0));
}

// Marks.

#[derive(Default)]
struct Marks(Mutex<Vec<(QueueMark, usize)>>);

#[bus::resource]
fn marks() -> Marks {
    Marks::default()
}

#[handler]
fn heard(event: &QueueMarkEvent, marks: &Res<Marks>) {
    assert_eq!(event.capacity, 4);
    marks.0.lock().unwrap().push((event.mark, event.queued));
}

#[tokio::test(start_paused = true)]
async fn marks_are_told_once_a_crossing_as_callback_and_as_event() {
    let called = Arc::new(Mutex::new(Vec::new()));
    let listener = {
        let called = Arc::clone(&called);
        move |event: &QueueMarkEvent| called.lock().unwrap().push((event.mark, event.queued))
    };
    let strategy = BackpressureStrategy::RejectNew;
    let (bus, gate) = build(small(strategy).queue_marks(0.75, 0.25).on_queue_mark(listener));
    let marks = bus.resource::<Marks>().expect("provided").into_arc();
    for round in 1..=2 {
        for n in 0..4 {
            bus.publish(Tick(n)).await.expect("there is room");
        }
        settle().await;
        // Around the high mark, and never down to the low one: nothing new to tell.
        gate.open.add_permits(1);
        settle().await;
        bus.publish(Tick(9)).await.expect("there is room");
        assert_eq!(called.lock().unwrap().len(), 2 * round - 1);
        gate.open.add_permits(10);
        bus.idle().await;
        gate.open.forget_permits(usize::MAX);
        assert_eq!(called.lock().unwrap().len(), 2 * round);
    }
    let told = called.lock().unwrap().clone();
    let kinds: Vec<_> = told.iter().map(|(mark, _)| *mark).collect();
    assert_eq!(kinds, [QueueMark::High, QueueMark::Low, QueueMark::High, QueueMark::Low]);
    assert!(told.iter().all(|(mark, n)| (*mark == QueueMark::High) == (*n >= 3)), "{told:?}");
    assert_eq!(*marks.0.lock().unwrap(), told, "callback and event tell the same");
    assert_eq!(bus.event_queue().stats().times_high, 2);
}

#[tokio::test]
async fn marks_must_make_sense() {
    for (high, low) in [(0.5, 0.8), (0.5, 0.5), (1.5, 0.5), (f64::NAN, 0.1), (0.5, -0.1)] {
        let error = Bus::builder().queue_marks(high, low).build().expect_err("not marks");
        assert!(error.to_string().contains("queue_marks"), "{error}");
    }
}

// Counters.

#[tokio::test(start_paused = true)]
async fn the_queue_tells_what_is_in_it_and_what_has_passed() {
    let (bus, gate) = build(small(BackpressureStrategy::RejectNew));
    assert_eq!(bus.event_queue().stats().oldest, None);
    bus.publish(Tick(0)).await.unwrap();
    settle().await;
    bus.publish(Tick(1)).await.unwrap();
    tokio::time::advance(7 * MS).await;
    bus.publish(Tick(2)).await.unwrap();
    let now = bus.event_queue().stats();
    assert_eq!((now.capacity, now.queued, now.debt, now.largest), (4, 2, 0, 2));
    assert_eq!(now.oldest, Some(7 * MS));
    assert_eq!((now.accepted, now.dropped, now.rejected), (3, 0, 0));
    gate.open.add_permits(10);
    bus.idle().await;
    let now = bus.event_queue().stats();
    assert_eq!((now.queued, now.oldest, now.accepted, now.taken), (0, None, 3, 3));
}

// The adaptive rate.

/// Takes a millisecond, one at a time: a thousand a second and no more.
#[event]
struct Job;
#[handler]
async fn job(_: &Job, done: &Res<Done>) {
    tokio::time::sleep(MS).await;
    done.0.fetch_add(1, Ordering::SeqCst);
}
struct Done(AtomicUsize);
#[bus::resource]
fn done() -> Done {
    Done(AtomicUsize::new(0))
}

fn adaptive(capacity: usize) -> Bus {
    let builder = Bus::builder().concurrency(1).event_queue_size(capacity);
    let builder = builder.backpressure_strategy(BackpressureStrategy::AdaptiveRateLimit);
    builder.build().expect("the wiring of this file is right")
}

#[tokio::test(start_paused = true)]
async fn the_adaptive_rate_goes_down_under_delay_and_recovers_by_itself() {
    let bus = adaptive(100_000);
    let rate = || bus.event_queue().stats().rate_limit;
    // Idle: nobody is held back.
    let start = Instant::now();
    for _ in 0..100 {
        bus.publish(Job).await.unwrap();
        bus.idle().await;
    }
    assert_eq!(rate(), None);
    assert_eq!(start.elapsed(), 100 * MS, "each takes its 1 ms and no more");

    // Ten publishers of one event a millisecond each: ten times what can be handled.
    let publishers: Vec<_> = (0..10)
        .map(|_| {
            let bus = bus.clone();
            tokio::spawn(async move {
                for _ in 0..1_000 {
                    bus.publish(Job).await.unwrap();
                    tokio::time::sleep(MS).await;
                }
            })
        })
        .collect();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let slowed = rate().expect("events wait for longer than 5 ms: there is a limit");
    let queued = bus.event_queue().len();
    for publisher in publishers {
        publisher.await.unwrap();
    }
    let took = start.elapsed();
    assert!(slowed < 5_000.0, "10 000 a second came, {slowed} are let in");
    assert!(queued < 3_000, "{queued} are queued: 1 s without a limit would leave 9 000");
    assert!(took > Duration::from_secs(8), "10 000 events of 1 ms in {took:?}");

    // Well again, and nobody says so: the limit goes by itself.
    bus.idle().await;
    tokio::time::sleep(Duration::from_secs(3)).await;
    let start = Instant::now();
    for _ in 0..50 {
        bus.publish(Job).await.unwrap();
    }
    assert_eq!(rate(), None, "the limit was not lifted");
    assert_eq!(start.elapsed(), Duration::ZERO, "publishers are still held back");
    assert_eq!(bus.stats().rejected, 0, "it delays, and refuses only when full");
}

/// Events that wait for a slot of their handler wait in the queue, as far as a publisher can tell.
#[tokio::test(start_paused = true)]
async fn the_adaptive_rate_sees_what_waits_for_a_slot_of_a_handler() {
    #[event]
    struct Parked;
    let builder = Bus::builder().event_queue_size(10_000);
    let builder = builder.backpressure_strategy(BackpressureStrategy::AdaptiveRateLimit);
    let bus = builder.build().expect("the wiring of this file is right");
    let one = bus::HandlerOptions::new().concurrency(std::num::NonZeroU32::MIN);
    bus.register_event_handler_with(one, |_: Arc<Parked>, _| tokio::time::sleep(MS)).unwrap();
    for _ in 0..300 {
        bus.publish(Parked).await.unwrap();
        bus.publish(Parked).await.unwrap();
        tokio::time::sleep(MS).await;
    }
    let stats = bus.event_queue().stats();
    assert!(
        stats.rate_limit.is_some(),
        "two a millisecond came, and one can be handled: {stats:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn an_empty_queue_holds_nobody_back_and_a_full_one_refuses() {
    let bus = adaptive(500);
    let flood = |n: usize| (0..n).filter(|_| bus.try_publish(Job).is_ok()).count();
    assert_eq!(flood(600), 500, "`try_publish` does not wait, and is refused when it is full");
    tokio::time::sleep(400 * MS).await;
    // Events have waited for long: who publishes now is held back.
    let start = Instant::now();
    bus.publish(Job).await.unwrap();
    bus.publish(Job).await.unwrap();
    assert!(bus.event_queue().stats().rate_limit.is_some());
    assert!(start.elapsed() > Duration::ZERO, "the rate holds nobody back");
    bus.idle().await;
    // The limit is not lifted yet, but there is nothing to be held back for.
    let start = Instant::now();
    bus.publish(Job).await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO, "held back before an empty queue");
}
