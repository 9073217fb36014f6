//! Counters under load, with retries, panics, timeouts, cancelled calls, filters, a full queue and a shutdown in the
//! middle: each is what callers were told and what handlers have done.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    BackpressureStrategy, FilterView, MetricValue, MetricsConfig, MetricsSnapshot, Outcome,
    Sampling,
};
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};
use tokio::task::JoinSet;

/// What a handler does with a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Fails so often, then succeeds.
    Fails(u32),
    Panics,
    /// Until its timeout.
    Hangs,
}

#[command]
struct Work(u64, Fate);
#[event]
struct Note(u64, Fate);
/// Is not worth much after a while.
#[event(ttl = "3ms")]
struct Short(u64);
/// Its handler is at work at the end.
#[event]
struct Stuck(u64);
#[event]
struct Unheard;

/// What one handler has done.
#[derive(Default)]
struct Done {
    began: Mutex<BTreeSet<u64>>,
    well: AtomicU64,
    retries: AtomicU64,
}

impl Done {
    fn begins(&self, id: u64, cx: &Context) {
        self.began.lock().unwrap().insert(id);
        self.retries.fetch_add(u64::from(cx.attempt() > 1), Relaxed);
    }
    fn ends_well(&self) -> bus::Result<()> {
        self.well.fetch_add(1, Relaxed);
        Ok(())
    }
    /// Calls that began, once for each message; those that ended well; retries.
    fn counts(&self) -> [u64; 3] {
        let began = self.began.lock().unwrap().len() as u64;
        [began, self.well.load(Relaxed), self.retries.load(Relaxed)]
    }
}

#[derive(Default)]
struct World {
    work: Done,
    first: Done,
    second: Done,
    short: Done,
    stuck: Done,
}

async fn meets(fate: Fate, cx: &Context) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(1)).await;
    match fate {
        Fate::Fails(times) if cx.attempt() <= times => Err(bus::Error::msg("not yet")),
        Fate::Fails(_) => Ok(()),
        Fate::Panics => panic!("as it was told to"),
        Fate::Hangs => std::future::pending().await,
    }
}

#[handler(timeout = "50ms", retry(max_retries = 2, initial_delay = "5ms", jitter = none))]
async fn work(work: &Work, cx: &Context, world: &Res<World>, emit: Emit<Note>) -> bus::Result<()> {
    world.work.begins(work.0, cx);
    meets(work.1, cx).await?;
    emit.send(Note(work.0, Fate::Fails(0)));
    world.work.ends_well()
}

#[handler(priority = 1, timeout = "50ms", retry(max_retries = 2, initial_delay = "5ms", jitter = none))]
async fn first(note: &Note, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.first.begins(note.0, cx);
    meets(note.1, cx).await?;
    world.first.ends_well()
}
fn is_even(event: &FilterView<'_>) -> bool {
    event.get::<Note>().is_some_and(|note| note.0.is_multiple_of(2))
}
#[handler(filter = is_even)]
fn second(note: &Note, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.second.begins(note.0, cx);
    if note.0.is_multiple_of(4) { Err(bus::Error::msg("no")) } else { world.second.ends_well() }
}
#[handler]
async fn short(event: &Short, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.short.begins(event.0, cx);
    cx.sleep(Duration::from_millis(2)).await;
    world.short.ends_well()
}
#[handler(timeout = "1h")]
async fn stuck(event: &Stuck, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.stuck.begins(event.0, cx);
    std::future::pending::<()>().await;
    world.stuck.ends_well()
}

#[derive(Debug, Clone, Copy)]
enum Op {
    /// Its caller goes away after so many milliseconds.
    Execute(Fate, Option<u64>),
    Publish(Fate),
    TryPublish(Fate),
    Short,
    Unheard,
    Blocked,
    Wait(u64),
}

fn fates() -> impl Strategy<Value = Fate> {
    prop_oneof![
        4 => (0..5_u32).prop_map(Fate::Fails),
        1 => Just(Fate::Panics),
        1 => Just(Fate::Hangs),
    ]
}

fn ops() -> impl Strategy<Value = Op> {
    prop_oneof![
        4 => (fates(), prop::option::weighted(0.3, 0..70_u64)).prop_map(|(fate, gone)| Op::Execute(fate, gone)),
        3 => fates().prop_map(Op::Publish),
        3 => fates().prop_map(Op::TryPublish),
        2 => Just(Op::Short),
        1 => Just(Op::Unheard),
        1 => Just(Op::Blocked),
        2 => (0..30_u64).prop_map(Op::Wait),
    ]
}

