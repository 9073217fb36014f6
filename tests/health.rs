//! `bus.health()`: each reason is brought about, and made to go away again.

use std::sync::{Arc, Mutex, Weak, mpsc};
use std::time::{Duration, Instant};

use bus::testing::TestClock;
use bus::{
    Builder, Bus, CircuitBreakerConfig, Clock, Error, Health, HealthReason, Res, Sleep, command,
    event, handler,
};
use tokio::sync::Notify;
use tokio::time::{advance, sleep};

fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// Lets whoever waits in a handler go on.
#[derive(Default)]
struct Door(Notify);

fn bus(with: impl FnOnce(Builder) -> Builder) -> Bus {
    with(Bus::builder().provide(Door::default())).build().unwrap()
}

#[track_caller]
fn is_well(bus: &Bus) {
    let health = bus.health();
    assert_eq!(health.to_string(), "live and ready");
    assert!(health.live && health.ready && health.reasons.is_empty());
}

/// The one reason why it is not ready.
#[track_caller]
fn reason(bus: &Bus) -> HealthReason {
    let Health { live, ready, reasons, .. } = bus.health();
    assert!(!ready, "it is ready");
    let [reason] = &reasons[..] else { panic!("{reasons:?}") };
    assert_eq!(live, !reason.is_fatal());
    reason.clone()
}

#[command]
struct Wait;
#[handler(timeout = "10m")]
async fn wait(_: Wait, door: &Res<Door>) -> bus::Result<()> {
    door.0.notified().await;
    Ok(())
}
#[event]
struct Came;
#[handler(concurrency = 1, timeout = "10m")]
async fn welcome(_: &Came, door: &Res<Door>) {
    door.0.notified().await;
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_makes_it_not_ready_and_its_end_not_live() {
    let bus = bus(|builder| builder);
    is_well(&bus);
    bus.publish(Came).await.unwrap();
    sleep(s(1)).await;
    is_well(&bus);
    let ending = tokio::spawn({
        let bus = bus.clone();
        async move { bus.shutdown().await }
    });
    sleep(s(1)).await;
    assert_eq!(bus.health().to_string(), "live, not ready: the bus is shutting down");
    assert_eq!(reason(&bus), HealthReason::ShuttingDown);
    bus.resource::<Door>().unwrap().0.notify_one();
    ending.await.unwrap();
    assert_eq!(reason(&bus), HealthReason::Ended);
    assert_eq!(bus.health().to_string(), "not live: the dispatcher has ended");
}

#[test]
fn a_runtime_that_ends_and_one_that_is_not_there_yet() {
    let bus = bus(|builder| builder);
    is_well(&bus);
    bus.try_publish(Came).unwrap();
    assert_eq!(reason(&bus), HealthReason::NoRuntime { waiting: 1 });
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let first = runtime();
    bus.resource::<Door>().unwrap().0.notify_one();
    first.block_on(bus.idle());
    is_well(&bus);
    drop(first);
    assert_eq!(reason(&bus), HealthReason::Ended);
}

#[tokio::test(start_paused = true)]
async fn a_queue_above_its_mark() {
    let bus = bus(|builder| builder.event_queue_size(10).queue_marks(0.8, 0.2));
    // One is at work.
    for _ in 0..8 {
        bus.publish(Came).await.unwrap();
        sleep(s(1)).await;
        is_well(&bus);
    }
    bus.publish(Came).await.unwrap();
    sleep(s(1)).await;
    assert_eq!(reason(&bus), HealthReason::QueueHigh { queued: 8, capacity: 10 });
    let door = bus.resource::<Door>().unwrap();
    for left in (3..8).rev() {
        door.0.notify_one();
        sleep(s(1)).await;
        assert_eq!(reason(&bus), HealthReason::QueueHigh { queued: left, capacity: 10 });
    }
    door.0.notify_one();
    sleep(s(1)).await;
    is_well(&bus);
}

#[command]
struct Fragile;
#[handler]
async fn fragile(_: Fragile) -> bus::Result<()> {
    Err(Error::msg("broken"))
}

#[tokio::test(start_paused = true)]
async fn an_open_breaker_until_the_next_call_is_a_probe() {
    let config =
        CircuitBreakerConfig { recovery_timeout: s(10), ..CircuitBreakerConfig::default() };
    let bus = bus(|builder| builder.configure::<fragile>(|f| f.circuit_breaker(config)));
    let breaker = bus.circuit_breaker("fragile").unwrap();
    while breaker.state() == bus::CircuitState::Closed {
        bus.execute(Fragile).await.unwrap_err();
    }
    let open =
        |left| HealthReason::CircuitOpen { breaker: "fragile".into(), retry_after: Some(left) };
    assert_eq!(reason(&bus), open(s(10)));
    advance(s(4)).await;
    assert_eq!(reason(&bus), open(s(6)));
    assert_eq!(
        bus.health().to_string(),
        "live, not ready: circuit breaker `fragile` is open for 6s yet"
    );
    // Else nobody would send the call that closes it.
    advance(s(6)).await;
    is_well(&bus);
    breaker.force_open();
    let forced = HealthReason::CircuitOpen { breaker: "fragile".into(), retry_after: None };
    assert_eq!(reason(&bus), forced);
    breaker.reset();
    is_well(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_stuck() {
    let bus = bus(|builder| builder.stuck_handler_after(s(20)));
    let task = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(Wait).await }
    });
    sleep(s(19)).await;
    is_well(&bus);
    sleep(s(2)).await;
    let HealthReason::HandlerStuck { handler, file, line, message, taken, .. } = reason(&bus)
    else {
        panic!("{}", bus.health())
    };
    assert_eq!((&*handler, message, taken), ("wait", "health::Wait", s(21)));
    assert!(file.ends_with("health.rs") && line > 0);
    let text = bus.health().to_string();
    assert!(text.contains(&format!("handler `wait` at {file}:{line} is stuck with")), "{text}");
    bus.resource::<Door>().unwrap().0.notify_one();
    task.await.unwrap().unwrap();
    is_well(&bus);

    // Of an event; and its caller, or its timeout, ends it.
    bus.publish(Came).await.unwrap();
    let call = tokio::time::timeout(s(30), bus.execute(Wait)).await;
    assert!(call.is_err());
    let HealthReason::HandlerStuck { handler, .. } = reason(&bus) else { panic!("of the event") };
    assert_eq!(handler, "welcome");
    sleep(s(600)).await;
    is_well(&bus);
}

