//! Single letters: kept, looked at, retried, edited, thrown away.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::End::{Fails, NotBegun, Well, WellUntold};
use super::{Fell, InTurn, Lift, World, at, failed, settle};
use crate::message::order::LaneId;
use crate::pipeline::options::{Head, Headers};
use crate::registry::WiringProblem;
use crate::resilience::dead_letters::store::Store;
use crate::session::SessionId;
use crate::sync::lock;
use crate::{Bus, Cause, DiscardError, Principal, RetryError, Select};

#[tokio::test(start_paused = true)]
async fn a_letter_tells_all_that_is_known() {
    let world = World::new(10);
    let mut headers = Headers::default();
    headers.set("tenant".into(), "acme".to_owned());
    let mut buried = world.buried_as(Fell(3), None);
    buried.head = Some(Arc::new(Head { headers, ..Head::default() }));
    buried.session = Some(SessionId::from("job"));
    buried.principal = Some(Principal::new("ada"));
    buried.error_chain = "ä".repeat(9_000);
    let message_id = buried.message_id;
    let id = world.core().dead_letters.bury(world.core(), buried);
    let entry = world.letters().get(id).unwrap();
    assert_eq!((entry.id, entry.message_id), (id, message_id));
    assert!(entry.message.ends_with("::Fell") && !entry.is_command());
    assert_eq!(entry.message::<Fell>(), Some(&Fell(3)));
    assert!(entry.message::<Lift>().is_none() && entry.downcast::<Lift>().is_none());
    assert_eq!(entry.downcast::<Fell>().as_deref(), Some(&Fell(3)));
    assert_eq!(entry.metadata["tenant"], "acme");
    assert_eq!((entry.session_id.as_str(), entry.attempts, entry.version), ("job", 4, 1));
    assert_eq!(entry.principal.as_ref().unwrap().id(), "ada");
    assert!(entry.error_chain.len() <= 8 * 1024 && entry.error_chain.ends_with("ä [..]"));
    assert!(entry.to_string().starts_with(&format!("{id}: ")), "{entry}");
    assert!(entry.to_string().ends_with("failed (transient), 4 attempts: broken"), "{entry}");
    assert!(world.letters().get("dl-999999-1".parse().unwrap()).is_none(), "another bus's");
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_goes_well_ends_the_letter_and_one_that_fails_does_not() {
    let world = World::new(10);
    let [first, second, third] = [world.bury(1), world.bury(2), world.bury(3)];
    world.fake.will([Fails, Fails, NotBegun, WellUntold]);
    for attempts in [5, 6] {
        assert_eq!(world.letters().retry(second).await, Err(failed(second, "again")));
        let entry = world.letters().get(second).unwrap();
        assert_eq!((entry.attempts, entry.cause), (attempts, Cause::Panicked));
        assert_eq!((&*entry.error, &*entry.error_chain), ("again", "again: and again"));
        assert_eq!(entry.history.iter().map(|a| a.attempt).max(), Some(attempts));
        assert_eq!((entry.first_attempted, entry.last_attempted), (at(1), at(60)));
    }
    assert_eq!(world.ids(), [first, second, third], "it keeps its place");
    assert_eq!(world.letters().retry(first).await, Err(failed(first, "the handler is gone")));
    assert_eq!(world.letters().get(first).unwrap().attempts, 4, "it was not called");
    let retried = world.letters().retry(second).await.unwrap();
    assert_eq!((retried.id, retried.followed.len(), retried.stopped_at), (second, 0, None));
    assert_eq!(world.letters().retry(second).await, Err(RetryError::Gone { id: second }));
    assert_eq!(world.ids(), [first, third]);
    let stats = world.letters().stats();
    assert_eq!((stats.retried, stats.succeeded, stats.buried), (4, 1, 3));
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn what_is_being_retried_is_nobody_elses() {
    let world = World::new(2);
    let first = world.bury(1);
    let retry = world.letters().retry(first);
    let mut retry = Box::pin(retry);
    assert!(futures_pending(&mut retry).await);
    assert_eq!(world.letters().retry(first).await, Err(RetryError::Busy { id: first }));
    assert_eq!(world.letters().discard(first), Err(DiscardError::Busy { id: first }));
    assert_eq!(world.letters().clear(), 0);
    let [second, third] = [world.bury(2), world.bury(3)];
    assert_eq!(world.ids(), [first, third], "{second} was the oldest that was free");
    // Whoever waits for it may go: the retry goes on.
    drop(retry);
    settle().await;
    assert_eq!(world.letters().retry(first).await, Err(RetryError::Busy { id: first }));
    world.fake.end(first, Well);
    settle().await;
    assert_eq!(world.ids(), [third]);
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn what_comes_while_all_are_retried_is_one_too_many_until_a_retry_ends() {
    let world = World::new(1);
    let first = world.bury(1);
    let mut retry = Box::pin(world.letters().retry(first));
    assert!(futures_pending(&mut retry).await);
    let second = world.bury(2);
    assert_eq!(world.ids(), [first, second]);
    let third = world.bury(3);
    assert_eq!(world.ids(), [first, third], "one too many, and not two");
    world.fake.end(first, Fails);
    assert_eq!(retry.await, Err(failed(first, "again")));
    assert_eq!(world.ids(), [third], "the oldest has to go");
    assert_eq!(world.letters().stats().evicted, 2);
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn a_retry_that_is_cut_off_gives_the_letter_back() {
    let world = World::new(1);
    let first = world.bury(1);
    let to_run = world.core().dead_letters.claim(world.core(), first, false).unwrap();
    let second = world.bury(2);
    assert_eq!(world.ids().len(), 2);
    drop(to_run);
    assert_eq!(world.ids(), [second]);
    let to_run = world.core().dead_letters.claim(world.core(), second, false).unwrap();
    drop(to_run);
    world.fake.will([Well]);
    assert!(world.letters().retry(second).await.is_ok());
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn who_runs_a_letter_again_gets_all_that_it_was_sent_with() {
    let world = World::new(1);
    let store = &world.core().dead_letters;
    let mut buried = world.buried_as(Fell(3), Some(5));
    buried.principal = Some(Principal::new("ada"));
    buried.session = Some("job".into());
    buried.lifecycle = true;
    let (message_id, handler) = (buried.message_id, buried.handler.clone());
    let id = store.bury(world.core(), buried);
    let letter = store.claim(world.core(), id, false).unwrap().letter;
    assert_eq!((letter.id, letter.message_id, letter.correlation), (id, message_id, message_id));
    assert_eq!((letter.handler, letter.handler_id), (handler, world.handler));
    assert_eq!((letter.lane, letter.session), (Some(LaneId(5)), Some("job".into())));
    assert_eq!(letter.principal, Some(Principal::new("ada")));
    assert!(letter.lifecycle && letter.message.is::<Fell>());
    assert_eq!((letter.info.short_name(), letter.attempts), ("Fell", 4));
}

#[tokio::test(start_paused = true)]
async fn a_claim_that_is_over_gives_nothing_back() {
    let world = World::new(5);
    let id = world.bury(1);
    let store = &world.core().dead_letters;
    let first = store.claim(world.core(), id, false).unwrap();
    let none = String::new;
    store.failed_again(world.core(), id, Cause::TimedOut, none(), none(), 1, Vec::new());
    let second = store.claim(world.core(), id, false).unwrap();
    // The run that has failed lets go of its letter late: that is the second one's now.
    drop(first);
    assert!(matches!(store.claim(world.core(), id, false), Err(RetryError::Busy { .. })));
    drop(second);
    assert!(store.claim(world.core(), id, false).is_ok());
}

#[tokio::test(start_paused = true)]
async fn a_copy_is_run_in_place_of_the_letter_which_stays_until_that_went_well() {
    let world = World::new(10);
    let id = world.bury(1);
    let original = world.letters().get(id).unwrap();
    world.fake.will([Fails, Well]);
    let edit = |fell: &Fell| Fell(fell.0 + 10);
    assert_eq!(world.letters().edit_and_retry(id, edit).await, Err(failed(id, "again")));
    let kept = world.letters().get(id).unwrap();
    assert_eq!((kept.attempts, kept.cause, kept.history.len()), (4, original.cause, 1));
    assert_eq!(kept.message::<Fell>(), Some(&Fell(1)));
    let retried = world.letters().edit_and_retry(id, edit).await.unwrap();
    let seen = lock(&world.fake.seen).last().unwrap().clone();
    assert_eq!((seen.fell, seen.header), (Some(11), Some(id.to_string())));
    assert_eq!(retried.message_id, seen.message_id);
    assert_ne!(seen.message_id, original.message_id);
    assert!(world.letters().is_empty());
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn an_edit_of_another_type_or_that_panics_changes_nothing() {
    let world = World::new(10);
    let id = world.bury(1);
    let error = world.letters().edit_and_retry(id, |_: &Lift| Lift).await.unwrap_err();
    assert!(matches!(error, RetryError::OtherType { .. }), "{error}");
    let edit = world.letters().edit_and_retry(id, |_: &Fell| panic!("no"));
    let mut edit = Box::pin(edit);
    let poll = || {
        let mut task = std::task::Context::from_waker(std::task::Waker::noop());
        let _ = edit.as_mut().poll(&mut task);
    };
    assert!(catch_unwind(AssertUnwindSafe(poll)).is_err());
    drop(edit);
    world.fake.will([Well]);
    assert!(world.letters().retry(id).await.is_ok(), "nobody has it");
}

#[tokio::test(start_paused = true)]
async fn a_copy_does_not_overtake_what_is_held_up_under_its_own_key() {
    let world = World::new(10);
    let (store, edit) = (&world.core().dead_letters, |_: &InTurn| InTurn(2));
    let own = <InTurn as crate::Message>::INFO.lane(&InTurn(2)).unwrap();
    let id = store.bury(world.core(), world.buried_as(InTurn(1), Some(99)));
    let head = world.bury_in(own.0);
    let error = world.letters().edit_and_retry(id, edit).await.unwrap_err();
    assert_eq!(error, RetryError::Behind { id, head });
    assert!(world.letters().discard(head).is_ok());
    world.fake.will([Well]);
    assert!(world.letters().edit_and_retry(id, edit).await.is_ok());
    assert_eq!(lock(&world.fake.seen).last().unwrap().lane, Some(own));
}

#[tokio::test(start_paused = true)]
async fn the_oldest_is_evicted_and_reading_changes_no_order() {
    let world = World::new(3);
    let ids: Vec<_> = (0..3).map(|n| world.bury(n)).collect();
    for _ in 0..3 {
        assert_eq!(world.ids(), ids);
        world.letters().get(ids[0]).unwrap();
        assert_eq!(world.letters().groups_by_cause().len(), 1);
        assert_eq!(world.letters().filter(Select::new().of::<Fell>()).len(), 3);
    }
    let newest = world.bury(3);
    assert_eq!(world.ids(), [ids[1], ids[2], newest]);
    assert_eq!(world.letters().stats().evicted, 1);
    assert_eq!(world.letters().discard(ids[0]), Err(DiscardError::Gone { id: ids[0] }));
    assert_eq!(world.letters().discard(ids[2]), Ok(()));
    assert_eq!((world.ids(), world.letters().len()), (vec![ids[1], newest], 2));
    assert_eq!((world.letters().clear(), world.letters().is_empty()), (2, true));
    assert_eq!(world.letters().stats().discarded, 3);
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn ten_thousand_are_retried_and_each_is_told() {
    let world = World::new(10_000);
    let ids: Vec<_> = (0..10_000).map(|n| world.bury(n)).collect();
    // Every tenth fails.
    world.fake.will((0..10_000).map(|n| if n % 10 == 0 { Fails } else { Well }));
    let mut told = Vec::new();
    let report = world.letters().retry_all().on_progress(|done, of| told.push((done, of))).await;
    assert_eq!(told, (1..=10_000).map(|done| (done, 10_000)).collect::<Vec<_>>());
    assert_eq!((report.retried, report.succeeded, report.gone), (10_000, 9_000, 0));
    assert!(!report.is_ok());
    let expected: Vec<_> = ids.iter().step_by(10).map(|id| (*id, failed(*id, "again"))).collect();
    assert_eq!(report.failed, expected);
    assert_eq!(world.fake.seen(), ids, "the oldest first");
    assert_eq!(world.ids(), ids.iter().step_by(10).copied().collect::<Vec<_>>());
    world.adds_up();
}

#[tokio::test(start_paused = true)]
async fn what_is_gone_or_busy_when_its_turn_comes_is_told_apart() {
    let world = World::new(10);
    let ids: Vec<_> = (0..3).map(|n| world.bury(n)).collect();
    world.fake.will([Well]);
    let bus = world.bus.clone();
    let (gone, busy) = (ids[1], ids[2]);
    let mut claim = None;
    let report = world.letters().retry_all().on_progress(|done, _| {
        if done == 1 {
            bus.dead_letters().discard(gone).unwrap();
            claim = bus.core().dead_letters.claim(bus.core(), busy, false).ok();
        }
    });
    let report = report.await;
    assert_eq!((report.retried, report.succeeded, report.gone), (1, 1, 1));
    assert_eq!(report.failed, [(busy, RetryError::Busy { id: busy })]);
    assert_eq!(report.to_string(), "1 retried, 1 of them with success; 1 left, 1 gone");
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_shuts_down_retries_nothing() {
    let world = World::new(2);
    let id = world.bury(1);
    world.bus.shutdown().await;
    assert_eq!(world.letters().retry(id).await, Err(RetryError::ShuttingDown { id }));
    assert_eq!((world.ids(), world.letters().stats().retried), (vec![id], 0));
}

#[test]
fn a_store_has_room_for_one() {
    let error = Bus::builder().without_registered().dead_letters(0).build().unwrap_err();
    let [WiringProblem::BadSetting { setting, .. }] = error.problems() else { panic!("{error}") };
    assert_eq!(*setting, "dead_letters");
    let bus = Bus::builder().without_registered().build().unwrap();
    assert_eq!(bus.dead_letters().stats().capacity, 1_000);
    assert!(!Store::new(1).has_sequences());
}

#[test]
fn a_destructor_that_panics_reaches_nobody_and_breaks_nothing() {
    #[bus_macros::event(crate = crate)]
    struct Explodes;
    impl Drop for Explodes {
        fn drop(&mut self) {
            panic!("in the destructor");
        }
    }
    let world = World::new(1);
    world.core().dead_letters.bury(world.core(), world.buried_as(Explodes, None));
    let id = world.bury(1);
    assert_eq!(world.ids(), [id]);
    world.adds_up();
}

/// Polls it once, and lets its tasks run.
pub(super) async fn futures_pending<F: Future + Unpin>(future: &mut F) -> bool {
    let pending = std::future::poll_fn(|task| {
        std::task::Poll::Ready(std::pin::Pin::new(&mut *future).poll(task).is_pending())
    });
    let pending = pending.await;
    settle().await;
    pending
}
