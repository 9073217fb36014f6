//! What an event meets between `publish` and the end of its last handler.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    BackpressureStrategy, Bus, Context, Emit, EventHandlerFailedEvent, Outcome, PublishErrorKind,
    Res, UnhandledEvent, command, event, handler,
};

/// What the handlers of a test have done, in order.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("no test panics with it").push(line.into());
    }
    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics with it").clone()
    }
}

#[bus::resource]
fn log() -> Log {
    Log::default()
}

fn bus() -> (Bus, Arc<Log>) {
    build(Bus::builder())
}

fn build(builder: bus::Builder) -> (Bus, Arc<Log>) {
    let bus = builder.build().expect("the wiring of this file is right");
    let log = bus.resource::<Log>().expect("provided").into_arc();
    (bus, log)
}

#[event]
#[derive(Clone)]
struct Fact(u32);

#[handler(priority = 10)]
async fn first(event: &Fact, log: &Res<Log>) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    log.add(format!("first {}", event.0));
}
#[handler]
async fn slow(event: Arc<Fact>, log: Res<Log>) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    log.add(format!("slow {}", event.0));
}
#[handler]
fn quick(event: &Fact, log: &Res<Log>) {
    log.add(format!("quick {}", event.0));
}
#[handler(priority = -10)]
async fn last(event: Fact, log: &Res<Log>) {
    log.add(format!("last {}", event.0));
}

#[tokio::test(start_paused = true)]
async fn groups_run_from_high_to_low_and_concurrently_inside() {
    let (bus, log) = bus();
    let start = tokio::time::Instant::now();
    bus.publish(Fact(1)).await.unwrap();
    assert!(bus.shutdown().await.is_clean());
    assert_eq!(log.lines(), ["first 1", "quick 1", "slow 1", "last 1"]);
    assert_eq!(start.elapsed(), Duration::from_millis(70));
    assert_eq!((bus.stats().processed, bus.stats().failed), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn events_run_beside_each_other() {
    let (bus, log) = bus();
    let start = tokio::time::Instant::now();
    for n in 0..200 {
        bus.publish(Fact(n)).await.unwrap();
    }
    bus.shutdown().await;
    assert_eq!(log.lines().len(), 800);
    assert_eq!(start.elapsed(), Duration::from_millis(70), "a slow handler held up other events");
}

// Failures stay where they are.

#[event]
struct Trouble;
#[handler(priority = 1)]
async fn fails(_: &Trouble) -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}
#[handler(priority = 1)]
fn panics(_: &Trouble) {
    panic!("no")
}
#[handler(priority = 1, timeout = "1s")]
async fn hangs(_: &Trouble) {
    std::future::pending::<()>().await;
}
#[handler]
fn survives(_: &Trouble, log: &Res<Log>) {
    log.add("survives");
}
#[handler]
fn note_failures(event: &EventHandlerFailedEvent, log: &Res<Log>) {
    log.add(format!("{} of {}: {}", event.handler, event.event, event.error));
}

#[tokio::test(start_paused = true)]
async fn a_failing_handler_touches_no_other_and_is_announced_once() {
    let (bus, log) = bus();
    bus.publish(Trouble).await.unwrap();
    let report = bus.shutdown().await;
    let mut lines = log.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "fails of events::Trouble: an error occurred when formatting an argument",
            "hangs of events::Trouble: timed out after 1s",
            "panics of events::Trouble: panicked: no",
            "survives",
        ]
    );
    assert_eq!((report.completed, report.failed), (1, 3), "the announcements count as nothing");
}

/// An error that cannot even be written.
#[derive(Debug)]
struct Unspeakable;
impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}
impl std::error::Error for Unspeakable {}

#[event]
struct Spoken;
#[handler]
fn unspeakable(_: &Spoken) -> Result<(), Unspeakable> {
    Err(Unspeakable)
}
#[handler]
async fn neighbour(_: &Spoken, log: &Res<Log>) {
    tokio::task::yield_now().await;
    log.add("neighbour");
}

#[tokio::test]
async fn an_error_whose_text_panics_is_still_only_that_handlers() {
    let (bus, log) = bus();
    bus.publish(Spoken).await.unwrap();
    bus.shutdown().await;
    let mut lines = log.lines();
    lines.sort();
    assert_eq!(
        lines,
        ["neighbour", "unspeakable of events::Spoken: an error whose text panicked: no words"]
    );
    assert_eq!((bus.stats().processed, bus.stats().failed), (1, 1));
}

// Effects.

