//! How often and how long: the time of all attempts, the shared budget, and delays without an end.

use std::sync::Arc;
use std::time::Duration;

use bus::prelude::*;
use bus::{Clock, Jitter, Resilience, RetryBudget, RetryConfig};

use super::{Do, Done, Hang, MS, Transient, build, carry_out, hear};

#[tokio::test]
async fn the_time_of_all_attempts_is_kept() {
    // 10 s for all: four attempts that hang take 8 s and their delays.
    let (bus, calls) =
        build(&[Hang], |builder| builder.configure::<carry_out>(|h| h.timeout(5 * 1000 * MS)));
    let error = bus.run(bus.execute(Do)).await.unwrap_err();
    assert_eq!(calls.times(), [(1, 0), (2, 2100), (3, 4300)]);
    assert_eq!(bus.clock().elapsed(), 5000 * MS);
    assert_eq!(
        error.to_string(),
        "command retry::Do failed after 3 attempts: timed out after 5s",
        "the total, not the attempt's"
    );
    // A delay that would end after it is not waited.
    let retry =
        RetryConfig { initial_delay: 4000 * MS, jitter: Jitter::None, ..RetryConfig::default() };
    let (bus, calls) = build(&[Transient], |builder| {
        builder.configure::<carry_out>(|h| h.timeout(5000 * MS).retry(retry))
    });
    let error = bus.run(bus.execute(Do)).await.unwrap_err();
    assert_eq!((calls.times().len(), bus.clock().elapsed()), (2, 4000 * MS));
    assert!(error.to_string().ends_with("failed after 2 attempts: it was Transient"), "{error}");
    // The caller's word counts.
    let (bus, calls) = build(&[Transient], |builder| builder);
    let error = bus.run(bus.execute(Do).timeout(250 * MS)).await.unwrap_err();
    assert_eq!((calls.times().len(), error.attempts()), (2, 2));
}

#[tokio::test]
async fn the_budget_is_shared() {
    // 2 retries in 10 s, and none for what is called.
    let budget = RetryBudget::new(0.0, 1).window(2 * 1000 * MS);
    let resilience = Resilience::default().budget(budget.clone()).circuit_breaker(None);
    let (bus, calls) = build(&[Transient], |builder| builder.resilient(resilience));
    bus.run(bus.execute(Do)).await.unwrap_err();
    bus.run(bus.execute(Do)).await.unwrap_err();
    let attempts: Vec<_> = calls.times().into_iter().map(|(attempt, _)| attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 1], "two retries of both handlers together");
    assert_eq!(budget.remaining(bus.clock().now()), 0);
    assert_eq!(bus.stats().retries_refused, 2, "one of each command");
}

/// After the end of time there is no other attempt, alone or in a batch.
#[tokio::test]
async fn a_delay_without_an_end_is_none() {
    let retry = RetryConfig {
        initial_delay: Duration::MAX,
        max_delay: Duration::MAX,
        jitter: Jitter::None,
        ..RetryConfig::default()
    };
    let (bus, calls) = build(&[Transient], |builder| {
        let builder = builder.configure::<hear>(|h| h.retry(retry));
        builder.handler::<fails_all>().configure::<fails_all>(|h| h.retry(retry))
    });
    let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
    assert_eq!(settled.failures.iter().map(|f| f.attempts).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((calls.times().len(), bus.dead_letters().len()), (1, 2));
}
#[handler(manual, batch = 2)]
async fn fails_all(events: &[Arc<Done>]) -> bus::BatchOutcome {
    events.iter().map(|_| Err(bus::Error::msg("not now"))).collect()
}