#[derive(Debug, Clone)]
struct Scenario {
    ops: Vec<Op>,
    strategy: BackpressureStrategy,
    capacity: usize,
    concurrency: usize,
    /// Events whose handlers do not end.
    stuck: u64,
    sampling: Sampling,
    /// How long, in milliseconds, until the bus is shut down.
    ends_after: u64,
}

fn scenarios() -> impl Strategy<Value = Scenario> {
    let strategies = prop_oneof![
        Just(BackpressureStrategy::Block { timeout: Duration::from_millis(20) }),
        Just(BackpressureStrategy::DropOldest),
        Just(BackpressureStrategy::RejectNew),
        Just(BackpressureStrategy::AdaptiveRateLimit),
    ];
    let sampling =
        prop_oneof![Just(Sampling::Every), Just(Sampling::one_in(3)), Just(Sampling::Off)];
    let ends = prop_oneof![Just(LATE), 0..300_u64];
    let parts =
        (prop::collection::vec(ops(), 1..60), strategies, 1..20_usize, 1..6_usize, 0..2_u64);
    (parts, sampling, ends).prop_map(|(parts, sampling, ends_after)| {
        let (ops, strategy, capacity, concurrency, stuck) = parts;
        Scenario { ops, strategy, capacity, concurrency, stuck, sampling, ends_after }
    })
}

/// What callers were told.
#[derive(Debug, Default)]
struct Told {
    sent: u64,
    executed: AtomicU64,
    /// Those whose callers have gone are not told.
    failed: AtomicU64,
    accepted: AtomicU64,
    rejected: AtomicU64,
    filtered: AtomicU64,
    dropped: AtomicU64,
}

impl Told {
    fn answered<E>(&self, answer: Result<(), E>) {
        let count = if answer.is_ok() { &self.executed } else { &self.failed };
        count.fetch_add(1, Relaxed);
    }
    fn published<E>(&self, answer: Result<bus::Published, bus::PublishError<E>>) {
        match answer.map(|published| published.outcome) {
            Ok(Outcome::Queued) => self.accepted.fetch_add(1, Relaxed),
            Ok(Outcome::QueuedAfterDropping(n)) => {
                self.dropped.fetch_add(n as u64, Relaxed);
                self.accepted.fetch_add(1, Relaxed)
            }
            Ok(Outcome::Filtered { .. }) => self.filtered.fetch_add(1, Relaxed),
            Err(_) => self.rejected.fetch_add(1, Relaxed),
            Ok(other) => panic!("{other:?}"),
        };
    }
}

/// In milliseconds: all has come to its end.
const LATE: u64 = 60_000;
const BLOCKED: u64 = u64::MAX;

#[filter]
fn is_not_blocked(event: &FilterView<'_>) -> bool {
    event.get::<Note>().is_none_or(|note| note.0 != BLOCKED)
}

async fn play(scenario: &Scenario) -> Result<(), TestCaseError> {
    let config = MetricsConfig::default().sampling(scenario.sampling);
    let bus = Bus::builder()
        .metrics(config)
        .provide(World::default())
        .backpressure_strategy(scenario.strategy)
        .event_queue_size(scenario.capacity)
        .concurrency(scenario.concurrency + 2)
        .shutdown_timeout(Duration::from_millis(100), Duration::from_millis(100))
        .build()
        .unwrap();
    let sent = scenario.ops.iter().filter(|op| matches!(op, Op::Execute(..))).count() as u64;
    let told = Arc::new(Told { sent, ..Told::default() });
    let mut tasks = JoinSet::new();
    for id in 0..scenario.stuck {
        told.published(bus.publish(Stuck(id)).await);
    }
    for (id, op) in (0..).zip(&scenario.ops) {
        do_one(id, *op, &bus, &told, &mut tasks).await;
        tokio::task::yield_now().await;
        adds_up(&bus.metrics().snapshot())?;
    }
    tokio::time::sleep(Duration::from_millis(scenario.ends_after)).await;
    let report = bus.shutdown().await;
    while tasks.join_next().await.is_some() {}
    let metrics = bus.metrics().snapshot();
    adds_up(&metrics)?;
    compare(&bus, &metrics, &told, scenario).map_err(|error| {
        let text = bus.metrics().to_prometheus();
        let is_told = |line: &&str| {
            !line.starts_with('#')
                && !line.contains("_bucket")
                && !line.ends_with(" 0")
                && !line.ends_with(" 0.0")
        };
        let counts: Vec<_> = text.lines().filter(is_told).collect();
        TestCaseError::fail(format!("{error}\n{told:?}\n{report:?}\n{}", counts.join("\n")))
    })
}

