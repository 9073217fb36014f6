//! Waiting for events: `and_wait` for all that follows from one, `idle` for everything.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::testing::{Entry, Step, TestBus};
use bus::{Bus, Context, Emit, EventHandlerFailedEvent, command, event, handler};

const MS: Duration = Duration::from_millis(1);

fn build() -> TestBus {
    TestBus::from_registered().expect("the wiring of this file is right")
}

/// The handlers of events that have come to their end, in this order.
fn ended(bus: &TestBus) -> Vec<String> {
    let ends = |entry: Entry| match entry.step {
        Step::Handled { handler, .. } => Some(handler),
        _ => None,
    };
    bus.record().into_iter().filter_map(ends).collect()
}

// What follows: an event, what its handler emits, what a command of that one's handler emits.

#[event]
struct Ordered;
#[event]
struct Packed;
#[command]
struct Ship;
#[event]
struct Shipped;

#[handler]
async fn pack(_: &Ordered, emit: Emit<Packed>, cx: &Context) {
    cx.sleep(10 * MS).await;
    emit.send(Packed);
}
#[handler]
async fn ship(_: &Packed, cx: &Context) -> bus::Result<()> {
    cx.sleep(10 * MS).await;
    Ok(cx.bus().execute(Ship).await?)
}
#[handler]
async fn shipping(_: Ship, emit: Emit<Shipped>) -> bus::Result<()> {
    emit.send(Shipped);
    Ok(())
}
#[handler]
async fn shipped(_: &Shipped, cx: &Context) -> Result<(), std::fmt::Error> {
    cx.sleep(10 * MS).await;
    Err(std::fmt::Error)
}

/// Runs on long after all others.
#[event]
struct Unrelated;
#[handler]
async fn unrelated(_: &Unrelated, cx: &Context) {
    cx.sleep(Duration::from_secs(50)).await;
}

#[tokio::test]
async fn and_wait_waits_for_all_that_follows_and_for_nothing_else() {
    let bus = build();
    bus.publish(Unrelated).await.unwrap();
    let settled = bus.run(bus.publish(Ordered).and_wait()).await.unwrap();
    assert_eq!(bus.clock().elapsed(), 30 * MS);
    assert_eq!(ended(&bus), ["pack", "ship", "shipped"]);
    assert!(!settled.is_ok());
    let [failure] = &settled.failures[..] else { panic!("one failed: {settled:?}") };
    assert_eq!(failure.event, "waiting::Shipped");
    assert_eq!(failure.handler.as_deref(), Some("shipped"));
    let error = settled.into_result().expect_err("a handler has failed");
    assert_eq!(
        error.to_string(),
        "handler shipped of event waiting::Shipped: an error occurred when formatting an argument"
    );
}

#[tokio::test]
async fn and_wait_is_over_when_nobody_handles_the_event() {
    #[event]
    struct Nobody;
    let bus = build();
    let settled = bus.run(bus.publish(Nobody).and_wait()).await.unwrap();
    assert!(settled.is_ok());
    assert_eq!(settled.into_result().unwrap().outcome, bus::Outcome::Queued);
}

#[tokio::test]
async fn who_stops_waiting_leaves_the_event_queued() {
    let bus = build();
    tokio::select! {
        _ = bus.publish(Ordered).and_wait() => panic!("the handlers take 30 ms"),
        () = bus.advance(5 * MS) => {}
    }
    bus.run(bus.idle()).await;
    assert_eq!(ended(&bus), ["pack", "ship", "shipped"]);
}

// Waiting inside a handler.

#[event]
struct Outer;
#[event]
struct Inner;
#[event]
struct ByCommand;
#[command]
struct PublishInner;

#[handler]
async fn outer(_: &Outer, cx: &Context) -> bus::Result<()> {
    cx.publish(Inner).and_wait().await?.into_result()?;
    Ok(())
}
#[handler]
async fn inner(_: &Inner, cx: &Context) {
    cx.sleep(10 * MS).await;
}
#[handler]
async fn by_command(_: &ByCommand, bus: Bus) -> bus::Result<()> {
    Ok(bus.execute(PublishInner).await?)
}
#[handler]
async fn publish_inner(_: PublishInner, bus: Bus) -> bus::Result<()> {
    bus.publish(Inner).and_wait().await?.into_result()?;
    Ok(())
}

