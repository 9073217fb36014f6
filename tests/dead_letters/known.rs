//! What is known of a letter, and that it is never stale.

use std::sync::Arc;

use bus::prelude::*;
use bus::{Cause, ErrorClass, HandlerOptions, Principal, SessionId};

use super::{MS, PAY_AT, Paid, Pay, Permanent, Transient, all, bus, only};

#[tokio::test]
async fn all_is_known_of_a_command() {
    let (bus, world) = bus(all);
    world.will([Transient, Transient]);
    let session = bus.session("till-1").open().await.unwrap();
    let ada = Principal::new("ada").with_role("cashier");
    let executed = session.execute(Pay(5)).header("tenant", "acme").principal(ada.clone());
    let report = bus.run(executed.detailed()).await;
    let error = report.result.unwrap_err();
    let letter = only(&bus);
    assert_eq!(error.dead_letter(), Some(letter.id));
    assert_eq!(letter.message_id, report.command_id);
    assert_eq!(letter.correlation_id, report.command_id);
    assert_eq!((letter.message, letter.version), ("dead_letters::Pay", 7));
    assert_eq!(letter.message::<Pay>(), Some(&Pay(5)));
    assert!(letter.is_command() && letter.message::<Paid>().is_none());
    assert_eq!(&*letter.handler.name, "pay");
    assert_eq!((letter.handler.file, letter.handler.line), PAY_AT);
    assert_eq!(letter.error, "the bank does not answer");
    assert_eq!(letter.error_chain, "the bank does not answer: connection refused");
    assert_eq!(letter.cause, Cause::Failed(ErrorClass::Transient));
    assert_eq!((letter.attempts, letter.left_out), (2, 0));
    let history: Vec<_> = letter.history.iter().map(|a| (a.attempt, a.error.as_str())).collect();
    let text = "the bank does not answer: connection refused";
    assert_eq!(history, [(1, text), (2, text)]);
    assert_eq!(letter.first_attempted, letter.history[0].at);
    assert_eq!(letter.last_attempted, letter.history[1].at);
    assert_eq!(letter.session_id.as_str(), "till-1");
    assert_eq!(letter.principal, Some(ada));
    assert_eq!(letter.metadata.get("tenant").map(String::as_str), Some("acme"));
    let text = letter.to_string();
    assert!(text.contains("dead_letters::Pay") && text.contains("2 attempts"), "{text}");
}

#[tokio::test]
async fn all_is_known_of_an_event_and_its_handler() {
    let (bus, world) = bus(all);
    let long = "x".repeat(20_000);
    bus.register_event_handler_with(
        HandlerOptions::new().name("audit").dead_letters(true),
        move |_: Arc<Paid>, _: OwnedContext| {
            let error = bus::Error::malformed(bus::Error::msg(&long));
            async move { Err::<(), _>(error) }
        },
    )
    .unwrap();
    let line = line!() - 8;
    world.will([Permanent]);
    let published = bus.publish(Paid(9)).header("tenant", "acme").principal(Principal::new("bob"));
    let settled = published.and_wait().await.unwrap();
    let letters = bus.dead_letters().list();
    let [audit, book] = [&letters[0], &letters[1]];
    assert_eq!((&*audit.handler.name, &*book.handler.name), ("audit", "book"));
    assert_eq!((audit.handler.file, audit.handler.line), (file!(), line));
    assert_eq!(book.cause, Cause::Failed(ErrorClass::Permanent));
    assert_eq!(audit.cause, Cause::Failed(ErrorClass::Malformed));
    for letter in [audit, book] {
        assert_eq!((letter.message_id, letter.version), (settled.id, 3));
        assert_eq!((letter.attempts, letter.history.len()), (1, 1));
        assert_eq!((&letter.session_id, letter.is_command()), (&SessionId::BUS, false));
        assert_eq!(letter.principal.as_ref().map(Principal::id), Some("bob"));
        assert_eq!(letter.metadata.get("tenant").map(String::as_str), Some("acme"));
        assert_eq!(letter.message::<Paid>(), Some(&Paid(9)));
    }
    assert_eq!((audit.error.len(), audit.error_chain.len()), (8192, 8192));
    // Whoever waited was told of both, and the neighbour was called once.
    let mut failed: Vec<_> = settled.failures.iter().map(|f| f.handler.as_deref()).collect();
    failed.sort_unstable();
    assert_eq!(failed, [Some("audit"), Some("book")]);
    assert_eq!(world.take().iter().filter(|line| line.starts_with("beside")).count(), 1);
}

/// What is said of it is never stale, and while one is retried the others, and itself, are there.
#[tokio::test]
async fn the_counts_and_the_list_are_those_of_the_moment() {
    let (bus, world) = bus(all);
    world.will([Permanent, Permanent, Permanent, Transient]);
    for n in 0..3 {
        bus.execute(Pay(n)).await.unwrap_err();
    }
    let ids: Vec<_> = bus.dead_letters().list().iter().map(|letter| letter.id).collect();
    let counts = || (bus.stats().dead_letters, bus.dead_letters().len());
    assert_eq!(counts(), (3, 3));
    let (retried, ()) = tokio::join!(bus.dead_letters().retry(ids[0]), async {
        bus.advance(50 * MS).await;
        let during: Vec<_> = bus.dead_letters().list().iter().map(|letter| letter.id).collect();
        assert_eq!((during, counts()), (ids.clone(), (3, 3)), "between its two attempts");
        bus.advance(50 * MS).await;
    });
    retried.unwrap();
    assert_eq!(counts(), (2, 2));
    bus.dead_letters().discard(ids[1]).unwrap();
    assert_eq!(counts(), (1, 1));
    assert_eq!((bus.dead_letters().clear(), counts()), (1, (0, 0)));
    // Another bus has its own.
    let (other, world) = self::bus(all);
    world.will([Permanent]);
    other.execute(Pay(9)).await.unwrap_err();
    assert_eq!((counts(), other.stats().dead_letters), ((0, 0), 1));
}
