//! Waiting for events: `and_wait` for all that follows from one, `idle` for everything.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Bus, Context, Emit, EventHandlerFailedEvent, Res, command, event, handler};
use tokio::time::Instant;

const MS: Duration = Duration::from_millis(1);

#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
    fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

#[bus::resource]
fn log() -> Log {
    Log::default()
}

fn build(builder: bus::Builder) -> (Bus, Arc<Log>) {
    let bus = builder.build().expect("the wiring of this file is right");
    let log = bus.resource::<Log>().expect("provided").into_arc();
    (bus, log)
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
async fn pack(_: &Ordered, emit: Emit<Packed>, log: &Res<Log>) {
    tokio::time::sleep(10 * MS).await;
    log.add("packed");
    emit.send(Packed);
}
#[handler]
async fn ship(_: &Packed, bus: Bus) -> bus::Result<()> {
    tokio::time::sleep(10 * MS).await;
    Ok(bus.execute(Ship).await?)
}
#[handler]
async fn shipping(_: Ship, emit: Emit<Shipped>) -> bus::Result<()> {
    emit.send(Shipped);
    Ok(())
}
#[handler]
async fn shipped(_: &Shipped, log: &Res<Log>) -> Result<(), std::fmt::Error> {
    tokio::time::sleep(10 * MS).await;
    log.add("shipped");
    Err(std::fmt::Error)
}

/// Runs on long after all others.
#[event]
struct Unrelated;
#[handler]
async fn unrelated(_: &Unrelated) {
    tokio::time::sleep(Duration::from_secs(50)).await;
}

#[tokio::test(start_paused = true)]
async fn and_wait_waits_for_all_that_follows_and_for_nothing_else() {
    let (bus, log) = build(Bus::builder());
    let start = Instant::now();
    bus.publish(Unrelated).await.unwrap();
    let settled = bus.publish(Ordered).and_wait().await.unwrap();
    assert_eq!(start.elapsed(), 30 * MS);
    assert_eq!(log.lines(), ["packed", "shipped"]);
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

#[tokio::test(start_paused = true)]
async fn and_wait_is_over_when_nobody_handles_the_event() {
    #[event]
    struct Nobody;
    let (bus, _) = build(Bus::builder());
    let settled = bus.publish(Nobody).and_wait().await.unwrap();
    assert!(settled.is_ok());
    assert_eq!(settled.into_result().unwrap().outcome, bus::Outcome::Queued);
}

#[tokio::test(start_paused = true)]
async fn who_stops_waiting_leaves_the_event_queued() {
    let (bus, log) = build(Bus::builder());
    let waited = tokio::time::timeout(5 * MS, bus.publish(Ordered).and_wait()).await;
    assert!(waited.is_err(), "the handlers take 30 ms");
    bus.idle().await;
    assert_eq!(log.lines(), ["packed", "shipped"]);
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
async fn outer(_: &Outer, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    log.add("outer begins");
    cx.publish(Inner).and_wait().await?.into_result()?;
    log.add("outer ends");
    Ok(())
}
#[handler]
async fn inner(_: &Inner, log: &Res<Log>) {
    tokio::time::sleep(10 * MS).await;
    log.add("inner");
}
#[handler]
async fn by_command(_: &ByCommand, bus: Bus, log: &Res<Log>) -> bus::Result<()> {
    bus.execute(PublishInner).await?;
    log.add("by command");
    Ok(())
}
#[handler]
async fn publish_inner(_: PublishInner, bus: Bus) -> bus::Result<()> {
    bus.publish(Inner).and_wait().await?.into_result()?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_gives_its_slot_to_those_it_waits_for() {
    let (bus, log) = build(Bus::builder().concurrency(1).event_queue_size(1));
    bus.publish(Outer).and_wait().await.unwrap().into_result().unwrap();
    assert_eq!(log.lines(), ["outer begins", "inner", "outer ends"]);
    bus.publish(ByCommand).and_wait().await.unwrap().into_result().unwrap();
    assert_eq!(log.lines()[3..], ["inner", "by command"]);
    assert!(bus.shutdown().await.is_clean());
}

#[tokio::test(start_paused = true)]
async fn many_handlers_that_wait_do_not_wait_for_each_other() {
    let (bus, log) = build(Bus::builder().concurrency(1).event_queue_size(4));
    for _ in 0..20 {
        bus.publish(Outer).await.unwrap();
    }
    bus.idle().await;
    let ended = log.lines().iter().filter(|line| *line == "outer ends").count();
    assert_eq!(ended, 20);
    assert_eq!((bus.stats().failed, bus.stats().queued), (0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_its_slot_again_still_has_its_timeout() {
    #[event]
    struct Waits;
    #[event]
    struct Blocks;
    let (bus, _) = build(Bus::builder().concurrency(1).event_timeout(Duration::from_secs(5)));
    bus.register_event_handler(|_: Arc<Waits>, cx: bus::OwnedContext| async move {
        // Is over after 20 ms; then the handler needs its slot again.
        let _ = tokio::time::timeout(20 * MS, cx.publish(Inner).and_wait()).await;
    })
    .unwrap();
    // The second stands in line for the slot of the first, before anybody else.
    for _ in 0..2 {
        bus.register_event_handler(|_: Arc<Blocks>, _| tokio::time::sleep(4_900 * MS)).unwrap();
    }
    let failed = Arc::new(Mutex::new(Vec::new()));
    bus.register_event_handler({
        let failed = Arc::clone(&failed);
        move |event: Arc<EventHandlerFailedEvent>, _| {
            failed.lock().unwrap().push(event.error.clone());
            std::future::ready(())
        }
    })
    .unwrap();
    let start = Instant::now();
    bus.try_publish(Waits).unwrap();
    bus.try_publish(Blocks).unwrap();
    bus.idle().await;
    assert_eq!(*failed.lock().unwrap(), ["timed out after 5s"]);
    assert!(start.elapsed() >= 9_800 * MS, "the others had the slot all the time");
}

// The ends of waiting.

#[event]
struct Stuck;
#[handler]
async fn stuck(_: &Stuck) {
    std::future::pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_told_what_the_shutdown_left() {
    let (bus, _) = build(Bus::builder().concurrency(1).shutdown_timeout(MS, MS));
    let wait = |bus: &Bus| {
        let bus = bus.clone();
        tokio::spawn(async move { bus.publish(Stuck).and_wait().await.unwrap() })
    };
    let (begun, queued) = (wait(&bus), wait(&bus));
    tokio::time::sleep(MS).await;
    let report = bus.shutdown().await;
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

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_refused_waits_for_nothing() {
    let (bus, _) = build(Bus::builder());
    bus.shutdown().await;
    let error = bus.publish(Ordered).and_wait().await.expect_err("the bus is closed");
    assert_eq!(error.kind(), &bus::PublishErrorKind::Closed);
}

#[test]
fn who_waits_is_told_when_the_runtime_ends() {
    let (bus, _) = build(Bus::builder());
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

#[tokio::test(start_paused = true)]
async fn what_a_handler_has_spawned_is_not_waited_for() {
    #[event]
    struct Spawns;
    let (bus, log) = build(Bus::builder());
    bus.register_event_handler(|_: Arc<Spawns>, cx: bus::OwnedContext| async move {
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(1)).await;
            cx.publish(Inner).await.map(drop)
        });
    })
    .unwrap();
    let start = Instant::now();
    bus.publish(Spawns).and_wait().await.unwrap();
    assert_eq!(start.elapsed(), Duration::ZERO);
    tokio::time::sleep(Duration::from_secs(2)).await;
    assert_eq!(log.lines(), ["inner"], "it is still published");
}

// Idle.

#[command]
struct Slow;
#[handler]
async fn slow(_: Slow, emit: Emit<Ordered>) -> bus::Result<()> {
    tokio::time::sleep(70 * MS).await;
    emit.send(Ordered);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn idle_is_when_nothing_is_queued_or_runs() {
    let (bus, log) = build(Bus::builder());
    let start = Instant::now();
    bus.idle().await;
    assert_eq!(start.elapsed(), Duration::ZERO, "a bus that was never used is idle");
    let command = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(Slow).await }
    });
    tokio::task::yield_now().await;
    bus.idle().await;
    // The command, then what it emitted and all that followed from it.
    assert_eq!(start.elapsed(), 100 * MS);
    assert_eq!(log.lines(), ["packed", "shipped"]);
    command.await.unwrap().unwrap();
}

/// Published before there was a runtime: whoever waits for it in one brings the dispatcher to life.
#[test]
fn idle_starts_what_waited_for_a_runtime() {
    let (bus, log) = build(Bus::builder());
    bus.try_publish(Inner).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bus.idle());
    assert_eq!(log.lines(), ["inner"]);
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
    let (bus, _) = build(Bus::builder().without_registered().provide(Log::default()));
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
