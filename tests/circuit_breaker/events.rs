//! Events wait while it is open, and are not burnt.

use std::sync::atomic::Ordering;

use bus::prelude::*;
use bus::{CircuitBreakerConfig, CircuitState};

use super::{Paid, SECOND, book, build, passes};

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
