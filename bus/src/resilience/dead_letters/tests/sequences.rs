//! What has to follow a dead letter waits behind it.

use super::End::{Fails, Well};
use super::{World, failed, settle};
use crate::message::order::LaneId;
use crate::registry::HandlerId;
use crate::resilience::dead_letters::NotParked;
use crate::{Cause, DiscardError, PARKED_PER_KEY, RetryError};

#[tokio::test(start_paused = true)]
async fn those_behind_it_are_run_in_order_when_the_head_went_well() {
    let world = World::new(10);
    let store = &world.core().dead_letters;
    assert!(!store.has_sequences());
    assert_eq!(world.park_in(7), Err(NotParked::Free));
    let head = world.bury_in(7);
    assert!(store.has_sequences());
    assert_eq!(store.is_behind(world.handler, LaneId(7)), Some(head));
    assert_eq!(store.is_behind(world.handler, LaneId(8)), None, "another key");
    assert_eq!(store.is_behind(HandlerId::next(), LaneId(7)), None, "another handler");
    let parked: Vec<_> = (0..3).map(|_| world.park_in(7).unwrap()).collect();
    let entry = world.letters().get(parked[2]).unwrap();
    assert_eq!(entry.cause, Cause::Parked { behind: head });
    let error = RetryError::Behind { id: parked[0], head };
    assert_eq!(world.letters().retry(parked[0]).await, Err(error));
    world.fake.will([Fails, Well, Well, Well, Well]);
    assert_eq!(world.letters().retry(head).await, Err(failed(head, "again")));
    let retried = world.letters().retry(head).await.unwrap();
    assert_eq!((retried.followed, retried.stopped_at), (parked.clone(), None));
    assert_eq!(world.fake.seen(), [vec![head, head], parked].concat());
    assert!(!store.has_sequences() && world.letters().is_empty());
    let stats = world.letters().stats();
    assert_eq!((stats.buried, stats.parked, stats.succeeded, stats.sequences), (4, 3, 4, 0));
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn the_first_that_fails_is_the_head_with_its_own_error() {
    let world = World::new(10);
    let head = world.bury_in(7);
    let parked: Vec<_> = (0..3).map(|_| world.park_in(7).unwrap()).collect();
    world.fake.will([Well, Well, Fails]);
    let retried = world.letters().retry(head).await.unwrap();
    assert_eq!((retried.followed, retried.stopped_at), (vec![parked[0]], Some(parked[1])));
    let entry = world.letters().get(parked[1]).unwrap();
    assert_eq!((entry.cause, &*entry.error), (Cause::Panicked, "again"));
    let store = &world.core().dead_letters;
    assert_eq!(store.is_behind(world.handler, LaneId(7)), Some(parked[1]));
    let error = RetryError::Behind { id: parked[2], head: parked[1] };
    assert_eq!(world.letters().retry(parked[2]).await, Err(error));
    // When the head is discarded, it goes on as well.
    world.fake.will([Well]);
    world.letters().discard(parked[1]).unwrap();
    settle().await;
    assert!(world.letters().is_empty() && !store.has_sequences());
    assert_eq!(world.fake.seen().last(), Some(&parked[2]));
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_a_sequence_is_run_goes_behind_it() {
    let world = World::new(10);
    let head = world.bury_in(7);
    let second = world.park_in(7).unwrap();
    let mut retry = Box::pin(world.letters().retry(head));
    assert!(super::verbs::futures_pending(&mut retry).await);
    let third = world.park_in(7).unwrap();
    world.fake.end(head, Well);
    settle().await;
    assert_eq!(world.fake.running(), [second]);
    let fourth = world.park_in(7).unwrap();
    assert_eq!(world.letters().get(fourth).unwrap().cause, Cause::Parked { behind: second });
    assert_eq!(world.letters().discard(second), Err(DiscardError::Busy { id: second }));
    world.fake.will([Well, Well]);
    world.fake.end(second, Well);
    assert_eq!(retry.await.unwrap().followed, [second, third, fourth]);
    assert_eq!(world.park_in(7), Err(NotParked::Free), "the last of it is gone");
}

#[tokio::test(start_paused = true)]
async fn one_that_is_discarded_in_the_middle_is_passed_over() {
    let world = World::new(10);
    let head = world.bury_in(7);
    let [second, third] = [world.park_in(7).unwrap(), world.park_in(7).unwrap()];
    world.letters().discard(second).unwrap();
    settle().await;
    assert_eq!(world.fake.seen(), [], "the head is still there");
    world.fake.will([Well, Well]);
    assert_eq!(world.letters().retry(head).await.unwrap().followed, [third]);
}

#[tokio::test(start_paused = true)]
async fn an_evicted_head_leaves_the_next_as_head() {
    let world = World::new(2);
    let head = world.bury_in(7);
    let second = world.park_in(7).unwrap();
    let third = world.park_in(7).unwrap();
    settle().await;
    assert_eq!(world.ids(), [second, third], "{head} is evicted");
    assert_eq!(world.fake.seen(), [], "nothing is run for that");
    let store = &world.core().dead_letters;
    assert_eq!(store.is_behind(world.handler, LaneId(7)), Some(second));
    world.fake.will([Well, Well]);
    assert_eq!(world.letters().retry(second).await.unwrap().followed, [third]);
    // The only one of its sequence.
    let last = world.bury_in(7);
    let _ = (world.bury(1), world.bury(2));
    assert!(!world.ids().contains(&last) && !store.has_sequences());
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn only_so_many_wait_behind_one() {
    let world = World::new(1_000);
    let head = world.bury_in(7);
    for _ in 0..PARKED_PER_KEY {
        world.park_in(7).unwrap();
    }
    assert_eq!(world.park_in(7), Err(NotParked::Full { limit: PARKED_PER_KEY }));
    let stats = world.letters().stats();
    assert_eq!((stats.refused, stats.parked, stats.present), (1, 100, 101));
    assert!(world.letters().get(head).is_some());
    let other = world.bury_in(8);
    assert!(world.park_in(8).is_ok(), "{other} holds up another key");
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn all_of_a_sequence_are_retried_once_and_counted_once() {
    let world = World::new(100);
    let head = world.bury_in(7);
    let parked: Vec<_> = (0..4).map(|_| world.park_in(7).unwrap()).collect();
    let other = world.bury(1);
    // The head and one behind it, not the next, which holds up the last ones; and the other.
    world.fake.will([Well, Well, Fails, Well]);
    let mut told = 0;
    let report = world.letters().retry_all().on_progress(|_, _| told += 1).await;
    assert_eq!((report.retried, report.succeeded, report.gone, told), (4, 3, 0, 6));
    let behind = |id| (id, RetryError::Behind { id, head: parked[1] });
    let expected = [(parked[1], failed(parked[1], "again")), behind(parked[2]), behind(parked[3])];
    assert_eq!(report.failed, expected);
    assert_eq!(world.fake.seen(), [head, parked[0], parked[1], other]);
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn those_that_are_thrown_away_together_run_nothing_of_each_other() {
    let world = World::new(100);
    let [_, _] = [world.bury_in(7), world.park_in(7).unwrap()];
    assert_eq!(world.letters().clear(), 2);
    settle().await;
    assert_eq!(world.fake.seen(), []);
    // All but the parked ones: these go on.
    let [_, parked] = [world.bury_in(7), world.park_in(7).unwrap()];
    world.fake.will([Well]);
    let heads = |entry: &crate::DeadLetterEntry| entry.cause.kind() != crate::CauseKind::Parked;
    assert_eq!(world.letters().filter(heads).discard(), 1);
    settle().await;
    assert_eq!((world.fake.seen(), world.letters().len()), (vec![parked], 0));
}

#[tokio::test(start_paused = true)]
async fn a_copy_of_the_head_that_went_well_lets_the_others_follow() {
    let world = World::new(100);
    let store = &world.core().dead_letters;
    let head = store.bury(world.core(), world.buried_as(super::InTurn(1), Some(7)));
    let second = world.park_in(7).unwrap();
    world.fake.will([Well, Well]);
    let retried = world.letters().edit_and_retry(head, |_: &super::InTurn| super::InTurn(2)).await;
    assert_eq!(retried.unwrap().followed, [second]);
    assert!(!store.has_sequences());
}