#[tokio::test]
async fn a_handler_that_waits_gives_its_slot_to_those_it_waits_for() {
    let bus = TestBus::builder().concurrency(1).event_queue_size(1).build().unwrap();
    bus.run(bus.publish(Outer).and_wait()).await.unwrap().into_result().unwrap();
    assert_eq!(ended(&bus), ["inner", "outer"]);
    bus.expect::<Inner>().caused_by::<Outer>().once();
    bus.run(bus.publish(ByCommand).and_wait()).await.unwrap().into_result().unwrap();
    assert_eq!(ended(&bus)[2..], ["inner", "by_command"]);
    assert!(bus.run(bus.shutdown()).await.is_clean());
}

#[tokio::test]
async fn many_handlers_that_wait_do_not_wait_for_each_other() {
    let bus = TestBus::builder().concurrency(1).event_queue_size(4).build().unwrap();
    for _ in 0..20 {
        bus.run(bus.publish(Outer)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(ended(&bus).iter().filter(|name| *name == "outer").count(), 20);
    assert_eq!((bus.stats().failed, bus.stats().queued), (0, 0));
}

#[tokio::test]
async fn a_handler_that_waits_for_its_slot_again_still_has_its_timeout() {
    #[event]
    struct Waits;
    #[event]
    struct Blocks;
    let builder = TestBus::builder().concurrency(1).event_timeout(Duration::from_secs(5));
    let bus = builder.build().unwrap();
    bus.register_event_handler(|_: Arc<Waits>, cx: bus::OwnedContext| async move {
        // Is over after 20 ms; then the handler needs its slot again.
        tokio::select! {
            _ = cx.publish(Inner).and_wait() => {}
            () = cx.sleep(20 * MS) => {}
        }
    })
    .unwrap();
    // The second stands in line for the slot of the first, before anybody else.
    for _ in 0..2 {
        let blocks = |_: Arc<Blocks>, cx: bus::OwnedContext| async move {
            cx.sleep(4_900 * MS).await;
        };
        bus.register_event_handler(blocks).unwrap();
    }
    let mut failed = bus.subscribe::<EventHandlerFailedEvent>();
    bus.try_publish(Waits).unwrap();
    bus.try_publish(Blocks).unwrap();
    bus.run(bus.idle()).await;
    let failed: Vec<_> = std::iter::from_fn(|| failed.try_recv()).collect();
    let failed: Vec<_> = failed.iter().map(|failed| &*failed.error).collect();
    assert_eq!(failed, ["timed out after 5s"]);
    assert!(bus.clock().elapsed() >= 9_800 * MS, "the others had the slot all the time");
}

// The ends of waiting.

#[event]
struct Stuck;
/// Longer than any test.
#[handler]
async fn stuck(_: &Stuck, cx: &Context) {
    cx.sleep(Duration::from_secs(86_400)).await;
}

#[tokio::test]
async fn who_waits_is_told_what_the_shutdown_left() {
    let builder = TestBus::builder().concurrency(1);
    let bus = builder.shutdown_timeout(MS, MS).build().unwrap();
    let wait = |bus: &Bus| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(Stuck).and_wait().await.unwrap() })
    };
    let (begun, queued) = (wait(&bus), wait(&bus));
    bus.settle().await;
    let report = bus.run(bus.shutdown()).await;
    assert_eq!((report.dropped, &*report.abandoned), (1, &["stuck".to_owned()][..]));
    let begun = begun.await.unwrap().failures;
    assert_eq!(begun.len(), 1, "{begun:?}");
    assert_eq!(
        begun[0].to_string(),
        "handler stuck of event waiting::Stuck: was cut off when the bus ended"
    );
    let queued = queued.await.unwrap().failures;
    assert_eq!(queued.len(), 1, "{queued:?}");
    assert!(queued[0].handler.is_none() && queued[0].error.contains("dropped"), "{queued:?}");
}

#[tokio::test]
async fn a_publish_that_is_refused_waits_for_nothing() {
    let bus = build();
    bus.run(bus.shutdown()).await;
    let error = bus.run(bus.publish(Ordered).and_wait()).await.expect_err("the bus is closed");
    assert_eq!(error.kind(), &bus::PublishErrorKind::Closed);
}

#[test]
fn who_waits_is_told_when_the_runtime_ends() {
    let bus = Bus::from_registered().unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut wait = Box::pin(bus.publish(Stuck).and_wait());
    runtime.block_on(async {
        tokio::select! {
            biased;
            _ = &mut wait => panic!("its handler never ends"),
            () = tokio::task::yield_now() => {}
        }
        tokio::task::yield_now().await;
    });
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let settled = other.block_on(wait).unwrap();
    assert!(!settled.is_ok(), "nobody will handle it any more");
}

// A context that is kept is not waited for.

