//! What fails is called again, after a delay that is never longer than the longest.

use std::time::Duration;

use bus::middleware;
use bus::{Builder, Ended, Jitter, RetryConfig};
use proptest::prelude::*;

use super::{Once, Order, Ordered, bus, take_order};

fn at_once() -> RetryConfig {
    RetryConfig { initial_delay: Duration::ZERO, ..RetryConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_called_again_and_emits_once() {
    let (bus, log) = bus(|builder| builder.middleware(middleware::retry(at_once())));
    let trouble = |item, troubles| Order { item, count: 1, troubles };
    let report = bus.execute(trouble("tea", 2)).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts), (3, 3), "the context counts them too");
    bus.idle().await;
    let one = "order tea";
    assert_eq!(log.take(), [one, one, one, "ordered tea", "also tea"]);

    let error = bus.execute(trouble("tea", 9)).await.unwrap_err();
    let said = "Order failed after 4 attempts: in trouble";
    assert!(error.to_string().ends_with(said) && error.attempts() == 4, "{error}");
    bus.idle().await;
    assert_eq!(log.take(), [one; 4], "something that failed has emitted");

    assert_eq!(bus.execute(trouble("hangs", 1)).await.unwrap(), 2, "each has a timeout of its own");
    let panicked = bus.execute(trouble("panics", 1)).await.unwrap_err();
    assert_eq!(panicked.attempts(), 1, "{panicked}");
    let once = bus.execute(Once).await.unwrap_err();
    assert_eq!(once.attempts(), 1, "it cannot be handled twice: {once}");
    bus.idle().await;
    log.take();

    bus.publish(Ordered("flaky")).await.unwrap();
    bus.idle().await;
    let flaky = "ordered flaky";
    assert_eq!(log.take(), [flaky, flaky, flaky, "also flaky"], "its neighbour ran once");
}

#[tokio::test(start_paused = true)]
async fn retries_of_retries_do_not_multiply() {
    let trouble = || Order { item: "tea", count: 1, troubles: 99 };
    let twice = |builder: Builder| {
        builder.middleware(middleware::retry(at_once())).middleware(middleware::retry(at_once()))
    };
    let declared = |builder: Builder| {
        let config = RetryConfig { max_retries: 1, ..at_once() };
        builder.configure::<take_order>(|handler| handler.retry(config))
    };
    for (calls, wraps) in [(4, [true, false]), (2, [false, true]), (2, [true, true])] {
        let (bus, _) = bus(|mut builder| {
            if wraps[0] {
                builder = twice(builder);
            }
            if wraps[1] { declared(builder) } else { builder }
        });
        let error = bus.execute(trouble()).await.unwrap_err();
        assert_eq!(error.attempts(), calls, "{wraps:?}: {error}");
        // Also when it is called once more.
        let error = bus.execute(trouble()).await.unwrap_err();
        assert_eq!(error.attempts(), calls, "{wraps:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_delays_are_waited_and_what_is_worth_it_can_be_chosen() {
    let config = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
    let picky = middleware::retry(config).only_if(
        |ended| matches!(ended, Ended::Failed(error) if error.to_string() == "in trouble"),
    );
    let (bus, _) = bus(|builder| builder.middleware(picky));
    let began = tokio::time::Instant::now();
    bus.execute(Order { item: "tea", count: 1, troubles: 9 }).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_millis(100 + 200 + 400));
    let hung = bus.execute(Order { item: "hangs", count: 1, troubles: 9 }).await.unwrap_err();
    assert_eq!(hung.attempts(), 1, "a timeout is not worth it here");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_delay_is_longer_than_the_longest(
        max_retries in 0..40_u32,
        initial in any::<u64>(),
        max in 0..100_000_u64,
        exponential_base in any::<f64>(),
        jitter in prop_oneof![
            Just(Jitter::Full),
            any::<f64>().prop_map(Jitter::Spread),
            Just(Jitter::Equal),
            Just(Jitter::Decorrelated),
            Just(Jitter::None),
        ],
    ) {
        let (initial_delay, max_delay) = (Duration::from_millis(initial), Duration::from_millis(max));
        let config = RetryConfig { max_retries, initial_delay, max_delay, exponential_base, jitter };
        let delays: Vec<_> = config.delays().collect();
        prop_assert_eq!(delays.len(), max_retries as usize);
        prop_assert!(delays.iter().all(|delay| *delay <= max_delay), "{:?}", delays);
    }
}
