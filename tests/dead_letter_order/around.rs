//! Sequences and what else there is: delayed retries, breakers, middleware, handlers that retry themselves.

use bus::prelude::*;
use bus::{
    Builder, Call, CircuitBreakerConfig, CircuitState, Handled, HandlerOptions, Next, RetryError,
    middleware,
};
use tokio::time::sleep;

use crate::world::{
    MS, Paid, Permanent, Transient, World, adds_up, all, book, bus, id_of, keeps, kept_of, pay,
    retry_in_background, ship,
};

#[tokio::test(start_paused = true)]
async fn during_delayed_retries_the_others_wait_without_a_letter() {
    let (bus, world) = bus(|builder| {
        let later = [10_000 * MS, 20_000 * MS];
        all(builder).configure::<ship>(|h| h.priority(0).delayed_retries(later))
    });
    world.will("ship", 1, [Transient; 3]);
    world.will("ship", 3, [Transient; 6]);
    pay(&bus, 1, 1..=4).await;
    pay(&bus, 2, [10]).await;
    sleep(5_000 * MS).await;
    assert_eq!(world.called_by("ship"), [1, 10, 1], "2 waits for the second round");
    assert!(bus.dead_letters().is_empty());
    assert_eq!(world.done_by("book").len(), 5, "others do not wait");
    sleep(8_000 * MS).await;
    assert_eq!(world.done_by("ship"), [10, 1, 2], "its second round went well");
    bus.idle().await;
    assert_eq!((world.done_by("ship"), kept_of(&bus, "ship")), (vec![10, 1, 2], vec![3, 4]));
    assert_eq!(bus.dead_letters().get(id_of(&bus, "ship", 3)).unwrap().attempts, 6);
    // A retry has its rounds too, and those that come meanwhile wait behind it.
    world.will("ship", 3, [Transient; 2]);
    let retrying = retry_in_background(&bus, id_of(&bus, "ship", 3));
    sleep(1_000 * MS).await;
    pay(&bus, 1, [5]).await;
    retrying.await.unwrap().unwrap();
    bus.idle().await;
    assert_eq!(world.done_by("ship"), [10, 1, 2, 3, 4, 5]);
    adds_up(&bus);
}

fn breaks(builder: Builder) -> Builder {
    let config = CircuitBreakerConfig {
        failure_threshold: 2,
        recovery_timeout: 10_000 * MS,
        success_threshold: 1,
        ..CircuitBreakerConfig::default()
    };
    keeps::<book>(builder).configure::<book>(|h| h.circuit_breaker(config))
}

#[tokio::test(start_paused = true)]
async fn while_the_breaker_is_open_letters_and_events_wait_in_their_order() {
    let (bus, world) = bus(breaks);
    world.will("book", 1, [Transient]);
    world.will("book", 10, [Transient]);
    pay(&bus, 1, [1]).await;
    pay(&bus, 2, [10]).await;
    bus.idle().await;
    assert_eq!(bus.circuit_breaker("book").unwrap().state(), CircuitState::Open);
    pay(&bus, 1, 2..=3).await;
    pay(&bus, 2, [11]).await;
    pay(&bus, 3, 20..=21).await;
    sleep(1_000 * MS).await;
    // What follows a letter is behind it; what follows none waits for the breaker.
    assert_eq!(kept_of(&bus, "book"), [1, 10, 2, 3, 11]);
    assert_eq!((world.called_by("book"), bus.stats().queued), (vec![1, 10], 2));
    // A retry waits for it as well.
    let retrying = retry_in_background(&bus, id_of(&bus, "book", 1));
    sleep(1_000 * MS).await;
    let id = id_of(&bus, "book", 1);
    assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::Busy { id }));
    pay(&bus, 1, [4]).await;
    sleep(1_000 * MS).await;
    assert_eq!(world.called_by("book"), [1, 10]);
    let followed = retrying.await.unwrap().unwrap().followed;
    assert_eq!(followed.len(), 3);
    bus.dead_letters().retry(id_of(&bus, "book", 10)).await.unwrap();
    bus.idle().await;
    let done = world.done_by("book");
    for (key, expected) in [(0, vec![1, 2, 3, 4]), (1, vec![10, 11]), (2, vec![20, 21])] {
        let of_key: Vec<_> = done.iter().copied().filter(|nr| nr / 10 == key).collect();
        assert_eq!(of_key, expected);
    }
    assert_eq!(bus.stats().dropped, 0);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_letter_whose_retry_waits_at_the_breaker_can_be_given_up_at_the_shutdown() {
    let (bus, world) = bus(|b| breaks(b).shutdown_timeout(5_000 * MS, 1_000 * MS));
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, 1..=2).await;
    bus.idle().await;
    bus.circuit_breaker("book").unwrap().force_open();
    pay(&bus, 2, [10]).await;
    let retrying = retry_in_background(&bus, id_of(&bus, "book", 1));
    sleep(MS).await;
    let report = bus.shutdown().await;
    let error = retrying.await.unwrap().unwrap_err();
    assert!(matches!(error, RetryError::Failed { .. }), "{error}");
    assert_eq!(kept_of(&bus, "book"), [1, 2]);
    assert_eq!((report.dropped, report.failed), (2, 2), "one event, and one rerun: {report}");
    adds_up(&bus);
}

