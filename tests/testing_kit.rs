//! The test kit: what it records, when a bus has settled, how time goes, and what expectations say.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{Faulty, Step, TestBus, expect_exactly};
use tokio::sync::oneshot;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

#[command(output = u32, error = NoLuck)]
struct Place(u32);
#[handler]
async fn place(command: Place, emit: Emit<Placed>) -> Result<u32, NoLuck> {
    if command.0 == 0 {
        return Err(NoLuck);
    }
    emit.send(Placed(command.0));
    Ok(command.0 * 2)
}

#[event]
struct Placed(u32);
#[handler(priority = 2)]
async fn ship(event: &Placed, cx: &Context) {
    cx.sleep(SECOND).await;
    cx.publish(Shipped(event.0)).await.unwrap();
}
#[handler(priority = 1)]
async fn bill(_: &Placed) {}

#[event]
struct Shipped(u32);

/// Fails as often as the switch says.
#[event]
struct Flaky;
#[handler(retry(max_retries = 2, initial_delay = "10s", jitter = none))]
async fn stumble(_: &Flaky, faulty: &Res<Faulty>) -> Result<(), bus::testing::Fault> {
    faulty.check()
}

/// Waits for something real.
#[event]
struct Awaits;
type Gate = Mutex<Option<oneshot::Receiver<()>>>;
#[handler]
async fn awaits(_: &Awaits, gate: &Res<Gate>) {
    let gate = gate.lock().unwrap().take();
    if let Some(gate) = gate {
        let _ = gate.await;
    }
}

#[event]
struct Lasts(u32);
#[handler(timeout = "5s")]
async fn lasts(event: &Lasts, cx: &Context, log: &Res<Log>) {
    cx.sleep(event.0 * SECOND).await;
    log.0.lock().unwrap().push(event.0);
}
#[derive(Default)]
struct Log(Mutex<Vec<u32>>);

fn build() -> TestBus {
    let builder = TestBus::builder().only("testing_kit").provide(Faulty::new("the store"));
    builder.provide(Gate::default()).provide(Log::default()).build().unwrap()
}

/// What a failing expectation says.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    panic.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn a_command_and_what_follows() {
    let bus = build();
    assert_eq!(bus.execute(Place(3)).await.unwrap(), 6);
    bus.settle().await;
    assert_eq!(bus.next_due(), Some(SECOND), "{}", bus.tree());
    bus.expect_none::<Shipped>();
    bus.advance(SECOND).await;
    let shipped = bus.expect::<Shipped>().with(|shipped| shipped.0 == 3).once();
    assert_eq!(shipped.event().0, 3);
    bus.expect::<Placed>().caused_by::<Place>().handled_by::<ship>().handled_by::<bill>().once();
    expect_exactly!(bus, Placed, Shipped);
    expect_exactly!(bus, in any order, Shipped, Placed);
    bus.expect_executed::<Place>(1);
    assert_eq!(
        bus.tree(),
        "\
Place: executed by place
  Placed: published
    Shipped: published, sent by ship  [+1s]
      handled by nobody  [+1s]
    handled by ship  [+1s]
    handled by bill  [+1s]
  place succeeded
"
    );
    bus.forget();
    expect_exactly!(bus);
}

#[tokio::test]
async fn expectations_that_fail_print_what_happened() {
    let bus = build();
    bus.execute(Place(3)).await.unwrap();
    let text = fails(|| bus.expect_none::<Shipped>());
    assert!(text.starts_with("that something has not happened"), "{text}");
    bus.settle().await;
    let text = fails(|| drop(bus.expect::<Shipped>()));
    assert_eq!(
        text.split_once("ship (").unwrap().0,
        "\
expected Shipped, and there was none
what happened:
  Place: executed by place
    Placed: published
    place succeeded
"
    );
    assert!(text.contains("with testing_kit::Placed, waits for the clock of the bus"), "{text}");
    assert!(text.ends_with("the next is due in 1s: `bus.advance(..)`\n"), "{text}");
    let text = fails(|| drop(bus.expect::<Placed>().with(|placed| placed.0 > 3)));
    assert!(text.starts_with("expected Placed that fits the condition, and there was none\n"));
    let text = fails(|| drop(bus.expect::<Placed>().times(2)));
    assert!(text.starts_with("expected 2x Placed, and there were 1\n"));
    let text = fails(|| bus.expect_none::<Placed>());
    assert!(text.starts_with("expected no Placed, and there were 1\n"));
    let text = fails(|| expect_exactly!(bus, Placed, Shipped));
    assert!(
        text.starts_with(
            "expected exactly [Placed, Shipped] to be published, and it was [Placed]\n"
        )
    );
    let text = fails(|| drop(bus.expect::<Placed>().caused_by::<Placed>()));
    assert!(text.starts_with("expected Placed sent by a handler of Placed, and"), "{text}");
    let text = fails(|| drop(bus.expect::<Placed>().handled_by::<ship>()));
    assert!(text.starts_with("expected Placed handled by ship, and"), "{text}");
    let text = fails(|| bus.expect_executed::<Place>(2));
    assert!(text.starts_with("expected Place to be executed 2x, and it was 1x"), "{text}");
    let text = fails(|| bus.expect_dead_letter::<Place>());
    assert!(text.starts_with("expected a dead letter of Place, and there was none"), "{text}");
}

