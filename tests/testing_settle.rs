//! The test kit: what handlers do that is hard to settle. Each of them settles, or is said.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{Step, TestBus, TestBusBuilder, expect_exactly};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Calls(AtomicU32);
impl Calls {
    fn next(&self) -> u32 {
        self.0.fetch_add(1, Ordering::Relaxed)
    }
    fn get(&self) -> u32 {
        self.0.load(Ordering::Relaxed)
    }
}

fn builder() -> TestBusBuilder {
    TestBus::builder().only("testing_settle").provide(Calls::default())
}

fn build() -> TestBus {
    builder().build().unwrap()
}

fn calls(bus: &TestBus) -> u32 {
    bus.resource::<Calls>().unwrap().get()
}

/// Sleeps for longer than it may, and is called again after a while.
#[event]
struct Late;
#[handler(timeout = "60s", attempt_timeout = "5s", retry(max_retries = 1, initial_delay = "10s", jitter = none))]
async fn late(_: &Late, cx: &Context, calls: &Res<Calls>) {
    if calls.next() == 0 {
        cx.sleep(60 * SECOND).await;
    }
}

#[tokio::test]
async fn what_has_timed_out_waits_for_nothing_any_more() {
    let bus = build();
    bus.publish(Late).await.unwrap();
    bus.advance(5 * SECOND).await;
    assert!(bus.pending().is_empty(), "{:?}", bus.pending());
    bus.advance(9 * SECOND).await;
    assert_eq!(calls(&bus), 1);
    bus.advance(SECOND).await;
    assert_eq!(calls(&bus), 2);
    bus.expect::<Late>().handled_by::<late>().once();
}

/// The same, in what will never come.
#[event]
struct Stuck;
#[handler(attempt_timeout = "5s", retry(max_retries = 1, initial_delay = "10s", jitter = none))]
async fn stuck(_: &Stuck, calls: &Res<Calls>, cx: &Context) {
    if calls.next() == 0 {
        let timeless = std::future::pending::<()>();
        tokio::join!(cx.sleep(SECOND), timeless);
    }
}

#[tokio::test]
async fn what_has_timed_out_in_something_real_too() {
    let bus = builder().settle_limit(Duration::from_millis(200)).build().unwrap();
    bus.publish(Stuck).await.unwrap();
    bus.settle().await;
    assert_eq!(bus.next_due(), Some(SECOND));
    bus.clock().pass(5 * SECOND);
    bus.settle().await;
    bus.advance(10 * SECOND).await;
    assert_eq!(calls(&bus), 2);
}

/// Waits for a task that waits for the clock.
#[event]
struct Spawns;
#[handler]
async fn spawns(_: &Spawns, bus: Bus, calls: Res<Calls>) {
    let task = tokio::spawn(async move {
        bus.publish(Follows).await.unwrap();
        for _ in 0..10 {
            tokio::task::yield_now().await;
        }
        bus.execute(Nested(1)).await.unwrap();
        calls.next();
    });
    task.await.unwrap();
}
#[event]
struct Follows;
#[handler]
async fn follows(_: &Follows, calls: &Res<Calls>) {
    tokio::task::yield_now().await;
    calls.next();
}

