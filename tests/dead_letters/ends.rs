//! A retry and the end: of the bus, and of the one who has asked for it.

use std::sync::atomic::Ordering;

use bus::RetryError;
use bus::prelude::*;

use super::{
    Effect, Hang, MS, Paid, Pay, Permanent, Transient, World, all, book, bus, effect, only, pay,
};

#[tokio::test]
async fn a_shutdown_waits_for_a_retry_and_no_other_begins() {
    for is_command in [true, false] {
        let (bus, world) = bus(|b| all(b).shutdown_timeout(5_000 * MS, 1_000 * MS));
        world.will([Permanent, Permanent, Transient]);
        for n in 0..2 {
            match is_command {
                true => drop(bus.execute(Pay(n)).await),
                false => drop(bus.publish(Paid(n)).and_wait().await),
            }
        }
        let ids: Vec<_> = bus.dead_letters().list().iter().map(|letter| letter.id).collect();
        let (retried, ()) = tokio::join!(bus.dead_letters().retry(ids[0]), async {
            bus.advance(50 * MS).await;
            assert_eq!(bus.dead_letters().discard(ids[0]).unwrap_err().to_string(), {
                format!("dead letter {} is being retried, and was not discarded", ids[0])
            });
            let report = bus.run(bus.shutdown()).await;
            assert!(report.is_clean(), "{report}");
        });
        retried.unwrap();
        let error = bus.dead_letters().retry(ids[1]).await;
        assert_eq!(error, Err(RetryError::ShuttingDown { id: ids[1] }));
        assert_eq!(only(&bus).id, ids[1], "it can still be looked at");
    }
}

#[tokio::test]
async fn a_retry_that_hangs_does_not_hold_up_the_shutdown_for_ever() {
    for is_command in [true, false] {
        let (bus, world) = bus(|b| all(b).shutdown_timeout(5_000 * MS, 1_000 * MS));
        world.will([Permanent, Hang]);
        match is_command {
            true => drop(bus.execute(Pay(1)).await),
            false => drop(bus.publish(Paid(1)).and_wait().await),
        }
        let (retried, ()) = tokio::join!(bus.dead_letters().retry(only(&bus).id), async {
            bus.settle().await;
            let report = bus.run(bus.shutdown()).await;
            assert!(bus.clock().elapsed() <= 8_000 * MS && !report.is_clean(), "{report}");
            // That of a command ends with its time.
            bus.advance(30_000 * MS).await;
        });
        retried.unwrap_err();
    }
}

#[tokio::test]
async fn a_retry_goes_on_without_the_one_who_asked_for_it() {
    let (bus, world) = bus(all);
    world.will([Permanent, Transient]);
    bus.publish(Paid(1)).and_wait().await.unwrap();
    let id = only(&bus).id;
    tokio::select! {
        biased;
        _ = bus.dead_letters().retry(id) => panic!("it is over before it is given up"),
        () = bus.advance(50 * MS) => {}
    }
    assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::Busy { id }));
    bus.advance(50 * MS).await;
    assert!(bus.dead_letters().is_empty());
    bus.expect::<Effect>().once();
    assert_eq!(world.effects.load(Ordering::Relaxed), 1, "it is handled once");
}

// By the clock of tokio: when a test bus is gone, nobody can say whether it has settled.
#[tokio::test(start_paused = true)]
async fn the_bus_may_go_in_the_middle_of_a_retry() {
    for is_command in [true, false] {
        let builder = Bus::builder().without_registered().provide(World::default());
        let bus = builder.handler::<pay>().handler::<book>().handler::<effect>().build().unwrap();
        let world = bus.resource::<World>().unwrap();
        world.will([Permanent, Transient]);
        match is_command {
            true => drop(bus.execute(Pay(1)).await),
            false => drop(bus.publish(Paid(1)).and_wait().await),
        }
        let id = bus.dead_letters().list()[0].id;
        let retry = tokio::time::timeout(50 * MS, bus.dead_letters().retry(id)).await;
        assert!(retry.is_err());
        let weak = bus.downgrade();
        drop(bus);
        tokio::time::sleep(60_000 * MS).await;
        assert!(weak.upgrade().is_none());
    }
}
