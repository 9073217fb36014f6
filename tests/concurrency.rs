//! `concurrency`: how many runs of one handler there are at once.

use std::num::NonZeroU32;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::time::Duration;

use bus::{
    BackpressureStrategy, Bus, HandlerOptions, Outcome, OwnedContext, PublishErrorKind, Res, event,
    handler, handlers,
};
use tokio::sync::Semaphore;

/// How many runs there are, and were at most.
#[derive(Default)]
struct Runs {
    now: AtomicUsize,
    most: AtomicUsize,
}

impl Runs {
    async fn one(&self) {
        self.most.fetch_max(self.now.fetch_add(1, Ordering::SeqCst) + 1, Ordering::SeqCst);
        tokio::time::sleep(Duration::from_millis(10)).await;
        self.now.fetch_sub(1, Ordering::SeqCst);
    }

    fn most(&self) -> usize {
        self.most.load(Ordering::SeqCst)
    }
}

#[event]
struct Indexed;
#[derive(Default)]
struct Index(Runs);
#[handler(manual, concurrency = 2)]
async fn index(_: &Indexed, index: &Res<Index>) {
    index.0.one().await;
}

#[event]
struct Mailed;
struct Mailer(Arc<Runs>);
#[handlers]
impl Mailer {
    #[handler(concurrency = 3)]
    async fn mail(&self, _: &Mailed) {
        self.0.one().await;
    }
}

fn builder() -> bus::Builder {
    Bus::builder().provide(Index::default()).provide(Mailer(Arc::default()))
}

async fn most_of_index(bus: Bus) -> usize {
    for _ in 0..10 {
        bus.publish(Indexed).await.unwrap();
    }
    bus.shutdown().await;
    bus.resource::<Index>().unwrap().0.most()
}

#[tokio::test(start_paused = true)]
async fn the_attribute_limits_a_function() {
    let bus = builder().handler::<index>().build().unwrap();
    assert_eq!(most_of_index(bus).await, 2);
    let bus = builder().build().unwrap();
    bus.register::<index>().unwrap();
    assert_eq!(most_of_index(bus).await, 2, "registered at run time");
}

#[tokio::test(start_paused = true)]
async fn the_attribute_limits_a_method() {
    let runs = Arc::<Runs>::default();
    let bus = builder().provide(Mailer(Arc::clone(&runs))).build().unwrap();
    for _ in 0..10 {
        bus.publish(Mailed).await.unwrap();
    }
    bus.shutdown().await;
    assert_eq!(runs.most(), 3);
}

#[tokio::test(start_paused = true)]
async fn the_builder_overrides_the_attribute() {
    let builder = builder().handler::<index>().configure::<index>(|h| h.concurrency(5));
    assert_eq!(most_of_index(builder.build().unwrap()).await, 5);
}

#[test]
fn the_builder_refuses_what_limits_nothing() {
    let builder = builder().handler::<index>().configure::<index>(|h| h.concurrency(0));
    let error = builder.build().unwrap_err();
    let [zero] = error.problems() else { panic!("{error}") };
    let zero = zero.to_string();
    assert!(
        zero.starts_with("`concurrency` is 0 for the handler `index` at tests/concurrency.rs:"),
        "{zero}"
    );
    assert!(zero.ends_with(", and must be at least 1"), "{zero}");
}

#[tokio::test(start_paused = true)]
async fn the_options_limit_a_closure_of_an_event() {
    #[event]
    struct Heard;

    let bus = builder().build().unwrap();
    let runs = Arc::<Runs>::default();
    let seen = Arc::clone(&runs);
    let options = HandlerOptions::new().concurrency(NonZeroU32::MIN);
    bus.register_event_handler_with(options, move |_: Arc<Heard>, _: OwnedContext| {
        let runs = Arc::clone(&seen);
        async move { runs.one().await }
    })
    .unwrap();
    for _ in 0..3 {
        bus.publish(Heard).await.unwrap();
    }
    bus.shutdown().await;
    assert_eq!(runs.most(), 1);
}

// What waits for a slot.