fn spawn(tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(task);
}

async fn do_one(id: u64, op: Op, bus: &Bus, told: &Arc<Told>, tasks: &mut JoinSet<()>) {
    let (bus, told) = (bus.clone(), Arc::clone(told));
    match op {
        Op::Execute(fate, None) => spawn(tasks, async move {
            told.answered(bus.execute(Work(id, fate)).await);
        }),
        Op::Execute(fate, Some(gone)) => spawn(tasks, async move {
            let call = bus.execute(Work(id, fate));
            let answer = tokio::time::timeout(Duration::from_millis(gone), call).await;
            answer.into_iter().for_each(|answer| told.answered(answer));
        }),
        Op::Publish(fate) => spawn(tasks, async move {
            told.published(bus.publish(Note(id, fate)).await);
        }),
        Op::TryPublish(fate) => told.published(bus.try_publish(Note(id, fate))),
        Op::Short => told.published(bus.try_publish(Short(id))),
        Op::Unheard => told.published(bus.try_publish(Unheard)),
        Op::Blocked => told.published(bus.try_publish(Note(BLOCKED, Fate::Fails(0)))),
        Op::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
    }
}

/// True at any time.
fn adds_up(metrics: &MetricsSnapshot) -> Result<(), TestCaseError> {
    let [sent, processed, failed] = ["sent", "processed", "failed"]
        .map(|what| metrics.counter(&format!("commands_{what}_total")));
    let in_flight = metrics.gauge("commands_in_flight");
    prop_assert_eq!((processed + failed) as f64 + in_flight, sent as f64);
    let sum = |family: &str| all(metrics, family, |_| true);
    prop_assert_eq!(sum("message_published_total"), metrics.counter("events_published_total"));
    prop_assert_eq!(sum("message_dropped_total"), sum("events_dropped_total"));
    prop_assert_eq!(sum("handler_retries_total"), metrics.counter("retries_total"));
    Ok(())
}

/// All samples of a family together, of those whose labels are wanted.
fn all(metrics: &MetricsSnapshot, family: &str, wants: impl Fn(&[(&str, String)]) -> bool) -> u64 {
    let family = metrics.families.iter().find(|one| one.name == family).unwrap();
    let wanted = family.samples.iter().filter(|sample| wants(&sample.labels));
    let counts = wanted.map(|sample| match sample.value {
        MetricValue::Counter(count) => count,
        ref other => panic!("{other:?}"),
    });
    counts.sum()
}