#[tokio::test]
async fn retries_are_due_and_dead_letters_are_expected() {
    let bus = build();
    let faulty = bus.resource::<Faulty>().unwrap();
    faulty.fail_next(1);
    bus.publish(Flaky).await.unwrap();
    bus.settle().await;
    assert_eq!((faulty.calls(), bus.next_due()), (1, Some(10 * SECOND)));
    bus.advance(9 * SECOND).await;
    assert_eq!(faulty.calls(), 1, "it was called too early");
    bus.advance(SECOND).await;
    bus.expect::<Flaky>().handled_by::<stumble>().once();
    faulty.fail_always();
    bus.publish(Flaky).await.unwrap();
    bus.advance(30 * SECOND).await;
    bus.expect_dead_letter::<Flaky>();
    assert_eq!(faulty.failed(), 4);
    assert!(bus.record().iter().any(|entry| matches!(entry.step, Step::Retrying { .. })));
}

/// What is due comes in order, and the bus settles in between.
#[tokio::test]
async fn time_goes_from_one_due_time_to_the_next() {
    let bus = build();
    for (after, lasts) in [(3, 2), (1, 3), (2, 1)] {
        let _ = bus.publish(Lasts(lasts)).after(after * SECOND).await.unwrap();
    }
    bus.settle().await;
    bus.expect_none::<Lasts>();
    bus.advance(10 * SECOND).await;
    // They end after 3, 4 and 5 s.
    assert_eq!(*bus.resource::<Log>().unwrap().0.lock().unwrap(), [1, 3, 2]);
    assert_eq!(bus.clock().elapsed(), 10 * SECOND);
    assert!(bus.next_due().is_none_or(|due| due > SECOND));
}

#[tokio::test]
async fn a_timeout_is_due_too() {
    let bus = build();
    bus.publish(Lasts(60)).await.unwrap();
    bus.advance(4 * SECOND).await;
    assert!(bus.pending().len() == 1 && !bus.pending()[0].is_running);
    bus.advance(SECOND).await;
    assert!(bus.pending().is_empty());
    assert_eq!(bus.stats().failed, 1);
}

#[tokio::test]
async fn what_waits_for_something_real_is_waited_for() {
    let bus = build();
    let (open, gate) = oneshot::channel();
    *bus.resource::<Gate>().unwrap().lock().unwrap() = Some(gate);
    bus.publish(Awaits).await.unwrap();
    let settled = Arc::new(AtomicU32::new(0));
    let order = Arc::clone(&settled);
    tokio::join!(
        async {
            bus.settle().await;
            assert_eq!(settled.load(Ordering::Relaxed), 1, "it had not settled");
        },
        async move {
            for _ in 0..100 {
                tokio::task::yield_now().await;
            }
            order.store(1, Ordering::Relaxed);
            open.send(()).unwrap();
        }
    );
    bus.expect::<Awaits>().handled_by::<awaits>();
}

#[tokio::test]
async fn what_never_ends_is_said() {
    let limit = Duration::from_millis(30);
    let builder = TestBus::builder().only("testing_kit").provide(Faulty::new("the store"));
    let bus = builder.provide(Gate::default()).provide(Log::default()).settle_limit(limit);
    let bus = bus.build().unwrap();
    let (open, gate) = oneshot::channel();
    *bus.resource::<Gate>().unwrap().lock().unwrap() = Some(gate);
    bus.publish(Awaits).await.unwrap();
    let error = bus.try_settle().await.unwrap_err();
    assert!(error.pending.len() == 1 && error.pending[0].is_running);
    let text = error.to_string();
    let start = "the bus did not settle within 30ms of real time\n  awaits (tests/testing_kit.rs:";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("neither the clock of the bus nor the bus"), "{text}");
    drop(open);
    bus.settle().await;
    // A command that was begun, and that nobody drives on.
    let mut call = Box::pin(bus.execute(Slow));
    let poll = std::future::poll_fn(|task| std::task::Poll::Ready(call.as_mut().poll(task)));
    assert!(poll.await.is_pending());
    bus.settle().await;
    let error = bus.try_advance(SECOND).await.unwrap_err().to_string();
    assert!(error.contains("is the future of a command held, and not awaited?"), "{error}");
    call.await.unwrap();
    bus.settle().await;
}

