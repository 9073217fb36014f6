//! The end of a bus, in all the ways it may come.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::{
    Bus, CommandErrorKind, Context, OwnedContext, PublishErrorKind, Res, command, event, handler,
};

#[derive(Default)]
struct Count(AtomicUsize);
impl Count {
    fn add(&self) {
        self.0.fetch_add(1, Ordering::SeqCst);
    }
    fn get(&self) -> usize {
        self.0.load(Ordering::SeqCst)
    }
}
#[bus::resource]
fn count() -> Count {
    Count::default()
}

fn bus() -> (Bus, Arc<Count>) {
    let bus = Bus::from_registered().expect("the wiring of this file is right");
    let count = bus.resource::<Count>().expect("provided").into_arc();
    (bus, count)
}

#[event]
struct Step(usize);
#[handler]
async fn step(event: &Step, cx: &Context, count: &Res<Count>) -> bus::Result<()> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    count.add();
    if event.0 > 0 {
        cx.publish(Step(event.0 - 1)).await.map_err(|error| bus::Error::msg(error.kind()))?;
        cx.execute(Quick).await?;
    }
    Ok(())
}
#[command]
struct Quick;
#[handler]
fn quick(_: Quick) -> bus::Result<()> {
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn shutdown_drains_and_handlers_may_go_on_publishing_and_executing() {
    let (bus, count) = bus();
    bus.publish(Step(5)).await.unwrap();
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.completed, report.failed, count.get()), (6, 0, 6));
    assert_eq!(bus.stats().events_in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn nothing_new_comes_in_from_outside() {
    let (bus, _) = bus();
    bus.publish(Step(3)).await.unwrap();
    let closing = tokio::spawn({
        let bus = bus.clone();
        async move { bus.shutdown().await }
    });
    tokio::time::sleep(Duration::from_millis(10)).await;
    let refused = bus.publish(Step(0)).await.unwrap_err();
    assert_eq!(*refused.kind(), PublishErrorKind::ShuttingDown);
    let refused = bus.execute(Quick).await.unwrap_err();
    assert!(matches!(refused.kind(), CommandErrorKind::ShuttingDown), "{refused}");
    closing.await.unwrap();
    let refused = bus.try_publish(Step(0)).unwrap_err();
    assert_eq!(*refused.kind(), PublishErrorKind::Closed);
    assert!(bus.shutdown().await.is_clean(), "a second shutdown finds nothing to do");
}

#[event]
struct Stuck;
#[handler]
async fn stuck(_: &Stuck) {
    pending::<()>().await;
}
#[event]
struct Polite;
#[handler]
async fn polite(_: &Polite, cx: &Context, count: &Res<Count>) {
    cx.cancelled().await;
    count.add();
}

#[tokio::test(start_paused = true)]
async fn what_takes_too_long_is_cancelled_then_cut_off_by_name() {
    let builder = Bus::builder().event_timeout(None);
    let bus =
        builder.shutdown_timeout(Duration::from_secs(10), Duration::from_secs(2)).build().unwrap();
    let count = bus.resource::<Count>().unwrap();
    bus.publish(Stuck).await.unwrap();
    bus.publish(Polite).await.unwrap();
    let start = tokio::time::Instant::now();
    let report = bus.shutdown().await;
    assert_eq!(start.elapsed(), Duration::from_secs(12));
    assert_eq!(report.abandoned, ["stuck"]);
    assert_eq!(
        (report.completed, count.get()),
        (1, 1),
        "the polite one was not told, or not waited for"
    );
    assert!(report.to_string().contains("cut off: stuck"), "{report}");
    assert_eq!(bus.stats().events_in_flight, 0);
}

#[tokio::test(start_paused = true)]
async fn what_could_not_be_started_is_in_the_report() {
    let builder = Bus::builder().concurrency(1).event_timeout(None);
    let bus =
        builder.shutdown_timeout(Duration::from_secs(1), Duration::from_secs(1)).build().unwrap();
    for _ in 0..5 {
        bus.publish(Stuck).await.unwrap();
    }
    let report = bus.shutdown().await;
    assert_eq!((report.abandoned.len(), report.dropped), (1, 4), "{report}");
}

#[command]
struct Slow;
#[handler]
async fn slow(_: Slow, count: &Res<Count>) -> bus::Result<()> {
    tokio::time::sleep(Duration::from_secs(3)).await;
    count.add();
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn shutdown_waits_for_commands_at_work() {
    let (bus, count) = bus();
    let call = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(Slow).await }
    });
    tokio::time::sleep(Duration::from_secs(1)).await;
    let report = bus.shutdown().await;
    assert_eq!((count.get(), report.commands_left), (1, 0));
    call.await.unwrap().unwrap();
}