fn compare(
    bus: &Bus,
    metrics: &MetricsSnapshot,
    told: &Told,
    scenario: &Scenario,
) -> Result<(), TestCaseError> {
    let World { work, first, second, short, stuck } = &*bus.resource::<World>().unwrap();
    let counter = |name: &str| metrics.counter(name);
    // A command whose caller leaves while what it has emitted waits for room has ended well.
    let [_, executed, _] = work.counts();
    prop_assert!(told.executed.load(Relaxed) <= executed);
    prop_assert_eq!(counter("commands_sent_total"), told.sent);
    prop_assert_eq!(counter("commands_processed_total"), executed);
    prop_assert_eq!(counter("commands_failed_total"), told.sent - executed);
    for gauge in [
        "commands_in_flight",
        "events_in_flight",
        "queue_size",
        "queue_oldest_age_seconds",
        "backpressure_active",
    ] {
        prop_assert_eq!(metrics.gauge(gauge), 0.0, "{}", gauge);
    }

    let handlers =
        [("work", work), ("first", first), ("second", second), ("short", short), ("stuck", stuck)];
    let mut of_events = [0; 2];
    let mut retries = 0;
    for (name, done) in handlers {
        let [began, well, retried] = done.counts();
        let of = |family: &str| {
            all(metrics, family, |labels| labels.contains(&("handler", name.to_owned())))
        };
        prop_assert_eq!(of("handler_processed_total"), well, "processed by {}", name);
        prop_assert_eq!(of("handler_retries_total"), retried, "retries of {}", name);
        retries += retried;
        if name != "work" {
            prop_assert_eq!(of("handler_failed_total"), began - well, "failed by {}", name);
            of_events[0] += well;
            of_events[1] += began - well;
        }
    }
    prop_assert_eq!(counter("retries_total"), retries);
    prop_assert_eq!([counter("events_processed_total"), counter("events_failed_total")], of_events);
    // What was given up after its retries is kept.
    if scenario.ends_after == LATE {
        let [began, well, _] = first.counts();
        // Of commands, those of which a caller was told; one that has left then may not have heard.
        let kept = metrics.gauge("dead_letter_queue_size") - (began - well) as f64;
        let told = told.failed.load(Relaxed) as f64..=counter("commands_failed_total") as f64;
        prop_assert!(told.contains(&kept), "{} of {:?}", kept, told);
    }

    prop_assert_eq!(counter("events_rejected_total"), told.rejected.load(Relaxed));
    let by_bus = |labels: &[(&str, String)]| labels.contains(&("handler", String::new()));
    prop_assert_eq!(all(metrics, "events_filtered_total", by_bus), told.filtered.load(Relaxed));
    let full = |labels: &[(&str, String)]| labels.contains(&("reason", "queue_full".to_owned()));
    prop_assert_eq!(all(metrics, "events_dropped_total", full), told.dropped.load(Relaxed));

    // Each event that was accepted came to its handlers, or was lost, and that is said.
    let came = [first, short, stuck].map(|done| done.counts()[0]).iter().sum::<u64>();
    let lost = all(metrics, "events_dropped_total", |labels| {
        !labels.contains(&("reason", "expired".to_owned()))
    });
    let ends = came + counter("events_unhandled_total") + counter("events_expired_total") + lost;
    prop_assert_eq!(counter("events_published_total"), ends);
    // What handlers emit is accepted too.
    prop_assert!(counter("events_published_total") >= told.accepted.load(Relaxed));

    let timed = metrics.histogram("command_processing_duration_seconds").unwrap().count;
    match scenario.sampling {
        // Those whose callers have gone have no end.
        Sampling::Every if scenario.ends_after == LATE => {
            let told = executed + told.failed.load(Relaxed);
            prop_assert!((told..=counter("commands_sent_total")).contains(&timed));
        }
        Sampling::Off => prop_assert_eq!(timed, 0),
        _ => prop_assert!(timed <= told.sent),
    }
    Ok(())
}

proptest! {
    #![proptest_config(Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn counters_are_what_has_happened(scenario in scenarios()) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(&scenario))?;
    }
}

#[command]
struct Quick(u64);
#[handler]
fn quick(quick: &Quick, emit: Emit<Fast>) -> bus::Result<()> {
    if quick.0.is_multiple_of(3) {
        return Err(bus::Error::msg("no"));
    }
    emit.send(Fast(quick.0));
    Ok(())
}
#[event]
struct Fast(u64);
#[handler]
async fn fast(event: &Fast) -> bus::Result<()> {
    tokio::task::yield_now().await;
    if event.0.is_multiple_of(5) { Err(bus::Error::msg("no")) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_thread_loses_a_count_of_another() {
    const EACH: u64 = 3_000;
    let bus = Bus::builder().provide(World::default()).build().unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let bus = bus.clone();
        tasks.spawn(async move {
            for id in 0..EACH {
                let _ = bus.execute(Quick(id)).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    bus.idle().await;
    let metrics = bus.metrics().snapshot();
    adds_up(&metrics).unwrap();
    let counts = ["commands_processed_total", "commands_failed_total", "events_published_total"]
        .map(|name| metrics.counter(name));
    assert_eq!(counts, [8 * EACH * 2 / 3, 8 * EACH / 3, 8 * EACH * 2 / 3]);
    // Of those that are no multiple of 3, every fifth is one of 5.
    let counts =
        ["events_processed_total", "events_failed_total"].map(|name| metrics.counter(name));
    assert_eq!(counts, [8 * EACH * 8 / 15, 8 * EACH * 2 / 15]);
    let timed = ["command_processing", "event_processing"]
        .map(|of| metrics.histogram(&format!("{of}_duration_seconds")).unwrap().count);
    assert_eq!(timed, [8 * EACH, 8 * EACH * 2 / 3]);
}