#[command]
struct Slow;
#[handler]
async fn slow(_: Slow, cx: &Context) -> bus::Result<()> {
    cx.sleep(SECOND).await;
    Ok(())
}

#[command]
struct Outer;
#[handler]
async fn outer(_: Outer, cx: &Context) -> bus::Result<()> {
    cx.execute(Slow).await?;
    let waited = cx.publish(Lasts(2)).and_wait().await.map_err(|e| bus::Error::msg(e.kind()))?;
    assert!(waited.failures.is_empty());
    Ok(())
}

/// A handler that waits for the bus is as settled as what it waits for.
#[tokio::test]
async fn commands_that_take_time() {
    let bus = build();
    bus.run(bus.execute(Slow)).await.unwrap();
    assert_eq!(bus.clock().elapsed(), SECOND);
    bus.run(bus.execute(Outer)).await.unwrap();
    assert_eq!(bus.clock().elapsed(), 4 * SECOND);
    let (done, ()) = tokio::join!(bus.execute(Outer), async {
        bus.settle().await;
        bus.expect_none::<Shipped>();
        bus.advance(SECOND).await;
        bus.advance(2 * SECOND).await;
    });
    done.unwrap();
}

#[tokio::test]
async fn batches_linger_until_time_goes_on() {
    let bus = TestBus::builder().only("testing_kit").provide(Faulty::new("x"));
    let bus = bus.provide(Gate::default()).provide(Log::default()).batch_timeout(SECOND);
    let bus = bus.build().unwrap();
    bus.publish(Shipped(1)).await.unwrap();
    bus.settle().await;
    assert!(!bus.record().iter().any(|entry| entry.step == Step::Unhandled));
    bus.advance(SECOND).await;
    assert!(bus.record().iter().any(|entry| entry.step == Step::Unhandled));
}

#[tokio::test]
async fn fakes_answer_in_place_of_handlers() {
    let bus = TestBus::builder().only("testing_kit").provide(Faulty::new("x"));
    let bus = bus.provide(Gate::default()).provide(Log::default());
    let bus = bus.fake::<Place>(|place| Ok(place.0 + 1)).build().unwrap();
    assert_eq!(bus.execute(Place(0)).await.unwrap(), 1);
    assert_eq!(bus.faked::<Place>().calls()[0].0, 0);
    let fake = bus.fake::<Place>(|_| Err(NoLuck));
    assert!(bus.execute(Place(7)).await.is_err());
    assert!(fake.count() == 1 && fake.calls()[0].0 == 7);
    bus.unfake::<Place>();
    // Its own handler was left out.
    let error = bus.execute(Place(7)).await.unwrap_err();
    assert!(error.to_string().contains("no handler"), "{error}");
    let bus = build();
    let fake = bus.fake::<Slow>(|_| Ok(()));
    bus.execute(Slow).await.unwrap();
    assert_eq!(fake.count(), 1);
    bus.unfake::<Slow>();
    bus.run(bus.execute(Slow)).await.unwrap();
    assert!(fake.count() == 1 && bus.clock().elapsed() == SECOND);
}

#[test]
fn without_a_runtime_what_is_published_waits() {
    let bus = build();
    bus.try_publish(Shipped(1)).unwrap();
    let _ = bus.expect::<Shipped>();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(bus.settle());
    assert!(bus.record().iter().any(|entry| entry.step == Step::Unhandled));
}

#[tokio::test]
#[should_panic(expected = "testing_kit::Slow is not faked: `bus.fake::<")]
async fn what_is_not_faked_has_no_calls() {
    let _ = build().faked::<Slow>();
}

/// Settling is exact under load, also on many threads: nothing is missing afterwards.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn settling_is_exact_on_many_threads() {
    for round in 0..50 {
        let bus = build();
        let mut tasks = tokio::task::JoinSet::new();
        for _ in 0..4 {
            let bus = bus.bus().clone();
            tasks.spawn(async move {
                for n in 1..=10 {
                    bus.execute(Place(n)).await.unwrap();
                    bus.publish(Lasts(1)).await.unwrap();
                }
            });
        }
        tasks.join_all().await;
        bus.settle().await;
        let waits = bus.pending();
        assert_eq!((waits.len(), bus.next_due()), (80, Some(SECOND)), "round {round}");
        bus.expect::<Placed>().times(40);
        bus.expect_none::<Shipped>();
        bus.advance(SECOND).await;
        bus.expect::<Shipped>().times(40);
        assert!(bus.pending().is_empty(), "{:?}", bus.pending());
        bus.expect::<Placed>().handled_by::<ship>().handled_by::<bill>().times(40);
        assert_eq!(bus.stats().processed, 40 * 2 + 40, "round {round}");
    }
}
