//! The test kit: what would be said of a bus, and is not so. Each of these passed, hung or panicked once.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder, TestClock, assert_wiring};
use bus::{DeadLetteredEvent, Resilience};

const SECOND: Duration = Duration::from_secs(1);

fn build() -> TestBus {
    TestBus::builder().only("testing_truth").provide(AtomicU32::new(0)).build().unwrap()
}

/// What a failing expectation says.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[event]
struct Hopeless;
#[handler(retry(max_retries = 1))]
fn hopeless(_: &Hopeless) -> bus::Result<()> {
    Err(bus::Error::msg("no hope"))
}
#[event]
struct Alerted;
#[handler]
async fn alarm(_: &DeadLetteredEvent, cx: &Context) {
    cx.emit(Alerted);
}

#[tokio::test]
async fn what_follows_from_the_buss_own_events_is_seen_and_they_are_not() {
    let builder = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let bus = builder.with(|b| b.resilient(Resilience::default())).build().unwrap();
    bus.publish(Hopeless).await.unwrap();
    bus.settle().await;
    bus.advance(3600 * SECOND).await;
    bus.expect::<Alerted>().once();
    assert!(fails(|| bus.expect_none::<Alerted>()).contains("expected no Alerted"));
    bus::testing::expect_exactly!(bus, Hopeless, Alerted);
}

mod billing {
    use bus::prelude::*;
    #[handler]
    pub(crate) async fn on_placed(_: &super::Placed) -> bus::Result<()> {
        Err(bus::Error::msg("no account"))
    }
}
mod shipping {
    use bus::prelude::*;
    #[handler]
    pub(crate) async fn on_placed(_: &super::Placed) {}
}
#[event]
struct Placed;

#[tokio::test]
async fn a_handler_of_the_same_name_is_another_one() {
    let bus = build();
    bus.publish(Placed).await.unwrap();
    bus.settle().await;
    bus.expect::<Placed>().handled_by::<shipping::on_placed>().once();
    let text = fails(|| drop(bus.expect::<Placed>().handled_by::<billing::on_placed>()));
    assert!(text.contains("handled by on_placed, and there was none"), "{text}");
}

#[tokio::test]
async fn that_there_is_no_more_can_be_said_of_a_settled_bus_alone() {
    let bus = build();
    bus.publish(Placed).await.unwrap();
    let text = fails(|| drop(bus.expect::<Placed>().once()));
    assert!(text.contains("only when the bus has settled"), "{text}");
    let text = fails(|| bus.expect_executed::<Slow>(0));
    assert!(text.contains("only when the bus has settled"), "{text}");
    bus.settle().await;
}

#[tokio::test]
async fn what_is_given_and_fails_is_not_so() {
    let task = tokio::spawn(async {
        build().given(Placed).when(Slow).after(SECOND).then().succeeds().await;
    });
    let panic = task.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("what is given is not so") && text.contains("no account"), "{text}");
}

#[command]
struct Slow;
#[handler]
async fn slow(_: Slow, cx: &Context, done: &Res<AtomicU32>) -> bus::Result<()> {
    cx.sleep(SECOND).await;
    done.fetch_add(1, Ordering::Relaxed);
    Ok(())
}

fn done(bus: &TestBus) -> u32 {
    bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed)
}

#[tokio::test]
async fn a_future_that_has_only_yielded_is_not_stuck() {
    let bus = build();
    let _recurs = bus.publish(Alerted).every(3600 * SECOND).await.unwrap();
    let work = async {
        for _ in 0..20 {
            tokio::task::yield_now().await;
        }
        bus.execute(Slow).await
    };
    bus.run(work).await.unwrap();
    assert_eq!(bus.clock().elapsed(), SECOND, "the clock has not run ahead");
}

#[tokio::test]
async fn what_waits_for_work_that_takes_time_is_run() {
    let bus = build();
    let session = bus.session("desk").open().await.unwrap();
    let (inside, other) = (session.handle(), bus.bus().clone());
    let calls = [
        tokio::spawn(async move { inside.execute(Slow).await }),
        tokio::spawn(async move { other.execute(Slow).await }),
    ];
    tokio::task::yield_now().await;
    assert!(bus.run(session.close()).await.error.is_none());
    assert!(bus.run(bus.shutdown()).await.is_clean());
    for call in calls {
        call.await.unwrap().unwrap();
    }
    assert_eq!(bus.clock().elapsed(), SECOND);
}