#[event]
struct Job(u32);
struct Jobs {
    done: Mutex<Vec<String>>,
    open: Semaphore,
}
impl Default for Jobs {
    fn default() -> Self {
        Self { done: Mutex::default(), open: Semaphore::new(0) }
    }
}
impl Jobs {
    fn add(&self, line: String) {
        self.done.lock().unwrap().push(line);
    }
}
#[handler(manual, concurrency = 1)]
async fn slowly(event: &Job, jobs: &Res<Jobs>) {
    if let Ok(permit) = jobs.open.acquire().await {
        permit.forget();
    }
    jobs.add(format!("slowly {}", event.0));
}
#[handler(manual)]
async fn beside(event: &Job, jobs: &Res<Jobs>) {
    jobs.add(format!("beside {}", event.0));
}
#[handler(manual, priority = -1)]
async fn after(event: &Job, jobs: &Res<Jobs>) {
    jobs.add(format!("after {}", event.0));
}

fn jobs(builder: bus::Builder) -> (Bus, Arc<Jobs>) {
    let builder = builder.provide(Jobs::default()).handler::<slowly>().handler::<beside>();
    let bus = builder.handler::<after>().build().unwrap();
    let jobs = bus.resource::<Jobs>().unwrap().into_arc();
    (bus, jobs)
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_slot_holds_up_no_other_handler_and_counts_as_queued() {
    let strategy = BackpressureStrategy::RejectNew;
    let (bus, jobs) = jobs(builder().event_queue_size(3).backpressure_strategy(strategy));
    for n in 0..4 {
        bus.publish(Job(n)).await.unwrap();
        settle().await;
    }
    // One has the slot, and three wait for it: all others have gone on.
    assert_eq!(*jobs.done.lock().unwrap(), ["beside 0", "beside 1", "beside 2", "beside 3"]);
    let queue = bus.event_queue().stats();
    assert_eq!((queue.queued, queue.waited_for_slots, queue.debt), (3, 3, 0));
    let refused = bus.publish(Job(4)).await.expect_err("three wait, and three may be queued");
    assert_eq!(refused.kind(), &PublishErrorKind::Full { capacity: 3 });
    // Served in order, and the next group of each event waits for its own alone.
    jobs.open.add_permits(10);
    bus.idle().await;
    let mut expected: Vec<_> = (0..4).map(|n| format!("beside {n}")).collect();
    expected.extend((0..4).flat_map(|n| [format!("slowly {n}"), format!("after {n}")]));
    assert_eq!(*jobs.done.lock().unwrap(), expected);
    assert_eq!(bus.event_queue().len(), 0);
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_reaches_what_waits_for_a_slot() {
    let strategy = BackpressureStrategy::DropOldest;
    let (bus, jobs) = jobs(builder().event_queue_size(2).backpressure_strategy(strategy));
    for n in 0..3 {
        bus.publish(Job(n)).await.unwrap();
        settle().await;
    }
    // Zero is at work, one and two wait for its slot.
    let waits = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(Job(3)).and_wait().await.unwrap() }
    });
    settle().await;
    let published = bus.publish(Job(4)).await.unwrap();
    assert_eq!(published.outcome, Outcome::QueuedAfterDropping(1));
    settle().await;
    bus.publish(Job(5)).await.unwrap();
    let failures = waits.await.unwrap().failures;
    assert_eq!(failures.len(), 1, "{failures:?}");
    assert!(failures[0].error.contains("waited for a slot"), "{failures:?}");
    jobs.open.add_permits(10);
    bus.idle().await;
    let done = jobs.done.lock().unwrap().clone();
    let of = |who: &str| done.iter().filter(|line| line.starts_with(who)).cloned().collect();
    let slowly: Vec<String> = of("slowly");
    assert_eq!(slowly, ["slowly 0", "slowly 4", "slowly 5"], "one, two and three were dropped");
    let after: Vec<String> = of("after");
    assert_eq!(after, ["after 0", "after 4", "after 5"], "and went to no further group");
    assert_eq!(bus.stats().dropped, 3);
    assert_eq!(bus.stats().events_in_flight, 0);
}

