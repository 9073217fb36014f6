//! Circuit breakers of handlers: commands are rejected, events wait.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};
use bus::{
    CircuitBreakerConfig, CircuitState, CircuitStateChangedEvent, Clock, HandlerOptions, Resilience,
};

const SECOND: Duration = Duration::from_secs(1);

/// What all handlers here need.
#[derive(Default)]
struct Bank {
    is_down: AtomicBool,
    /// Its calls answer only when they are told to.
    hangs: AtomicBool,
    calls: AtomicU32,
}

impl Bank {
    async fn call(&self, cx: &Context) -> bus::Result<u32> {
        let n = self.calls.fetch_add(1, Ordering::Relaxed) + 1;
        while self.hangs.load(Ordering::Relaxed) {
            cx.sleep(SECOND / 10).await;
        }
        if self.is_down.load(Ordering::Relaxed) {
            return Err(bus::Error::msg("the bank does not answer"));
        }
        Ok(n)
    }
    fn calls(&self) -> u32 {
        self.calls.load(Ordering::Relaxed)
    }
    fn is_down(&self, is_down: bool) {
        self.is_down.store(is_down, Ordering::Relaxed);
    }
}

#[command(output = u32, circuit_breaker(failure_threshold = 3, recovery_timeout = "10s",
    success_threshold = 2))]
struct Pay;
#[handler]
async fn pay(_: &Pay, cx: &Context, bank: &Res<Bank>) -> bus::Result<u32> {
    bank.call(cx).await
}

