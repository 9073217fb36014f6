//! What retry, edit, discard and clear do to a sequence.

use bus::{DeadLetterEntry, RetryError};
use tokio::time::sleep;

use crate::world::{
    MS, Paid, Permanent, Transient, adds_up, all, book, bus, id_of, keeps, kept_of, nr, pay,
    retry_in_background,
};

#[tokio::test(start_paused = true)]
async fn only_the_first_can_be_retried() {
    let (bus, world) = bus(keeps::<book>);
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, 1..=3).await;
    bus.idle().await;
    let [head, id] = [1, 3].map(|nr| id_of(&bus, "book", nr));
    assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::Behind { id, head }));
    let same = |paid: &Paid| Paid { order: paid.order, nr: paid.nr };
    let edited = bus.dead_letters().edit_and_retry(id, same).await;
    assert_eq!(edited, Err(RetryError::Behind { id, head }));
    assert_eq!(world.called_by("book"), [1]);
    bus.dead_letters().retry(head).await.unwrap();
    assert_eq!(world.done_by("book"), [1, 2, 3]);
    assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::Gone { id }));
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn one_that_fails_again_still_holds_up_the_others() {
    let (bus, world) = bus(all);
    // Each retry of `ship` makes two calls.
    world.will("ship", 1, [Transient; 4]);
    world.will("ship", 3, [Permanent, Permanent]);
    pay(&bus, 1, 1..=4).await;
    bus.idle().await;
    let head = id_of(&bus, "ship", 1);
    let error = bus.dead_letters().retry(head).await.unwrap_err();
    assert!(matches!(&error, RetryError::Failed { id, .. } if *id == head), "{error}");
    assert_eq!(kept_of(&bus, "ship"), [1, 2, 3, 4]);
    pay(&bus, 1, [5]).await;
    bus.idle().await;
    assert_eq!((world.called_by("ship"), world.done_by("ship")), (vec![1; 4], vec![]));
    assert_eq!(bus.dead_letters().get(head).unwrap().attempts, 4);
    // Up to the next that fails, twice.
    for (from, followed) in [(1, vec![2]), (3, vec![])] {
        let ids: Vec<_> = followed.iter().map(|nr| id_of(&bus, "ship", *nr)).collect();
        match bus.dead_letters().retry(id_of(&bus, "ship", from)).await {
            Ok(retried) => {
                assert_eq!(retried.followed, ids);
                assert_eq!(retried.stopped_at, Some(id_of(&bus, "ship", 3)));
            }
            Err(error) => assert!(matches!(error, RetryError::Failed { .. }), "{error}"),
        }
        assert_eq!((world.done_by("ship"), kept_of(&bus, "ship")), (vec![1, 2], vec![3, 4, 5]));
    }
    let report = bus.dead_letters().retry_all().await;
    assert_eq!((report.retried, report.succeeded, report.failed.len()), (3, 3, 0));
    assert_eq!(world.done_by("ship"), [1, 2, 3, 4, 5]);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn what_comes_during_a_retry_comes_after_it() {
    let (bus, world) = bus(keeps::<book>);
    world.will("book", 1, [Permanent]);
    world.will("book", 2, [Permanent]);
    pay(&bus, 1, 1..=3).await;
    bus.idle().await;
    let retrying = retry_in_background(&bus, id_of(&bus, "book", 1));
    // In the middle of the first, and then of the second, which fails.
    sleep(2 * MS).await;
    pay(&bus, 1, [4]).await;
    sleep(8 * MS).await;
    pay(&bus, 1, [5]).await;
    retrying.await.unwrap().unwrap();
    bus.idle().await;
    assert_eq!((world.done_by("book"), kept_of(&bus, "book")), (vec![1], vec![2, 3, 4, 5]));
    let retrying = retry_in_background(&bus, id_of(&bus, "book", 2));
    for nr in 6..60 {
        sleep(MS).await;
        pay(&bus, 1, [nr]).await;
    }
    retrying.await.unwrap().unwrap();
    bus.idle().await;
    assert_eq!(world.done_by("book"), (1..60).collect::<Vec<_>>());
    assert!(bus.dead_letters().is_empty());
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_letter_that_is_discarded_lets_the_next_go() {
    let (bus, world) = bus(keeps::<book>);
    world.will("book", 1, [Permanent]);
    world.will("book", 4, [Permanent]);
    pay(&bus, 1, 1..=5).await;
    bus.idle().await;
    // From the middle: nothing is run.
    bus.dead_letters().discard(id_of(&bus, "book", 2)).unwrap();
    bus.idle().await;
    assert_eq!((world.called_by("book"), kept_of(&bus, "book")), (vec![1], vec![1, 3, 4, 5]));
    // The head: up to the next that fails, which is the head.
    bus.dead_letters().discard(id_of(&bus, "book", 1)).unwrap();
    bus.idle().await;
    assert_eq!((world.done_by("book"), kept_of(&bus, "book")), (vec![3], vec![4, 5]));
    pay(&bus, 1, [6]).await;
    bus.idle().await;
    assert_eq!(kept_of(&bus, "book"), [4, 5, 6]);
    bus.dead_letters().discard(id_of(&bus, "book", 4)).unwrap();
    // Before the next is run.
    pay(&bus, 1, [7]).await;
    bus.idle().await;
    assert_eq!((world.done_by("book"), kept_of(&bus, "book")), (vec![3, 5, 6, 7], vec![]));
    let stats = bus.dead_letters().stats();
    assert_eq!((stats.discarded, stats.succeeded, stats.sequences), (3, 4, 0));
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn clear_leaves_nothing_that_holds_up_others() {
    let (bus, world) = bus(all);
    for handler in ["book", "ship"] {
        world.will(handler, 1, [Permanent]);
        world.will(handler, 10, [Permanent]);
    }
    pay(&bus, 1, 1..=3).await;
    pay(&bus, 2, 10..=12).await;
    bus.idle().await;
    assert_eq!(bus.dead_letters().clear(), 12);
    bus.idle().await;
    assert!(world.done_by("book").is_empty() && world.done_by("ship").is_empty());
    pay(&bus, 1, [4]).await;
    bus.idle().await;
    assert_eq!((world.done_by("book"), world.done_by("ship")), (vec![4], vec![4]));
    adds_up(&bus);
    // Of two sequences one, and of the other the head.
    world.will("book", 5, [Permanent]);
    world.will("ship", 5, [Permanent]);
    pay(&bus, 1, 5..=7).await;
    bus.idle().await;
    let which = |letter: &DeadLetterEntry| nr(letter) == 5 || &*letter.handler.name == "ship";
    assert_eq!(bus.dead_letters().filter(which).discard(), 4);
    bus.idle().await;
    assert_eq!((world.done_by("book"), world.done_by("ship")), (vec![4, 6, 7], vec![4]));
    // What is being retried stays, and so does its order.
    world.will("book", 8, [Permanent]);
    pay(&bus, 1, 8..=10).await;
    bus.idle().await;
    let retrying = retry_in_background(&bus, id_of(&bus, "book", 8));
    sleep(MS).await;
    assert_eq!(bus.dead_letters().clear(), 2);
    pay(&bus, 1, [11]).await;
    retrying.await.unwrap().unwrap();
    bus.idle().await;
    assert_eq!(world.done_by("book"), [4, 6, 7, 8, 11]);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn retry_all_goes_through_all_keys_and_past_what_fails() {
    let (bus, world) = bus(all);
    for (nr, fails) in [(1, 1), (10, 2), (20, 1)] {
        world.will("book", nr, (0..fails).map(|_| Permanent));
        world.will("ship", nr, [Permanent]);
    }
    for nr in [1, 10, 20, 2, 11, 21, 3, 12, 22] {
        pay(&bus, nr / 10, [nr]).await;
    }
    bus.idle().await;
    assert_eq!(bus.dead_letters().len(), 18);
    let mut told = Vec::new();
    let report = bus.dead_letters().retry_all().on_progress(|done, of| told.push((done, of))).await;
    assert_eq!(told, (1..=18).map(|n| (n, 18)).collect::<Vec<_>>());
    assert_eq!(kept_of(&bus, "book"), [10, 11, 12]);
    assert_eq!((report.succeeded, report.failed.len(), report.gone), (15, 3, 0), "{report:?}");
    let behind = |(_, error): &&(_, RetryError)| matches!(error, RetryError::Behind { .. });
    assert_eq!(report.failed.iter().filter(behind).count(), 2, "{report:?}");
    assert_eq!(report.retried, 16);
    assert!(bus.dead_letters().retry_all().await.is_ok());
    for handler in ["book", "ship"] {
        for key in 0..3 {
            let mut done = world.done_by(handler);
            done.retain(|nr| nr / 10 == key);
            assert!(done.len() == 3 && done.is_sorted(), "{handler}: {done:?}");
        }
    }
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_copy_goes_in_the_place_of_its_original() {
    let (bus, world) = bus(keeps::<book>);
    world.will("book", 1, [Permanent]);
    world.will("book", 101, [Permanent]);
    world.will("book", 10, [Permanent]);
    pay(&bus, 1, 1..=3).await;
    pay(&bus, 2, 10..=11).await;
    bus.idle().await;
    let [id, other] = [1, 10].map(|nr| id_of(&bus, "book", nr));
    let later = |paid: &Paid| Paid { order: paid.order, nr: paid.nr + 100 };
    // It fails: the original stays, and what it holds up.
    bus.dead_letters().edit_and_retry(id, later).await.unwrap_err();
    let mut kept = kept_of(&bus, "book");
    kept.sort_unstable();
    assert_eq!(kept, [1, 2, 3, 10, 11]);
    assert_eq!(bus.dead_letters().get(id).unwrap().attempts, 1);
    // Under a key that is held up it would overtake, ..
    let to_key = |order| move |paid: &Paid| Paid { order, nr: paid.nr + 200 };
    let behind = bus.dead_letters().edit_and_retry(id, to_key(2)).await;
    assert_eq!(behind, Err(RetryError::Behind { id, head: other }));
    // .. and under another it does not; those of its own go on.
    let retried = bus.dead_letters().edit_and_retry(id, to_key(3)).await.unwrap();
    assert_eq!(retried.followed.len(), 2);
    assert_eq!(world.done_by("book"), [201, 2, 3]);
    bus.dead_letters().edit_and_retry(other, later).await.unwrap();
    assert_eq!(world.done_by("book"), [201, 2, 3, 110, 11]);
    adds_up(&bus);
}
