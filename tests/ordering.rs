//! Order: `key`, `ordered` and `stream`.

use std::hash::{Hash, Hasher};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::middleware::retry;
use bus::testing::{TestBus, TestBusBuilder};
use bus::{
    BackpressureStrategy, Bus, Context, FilterView, Jitter, PublishErrorKind, Res, RetryConfig,
    WiringProblem, event, handler,
};

/// What handlers have done, in the order in which they did it.
#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
    /// Those that begin with this.
    fn of(&self, start: &str) -> Vec<String> {
        let mut all = self.all();
        all.retain(|line| line.starts_with(start));
        all
    }
}

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> (TestBus, Log) {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    (with(builder).build().unwrap(), log)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// The earlier of its key, the longer it takes.
#[event(key = "order")]
struct Paid {
    order: u64,
    nr: u64,
}

#[handler(manual)]
async fn ship(event: &Paid, cx: &Context, log: &Res<Log>) {
    log.say(format!("{}: begin {}", event.order, event.nr));
    cx.sleep(ms(100 - 10 * event.nr)).await;
    log.say(format!("{}: end {}", event.order, event.nr));
}

fn begun_and_ended(key: u64, n: u64) -> Vec<String> {
    (0..n).flat_map(|nr| [format!("{key}: begin {nr}"), format!("{key}: end {nr}")]).collect()
}

#[tokio::test]
async fn events_of_a_key_follow_each_other_and_those_of_others_run_meanwhile() {
    let (bus, log) = bus(|builder| builder.handler::<ship>());
    for nr in 0..5 {
        for order in 0..3 {
            bus.publish(Paid { order, nr }).await.unwrap();
        }
    }
    bus.run(bus.idle()).await;
    for order in 0..3 {
        assert_eq!(log.of(&format!("{order}:")), begun_and_ended(order, 5));
    }
    assert_eq!(bus.clock().elapsed(), ms(100 + 90 + 80 + 70 + 60), "keys wait for each other");
    assert_eq!(bus.stats().lanes, 0, "an empty lane is not there");
}

#[handler(manual, concurrency = 2)]
async fn two_at_once(event: &Paid, cx: &Context, log: &Res<Log>) {
    log.say(format!("{}: begin {}", event.order, event.nr));
    cx.sleep(ms(100)).await;
    log.say(format!("{}: end {}", event.order, event.nr));
}

/// Both slots become free at once, and two of one key are the next who wait for one.
#[tokio::test]
async fn those_who_wait_for_a_slot_wait_for_their_turn_too() {
    let (bus, log) = bus(|builder| builder.handler::<two_at_once>());
    for (order, nr) in [(0, 0), (1, 0), (2, 0), (2, 1)] {
        bus.publish(Paid { order, nr }).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.of("2:"), begun_and_ended(2, 2));
}

#[event(ordered)]
struct Line(u64);

#[handler(manual)]
async fn print(event: &Line, cx: &Context, log: &Res<Log>) {
    log.say(format!("0: begin {}", event.0));
    cx.sleep(ms(100 - 10 * event.0)).await;
    log.say(format!("0: end {}", event.0));
}

#[tokio::test]
async fn all_events_of_an_ordered_type_follow_each_other() {
    let (bus, log) = bus(|builder| builder.handler::<print>().batch_size(2));
    for nr in 0..5 {
        bus.publish(Line(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), begun_and_ended(0, 5));
}

/// Two types of one stream, and one that has nothing to do with it.
#[event(stream = "tests.accounts", key = "account")]
struct Opened {
    account: u64,
}
#[event(stream = "tests.accounts", key = "0")]
struct Charged(u64, u64);
#[event]
struct Rang;

#[handler(manual)]
async fn opened(event: &Opened, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(50)).await;
    log.say(format!("{}: opened", event.account));
}
#[handler(manual)]
async fn charged(event: &Charged, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(20)).await;
    log.say(format!("{}: charged {}", event.0, event.1));
}
#[handler(manual)]
fn note(event: &Charged, log: &Res<Log>) {
    log.say(format!("{}: note {}", event.0, event.1));
}
#[handler(manual)]
fn rang(_: &Rang, log: &Res<Log>) {
    log.say("rang");
}

