//! What a retry does: to the letter, to a copy of its message, and without what it needs.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bus::prelude::*;
use bus::{Cause, HandlerOptions, RetryError};

use super::{Effect, Paid, Panic, Pay, Permanent, Transient, all, bus, only, passes};

#[tokio::test]
async fn one_that_fails_again_goes_on_counting_and_keeps_its_place() {
    for (is_command, around) in [(true, false), (true, true), (false, false), (false, true)] {
        let (bus, world) =
            bus(|builder| if around { all(builder).middleware(passes {}) } else { all(builder) });
        let send = async |n| match is_command {
            true => drop(bus.execute(Pay(n)).header("tenant", "acme").await),
            false => drop(bus.publish(Paid(n)).header("tenant", "acme").and_wait().await),
        };
        world.will([Transient, Transient, Permanent]);
        bus.run(send(1)).await;
        send(2).await;
        let [first, second] = <[_; 2]>::try_from(bus.dead_letters().list()).unwrap();
        world.take();
        world.will([Transient, Panic]);
        let error = bus.run(bus.dead_letters().retry(first.id)).await.unwrap_err();
        assert!(matches!(&error, RetryError::Failed { id, .. } if *id == first.id), "{error}");
        assert_eq!(world.take().len(), 2, "through its retries too");
        let after = bus.dead_letters().list();
        assert_eq!(after.iter().map(|l| l.id).collect::<Vec<_>>(), [first.id, second.id]);
        assert_eq!((after[0].attempts, after[0].cause), (4, Cause::Panicked));
        let numbers: Vec<_> = after[0].history.iter().map(|attempt| attempt.attempt).collect();
        assert_eq!(numbers, [1, 2, 3, 4], "which call it was");
        assert_eq!(after[0].first_attempted, first.first_attempted);
        assert!(after[0].last_attempted > first.last_attempted);
        assert_eq!((after[0].message_id, &after[0].metadata), (first.message_id, &first.metadata));

        let retried = bus.dead_letters().retry(first.id).await.unwrap();
        assert_eq!((retried.id, retried.message_id), (first.id, first.message_id));
        assert!(retried.followed.is_empty() && retried.stopped_at.is_none());
        let calls = world.take();
        assert!(calls[0].ends_with("in BUS for -, tenant acme, of -"), "{calls:?}");
        assert_eq!(only(&bus).id, second.id);
        let gone = bus.dead_letters().retry(first.id).await;
        assert_eq!(gone, Err(RetryError::Gone { id: first.id }));
        bus.settle().await;
        // Of the run that went well.
        bus.expect::<Effect>().once();
        assert_eq!(world.effects.load(Ordering::Relaxed), 1, "it is handled once");
        let stats = bus.dead_letters().stats();
        assert_eq!((stats.buried, stats.present, stats.succeeded), (2, 1, 1));
    }
}

#[tokio::test]
async fn a_copy_that_was_put_right_has_an_id_of_its_own() {
    for is_command in [true, false] {
        let (bus, world) = bus(all);
        world.will([Permanent]);
        match is_command {
            true => drop(bus.execute(Pay(1)).header("tenant", "acme").await),
            false => drop(bus.publish(Paid(1)).header("tenant", "acme").and_wait().await),
        }
        let before = only(&bus);
        let edit = async || match is_command {
            true => bus.dead_letters().edit_and_retry(before.id, |pay: &Pay| Pay(pay.0 + 10)).await,
            false => {
                bus.dead_letters().edit_and_retry(before.id, |paid: &Paid| Paid(paid.0 + 10)).await
            }
        };
        world.take();
        world.will([Permanent]);
        assert!(matches!(edit().await, Err(RetryError::Failed { .. })));
        let after = only(&bus);
        assert_eq!((after.id, after.attempts, after.history.len()), (before.id, 1, 1));
        let retried = edit().await.unwrap();
        assert!(retried.message_id != before.message_id && retried.id == before.id);
        let calls = world.take();
        let mut calls = calls.iter().filter(|line| !line.starts_with("beside"));
        let expected = format!("11 in BUS for -, tenant acme, of {}", before.id);
        assert!(calls.clone().count() == 2 && calls.all(|line| line.ends_with(&expected)));
        assert!(bus.dead_letters().is_empty());
        let wrong = bus.dead_letters().edit_and_retry(before.id, |_: &Pay| Pay(0)).await;
        assert_eq!(wrong, Err(RetryError::Gone { id: before.id }));
    }
}

/// No `Clone`.
#[command]
struct Give;