/// Runs of all handlers together: never more than the bus allows, and a plain function is none.
#[tokio::test(start_paused = true)]
async fn the_bus_limits_the_runs_of_all_handlers_together() {
    #[event]
    struct Busy;
    let bus = builder().concurrency(3).build().unwrap();
    let runs = Arc::<Runs>::default();
    for priority in [0, 0, 0, 0, 1, 1] {
        let runs = Arc::clone(&runs);
        let options = HandlerOptions::new().priority(priority);
        bus.register_event_handler_with(options, move |_: Arc<Busy>, _: OwnedContext| {
            let runs = Arc::clone(&runs);
            async move { runs.one().await }
        })
        .unwrap();
    }
    for _ in 0..50 {
        bus.publish(Busy).await.unwrap();
    }
    bus.idle().await;
    assert_eq!((runs.most(), bus.stats().processed), (3, 300));
}

/// What the handlers below say, and what they wait for.
struct Signals {
    is_on_its_way: AtomicBool,
    is_queued_again: AtomicBool,
    is_in_hand: AtomicBool,
    gate: Semaphore,
    end: Semaphore,
    go: Barrier,
}
#[event]
struct Paused(u32);
#[event]
struct Blocks;
#[handler(manual, priority = 1)]
async fn pauses(event: &Paused, signals: &Res<Signals>) {
    if event.0 == 1 {
        tokio::task::yield_now().await;
        signals.is_on_its_way.store(true, Ordering::SeqCst);
        drop(signals.gate.acquire().await);
    }
}
#[handler(manual, concurrency = 1)]
async fn narrow(_: &Paused, signals: &Res<Signals>) {
    drop(signals.end.acquire().await);
}
/// Begins when all runs of `narrow` that begin with it are pending.
#[handler(manual)]
fn tells(event: &Paused, signals: &Res<Signals>) {
    if event.0 == 1 {
        signals.is_queued_again.store(true, Ordering::SeqCst);
    }
}
#[handler(manual, batch = 2, priority = -1)]
async fn gathers(_: &[Arc<Paused>]) {}
/// In the dispatcher's hand for so long.
#[handler(manual)]
fn blocks(_: &Blocks, signals: &Res<Signals>) {
    signals.is_in_hand.store(true, Ordering::SeqCst);
    signals.go.wait();
}

/// It has left the dispatcher's hand, in which another one is by now.
#[tokio::test(flavor = "multi_thread", worker_threads = 3)]
async fn an_event_that_is_queued_again_later_takes_the_place_of_no_other() {
    for in_batches in [false, true] {
        let signals = Signals {
            is_on_its_way: AtomicBool::new(false),
            is_queued_again: AtomicBool::new(false),
            is_in_hand: AtomicBool::new(false),
            gate: Semaphore::new(0),
            end: Semaphore::new(0),
            go: Barrier::new(2),
        };
        let builder = builder().provide(signals).handler::<pauses>().handler::<narrow>();
        let builder = builder.handler::<tells>().handler::<blocks>().event_queue_size(2);
        let builder = builder.backpressure_strategy(BackpressureStrategy::RejectNew);
        let builder = if in_batches { builder.handler::<gathers>() } else { builder };
        let bus = builder.build().unwrap();
        let signals = bus.resource::<Signals>().unwrap();
        let until = async |said: &AtomicBool| {
            while !said.load(Ordering::SeqCst) {
                tokio::task::yield_now().await;
            }
        };
        bus.publish(Paused(0)).await.unwrap();
        bus.publish(Paused(1)).await.unwrap();
        until(&signals.is_on_its_way).await;
        bus.publish(Blocks).await.unwrap();
        until(&signals.is_in_hand).await;
        signals.gate.add_permits(1);
        until(&signals.is_queued_again).await;
        let refused = bus.try_publish(Indexed);
        signals.go.wait();
        signals.end.add_permits(1);
        bus.idle().await;
        let refused = refused.expect_err("one is in the hand, and one waits for a slot");
        assert!(matches!(refused.kind(), PublishErrorKind::Full { capacity: 2 }), "{refused}");
    }
}