#[tokio::test]
async fn the_types_of_a_stream_share_its_lanes() {
    let (bus, log) = bus(|builder| {
        builder.handler::<opened>().handler::<charged>().handler::<note>().handler::<rang>()
    });
    for account in [1, 2] {
        bus.publish(Charged(account, 0)).await.unwrap();
        bus.publish(Rang).await.unwrap();
        bus.publish(Opened { account }).await.unwrap();
        bus.publish(Charged(account, 1)).await.unwrap();
        bus.publish(Charged(account, 2)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    for account in [1, 2] {
        let of_account = ["note 0", "charged 0", "opened", "note 1", "note 2", "charged 1"];
        let mut expected: Vec<_> = of_account.map(|what| format!("{account}: {what}")).into();
        expected.push(format!("{account}: charged 2"));
        assert_eq!(log.of(&format!("{account}:")), expected, "{:?}", log.all());
    }
    assert_eq!(log.of("rang").len(), 2);
}

#[event(ordered)]
struct Step(u64);

#[handler(manual, priority = 1)]
async fn slow(event: &Step, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(100)).await;
    log.say(format!("slow {}", event.0));
}
#[handler(manual, priority = 1)]
async fn quick(event: &Step, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(1)).await;
    log.say(format!("quick {}", event.0));
}
#[handler(manual)]
fn after(event: &Step, log: &Res<Log>) {
    log.say(format!("after {}", event.0));
}

#[tokio::test]
async fn each_handler_has_its_own_line() {
    let (bus, log) = bus(|b| b.handler::<slow>().handler::<quick>().handler::<after>());
    for nr in 0..3 {
        bus.publish(Step(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    let expected = [
        "quick 0", "quick 1", "quick 2", "slow 0", "after 0", "slow 1", "after 1", "slow 2",
        "after 2",
    ];
    assert_eq!(log.all(), expected);
}

fn is_odd(view: &FilterView<'_>) -> bool {
    view.get::<Step>().is_some_and(|step| step.0 % 2 == 1)
}
#[handler(manual, priority = 1, filter = is_odd)]
async fn odd(event: &Step, cx: &Context) {
    cx.sleep(ms(100 * event.0)).await;
}

/// Zero is through the first group at once, one is not, and two is again.
#[tokio::test]
async fn what_a_filter_lets_pass_does_not_overtake_in_the_next_group() {
    let (bus, log) = bus(|builder| builder.handler::<odd>().handler::<after>());
    for nr in 0..4 {
        bus.publish(Step(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["after 0", "after 1", "after 2", "after 3"]);
}

#[event(key = "key")]
struct Tried {
    key: &'static str,
    nr: u64,
}

#[handler(manual)]
async fn try_it(event: &Tried, cx: &Context, log: &Res<Log>) -> Result<(), std::io::Error> {
    tokio::task::yield_now().await;
    log.say(format!("{}: {} {}", event.key, event.nr, cx.attempt()));
    match event.nr {
        0 => Err(std::io::Error::other("no")),
        1 => panic!("no"),
        2 => std::future::pending().await,
        _ => Ok(()),
    }
}

#[tokio::test(start_paused = true)]
async fn failures_panics_timeouts_and_retries_keep_the_order() {
    let config = RetryConfig { max_retries: 1, jitter: Jitter::None, ..RetryConfig::default() };
    // What hangs for ever is nothing that a test bus waits for.
    let log = Log::default();
    let builder = Bus::builder().without_registered().provide(log.clone());
    let bus = builder.handler::<try_it>().middleware(retry(config)).build().unwrap();
    for nr in 0..5 {
        for key in ["a", "b"] {
            bus.publish(Tried { key, nr }).await.unwrap();
        }
    }
    bus.idle().await;
    for key in ["a", "b"] {
        let tried = ["0 1", "0 2", "1 1", "2 1", "2 2", "3 1", "4 1"];
        let tried = tried.map(|what| format!("{key}: {what}"));
        assert_eq!(log.of(key), tried);
    }
    assert_eq!((bus.stats().processed, bus.stats().failed, bus.stats().lanes), (4, 6, 0));
}

#[tokio::test]
async fn what_waits_for_its_turn_is_queued() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<print>()
            .event_queue_size(3)
            .backpressure_strategy(BackpressureStrategy::RejectNew)
    });
    for nr in 0..4 {
        bus.publish(Line(nr)).await.unwrap();
        tokio::task::yield_now().await;
    }
    let refused = bus.publish(Line(4)).await.unwrap_err();
    assert!(matches!(refused.kind(), PublishErrorKind::Full { capacity: 3 }), "{refused}");
    assert_eq!((bus.stats().queued, bus.stats().events_in_flight), (3, 4));
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), begun_and_ended(0, 4));
}