/// On a thread of the pool.
#[event]
struct Grist;
#[handler(manual, blocking, timeout = "10m")]
fn grinds(_: &Grist, gate: &Res<Gate>) {
    let _ = gate.0.lock().unwrap().recv();
}
struct Gate(Mutex<mpsc::Receiver<()>>);

/// Several at once.
#[event]
struct Leaf;
#[handler(manual, batch = 5, timeout = "10m")]
async fn presses(_: &[Arc<Leaf>], door: &Res<Door>) {
    door.0.notified().await;
}

#[tokio::test]
async fn a_stuck_handler_is_named_whatever_form_it_has() {
    let ((open, gate), clock) = (mpsc::channel(), TestClock::new());
    let bus = bus(|builder| {
        let builder = builder.clock(clock.clone()).provide(Gate(Mutex::new(gate)));
        builder.handler::<grinds>().handler::<presses>().stuck_handler_after(s(20))
    });
    bus.publish(Grist).await.unwrap();
    bus.publish(Leaf).await.unwrap();
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    clock.pass(s(21));
    for _ in 0..10 {
        tokio::task::yield_now().await;
    }
    let stuck = bus.health().reasons.into_iter().map(|reason| match reason {
        HealthReason::HandlerStuck { handler, file, line, .. } => {
            assert!(file.ends_with("health.rs") && line > 0);
            handler
        }
        other => panic!("{other}"),
    });
    let mut stuck: Vec<_> = stuck.collect();
    stuck.sort();
    assert_eq!(stuck, ["grinds", "presses"]);
    open.send(()).unwrap();
    bus.resource::<Door>().unwrap().0.notify_one();
    bus.idle().await;
    is_well(&bus);
}