#[tokio::test(start_paused = true)]
async fn dropping_the_last_handle_ends_the_dispatcher() {
    let (bus, count) = bus();
    let weak = bus.downgrade();
    bus.publish(Step(3)).await.unwrap();
    tokio::time::sleep(Duration::from_millis(1500)).await;
    assert_eq!(count.get(), 1);
    drop(bus);
    assert!(weak.upgrade().is_none());
    tokio::time::sleep(Duration::from_secs(10)).await;
    assert_eq!(count.get(), 1, "handlers went on after the bus was dropped");
    assert_eq!(Arc::strong_count(&count), 1, "the core was leaked");
}

#[test]
fn a_runtime_that_ends_under_the_bus_gives_closed() {
    let (bus, _) = bus();
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    first.block_on(async { bus.publish(Stuck).await.unwrap() });
    drop(first);
    let second = runtime();
    let refused = second.block_on(bus.publish(Stuck)).unwrap_err();
    assert_eq!(*refused.kind(), PublishErrorKind::Closed);
    assert_eq!(second.block_on(bus.shutdown()).dropped, 0);
}

#[event]
struct Instant;
#[handler]
async fn instant(_: &Instant) {}

#[test]
fn the_runtime_given_to_the_builder_is_used() {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let bus = Bus::builder().runtime(runtime.handle().clone()).build().unwrap();
    // From a plain thread.
    bus.try_publish(Instant).unwrap();
    assert!(runtime.block_on(bus.shutdown()).is_clean());
    assert_eq!(bus.stats().processed, 1);
}

#[tokio::test]
async fn a_bus_that_was_never_used_shuts_down() {
    let (bus, _) = bus();
    assert!(bus.shutdown().await.is_clean());
}

/// A handler that goes on for long hears that the end has begun, and the drain need not wait for
/// its time to be over.
#[tokio::test(start_paused = true)]
async fn a_handler_hears_that_the_shutdown_has_begun() {
    #[event]
    struct Consume;
    let (bus, _) = bus();
    bus.register_event_handler(|_: Arc<Consume>, cx: OwnedContext| async move {
        assert!(!cx.is_shutting_down());
        cx.shutting_down().await;
        assert!(cx.is_shutting_down() && !cx.is_cancelled());
    })
    .unwrap();
    bus.publish(Consume).await.unwrap();
    tokio::time::sleep(Duration::from_secs(1)).await;
    let start = tokio::time::Instant::now();
    let report = bus.shutdown().await;
    assert!(report.is_clean() && report.failed == 0, "{report}");
    assert_eq!(start.elapsed(), Duration::ZERO);
}

/// A handler that blocks its thread cannot be cut off, and the report does not pretend that it was.
#[test]
fn a_handler_that_blocks_its_thread_is_counted_as_left() {
    #[event]
    struct Blocks;
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let (end, ended) = std::sync::mpsc::channel::<()>();
    let ended = Arc::new(std::sync::Mutex::new(ended));
    let milli = Duration::from_millis(1);
    let bus = Bus::builder().shutdown_timeout(milli, 20 * milli).build().unwrap();
    let (begin, begun) = std::sync::mpsc::channel();
    bus.register_event_handler(move |_: Arc<Blocks>, _: OwnedContext| {
        let (ended, begin) = (Arc::clone(&ended), begin.clone());
        async move {
            tokio::task::yield_now().await;
            begin.send(()).expect("the test waits for it");
            // Until the test is over.
            let _ = ended.lock().unwrap().recv();
        }
    })
    .unwrap();
    runtime.block_on(async {
        bus.publish(Blocks).await.unwrap();
    });
    begun.recv().unwrap();
    let report = runtime.block_on(bus.shutdown());
    drop(end);
    assert_eq!((report.events_left, report.is_clean()), (1, false), "{report}");
    assert!(report.to_string().ends_with("1 events left running"), "{report}");
}