#[tokio::test]
async fn what_a_handler_has_spawned_is_not_waited_for() {
    #[event]
    struct Spawns;
    let bus = build();
    bus.register_event_handler(|_: Arc<Spawns>, cx: bus::OwnedContext| async move {
        tokio::spawn(async move {
            cx.sleep(Duration::from_secs(1)).await;
            cx.publish(Inner).await.map(drop)
        });
    })
    .unwrap();
    bus.run(bus.publish(Spawns).and_wait()).await.unwrap();
    assert_eq!(bus.clock().elapsed(), Duration::ZERO);
    bus.advance(Duration::from_secs(2)).await;
    assert_eq!(ended(&bus), ["closure", "inner"], "it is still published");
}

// Idle.

#[command]
struct Slow;
#[handler]
async fn slow(_: Slow, emit: Emit<Ordered>, cx: &Context) -> bus::Result<()> {
    cx.sleep(70 * MS).await;
    emit.send(Ordered);
    Ok(())
}

#[tokio::test]
async fn idle_is_when_nothing_is_queued_or_runs() {
    let bus = build();
    bus.run(bus.idle()).await;
    assert_eq!(bus.clock().elapsed(), Duration::ZERO, "a bus that was never used is idle");
    let command = tokio::spawn({
        let bus = bus.bus().clone();
        async move { bus.execute(Slow).await }
    });
    bus.settle().await;
    bus.run(bus.idle()).await;
    // The command, then what it emitted and all that followed from it.
    assert_eq!(bus.clock().elapsed(), 100 * MS);
    assert_eq!(ended(&bus), ["pack", "ship", "shipped"]);
    command.await.unwrap().unwrap();
}

/// Published before there was a runtime: whoever waits for it in one brings the dispatcher to life.
#[test]
fn idle_starts_what_waited_for_a_runtime() {
    let bus = Bus::from_registered().unwrap();
    bus.try_publish(Inner).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bus.idle());
    assert_eq!(bus.stats().processed, 1);
    // Nothing will ever run again: that is idle too, and not a wait for ever.
    bus.try_publish(Stuck).unwrap();
    runtime.block_on(tokio::task::yield_now());
    drop(runtime);
    let other = tokio::runtime::Builder::new_current_thread().build().unwrap();
    other.block_on(bus.idle());
}

/// On several threads: whenever `idle` resolves, every event that was published before has been
/// handled, with all that follows from it.
#[test]
fn idle_is_exact_on_many_threads() {
    struct Hits(AtomicUsize);
    #[event]
    struct Chain(u32);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(3).build().unwrap();
    let hits = Arc::new(Hits(AtomicUsize::new(0)));
    let bus = Bus::builder().without_registered().build().unwrap();
    for _ in 0..2 {
        let hits = Arc::clone(&hits);
        bus.register_event_handler(move |event: Arc<Chain>, cx: bus::OwnedContext| {
            let hits = Arc::clone(&hits);
            async move {
                if event.0.is_multiple_of(2) {
                    tokio::task::yield_now().await;
                }
                if event.0 > 0 {
                    cx.publish(Chain(event.0 - 1)).await.map_err(|e| e.to_string()).expect("room");
                }
                hits.0.fetch_add(1, Ordering::SeqCst);
            }
        })
        .unwrap();
    }
    runtime.block_on(async {
        for round in 1..=300 {
            bus.publish(Chain(4)).await.unwrap();
            bus.idle().await;
            // Two handlers, each of which publishes the next: 2 + 4 + 8 + 16 + 32 runs.
            assert_eq!(hits.0.load(Ordering::SeqCst), 62 * round);
        }
    });
}

/// As above, with one event at a time on its way: each publishes the next as the last thing it does,
/// so that there is no moment without one, and a count that is read carelessly would see none.
#[test]
fn idle_is_exact_between_an_event_and_the_next() {
    #[event]
    struct Link(u32);
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build().unwrap();
    let last = Arc::new(AtomicUsize::new(0));
    let bus = Bus::builder().without_registered().build().unwrap();
    let ends = Arc::clone(&last);
    bus.register_event_handler(move |event: Arc<Link>, cx: bus::OwnedContext| {
        match event.0 {
            0 => {
                ends.fetch_add(1, Ordering::SeqCst);
            }
            n => cx.emit(Link(n - 1)),
        }
        std::future::ready(())
    })
    .unwrap();
    runtime.block_on(async {
        for round in 1..=3_000 {
            bus.publish(Link(50)).await.unwrap();
            bus.idle().await;
            assert_eq!(last.load(Ordering::SeqCst), round, "idle in the middle of a chain");
        }
    });
}