#[tokio::test]
async fn calls_that_wait_in_a_bulkhead_wait_for_the_bus() {
    let one = bus::middleware::bulkhead_by(1, |_| Some(()));
    let builder = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let bus = builder.middleware(one.waiting_room(5)).build().unwrap();
    let mut calls = tokio::task::JoinSet::new();
    for _ in 0..3 {
        let bus = bus.bus().clone();
        calls.spawn(async move { bus.execute(Slow).await });
    }
    tokio::task::yield_now().await;
    for n in 1..=3 {
        bus.advance(SECOND).await;
        assert_eq!(done(&bus), n);
    }
}

/// Listens to a stream, while nothing comes.
#[event]
struct Listens;
#[handler]
async fn listens(_: &Listens, bus: Bus, done: &Res<AtomicU32>) {
    let mut heard = bus.subscribe::<Alerted>();
    let mut heard = std::pin::Pin::new(&mut heard);
    std::future::poll_fn(|task| futures_core::Stream::poll_next(heard.as_mut(), task)).await;
    done.fetch_add(1, Ordering::Relaxed);
}

#[tokio::test]
async fn a_handler_that_listens_to_a_stream_waits_for_the_bus() {
    let bus = build();
    bus.publish(Listens).await.unwrap();
    bus.settle().await;
    assert_eq!((done(&bus), bus.pending().len()), (0, 1));
    bus.publish(Alerted).await.unwrap();
    bus.settle().await;
    assert_eq!((done(&bus), bus.pending().len()), (1, 0));
}

/// Executes a command of another bus, which takes its time there.
#[event]
struct Asks;
#[handler]
async fn asks(_: &Asks, other: &Res<Other>, cx: &Context) {
    other.0.execute(Slow).await.unwrap();
    cx.emit(Alerted);
}
struct Other(Bus);
#[resource]
fn other() -> Other {
    Other(Bus::builder().without_registered().build().unwrap())
}

#[tokio::test]
async fn a_command_of_another_bus_is_counted_there() {
    let there = build();
    let here = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let here = here.provide(Other(there.bus().clone())).build().unwrap();
    here.publish(Asks).await.unwrap();
    here.settle().await;
    there.advance(SECOND).await;
    assert_eq!(done(&there), 1, "it has gone on before the clock is said to have moved");
    here.settle().await;
    here.expect::<Alerted>().once();
}

#[tokio::test]
async fn the_tasks_of_a_session_are_waited_for() {
    let bus = build();
    let session = bus.session("desk").open().await.unwrap();
    let inside = session.handle();
    let task = session.spawn(async move {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        inside.publish(Alerted).await.unwrap();
    });
    drop(task.unwrap());
    bus.settle().await;
    bus.expect::<Alerted>().once();
    session.close().await;
}

#[test]
fn a_module_that_there_is_not_is_said() {
    let text = fails(|| {
        assert_wiring!(file = "tests/testing.manifest.json", within = ["testing_thruth"]);
    });
    assert!(text.contains("`within` names `testing_thruth`"), "{text}");
}

#[tokio::test]
async fn a_clock_can_be_handed_around() {
    let clock = TestClock::new();
    let bus = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let bus = bus.test_clock(clock.clone()).build().unwrap();
    bus.advance(SECOND).await;
    assert_eq!(clock.elapsed(), SECOND);
}

#[command]
struct Rests;
#[handler]
async fn rests(_: &Rests, cx: &Context) -> bus::Result<()> {
    cx.sleep(SECOND).await;
    Ok(())
}

/// What is awaited where `bus.run(..)` is meant. The test below looks at what it says.
#[tokio::test]
#[ignore = "it hangs, for the test that starts it"]
async fn awaits_what_sleeps() {
    let builder = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let bus = builder.settle_limit(Duration::from_millis(100)).build().unwrap();
    tokio::time::timeout(SECOND, bus.execute(Rests)).await.unwrap_err();
}

/// No handler is at work meanwhile.
#[tokio::test]
#[ignore = "it hangs, for the test that starts it"]
async fn awaits_a_retry() {
    let builder = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let bus = builder.settle_limit(Duration::from_millis(100)).build().unwrap();
    tokio::time::timeout(SECOND, bus.publish(Jittery).and_wait()).await.unwrap_err();
}

#[test]
fn who_awaits_what_takes_time_is_told_so() {
    let hang = ["--exact", "awaits_what_sleeps", "awaits_a_retry", "--ignored"];
    let mut hangs = std::process::Command::new(std::env::current_exe().unwrap());
    let said = hangs.args(hang).output().unwrap().stderr;
    let said = String::from_utf8_lossy(&said);
    let parts = [
        "nothing has gone on on a test bus for 50ms",
        "rests (tests/testing_truth.rs:",
        "the next is due in 10s",
    ];
    for part in parts {
        assert!(said.contains(part), "no {part:?} in {said}");
    }
    assert_eq!(said.matches("`bus.run(..).await` drives what takes time").count(), 2, "{said}");
}