#[middleware(manual)]
async fn passes(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}
/// Once.
#[middleware(manual)]
async fn is_moody(call: &mut Call<'_>, next: Next, world: &Res<World>) -> Handled {
    let nr = call.get::<Paid>().map_or(0, |paid| paid.nr);
    if world.next("moody", nr) == Permanent {
        return call.reject("not in that mood");
    }
    next.run(call).await
}

#[tokio::test(start_paused = true)]
async fn middleware_around_changes_nothing() {
    let (bus, world) = bus(|builder| all(builder).middleware(passes {}));
    world.will("book", 1, [Permanent]);
    world.will("ship", 2, [Transient, Transient]);
    pay(&bus, 1, 1..=4).await;
    bus.idle().await;
    assert_eq!((kept_of(&bus, "book"), kept_of(&bus, "ship")), (vec![1, 2, 3, 4], vec![2, 3, 4]));
    assert!(bus.dead_letters().retry_all().await.is_ok());
    assert_eq!(
        (world.done_by("book"), world.done_by("ship")),
        (vec![1, 2, 3, 4], vec![1, 2, 3, 4])
    );
    adds_up(&bus);
    // What it turns away is no letter, and the next is not held up; a letter that is turned away stays.
    let (bus, world) = self::bus(|builder| keeps::<book>(builder).middleware(is_moody {}));
    world.will("moody", 1, [Permanent]);
    world.will("book", 2, [Permanent]);
    pay(&bus, 1, 1..=3).await;
    bus.idle().await;
    assert_eq!((world.called_by("book"), kept_of(&bus, "book")), (vec![2], vec![2, 3]));
    world.will("moody", 2, [Permanent]);
    bus.dead_letters().retry(id_of(&bus, "book", 2)).await.unwrap_err();
    assert_eq!(kept_of(&bus, "book"), [2, 3]);
    bus.dead_letters().retry(id_of(&bus, "book", 2)).await.unwrap();
    assert_eq!(world.done_by("book"), [2, 3]);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_is_gone_holds_up_no_other() {
    let (bus, world) = bus(keeps::<book>);
    let register = |fails: bool| {
        let options = HandlerOptions::new().name("late").dead_letters(true);
        let world = bus.resource::<World>().unwrap();
        let late = move |paid: std::sync::Arc<Paid>, _: OwnedContext| {
            let world = world.clone();
            async move {
                if fails {
                    return Err(bus::Error::permanent(bus::Error::msg("never")));
                }
                world.act("late", paid.nr).await
            }
        };
        bus.register_event_handler_with(options, late).unwrap()
    };
    let first = register(true);
    pay(&bus, 1, 1..=3).await;
    bus.idle().await;
    first.unregister();
    let second = register(false);
    pay(&bus, 1, 4..=5).await;
    bus.idle().await;
    assert_eq!((world.done_by("late"), kept_of(&bus, "late")), (vec![4, 5], vec![1, 2, 3]));
    let report = bus.dead_letters().retry_all().await;
    assert_eq!((report.succeeded, report.failed.len()), (0, 3), "{report:?}");
    // Discarded, the head lets the next go, which cannot be called either.
    bus.dead_letters().discard(id_of(&bus, "late", 1)).unwrap();
    bus.idle().await;
    assert_eq!(kept_of(&bus, "late"), [2, 3]);
    assert_eq!((bus.dead_letters().clear(), bus.dead_letters().stats().sequences), (2, 0));
    second.unregister();
    assert_eq!(world.done_by("book"), [1, 2, 3, 4, 5]);
    adds_up(&bus);
}

/// It retries what is before it, which would come in its own turn.
#[handler(manual)]
async fn retries(paid: &Paid, bus: Bus, world: &Res<World>) -> bus::Result<()> {
    if paid.order == 1 && paid.nr == 2 {
        let id = id_of(&bus, "book", 1);
        assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::OwnLane { id }));
        world.done("retries", paid.nr);
    }
    if paid.order == 2 {
        // Of another key, it may.
        bus.dead_letters().retry(id_of(&bus, "book", 1)).await.unwrap();
        world.done("retries", paid.nr);
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn who_holds_the_lane_cannot_wait_for_what_comes_in_it() {
    let (bus, world) = bus(|builder| keeps::<book>(builder).handler::<retries>().concurrency(1));
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, [1]).await;
    bus.idle().await;
    pay(&bus, 1, [2]).await;
    bus.idle().await;
    assert_eq!(world.done_by("retries"), [2]);
    pay(&bus, 2, [10]).await;
    bus.idle().await;
    assert_eq!(world.done_by("retries"), [2, 10]);
    let mut done = world.done_by("book");
    done.retain(|nr| *nr < 10);
    assert_eq!(done, [1, 2]);
    adds_up(&bus);
}
