//! Commands are rejected while it is open, and their probes close it.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bus::prelude::*;
use bus::{CircuitState, CircuitStateChangedEvent, Clock};

use super::{Bank, Log, Pay, SECOND, build, passes, pay};

#[handler(manual)]
fn note(change: &CircuitStateChangedEvent, log: &Res<Log>) {
    let CircuitStateChangedEvent { circuit, from, to, reason, .. } = change;
    log.say(format!("{circuit}: {from} -> {to}, as {reason}"));
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
