//! The end of sessions, of handlers and of the bus, with events that wait behind a dead letter.

use std::sync::Arc;

use bus::prelude::*;
use bus::{DiscardError, HandlerOptions, RetryError};
use tokio::time::sleep;

use crate::world::{
    Hang, MS, Paid, Permanent, World, adds_up, all, book, bus, id_of, keeps, kept_of, pay,
    retry_in_background,
};

#[tokio::test(start_paused = true)]
async fn of_a_session_that_ends_the_letters_stay() {
    let (bus, world) = bus(keeps::<book>);
    let options = HandlerOptions::new().name("own").dead_letters(true);
    let own = |paid: Arc<Paid>, cx: OwnedContext| async move {
        cx.resource::<World>().unwrap().act("own", paid.nr).await
    };
    let session = bus.session("till").on_event_with(options, own).open().await.unwrap();
    world.will("own", 1, [Permanent]);
    world.will("book", 2, [Permanent]);
    for nr in 1..=3 {
        session.publish(Paid { order: 1, nr }).await.unwrap();
    }
    session.close().await;
    assert_eq!((kept_of(&bus, "own"), kept_of(&bus, "book")), (vec![1, 2, 3], vec![2, 3]));
    // Events of others meet what waits in the session's, and not the handler that is gone.
    pay(&bus, 1, [4]).await;
    bus.idle().await;
    assert_eq!((kept_of(&bus, "own"), kept_of(&bus, "book")), (vec![1, 2, 3], vec![2, 3, 4]));
    let report = bus.dead_letters().retry_all().await;
    assert_eq!((report.succeeded, report.failed.len()), (3, 3), "{report:?}");
    assert_eq!(world.done_by("book"), [1, 2, 3, 4]);
    assert_eq!(bus.dead_letters().clear(), 3);
    bus.idle().await;
    assert!(world.done_by("own").is_empty());
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_session_that_ends_in_the_middle_of_a_retry() {
    let (bus, world) = bus(|builder| builder.session_close_timeout(MS));
    let options = HandlerOptions::new().name("own").dead_letters(true);
    let own = |paid: Arc<Paid>, cx: OwnedContext| async move {
        cx.resource::<World>().unwrap().act("own", paid.nr).await
    };
    let session = bus.session("till").on_event_with(options, own).open().await.unwrap();
    world.will("own", 1, [Permanent, Hang]);
    for nr in 1..=2 {
        session.publish(Paid { order: 1, nr }).await.unwrap();
    }
    bus.idle().await;
    let retrying = retry_in_background(&bus, id_of(&bus, "own", 1));
    sleep(20 * MS).await;
    session.close().await;
    let error = retrying.await.unwrap().unwrap_err();
    assert!(matches!(error, RetryError::Failed { .. }), "{error}");
    bus.idle().await;
    assert_eq!(kept_of(&bus, "own"), [1, 2]);
    assert_eq!(bus.dead_letters().clear(), 2);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn at_the_shutdown_what_waits_stays_and_is_counted() {
    let (bus, world) = bus(all);
    world.will("book", 2, [Permanent]);
    world.will("ship", 1, [Permanent]);
    pay(&bus, 1, 1..=4).await;
    let report = bus.shutdown().await;
    // One well of `book`, none of `ship`, all of `thank`; the other seven are in letters.
    assert_eq!((report.completed, report.failed, report.dropped), (5, 7, 0), "{report}");
    assert!(report.is_clean(), "what is kept is not lost: {report}");
    assert_eq!((kept_of(&bus, "book"), kept_of(&bus, "ship")), (vec![2, 3, 4], vec![1, 2, 3, 4]));
    let id = id_of(&bus, "book", 2);
    assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::ShuttingDown { id }));
    // A head that is discarded now lets nobody go.
    bus.dead_letters().discard(id).unwrap();
    assert_eq!(bus.dead_letters().discard(id), Err(DiscardError::Gone { id }));
    sleep(1_000 * MS).await;
    assert_eq!((world.called_by("book"), kept_of(&bus, "book")), (vec![1, 2], vec![3, 4]));
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_shutdown_waits_for_the_letter_that_is_retried_and_the_rest_stay() {
    let (bus, world) = bus(keeps::<book>);
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, 1..=4).await;
    bus.idle().await;
    let retrying = retry_in_background(&bus, id_of(&bus, "book", 1));
    sleep(MS).await;
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    let retried = retrying.await.unwrap().unwrap();
    assert!(retried.followed.is_empty() && retried.stopped_at.is_none(), "{retried:?}");
    assert_eq!((world.done_by("book"), kept_of(&bus, "book")), (vec![1], vec![2, 3, 4]));
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_dropped_in_the_middle_of_a_sequence_is_gone() {
    let (bus, world) = bus(keeps::<book>);
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, 1..=50).await;
    bus.idle().await;
    bus.dead_letters().discard(id_of(&bus, "book", 1)).unwrap();
    sleep(20 * MS).await;
    let weak = bus.downgrade();
    drop(bus);
    sleep(10_000 * MS).await;
    assert!(weak.upgrade().is_none());
    let done = world.done_by("book");
    assert!(done.is_sorted() && !done.is_empty() && done.len() < 49, "{done:?}");
}