#[command]
struct Nested(u32);
#[handler]
async fn nested(command: &Nested, cx: &Context) -> bus::Result<()> {
    if command.0 > 0 {
        tokio::task::yield_now().await;
        cx.execute(Nested(command.0 - 1)).await?;
        cx.sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

#[tokio::test]
async fn a_task_that_a_handler_waits_for_is_waited_for() {
    let bus = builder().settle_limit(Duration::from_millis(300)).build().unwrap();
    bus.publish(Spawns).await.unwrap();
    // The task executes a command that takes a millisecond of virtual time: it is the task that waits for that.
    let error = bus.try_settle().await.unwrap_err();
    assert_eq!(error.pending[0].handler, "spawns");
    assert_eq!(calls(&bus), 1);
}

#[tokio::test]
async fn commands_inside_of_commands() {
    let bus = build();
    let mut call = tokio::spawn({
        let bus = bus.bus().clone();
        async move { bus.execute(Nested(20)).await }
    });
    tokio::task::yield_now().await;
    bus.settle().await;
    assert_eq!(bus.next_due(), Some(Duration::from_millis(1)));
    bus.advance(Duration::from_millis(19)).await;
    bus.expect_executed::<Nested>(20);
    assert!(!call.is_finished());
    bus.advance(Duration::from_millis(1)).await;
    bus.expect_executed::<Nested>(21);
    (&mut call).await.unwrap().unwrap();
}

/// On another thread.
#[event]
struct Blocks;
#[handler(blocking)]
fn blocks(_: &Blocks, calls: &Res<Calls>) {
    std::thread::sleep(Duration::from_millis(20));
    calls.next();
}

#[tokio::test]
async fn blocking_handlers_are_waited_for() {
    let bus = build();
    for _ in 0..3 {
        bus.publish(Blocks).await.unwrap();
    }
    bus.settle().await;
    assert_eq!(calls(&bus), 3);
    bus.expect::<Blocks>().handled_by::<blocks>().times(3);
}

/// Several at once, each of which may fail.
#[event]
struct Counted(u32);
#[handler(batch = 10, retry(max_retries = 1, initial_delay = "10s", jitter = none))]
async fn count(all: &[Arc<Counted>], cx: &Context, calls: &Res<Calls>) -> bus::Result<()> {
    cx.sleep(SECOND).await;
    if calls.next() == 0 {
        return Err(bus::Error::msg("not yet"));
    }
    cx.emit(Summed(all.iter().map(|one| one.0).sum()));
    Ok(())
}
#[event]
struct Summed(u32);

#[tokio::test]
async fn batches_settle() {
    let bus = build();
    for n in 1..=3 {
        bus.publish(Counted(n)).await.unwrap();
    }
    bus.settle().await;
    assert_eq!((bus.pending().len(), bus.next_due()), (1, Some(SECOND)));
    bus.advance(SECOND).await;
    assert!(bus.pending().is_empty(), "{:?}", bus.pending());
    bus.advance(11 * SECOND).await;
    bus.expect::<Summed>().with(|summed| summed.0 == 6).once();
}

/// One after the other.
#[event(key = "of")]
struct Ordered {
    of: u32,
    n: u32,
}
#[handler]
async fn in_order(event: &Ordered, cx: &Context) {
    cx.sleep(SECOND).await;
    cx.emit(Done(10 * event.of + event.n));
}
#[event]
struct Done(u32);

#[tokio::test]
async fn lanes_go_on_as_time_does() {
    let bus = build();
    for n in 0..3 {
        for of in 1..=2 {
            bus.publish(Ordered { of, n }).await.unwrap();
        }
    }
    for n in 0..3 {
        bus.settle().await;
        assert_eq!((bus.pending().len(), bus.next_due()), (2, Some(SECOND)));
        bus.forget();
        bus.advance(SECOND).await;
        expect_exactly!(bus, Done, Done);
        let done: Vec<_> = bus.published::<Done>().iter().map(|done| done.0).collect();
        assert_eq!(done, [10 + n, 20 + n]);
    }
}

/// Fails until it is told not to.
#[event]
struct Calls2;
#[handler(circuit_breaker(failure_threshold = 2, recovery_timeout = "30s", success_threshold = 1))]
async fn remote(_: &Calls2, faulty: &Res<bus::testing::Faulty>) -> Result<(), bus::testing::Fault> {
    faulty.check()
}
#[resource]
fn faulty() -> bus::testing::Faulty {
    bus::testing::Faulty::new("it")
}

#[tokio::test]
async fn what_waits_for_a_breaker_has_settled_until_then() {
    let bus = build();
    let faulty = bus.resource::<bus::testing::Faulty>().unwrap();
    faulty.fail_always();
    for _ in 0..2 {
        bus.publish(Calls2).await.unwrap();
        bus.settle().await;
    }
    faulty.recover();
    bus.publish(Calls2).await.unwrap();
    bus.settle().await;
    assert_eq!(faulty.calls(), 2, "{}", bus.tree());
    bus.advance(30 * SECOND).await;
    assert_eq!((faulty.calls(), bus.next_due()), (3, None), "{}", bus.tree());
    let changes = bus.record().iter().filter(|e| matches!(e.step, Step::Other(_))).count();
    assert_eq!(changes, 3, "{:?}", bus.record());
}

#[tokio::test]
async fn what_recurs_for_ever() {
    let bus = build();
    let clock = bus.publish(Done(1)).every(SECOND).await.unwrap();
    let cron = bus.publish(Done(2)).cron("0 * * * *").await.unwrap();
    bus.settle().await;
    bus.advance(Duration::from_secs(3600)).await;
    let done = bus.published::<Done>();
    assert_eq!(done.iter().filter(|done| done.0 == 1).count(), 3600);
    assert_eq!(done.iter().filter(|done| done.0 == 2).count(), 1);
    bus.run(bus.execute(Nested(1))).await.unwrap();
    drop((clock, cron));
}

#[tokio::test]
async fn a_future_that_no_time_makes_ready_is_said() {
    let bus = builder().settle_limit(Duration::from_millis(100)).build().unwrap();
    let _clock = bus.publish(Done(1)).every(SECOND).await.unwrap();
    let run = tokio::spawn(async move { bus.run(std::future::pending::<()>()).await });
    let panic = run.await.unwrap_err().into_panic();
    let text = panic.downcast_ref::<String>().unwrap();
    assert!(text.contains("not ready after 100ms of real time"), "{text}");
}

/// A session ends with what runs in it.
#[tokio::test]
async fn sessions_settle() {
    let bus = build();
    let session = bus.session("desk").open().await.unwrap();
    session.publish(Ordered { of: 1, n: 1 }).await.unwrap();
    let _ = session.publish(Done(7)).every(10 * SECOND).await.unwrap();
    bus.settle().await;
    let report = bus.run(session.close()).await;
    assert!(report.error.is_none(), "{report:?}");
    bus.advance(60 * SECOND).await;
    assert!(bus.pending().is_empty() && bus.next_due().is_none(), "{:?}", bus.next_due());
}
