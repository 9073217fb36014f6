//! What counts as a failure, and what does not change that.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::prelude::*;
use bus::{CircuitBreakerConfig, CircuitState};

use super::{Bank, Log, Pay, SECOND, build, pay};

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
