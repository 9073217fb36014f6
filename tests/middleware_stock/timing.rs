//! How long calls take, by the clock of the bus.

use std::time::Duration;

use bus::middleware;

use super::{Order, SECOND, bus, order};

#[tokio::test(start_paused = true)]
async fn timing_measures_by_the_clock_of_the_bus() {
    let timing = middleware::timing();
    let (bus, _) = bus(|builder| builder.middleware(timing.clone()));
    bus.execute(Order { item: "hangs", count: 1, troubles: 1 }).await.unwrap_err();
    bus.execute(order("tea")).await.unwrap();
    bus.idle().await;
    let stats = timing.stats();
    let slowest = &stats[0];
    assert_eq!(slowest.handler.name, "take_order", "the one that took most time comes first");
    assert_eq!((slowest.calls, slowest.failed), (2, 1));
    assert_eq!((slowest.min, slowest.max), (Duration::ZERO, 5 * SECOND));
    assert_eq!(slowest.mean(), 5 * SECOND / 2);
    assert!(slowest.to_string().ends_with("2 calls, 1 failed, 0ns .. 2.5s .. 5s"), "{slowest}");
    assert_eq!(stats.len(), 3, "and the two handlers of the event");
}
