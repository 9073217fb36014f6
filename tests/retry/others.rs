//! Whom a retry does not concern: its neighbours, what was not called, and those who hear of commands.

use std::sync::atomic::{AtomicU32, Ordering};

use bus::prelude::*;
use bus::{
    Clock, CommandResultEvent, CommandStartedEvent, Jitter, Resilience, RetryBudget, RetryConfig,
};

use super::{Calls, Do, Done, Hang, MS, Transient, Well, build, hear};

/// Only the handler that has failed.
#[handler(manual, priority = 1)]
async fn beside(_: &Done, count: &Res<AtomicU32>) {
    count.fetch_add(100, Ordering::Relaxed);
}

#[tokio::test]
async fn its_neighbours_are_not_called_again() {
    let (bus, calls) = build(&[Transient, Transient, Well], |b| b.handler::<beside>());
    bus.run(bus.publish(Done).and_wait()).await.unwrap();
    assert_eq!(calls.times().len(), 3);
    assert_eq!(bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed), 101);
}

#[tokio::test]
async fn later_rounds_are_for_events_and_in_nobodys_way() {
    let later = [10_000, 20_000].map(|ms| ms * MS);
    let retry = RetryConfig { max_retries: 1, jitter: Jitter::None, ..RetryConfig::default() };
    let (bus, calls) = build(&[Transient], |builder| {
        builder
            .handler::<after>()
            .concurrency(1)
            .configure::<hear>(|h| h.retry(retry).delayed_retries(later))
    });
    let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
    let expected = [(1, 0), (2, 100), (3, 10_100), (4, 10_200), (5, 30_200), (6, 30_300)];
    assert_eq!(calls.times(), expected);
    assert_eq!(bus.clock().elapsed(), 30_300 * MS);
    assert_eq!(settled.failures[0].attempts, 6);
    let letter = &bus.dead_letters().list()[0];
    assert_eq!((letter.attempts, letter.history.len()), (6, 6));
    // The handler of a lower priority has waited for the first round alone, and the one slot of the bus was
    // free for it.
    let after = bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed);
    assert_eq!(after, 100);
}

#[handler(manual, priority = -1)]
async fn after(_: &Done, calls: &Res<Calls>, count: &Res<AtomicU32>) {
    tokio::task::yield_now().await;
    assert_eq!(calls.at.lock().unwrap().len(), 2, "it begins when the first round is over");
    count.fetch_add(100, Ordering::Relaxed);
}

/// What is said of the commands of a bus.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<String>>);
#[handler(manual)]
fn hears_starts(_: &CommandStartedEvent, told: &Res<Told>) {
    told.0.lock().unwrap().push("started".into());
}
#[handler(manual)]
fn hears_results(result: &CommandResultEvent, told: &Res<Told>) {
    let line =
        format!("{} after {}", if result.success { "well" } else { "failed" }, result.attempts);
    told.0.lock().unwrap().push(line);
}

#[tokio::test]
async fn a_command_that_is_retried_is_one_command() {
    let script = [Transient, Transient, Well, Transient];
    let (bus, calls) = build(&script, |builder| {
        let builder = builder.handler::<hears_starts>().handler::<hears_results>();
        builder.provide(Told::default())
    });
    bus.run(bus.execute(Do)).await.unwrap();
    bus.run(bus.execute(Do)).await.unwrap_err();
    bus.settle().await;
    assert_eq!(calls.times().len(), 7);
    let told = bus.resource::<Told>().unwrap();
    let told = told.0.lock().unwrap();
    assert_eq!(*told, ["started", "well after 3", "started", "failed after 4"]);
}

#[command]
struct Nobodys;

#[tokio::test]
async fn what_was_not_called_is_not_called_again() {
    let budget = RetryBudget::new(0.0, 10);
    let all = Resilience::default().budget(budget.clone());
    let (bus, calls) = build(&[Hang], |builder| builder.resilient(all));
    let left = || budget.remaining(bus.clock().now());
    let full = left();
    // Nobody handles it, ..
    let error = bus.execute(Nobodys).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::NoHandler), "{error}");
    // .. its caller takes it back, ..
    let cancel = bus.clock().sleep_until(bus.clock().now() + 50 * MS);
    let error = bus.run(bus.execute(Do).cancel_on(cancel)).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Cancelled(_)), "{error}");
    assert_eq!(calls.times().len(), 1);
    // .. or its circuit is open.
    bus.circuit_breaker("carry_out").unwrap().force_open();
    let error = bus.run(bus.execute(Do)).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::CircuitOpen { .. }), "{error}");
    assert_eq!((error.attempts(), calls.times().len()), (0, 1));
    assert!(bus.dead_letters().is_empty(), "{:?}", bus.dead_letters().list());
    assert_eq!(left(), full);
}
