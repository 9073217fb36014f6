//! Very many events, and none: room for those that are due, and nothing that waits for nothing.

use std::time::Duration;

use bus::BackpressureStrategy;
use tokio::time::{Instant, sleep};

use super::{Rang, Tick, bus, bus_of_tokio, ms, tick};

/// Of tokio: a test bus does not settle while what is due waits for room.
#[tokio::test(start_paused = true)]
async fn many_that_are_due_at_once_find_room_one_after_the_other() {
    let strategies = [
        BackpressureStrategy::Block { timeout: ms(10) },
        BackpressureStrategy::DropOldest,
        BackpressureStrategy::RejectNew,
        BackpressureStrategy::AdaptiveRateLimit,
    ];
    for strategy in strategies {
        let (bus, _) = bus_of_tokio(|builder| {
            builder
                .handler::<tick>()
                .concurrency(2)
                .event_queue_size(3)
                .backpressure_strategy(strategy)
        });
        for _ in 0..200 {
            bus.publish(Tick { takes: 10 }).after(ms(100)).await.unwrap();
        }
        sleep(ms(99)).await;
        assert_eq!(bus.stats().scheduled, 200);
        sleep(ms(5000)).await;
        let stats = bus.stats();
        assert_eq!((stats.processed, stats.dropped), (200, 0), "{strategy:?}");
        assert!(stats.largest_queue <= 6, "{} events were queued of 3", stats.largest_queue);
    }
}

#[tokio::test]
async fn nothing_is_there_while_nothing_is_due() {
    let bus = bus(|builder| builder);
    bus.publish(Rang("now")).await.unwrap();
    bus.settle().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let one = bus.publish(Rang("later")).after(ms(100)).await.unwrap();
    assert_eq!(tasks(), before + 1);
    bus.settle().await;
    one.cancel();
    bus.settle().await;
    assert_eq!(tasks(), before, "a task waits for what was cancelled");
    bus.publish(Rang("later")).after(ms(100)).await.unwrap();
    bus.advance(ms(200)).await;
    assert_eq!(tasks(), before, "a task waits for nothing");
    bus.publish(Rang("again")).after(ms(100)).await.unwrap();
    bus.advance(ms(200)).await;
    assert_eq!((bus.stats().processed, tasks()), (3, before));
}

/// Of tokio: the record of a test bus would hold a million too.
#[tokio::test(start_paused = true)]
async fn a_million_wait_and_are_taken_back() {
    let (bus, log) = bus_of_tokio(|builder| builder);
    let (mut all, start) = (Vec::new(), Instant::now());
    for n in 0..1_000_000_u64 {
        // From the last to the first: each is the first of all for a while.
        let at = start + Duration::from_secs(1_000_000 - n);
        all.push(bus.publish(Rang("no")).at(at).await.unwrap());
    }
    assert_eq!(bus.stats().scheduled, 1_000_000);
    for (n, one) in all.iter().enumerate() {
        assert!(n == 500_000 || one.cancel());
    }
    sleep(Duration::from_secs(2_000_000)).await;
    assert_eq!(*log.lock().unwrap(), [("no", 500_000_000)]);
}
