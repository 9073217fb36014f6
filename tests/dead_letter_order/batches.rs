//! Handlers that take batches.

use std::sync::Arc;

use bus::BatchOutcome;
use bus::prelude::*;

use crate::world::{
    Paid, Permanent, Transient, Well, World, adds_up, bus, id_of, keeps, kept_of, pay,
};

#[handler(manual, batch = 3, retry(max_retries = 2, initial_delay = "100ms", jitter = none))]
async fn store(events: &[Arc<Paid>], world: &Res<World>) -> BatchOutcome {
    tokio::task::yield_now().await;
    let does = events.iter().map(|paid| match world.next("store", paid.nr) {
        Transient => Err(bus::Error::msg("not now")),
        Permanent => Err(bus::Error::permanent(bus::Error::msg("never"))),
        _ => Ok(world.done("store", paid.nr)),
    });
    does.collect()
}

#[tokio::test(start_paused = true)]
async fn later_batches_leave_out_what_is_held_up() {
    let (bus, world) = bus(keeps::<store>);
    world.will("store", 1, [Permanent]);
    pay(&bus, 1, 1..=3).await;
    for nr in 4..=6 {
        pay(&bus, 1, [nr]).await;
        pay(&bus, 2, [10 * nr]).await;
    }
    bus.idle().await;
    // Those of one batch are called together: 2 and 3 went well beside 1.
    assert_eq!(kept_of(&bus, "store"), [1, 4, 5, 6]);
    assert_eq!(world.done_by("store"), [2, 3, 40, 50, 60]);
    // One after the other.
    bus.dead_letters().retry(id_of(&bus, "store", 1)).await.unwrap();
    assert_eq!(world.done_by("store")[5..], [1, 4, 5, 6]);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn of_one_batch_nobody_overtakes_one_that_is_given_up() {
    let (bus, world) = bus(keeps::<store>);
    world.will("store", 1, [Permanent]);
    world.will("store", 2, [Transient]);
    world.will("store", 10, [Transient]);
    pay(&bus, 1, [1, 2]).await;
    pay(&bus, 2, [10]).await;
    bus.idle().await;
    // 2 is to be called again, and 1 before it is no more: it is behind that.
    assert_eq!((world.done_by("store"), kept_of(&bus, "store")), (vec![10], vec![1, 2]));
    let second = bus.dead_letters().get(id_of(&bus, "store", 2)).unwrap();
    assert_eq!((second.attempts, second.error.as_str()), (1, "not now"), "it was called");
    bus.dead_letters().retry(id_of(&bus, "store", 1)).await.unwrap();
    assert_eq!(world.done_by("store"), [10, 1, 2]);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn of_one_batch_letters_are_in_the_order_of_the_events() {
    let (bus, world) = bus(keeps::<store>);
    // 1 is given up after 2, and comes before it.
    world.will("store", 1, [Transient; 3]);
    world.will("store", 2, [Permanent]);
    world.will("store", 3, [Transient]);
    pay(&bus, 1, 1..=3).await;
    pay(&bus, 1, [4]).await;
    bus.idle().await;
    assert_eq!((world.done_by("store"), kept_of(&bus, "store")), (vec![], vec![1, 2, 3, 4]));
    let attempts: Vec<_> = bus.dead_letters().list().iter().map(|l| l.attempts).collect();
    assert_eq!(attempts, [3, 1, 1, 0], "3 is not called while 2 is not");
    bus.dead_letters().retry(id_of(&bus, "store", 1)).await.unwrap();
    assert_eq!(world.done_by("store"), [1, 2, 3, 4]);
    // 5 goes well at last, and 6, which was given up before that, is the first.
    world.will("store", 5, [Transient, Transient, Well]);
    world.will("store", 6, [Permanent]);
    pay(&bus, 1, 5..=7).await;
    pay(&bus, 1, [8]).await;
    bus.idle().await;
    assert_eq!((world.done_by("store")[4..].to_vec(), kept_of(&bus, "store")), {
        (vec![7, 5], vec![6, 8])
    });
    assert!(bus.dead_letters().retry_all().await.is_ok());
    assert_eq!(world.done_by("store")[4..], [7, 5, 6, 8]);
    adds_up(&bus);
}