#[event]
struct Paid(u32);
#[handler(circuit_breaker(failure_threshold = 3, recovery_timeout = "10s", success_threshold = 2))]
async fn book(event: &Paid, cx: &Context, bank: &Res<Bank>, log: &Res<Log>) -> bus::Result<()> {
    bank.call(cx).await?;
    log.say(format!("booked {}", event.0));
    Ok(())
}
#[handler(priority = -1)]
async fn thank(event: &Paid, log: &Res<Log>) {
    log.say(format!("thanked {}", event.0));
}

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn say(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
#[handler(manual)]
fn note(change: &CircuitStateChangedEvent, log: &Res<Log>) {
    let CircuitStateChangedEvent { circuit, from, to, reason, .. } = change;
    log.say(format!("{circuit}: {from} -> {to}, as {reason}"));
}

fn build(set: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<Bank>, Res<Log>) {
    let builder = TestBus::builder().only("circuit_breaker").provide(Bank::default());
    let bus = set(builder.provide(Log::default())).build().unwrap();
    let (bank, log) = (bus.resource().unwrap(), bus.resource().unwrap());
    (bus, bank, log)
}

#[tokio::test]
async fn commands_are_rejected_until_the_probes_go_well() {
    let (bus, bank, log) = build(|builder| builder.handler::<note>());
    bank.is_down(true);
    for _ in 0..3 {
        assert!(bus.execute(Pay).await.unwrap_err().handler_error().is_some());
    }
    let error = bus.execute(Pay).await.unwrap_err();
    let CommandErrorKind::CircuitOpen { handler, breaker, retry_after } = error.kind() else {
        panic!("{error}");
    };
    assert_eq!((&**handler, &**breaker, *retry_after), ("pay", "pay", Some(10 * SECOND)));
    assert_eq!((bank.calls(), error.attempts()), (3, 0), "the handler was not called");
    assert_eq!(
        error.to_string(),
        "command circuit_breaker::Pay was not executed: circuit breaker `pay` of handler `pay` is open, again in 10s"
    );

    bus.advance(10 * SECOND).await;
    bus.execute(Pay).await.unwrap_err();
    assert_eq!(bank.calls(), 4, "a probe");
    // Longer the next time.
    bus.advance(19 * SECOND).await;
    assert!(matches!(
        bus.execute(Pay).await.unwrap_err().kind(),
        CommandErrorKind::CircuitOpen { retry_after: Some(SECOND), .. }
    ));
    bus.advance(SECOND).await;
    bank.is_down(false);
    for _ in 0..2 {
        bus.execute(Pay).await.unwrap();
    }
    let breaker = bus.circuit_breaker("pay").unwrap();
    assert_eq!(breaker.state(), CircuitState::Closed);
    bus.settle().await;
    assert_eq!(
        log.take(),
        [
            "pay: closed -> open, as 3 of 3 calls failed",
            "pay: open -> half-open, as it is time for a probe",
            "pay: half-open -> open, as a probe failed",
            "pay: open -> half-open, as it is time for a probe",
            "pay: half-open -> closed, as the probes went well",
        ]
    );
    assert!(bus.dead_letters().is_empty());
}

#[tokio::test]
async fn a_probe_whose_caller_goes_away_gives_its_place_back() {
    let (bus, bank, _) = build(|builder| builder);
    bank.is_down(true);
    for _ in 0..3 {
        bus.execute(Pay).await.unwrap_err();
    }
    bus.advance(10 * SECOND).await;
    bank.is_down(false);
    bank.hangs.store(true, Ordering::Relaxed);
    tokio::select! {
        biased;
        _ = bus.execute(Pay) => panic!("it is over before its caller gives up"),
        () = bus.advance(SECOND) => {}
    }
    let breaker = bus.circuit_breaker("pay").unwrap();
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    bank.hangs.store(false, Ordering::Relaxed);
    bus.execute(Pay).await.unwrap();
    bus.execute(Pay).await.unwrap();
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test]
async fn events_wait_and_are_not_burnt() {
    let (bus, bank, log) = build(|builder| builder.concurrency(1).event_queue_size(100));
    bank.is_down(true);
    for n in 0..3 {
        bus.publish(Paid(n)).and_wait().await.unwrap();
    }
    log.take();
    for n in 3..10 {
        bus.publish(Paid(n)).await.unwrap();
    }
    bus.advance(SECOND).await;
    // The one slot of the bus is free, and those of a lower priority do not wait.
    let thanked: Vec<_> = (3..10).map(|n| format!("thanked {n}")).collect();
    assert_eq!(log.take(), thanked);
    assert_eq!(bank.calls(), 3);
    assert_eq!(bus.stats().queued, 7, "they count as queued");
    bank.is_down(false);
    bus.advance(9 * SECOND).await;
    let booked: Vec<_> = (3..10).map(|n| format!("booked {n}")).collect();
    assert_eq!(log.take(), booked, "in their order");
    assert_eq!((bus.stats().failed, bus.stats().queued), (3, 0));
    assert!(bus.dead_letters().is_empty());
}

/// Also one that was called before, and waits for another attempt: it is not the time of the handler.
#[tokio::test]
async fn waiting_for_it_takes_nothing_of_the_time_of_the_handler() {
    let retry = bus::RetryConfig { jitter: bus::Jitter::None, ..bus::RetryConfig::default() };
    let breaker = CircuitBreakerConfig {
        failure_threshold: 1,
        recovery_timeout: 120 * SECOND,
        success_threshold: 1,
        ..CircuitBreakerConfig::default()
    };
    let set = |h: bus::HandlerConfig| h.timeout(5 * SECOND).retry(retry).circuit_breaker(breaker);
    let (bus, bank, _) = build(|builder| builder.configure::<book>(set));
    bank.is_down(true);
    bus.publish(Paid(1)).await.unwrap();
    bus.advance(SECOND).await;
    assert_eq!(bus.circuit_breaker("book").unwrap().state(), CircuitState::Open);
    bank.is_down(false);
    bank.hangs.store(true, Ordering::Relaxed);
    bus.advance(121 * SECOND).await;
    bank.hangs.store(false, Ordering::Relaxed);
    bus.run(bus.idle()).await;
    assert!(bus.dead_letters().is_empty(), "{:?}", bus.dead_letters().list());
    assert_eq!(
        (bank.calls(), bus.circuit_breaker("book").unwrap().state()),
        (2, CircuitState::Closed)
    );
    // It has its whole time again, and no more than that.
    bank.is_down(true);
    bus.publish(Paid(2)).await.unwrap();
    bus.advance(SECOND).await;
    bank.hangs.store(true, Ordering::Relaxed);
    let begun = bus.clock().elapsed();
    bus.run(bus.idle()).await;
    assert_eq!(bus.clock().elapsed() - begun, 124 * SECOND);
    assert_eq!(bus.dead_letters().list()[0].cause, bus::Cause::TimedOut);
}

/// All that have waited are let in when it closes, and wait for their slots; then it opens again.
#[tokio::test]
async fn who_was_let_in_and_waits_for_a_slot_is_not_burnt_either() {
    for around in [false, true] {
        let (bus, bank, log) = build(|builder| {
            let builder = if around { builder.middleware(passes {}) } else { builder };
            builder.configure::<book>(|handler| handler.concurrency(1))
        });
        let breaker = bus.circuit_breaker("book").unwrap();
        breaker.force_open();
        for n in 0..20 {
            bus.publish(Paid(n)).await.unwrap();
        }
        bus.advance(SECOND).await;
        bank.is_down(true);
        bank.hangs.store(true, Ordering::Relaxed);
        breaker.reset();
        bus.advance(SECOND).await;
        bank.hangs.store(false, Ordering::Relaxed);
        bus.advance(SECOND).await;
        assert_eq!((bank.calls(), breaker.state()), (3, CircuitState::Open));
        assert_eq!((bus.stats().failed, bus.stats().queued), (3, 17));
        bank.is_down(false);
        bus.run(bus.idle()).await;
        let mut booked = log.take();
        booked.retain(|line| line.starts_with("booked"));
        assert_eq!(booked, (3..20).map(|n| format!("booked {n}")).collect::<Vec<_>>());
        assert_eq!(bus.stats().failed, 3);
    }
}
#[bus::middleware(manual)]
async fn passes(call: &mut bus::Call<'_>, next: bus::Next) -> bus::Handled {
    next.run(call).await
}

/// The same of commands: those in the waiting room are told that it has opened.
#[tokio::test]
async fn who_was_let_in_and_waits_for_a_place_does_not_call_what_is_down() {
    let (bus, bank, _) = build(|b| b.configure::<pay>(|handler| handler.concurrency(1)));
    bank.is_down(true);
    bank.hangs.store(true, Ordering::Relaxed);
    let calls = (0..20).map(|_| {
        let bus = bus.clone();
        async move { bus.execute(Pay).await.unwrap_err() }
    });
    let calls: tokio::task::JoinSet<_> = calls.collect();
    bus.advance(SECOND).await;
    bank.hangs.store(false, Ordering::Relaxed);
    bus.advance(SECOND).await;
    let (mut failed, mut rejected) = (0, 0);
    for error in calls.join_all().await {
        match error.kind() {
            CommandErrorKind::Handler(_) => failed += 1,
            CommandErrorKind::CircuitOpen { handler, .. } if handler == "pay" => rejected += 1,
            other => panic!("{other:?}"),
        }
    }
    assert_eq!((failed, rejected, bank.calls()), (3, 17, 3));
    // Their places are free, and a probe takes one.
    bank.is_down(false);
    bus.advance(10 * SECOND).await;
    bus.execute(Pay).await.unwrap();
    bus.execute(Pay).await.unwrap();
    assert_eq!(bus.circuit_breaker("pay").unwrap().state(), CircuitState::Closed);
}

#[tokio::test]
async fn who_waits_for_it_is_let_in_by_hand() {
    let (bus, bank, log) = build(|builder| builder);
    let breaker = bus.circuit_breaker("book").unwrap();
    breaker.force_open();
    bus.publish(Paid(1)).await.unwrap();
    bus.advance(3600 * SECOND).await;
    assert_eq!((bank.calls(), log.take()), (0, vec!["thanked 1".to_owned()]));
    breaker.reset();
    bus.settle().await;
    assert_eq!(log.take(), ["booked 1"]);
    // Disabled, it lets through what fails, and counts it.
    breaker.disable();
    bank.is_down(true);
    for n in 0..10 {
        bus.publish(Paid(n)).and_wait().await.unwrap();
    }
    assert_eq!((bank.calls(), breaker.snapshot().failures), (11, 10));
}

#[tokio::test]
async fn what_still_waits_at_the_shutdown_is_said() {
    let (bus, _, log) = build(|b| b.shutdown_timeout(10 * SECOND, SECOND));
    bus.circuit_breaker("book").unwrap().force_open();
    bus.publish(Paid(1)).await.unwrap();
    let report = bus.run(bus.shutdown()).await;
    assert_eq!(log.take(), ["thanked 1"]);
    assert_eq!((report.completed, report.dropped), (1, 1), "{report:?}");
    assert!(report.abandoned.is_empty(), "it was never called: {report}");
}

#[command(output = u32)]
struct Ask;
#[handler(circuit_breaker(name = "bank", failure_threshold = 2))]
async fn ask(_: &Ask, cx: &Context, bank: &Res<Bank>) -> bus::Result<u32> {
    bank.call(cx).await
}
#[command(output = u32)]
struct Tell;
#[handler(circuit_breaker(name = "bank", failure_threshold = 2))]
async fn tell(_: &Tell, cx: &Context, bank: &Res<Bank>) -> bus::Result<u32> {
    bank.call(cx).await
}

#[tokio::test]
async fn those_who_name_one_share_it() {
    let (bus, bank, _) = build(|builder| builder);
    bank.is_down(true);
    bus.execute(Ask).await.unwrap_err();
    bus.execute(Tell).await.unwrap_err();
    let error = bus.execute(Ask).await.unwrap_err();
    assert!(
        error.to_string().contains("circuit breaker `bank` of handler `ask` is open"),
        "{error}"
    );
    assert_eq!(bank.calls(), 2);
    // Others are not concerned.
    bus.execute(Pay).await.unwrap_err();
    assert_eq!(bank.calls(), 3);
    let names: Vec<_> = bus.circuit_breakers().iter().map(|b| b.name().to_owned()).collect();
    assert_eq!(names, ["bank", "book", "pay"]);
}

#[test]
fn those_who_share_one_want_the_same_of_it() {
    let other = CircuitBreakerConfig { failure_threshold: 9, ..CircuitBreakerConfig::default() };
    let builder = Bus::builder().only("circuit_breaker").provide(Bank::default());
    let builder = builder.provide(Log::default());
    let error = builder
        .configure::<ask>(|handler| handler.shared_circuit_breaker("bank", other))
        .build()
        .unwrap_err();
    let told = error.to_string();
    assert!(
        told.contains("share the circuit breaker `bank`, and say different things of it"),
        "{told}"
    );
}

#[tokio::test]
async fn a_slow_call_counts_as_a_failure() {
    let config = CircuitBreakerConfig {
        failure_threshold: 1,
        slow_call: Some(SECOND),
        ..CircuitBreakerConfig::default()
    };
    let (bus, bank, _) = build(|b| b.configure::<pay>(|handler| handler.circuit_breaker(config)));
    bus.execute(Pay).await.unwrap();
    bank.hangs.store(true, Ordering::Relaxed);
    let (slow, ()) = tokio::join!(bus.execute(Pay), async {
        bus.advance(2 * SECOND).await;
        bank.hangs.store(false, Ordering::Relaxed);
        bus.advance(SECOND).await;
    });
    slow.unwrap();
    assert_eq!(bus.circuit_breaker("pay").unwrap().state(), CircuitState::Open);
}

#[tokio::test]
async fn a_success_takes_nothing_back() {
    let (bus, bank, _) = build(|builder| builder);
    for is_down in [true, false, true, false, true] {
        bank.is_down(is_down);
        drop(bus.execute(Pay).await);
    }
    // 3 of 5 have failed.
    assert_eq!(bus.circuit_breaker("pay").unwrap().state(), CircuitState::Open);
}

/// No start that could be forgotten, and no other end.
#[tokio::test]
async fn a_resilient_bus_runs_and_ends_as_any_other() {
    let (bus, bank, log) = build(|builder| builder.resilient(Resilience::default()));
    for n in 1..=100 {
        bus.publish(Paid(n)).await.unwrap();
    }
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((bank.calls(), log.take().len()), (100, 200), "what is queued is handled first");
    assert!(bus.publish(Paid(0)).await.is_err());
}

/// What the wall clock shows is nothing to a breaker.
#[tokio::test(start_paused = true)]
async fn a_clock_on_the_wall_that_is_put_back_changes_nothing() {
    let wall = Arc::new(AtomicU32::new(0));
    // That of a test bus never goes back.
    let builder = Bus::builder().only("circuit_breaker").clock(PutBack(Arc::clone(&wall)));
    let bus = builder.provide(Bank::default()).provide(Log::default()).build().unwrap();
    let bank = bus.resource::<Bank>().unwrap();
    bank.is_down(true);
    for _ in 0..3 {
        bus.execute(Pay).await.unwrap_err();
        wall.fetch_add(1_000_000, Ordering::Relaxed);
    }
    let breaker = bus.circuit_breaker("pay").unwrap();
    assert_eq!(breaker.state(), CircuitState::Open);
    tokio::time::sleep(11 * SECOND).await;
    bank.is_down(false);
    for _ in 0..2 {
        wall.fetch_add(1_000_000, Ordering::Relaxed);
        bus.execute(Pay).await.unwrap();
    }
    assert_eq!(breaker.state(), CircuitState::Closed);
}

/// By so many seconds.
struct PutBack(Arc<AtomicU32>);
impl bus::Clock for PutBack {
    fn now(&self) -> std::time::Instant {
        tokio::time::Instant::now().into_std()
    }
    fn system_time(&self) -> std::time::SystemTime {
        let back = self.0.load(Ordering::Relaxed);
        std::time::SystemTime::now() - SECOND * back
    }
    fn sleep_until(&self, deadline: std::time::Instant) -> bus::Sleep {
        bus::TokioClock.sleep_until(deadline)
    }
}

#[tokio::test]
async fn a_resilient_bus_gives_each_handler_its_own() {
    let (bus, bank, _) = build(|builder| builder.resilient(Resilience::default()));
    let options = HandlerOptions::new().name("late").priority(1);
    bus.register_event_handler_with(options, |_: Arc<Paid>, _: OwnedContext| async {}).unwrap();
    let names: Vec<_> = bus.circuit_breakers().iter().map(|b| b.name().to_owned()).collect();
    assert_eq!(names, ["bank", "book", "late", "pay", "thank"]);
    bank.is_down(true);
    for _ in 0..3 {
        bus.run(bus.execute(Pay)).await.unwrap_err();
    }
    bus.publish(Paid(1)).await.unwrap();
    bus.run(bus.execute(Ask)).await.unwrap_err();
    // That of `book` may be open by now too: when it tries again is left to chance.
    for (name, state) in [
        ("bank", CircuitState::Open),
        ("late", CircuitState::Closed),
        ("pay", CircuitState::Open),
        ("thank", CircuitState::Closed),
    ] {
        assert_eq!(bus.circuit_breaker(name).unwrap().state(), state, "{name}");
    }
}

#[command(retry(max_retries = 2, initial_delay = "100ms", jitter = none), attempt_timeout = "1s",
    circuit_breaker(failure_threshold = 2, recovery_timeout = "10s", success_threshold = 1))]