#[tokio::test(start_paused = true)]
async fn stuck_is_said_without_slow_and_not_at_all_where_both_are_off() {
    let bus1 = bus(|builder| builder.slow_handler_after(None).stuck_handler_after(s(7)));
    let bus2 = bus(|builder| builder.slow_handler_after(s(1)).stuck_handler_after(None));
    bus1.publish(Came).await.unwrap();
    bus2.publish(Came).await.unwrap();
    sleep(s(8)).await;
    assert_eq!(reason(&bus1).kind(), "handler_stuck");
    is_well(&bus2);
    let refused = Bus::builder().stuck_handler_after(s(0)).build().unwrap_err();
    assert!(refused.to_string().contains("stuck_handler_after"), "{refused}");
}

/// A clock that is moved by hand.
#[derive(Clone)]
struct Hands(Arc<Mutex<Instant>>);
impl Clock for Hands {
    fn now(&self) -> Instant {
        *self.0.lock().unwrap()
    }
    fn sleep_until(&self, _: Instant) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

struct Looks {
    bus: Mutex<bus::WeakBus>,
    clock: Hands,
    seen: Mutex<Vec<Health>>,
}
#[event]
struct Blocks;
#[handler(manual)]
fn blocks(_: &Blocks, looks: &Res<Weak<Looks>>) {
    let Some(looks) = looks.upgrade() else { return };
    let Some(bus) = looks.bus.lock().unwrap().upgrade() else { return };
    let mut seen = looks.seen.lock().unwrap();
    // This is the dispatcher's thread.
    for _ in 0..3 {
        seen.push(bus.health());
        *looks.clock.0.lock().unwrap() += s(3);
    }
}

#[tokio::test]
async fn a_dispatcher_that_stands_still() {
    let clock = Hands(Arc::new(Mutex::new(Instant::now())));
    let looks = Looks { bus: Mutex::default(), clock: clock.clone(), seen: Mutex::default() };
    let looks = Arc::new(looks);
    let bus =
        bus(|builder| builder.clock(clock).provide(Arc::downgrade(&looks)).handler::<blocks>());
    *looks.bus.lock().unwrap() = bus.downgrade();
    for _ in 0..3 {
        bus.try_publish(Blocks).unwrap();
    }
    bus.idle().await;
    let seen = std::mem::take(&mut *looks.seen.lock().unwrap());
    let texts: Vec<_> = seen.iter().map(Health::to_string).collect();
    let still = |n| format!("not live: the dispatcher has taken none of {n} events for 6s");
    let well = || "live and ready".to_owned();
    // Each time it goes on that is seen; and where nothing waits, nobody is kept waiting.
    let expected = [well(), well(), still(2), well(), well(), still(1), well(), well(), well()];
    assert_eq!(texts, expected);
    assert!(!seen[2].live && !seen[2].ready);
    is_well(&bus);
}

#[tokio::test(start_paused = true)]
async fn as_json() {
    let bus = bus(|builder| builder.stuck_handler_after(s(20)));
    let json = |bus: &Bus| serde_json::to_value(bus.health()).unwrap();
    assert_eq!(json(&bus), serde_json::json!({"live": true, "ready": true, "reasons": []}));
    bus.shutdown().await;
    let reason = serde_json::json!({"kind": "ended", "text": "the dispatcher has ended"});
    let expected = serde_json::json!({"live": false, "ready": false, "reasons": [reason]});
    // One that has never begun has not ended either.
    assert!(json(&bus) == expected || json(&bus)["reasons"][0]["kind"] == "shutting_down");
}