#[command(error = std::fmt::Error)]
struct Act {
    then: &'static str,
}
#[handler]
async fn act(command: Act, emit: Emit<Noted>, cx: &Context) -> Result<(), std::fmt::Error> {
    emit.send(Noted("emitted"));
    cx.emit(Noted("emitted through the context"));
    cx.publish(Noted("published")).await.map_err(|_| std::fmt::Error)?;
    match command.then {
        "fail" => Err(std::fmt::Error),
        "panic" => panic!("after emitting"),
        "hang" => std::future::pending().await,
        _ => Ok(()),
    }
}
#[event]
struct Noted(&'static str);
#[handler]
fn noted(event: &Noted, log: &Res<Log>, cx: &Context) {
    assert!(cx.causation_id().is_some() && cx.correlation_id() != cx.id());
    log.add(event.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_leaves_only_a_handler_that_succeeds() {
    for (then, expected) in [
        ("succeed", vec!["published", "emitted", "emitted through the context"]),
        ("fail", vec!["published"]),
        ("panic", vec!["published"]),
        ("hang", vec!["published"]),
    ] {
        let (bus, log) = bus();
        let result = bus.execute(Act { then }).await;
        assert_eq!(result.is_ok(), then == "succeed");
        bus.shutdown().await;
        assert_eq!(log.lines(), expected, "when the handler is to {then}");
    }
}

// The queue.

#[event]
struct Tick(usize);
#[handler]
async fn tick(event: &Tick, gate: &Res<Gate>) {
    gate.seen.fetch_add(1, Ordering::SeqCst);
    gate.order.lock().unwrap().push(event.0);
    if let Ok(permit) = gate.open.acquire().await {
        permit.forget();
    }
}
struct Gate {
    open: tokio::sync::Semaphore,
    seen: AtomicUsize,
    order: Mutex<Vec<usize>>,
}
#[bus::resource]
fn gate() -> Gate {
    let open = tokio::sync::Semaphore::new(0);
    Gate { open, seen: AtomicUsize::new(0), order: Mutex::default() }
}

fn small(strategy: BackpressureStrategy) -> (Bus, Arc<Gate>) {
    let builder = Bus::builder().event_queue_size(4).concurrency(1).backpressure_strategy(strategy);
    let (bus, _) = build(builder);
    let gate = bus.resource::<Gate>().expect("provided").into_arc();
    (bus, gate)
}

/// One event is at work and cannot end; the queue behind it holds four.
async fn fill(bus: &Bus) {
    bus.publish(Tick(0)).await.unwrap();
    settle().await;
    for n in 1..=4 {
        bus.publish(Tick(n)).await.unwrap();
        settle().await;
    }
    assert_eq!(bus.stats().queued, 4);
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn block_waits_for_room_and_gives_the_event_back_when_there_is_none() {
    let (bus, gate) = small(BackpressureStrategy::Block { timeout: Duration::from_secs(2) });
    fill(&bus).await;
    let start = tokio::time::Instant::now();
    let error = bus.publish(Tick(5)).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(matches!(error.kind(), PublishErrorKind::TimedOut { capacity: 4, .. }), "{error}");
    assert_eq!(error.into_event().0, 5);

    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(Tick(6)).await.map(|published| published.outcome) }
    });
    settle().await;
    assert!(!waiting.is_finished());
    gate.open.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap(), Outcome::Queued);
    gate.open.add_permits(100);
    bus.shutdown().await;
    assert_eq!(*gate.order.lock().unwrap(), [0, 1, 2, 3, 4, 6], "each once, in order");
    assert_eq!(bus.stats().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_dropped_while_it_waits_was_never_queued() {
    let (bus, gate) = small(BackpressureStrategy::Block { timeout: Duration::from_secs(2) });
    fill(&bus).await;
    let dropped = tokio::time::timeout(Duration::from_secs(1), bus.publish(Tick(5))).await;
    assert!(dropped.is_err());
    gate.open.add_permits(100);
    bus.shutdown().await;
    assert_eq!(gate.seen.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn reject_new_refuses_at_once() {
    let (bus, gate) = small(BackpressureStrategy::RejectNew);
    fill(&bus).await;
    let error = bus.publish(Tick(5)).await.unwrap_err();
    assert!(matches!(error.kind(), PublishErrorKind::Full { capacity: 4 }), "{error}");
    let error = bus.try_publish(Tick(5)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event events::Tick was not published: the queue is full (4 events)"
    );
    gate.open.add_permits(100);
    bus.shutdown().await;
    assert_eq!(gate.seen.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_says_what_it_dropped() {
    let (bus, gate) = small(BackpressureStrategy::DropOldest);
    fill(&bus).await;
    let outcome = bus.publish(Tick(5)).await.unwrap().outcome;
    assert_eq!(outcome, Outcome::QueuedAfterDropping(1));
    gate.open.add_permits(100);
    bus.shutdown().await;
    let order = gate.order.lock().unwrap().clone();
    assert_eq!((order.len(), order.last()), (5, Some(&5)), "{order:?}");
    assert_eq!(bus.stats().dropped, 1);
}

// Publishing from inside a handler.

#[event]
struct Burst(usize);
#[handler]
async fn burst(event: &Burst, bus: Bus) -> bus::Result<()> {
    for n in 0..event.0 {
        bus.publish(Tick(n)).await.map_err(|error| bus::Error::msg(error.kind()))?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_never_waits_for_its_own_queue() {
    let builder = Bus::builder().event_queue_size(1).concurrency(1);
    let (bus, _) = build(builder);
    let gate = bus.resource::<Gate>().unwrap();
    gate.open.add_permits(1000);
    bus.publish(Burst(10)).await.unwrap();
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(gate.seen.load(Ordering::SeqCst), 10);
    assert_eq!(bus.stats().debt, 0);
}

#[tokio::test(start_paused = true)]
async fn debt_has_a_ceiling_that_is_an_error() {
    let builder = Bus::builder().event_queue_size(1).concurrency(1);
    let (bus, log) = build(builder);
    bus.publish(Burst(100)).await.unwrap();
    settle().await;
    let lines = log.lines();
    assert!(
        lines.is_empty() || lines.iter().all(|line| line.contains("10 events more")),
        "{lines:?}"
    );
    assert!(bus.stats().queued <= 11, "the bound is not real: {:?}", bus.stats());
    assert!(bus.stats().rejected >= 1);
    bus.resource::<Gate>().unwrap().open.add_permits(1000);
    bus.shutdown().await;
    assert!(log.lines().iter().any(|line| line.contains("10 events more")), "{:?}", log.lines());
}

#[command]
struct EmitMany(usize);
#[handler]
fn emit_many(command: EmitMany, emit: Emit<Tick>) -> bus::Result<()> {
    (0..command.0).for_each(|n| emit.send(Tick(n)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_root_command_waits_until_its_debt_is_paid() {
    let (bus, gate) = small(BackpressureStrategy::RejectNew);
    bus.publish(Tick(99)).await.unwrap();
    settle().await;
    let call = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(EmitMany(9)).await }
    });
    settle().await;
    assert!(!call.is_finished(), "it went on with debt: {:?}", bus.stats());
    gate.open.add_permits(4);
    settle().await;
    assert!(!call.is_finished(), "it went on with debt: {:?}", bus.stats());
    gate.open.add_permits(100);
    call.await.unwrap().unwrap();
    assert_eq!(bus.stats().debt, 0);
    bus.shutdown().await;
    assert_eq!(gate.seen.load(Ordering::SeqCst), 10);
}

#[event]
struct Again;
#[handler]
async fn again(_: &Again, bus: Bus, log: &Res<Log>) -> bus::Result<()> {
    log.add("again");
    bus.publish(Again).await.map_err(|error| bus::Error::msg(error.kind()))?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_that_feed_each_other_end_with_their_chain() {
    let (bus, log) = bus();
    bus.publish(Again).await.unwrap();
    bus.shutdown().await;
    let lines = log.lines();
    assert_eq!(lines.iter().filter(|line| *line == "again").count(), 64);
    let last = lines.last().unwrap();
    assert!(last.contains("events::Again -> events::Again"), "{last}");
}

#[event]
struct Unheard;

#[handler]
fn note_unhandled(event: &UnhandledEvent, log: &Res<Log>) {
    log.add(format!("{} {} in {}", event.event, event.event_id, event.session_id));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_handles_is_counted_announced_and_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let (bus, log) = build(Bus::builder().on_unhandled(move |event| {
        listener.lock().unwrap().push(event.event_id);
        panic!("a listener that panics is only its own problem");
    }));
    let _session = bus.session("s1").open().await.unwrap();
    let published = bus.publish(Unheard).session("s1").await.unwrap();
    bus.idle().await;
    assert_eq!(bus.stats().unhandled, 1);
    assert_eq!(*told.lock().unwrap(), [published.id]);
    assert_eq!(log.lines(), [format!("events::Unheard {} in s1", published.id)]);
}

/// Two buses of one process are two: nothing of one is in the other.
#[tokio::test(start_paused = true)]
async fn buses_share_nothing() {
    let ((one, first), (other, second)) = (bus(), bus());
    one.register_event_handler(|_: Arc<Unheard>, _| std::future::ready(())).unwrap();
    other.shutdown().await;
    one.publish(Noted2(1)).and_wait().await.unwrap();
    one.publish(Unheard).and_wait().await.unwrap();
    assert_eq!((first.lines(), second.lines()), (vec!["1".to_owned()], vec![]));
    assert_eq!((one.stats().processed, other.stats().processed), (2, 0));
    assert_eq!(one.stats().handlers, other.stats().handlers + 1);
}

#[test]
fn publishing_before_there_is_a_runtime_loses_nothing() {
    let (bus, log) = bus();
    for n in 0..3 {
        bus.try_publish(Noted2(n)).unwrap();
    }
    assert_eq!(bus.stats().queued, 3);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(bus.shutdown()).is_clean());
    assert_eq!(log.lines(), ["0", "1", "2"]);
}
#[event]
struct Noted2(u32);
#[handler]
fn noted2(event: &Noted2, log: &Res<Log>) {
    log.add(event.0.to_string());
}

#[tokio::test]
async fn publish_carries_its_options() {
    let (bus, log) = bus();
    let _job = bus.session("job").open().await.unwrap();
    bus.publish(Tagged).header("k", "v").session("job").await.unwrap();
    bus.shutdown().await;
    assert_eq!(log.lines(), ["v job"]);
}
#[event]
struct Tagged;
#[handler]
fn tagged(_: &Tagged, cx: &Context, log: &Res<Log>) {
    log.add(format!("{} {}", cx.header("k").unwrap_or("none"), cx.session_id()));
}