struct Try;
#[handler(manual, concurrency = 1)]
async fn tries(_: &Try, cx: &Context, bank: &Res<Bank>) -> bus::Result<()> {
    bank.call(cx).await.map(drop)
}

/// While they wait for a place, are at work, wait for another attempt, or are a probe.
#[tokio::test]
async fn callers_that_go_away_at_any_time_leave_nothing_behind() {
    let ms = Duration::from_millis;
    for (around, step) in [false, true].into_iter().flat_map(|is| (0..40).map(move |n| (is, n))) {
        let (bus, bank, _) = build(|builder| {
            let builder = builder.handler::<tries>();
            let builder = builder.configure::<tries>(|handler| handler.waiting_room(3));
            if around { builder.middleware(passes {}) } else { builder }
        });
        let breaker = bus.circuit_breaker("tries").unwrap();
        let go_away = async |after| {
            let goes = bus.clock().sleep_until(bus.clock().now() + after);
            tokio::select! { biased; _ = bus.execute(Try) => {}, () = goes => {} }
        };
        bank.hangs.store(true, Ordering::Relaxed);
        let two = async { tokio::join!(go_away(ms(step * 17)), go_away(ms(step * 23))) };
        let all = async { tokio::join!(go_away(SECOND / 2), two, go_away(ms(step * 31))) };
        bus.run(all).await;
        bank.hangs.store(false, Ordering::Relaxed);
        bank.is_down(true);
        bus.run(go_away(ms(step * 7))).await;
        bus.run(go_away(ms(step * 5))).await;
        while breaker.state() != CircuitState::Open {
            bus.run(go_away(10 * SECOND)).await;
        }
        bus.advance(10 * SECOND).await;
        bank.hangs.store(true, Ordering::Relaxed);
        bus.run(go_away(ms(step * 11))).await;
        bank.hangs.store(false, Ordering::Relaxed);
        bank.is_down(false);
        bus.advance(60 * SECOND).await;
        bus.execute(Try).await.unwrap();
        assert_eq!(breaker.state(), CircuitState::Closed, "{step}");
        // The place and the waiting room are free.
        let try_it = || bus.execute(Try);
        tokio::try_join!(try_it(), try_it(), try_it(), try_it()).unwrap();
        assert_eq!(bus.stats().commands_in_flight, 0);
    }
}
