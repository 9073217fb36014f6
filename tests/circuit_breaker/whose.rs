//! Which handlers have which breaker: those that share one, and those of a resilient bus.

use std::sync::Arc;

use bus::prelude::*;
use bus::{CircuitBreakerConfig, CircuitState, HandlerOptions, Resilience};

use super::{Bank, Log, Paid, Pay, build};

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