#[event]
struct Jittery;
#[handler(retry(max_retries = 2, initial_delay = "10s", exponential_base = 1))]
fn jittery(_: &Jittery) -> bus::Result<()> {
    Err(bus::Error::msg("not yet"))
}

/// Without a seed they come when they are declared to; with one, when it says so, whatever else is drawn meanwhile.
#[tokio::test]
async fn retries_are_not_left_to_chance() {
    async fn retried(seed: Option<u64>) -> Vec<Duration> {
        let builder = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
        let builder = seed.into_iter().fold(builder, TestBusBuilder::seed);
        let bus = builder.build().unwrap();
        bus.publish(Jittery).await.unwrap();
        bus.advance(60 * SECOND).await;
        let record = bus.record();
        let retrying = record.iter().filter(|entry| entry.to_string().contains("again"));
        retrying.map(|entry| entry.at).collect()
    }
    let declared = retried(None).await;
    assert_eq!(declared, [Duration::ZERO, 10 * SECOND], "without a seed");
    let drawn = retried(Some(3)).await;
    assert_eq!(retried(Some(3)).await, drawn, "the same seed");
    assert_ne!(retried(Some(4)).await, drawn, "another seed");
}

#[event]
struct Takes(u8);
#[handler]
async fn takes(takes: &Takes, cx: &Context) {
    cx.sleep(if takes.0 == 0 { Duration::MAX } else { SECOND }).await;
}

/// All that is due has no room, and only the clock can make some.
#[tokio::test]
async fn what_is_due_and_waits_for_room_has_settled() {
    let builder = TestBus::builder().only("testing_truth").provide(AtomicU32::new(0));
    let bus = builder.concurrency(1).event_queue_size(1).build().unwrap();
    for _ in 0..6 {
        bus.publish(Takes(1)).after(SECOND).await.unwrap();
    }
    bus.advance(10 * SECOND).await;
    bus.expect::<Takes>().handled_by::<takes>().times(6);
    assert!(bus.pending().is_empty(), "{:?}", bus.pending());
}

#[tokio::test]
async fn who_sleeps_for_ever_is_not_done_at_once() {
    let bus = build();
    bus.publish(Takes(0)).await.unwrap();
    bus.advance(10 * SECOND).await;
    assert_eq!(bus.pending().len(), 1, "{}", bus.tree());
}

#[tokio::test]
async fn none_is_a_count_too() {
    let bus = build();
    bus.publish(Placed).await.unwrap();
    assert!(fails(|| bus.expect_count::<Alerted>(0)).contains("only when the bus has settled"));
    bus.settle().await;
    bus.expect_count::<Alerted>(0);
    bus.expect_count::<Placed>(1);
    let text = fails(|| bus.expect_count::<Placed>(0));
    assert!(text.starts_with("expected 0x Placed, and there were 1\nwhat happened"), "{text}");
    let text = fails(|| drop(bus.expect::<Placed>().times(0)));
    assert!(text.contains("`expect_none` says that there is none"), "{text}");
    let text = fails(|| bus::testing::expect_exactly!(bus, in any order, Placed, Alerted));
    let start =
        "expected exactly [Placed, Alerted], in any order, to be published, and it was [Placed]";
    assert!(text.starts_with(start), "{text}");
}

#[test]
fn what_is_explored_has_files_and_sockets() {
    bus::testing::explore([1], |_| async {
        tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    });
}

#[test]
fn what_is_explored_by_no_seed_is_not_tested() {
    let panic = catch_unwind(|| bus::testing::explore(0..0, |_| async {})).unwrap_err();
    assert!(panic.downcast_ref::<&str>().unwrap().contains("no seed to explore"));
}

#[tokio::test]
async fn there_is_an_end_of_time() {
    let bus = build();
    let says = "the clock cannot go on by 18446744073709551615.999999999s: there is no such time";
    assert_eq!(fails(|| drop(bus.advance(Duration::MAX))), says);
    assert_eq!(fails(|| bus.clock().pass(Duration::MAX)), says);
    // What one of the two clocks could not show.
    let far = Duration::from_secs(i64::MAX as u64 - 1_000_000_000);
    assert!(fails(|| bus.clock().pass(far)).ends_with("there is no such time"));
    assert_eq!(bus.clock().elapsed(), Duration::ZERO);
    // In all that there is of it, what is due comes.
    let _ = bus.publish(Alerted).after(SECOND).await.unwrap();
    bus.advance(Duration::from_secs(3600 * 24 * 365 * 200)).await;
    bus.expect::<Alerted>().at(SECOND).once();
}