#[tokio::test]
async fn without_its_handler_a_letter_stays() {
    let (bus, world) = bus(|builder| builder);
    let options = || HandlerOptions::new().dead_letters(true);
    let fails = |_: Arc<Paid>, _: OwnedContext| async { Err::<(), _>(bus::Error::msg("no")) };
    let hears = bus.register_event_handler_with(options().name("hears"), fails).unwrap();
    let fails = |_: Arc<Give>, _: OwnedContext| async { Err::<(), _>(bus::Error::msg("no")) };
    let pays = bus.register_command_handler_with(options().name("pays"), fails).unwrap();
    bus.publish(Paid(1)).and_wait().await.unwrap();
    bus.execute(Give).await.unwrap_err();
    hears.unregister();
    pays.unregister();
    let [event, command] = <[_; 2]>::try_from(bus.dead_letters().list()).unwrap();
    let error = bus.dead_letters().retry(event.id).await.unwrap_err().to_string();
    assert!(error.contains("handler `hears`") && error.ends_with("is gone"), "{error}");
    let error = bus.dead_letters().retry(command.id).await.unwrap_err().to_string();
    assert!(error.contains("no handler"), "{error}");
    let report = bus.dead_letters().retry_all().await;
    assert_eq!((report.failed.len(), report.succeeded), (2, 0));
    let attempts: Vec<_> = bus.dead_letters().list().iter().map(|l| l.attempts).collect();
    assert_eq!(attempts, [event.attempts, command.attempts], "nothing was called");
    // Another handler of the event is not the one that has given up; that of a command answers.
    let well = |_: Arc<Paid>, _: OwnedContext| async {};
    bus.register_event_handler_with(options().name("hears"), well).unwrap();
    assert!(bus.dead_letters().retry(event.id).await.is_err());
    // One that takes it by value: the command is no `Clone`, and the letter holds it.
    let by_value = |_: Give, _: OwnedContext| async { bus::Result::<()>::Ok(()) };
    let by_value = bus.register_command_handler(by_value).unwrap();
    let error = bus.dead_letters().retry(command.id).await.unwrap_err();
    assert!(error.to_string().contains("derive `Clone` for it"), "{error}");
    by_value.unregister();
    bus.register_command_handler(|_: Arc<Give>, _: OwnedContext| async {
        bus::Result::<()>::Ok(())
    })
    .unwrap();
    bus.dead_letters().retry(command.id).await.unwrap();
    assert!(world.take().is_empty() && bus.stats().commands_in_flight == 0);
}

#[tokio::test]
async fn a_session_that_is_over_is_not_missed() {
    let (bus, world) = bus(all);
    let session = bus.session("till-1").open().await.unwrap();
    world.will([Permanent, Permanent, Permanent]);
    session.execute(Pay(1)).await.unwrap_err();
    session.publish(Paid(2)).and_wait().await.unwrap();
    session.publish(Paid(3)).and_wait().await.unwrap();
    let [pay, paid, last] = <[_; 3]>::try_from(bus.dead_letters().list()).unwrap();
    world.take();
    bus.dead_letters().retry(paid.id).await.unwrap();
    assert_eq!(world.take(), ["book 2 in till-1 for -, tenant -, of -"], "it is open");
    session.close().await;
    bus.dead_letters().retry(pay.id).await.unwrap();
    bus.dead_letters().retry(last.id).await.unwrap();
    let expected = ["pay 1", "book 3"].map(|what| format!("{what} in BUS for -, tenant -, of -"));
    assert_eq!(world.take(), expected);
    // A handler that has ended with its session.
    let session = bus
        .session("till-2")
        .on_event_with(
            HandlerOptions::new().name("own").dead_letters(true),
            |_: Arc<Paid>, _: OwnedContext| async { Err::<(), _>(bus::Error::msg("no")) },
        )
        .open()
        .await
        .unwrap();
    session.publish(Paid(4)).and_wait().await.unwrap();
    let own = only(&bus);
    assert_eq!(own.session_id.as_str(), "till-2");
    session.close().await;
    let error = bus.dead_letters().retry(own.id).await.unwrap_err().to_string();
    assert!(error.ends_with("is gone"), "{error}");
    assert_eq!(only(&bus).attempts, 1);
}

/// It says nothing of failures.
#[command]
#[derive(Clone)]
struct Bare;

#[tokio::test]
async fn of_the_handler_that_is_there_now_nothing_has_to_be_said() {
    for around in [false, true] {
        let (bus, _) = bus(|builder| if around { builder.middleware(passes {}) } else { builder });
        let options = HandlerOptions::new().dead_letters(true);
        let fails = |_: Arc<Bare>, _: OwnedContext| async { Err::<(), _>(bus::Error::msg("no")) };
        let fails = bus.register_command_handler_with(options, fails).unwrap();
        bus.execute(Bare).await.unwrap_err();
        fails.unregister();
        let well = |_: Bare, _: OwnedContext| async { bus::Result::<()>::Ok(()) };
        bus.register_command_handler(well).unwrap();
        bus.dead_letters().retry(only(&bus).id).await.unwrap();
        assert!(bus.dead_letters().is_empty());
    }
}