#[tokio::test]
async fn what_is_dropped_while_it_waits_for_its_turn_leaves_its_place() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<print>()
            .event_queue_size(2)
            .backpressure_strategy(BackpressureStrategy::DropOldest)
    });
    for nr in 0..5 {
        bus.publish(Line(nr)).await.unwrap();
        tokio::task::yield_now().await;
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.of("0: begin"), ["0: begin 0", "0: begin 3", "0: begin 4"]);
    assert_eq!((bus.stats().dropped, bus.stats().lanes), (2, 0));
}

#[tokio::test]
async fn a_shutdown_keeps_the_order_and_a_cut_off_lane_is_empty() {
    let (bus, log) = bus(|builder| builder.handler::<print>().shutdown_timeout(ms(150), ms(10)));
    for nr in 0..5 {
        bus.publish(Line(nr)).await.unwrap();
    }
    let report = bus.run(bus.shutdown()).await;
    assert_eq!(log.all(), ["0: begin 0", "0: end 0", "0: begin 1"]);
    assert_eq!((report.completed, report.dropped), (1, 3), "{report}");
    assert_eq!(report.abandoned.len(), 1, "{report}");
    assert_eq!(bus.stats().lanes, 0);
}

#[derive(Clone, Copy)]
struct Moody(bool);
impl Hash for Moody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!self.0, "not today");
        state.write_u8(0);
    }
}
#[event(key = "mood")]
struct Felt {
    mood: Moody,
}
#[handler(manual)]
async fn felt(event: &Felt, log: &Res<Log>) {
    tokio::task::yield_now().await;
    log.say(format!("{}", event.mood.0));
}

#[tokio::test]
async fn a_key_whose_hash_panics_loses_no_event() {
    let (bus, log) = bus(|builder| builder.handler::<felt>());
    for mood in [true, false, true] {
        let settled = bus.publish(Felt { mood: Moody(mood) }).and_wait().await.unwrap();
        assert!(settled.is_ok(), "{:?}", settled.failures);
    }
    assert_eq!(log.all(), ["true", "false", "true"]);
    bus.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_keys_cost_memory_only_while_they_have_events() {
    let log = Log::default();
    let bus = Bus::builder()
        .without_registered()
        .provide(log.clone())
        .handler::<hold>()
        .concurrency(200_000)
        .event_queue_size(200_000)
        .build()
        .unwrap();
    for order in 0..100_000 {
        bus.publish(Held { order }).await.unwrap();
    }
    while bus.stats().lanes < 100_000 {
        tokio::task::yield_now().await;
    }
    GATE.add_permits(1);
    bus.idle().await;
    assert_eq!((bus.stats().lanes, bus.stats().processed), (0, 100_000));
}

static GATE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
#[event(key = "order")]
struct Held {
    order: u64,
}
#[handler(manual)]
async fn hold(_: &Held) {
    drop(GATE.acquire().await);
}

mod refused {
    use bus::event;

    #[event(stream = "tests.mixed", key = "id")]
    pub(super) struct Large {
        pub(super) id: u64,
    }
    #[event(stream = "tests.mixed", key = "id")]
    pub(super) struct Small {
        pub(super) id: u32,
    }
    #[event(stream = "tests.mixed")]
    pub(super) struct Keyless;
}

#[handler(manual)]
fn large(event: &refused::Large) {
    let _ = event.id;
}
#[handler(manual)]
fn small(event: &refused::Small) {
    let _ = event.id;
}
#[handler(manual)]
fn keyless(_: &refused::Keyless) {}

#[test]
fn types_of_a_stream_whose_keys_never_meet_are_refused() {
    let two = Bus::builder().without_registered().handler::<large>().handler::<small>();
    let refused = two.build().unwrap_err();
    assert_eq!(refused.problems().len(), 1, "keys of two types: {refused}");
    let builder = Bus::builder().without_registered();
    let refused = builder.handler::<large>().handler::<small>().handler::<keyless>().build();
    let refused = refused.unwrap_err();
    let streams = |problem: &WiringProblem| matches!(problem, WiringProblem::StreamKeys { .. });
    assert!(refused.problems().iter().all(streams), "{refused}");
    let texts: Vec<String> = refused.problems().iter().map(ToString::to_string).collect();
    assert_eq!(texts.len(), 2, "{texts:#?}");
    for part in ["\"tests.mixed\"", "refused::Keyless (", ") has none", "has `id: u32`"] {
        assert!(texts.iter().any(|text| text.contains(part)), "no {part} in {texts:#?}");
    }
}
