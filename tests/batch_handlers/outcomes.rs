//! What comes of each event of a batch, and what follows from it.

use std::sync::Arc;

use bus::testing::TestBus;
use bus::{BatchOutcome, Bus, Context, Emit, Res, command, handler};

use super::{Booked, Log, Sold, bus, ms, numbers, sell};

#[handler(manual, batch = 10)]
async fn picky(events: &[Arc<Sold>], emit: Emit<Booked>) -> Result<BatchOutcome, bus::Error> {
    if events.iter().any(|event| event.0 == 66) {
        return Err(bus::Error::msg("all of them"));
    }
    let mut outcome = BatchOutcome::all_ok();
    for (at, event) in events.iter().enumerate() {
        match event.0 {
            13 => {
                outcome.fail(at, bus::Error::msg("unlucky"));
                outcome.fail(at, bus::Error::msg("and said twice"));
            }
            98 => outcome.fail(events.len(), bus::Error::msg("just outside")),
            99 => outcome.fail(1000, bus::Error::msg("nowhere")),
            7 => panic!("seven"),
            number => emit.send(Booked(number)),
        }
    }
    Ok(outcome)
}
#[handler(manual)]
fn booked(event: &Booked, log: &Res<Log>) {
    log.say(format!("booked {}", event.0));
}

/// What is said of each event of a batch.
async fn outcomes(numbers: [u32; 3]) -> (Vec<Option<String>>, TestBus, Log) {
    let (bus, log) = bus(|builder| builder.handler::<picky>().handler::<booked>());
    // Published in order, waited for together.
    let [one, two, three] = numbers.map(|number| bus.publish(Sold(number)).and_wait());
    let settled = <[_; 3]>::from(bus.run(async { tokio::join!(one, two, three) }).await);
    let of_each = settled.into_iter().map(|settled| {
        let settled = settled.unwrap();
        assert!(settled.failures.len() <= 1, "{:?}", settled.failures);
        let failure = settled.failures.into_iter().next()?;
        assert_eq!(failure.event_id, settled.id, "the failure of another");
        Some(failure.error)
    });
    (of_each.collect(), bus, log)
}

#[tokio::test]
async fn each_event_has_an_outcome_of_its_own() {
    let (outcomes, bus, log) = outcomes([1, 13, 2]).await;
    assert_eq!(outcomes, [None, Some("unlucky".to_owned()), None]);
    assert_eq!(log.all(), ["booked 1", "booked 2"]);
    assert_eq!((bus.stats().processed, bus.stats().failed), (4, 1));
    let failures = bus.recent_failures();
    assert_eq!(failures.len(), 1);
    assert_eq!((&*failures[0].error, &*failures[0].handler.name), ("unlucky", "picky"));
}

#[tokio::test]
async fn all_have_failed_where_the_handler_has() {
    for (numbers, why) in [
        ([1, 66, 2], "all of them"),
        ([1, 7, 2], "panicked: seven"),
        ([1, 98, 2], "it says that event 3 of 3 has failed: just outside"),
        ([1, 99, 2], "it says that event 1000 of 3 has failed: nowhere"),
    ] {
        let (outcomes, bus, log) = outcomes(numbers).await;
        assert_eq!(outcomes, vec![Some(why.to_owned()); 3]);
        assert!(log.all().is_empty(), "a handler that has failed has emitted");
        assert_eq!((bus.stats().processed, bus.stats().failed), (0, 3));
        assert_eq!(bus.recent_failures().len(), 3);
    }
}

#[test]
fn results_make_an_outcome() {
    let results =
        [Ok(()), Err(std::io::Error::other("a")), Ok(()), Err(std::io::Error::other("b"))];
    let outcome: BatchOutcome = results.into_iter().collect();
    assert!(!outcome.is_ok());
    assert!(format!("{outcome:?}").contains("(3, "), "{outcome:?}");
    assert!(BatchOutcome::all_ok().is_ok());
}

#[command]
struct Trade(u32);
#[handler(manual)]
async fn trade(trade: Trade, emit: Emit<Sold>) -> bus::Result<()> {
    emit.send(Sold(trade.0));
    emit.send(Sold(trade.0));
    Ok(())
}
#[handler(manual, batch = 10)]
async fn follows(events: &[Arc<Sold>], cx: &Context, log: &Res<Log>) {
    log.say(format!("{:?} {}", numbers(events), cx.causation_id().is_some()));
}

#[tokio::test]
async fn a_batch_follows_from_what_all_of_its_events_follow_from() {
    let (bus, log) = bus(|builder| builder.handler::<trade>().handler::<follows>());
    bus.execute(Trade(1)).await.unwrap();
    bus.run(bus.idle()).await;
    bus.execute(Trade(2)).await.unwrap();
    bus.execute(Trade(3)).await.unwrap();
    bus.run(bus.idle()).await;
    bus.execute(Trade(4)).await.unwrap();
    sell(&bus, [5]).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[1, 1] true", "[2, 2, 3, 3] false", "[4, 4, 5] false"]);
}

#[tokio::test(start_paused = true)]
async fn a_batch_that_is_cut_off_is_in_the_report() {
    // It waits for what no clock brings.
    let bus = Bus::builder().without_registered().handler::<hangs>();
    let bus = bus.shutdown_timeout(ms(10), ms(10)).build().unwrap();
    let one = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(Sold(1)).and_wait().await.unwrap() }
    });
    sell(&bus, [2, 3]).await;
    tokio::task::yield_now().await;
    let report = bus.shutdown().await;
    assert!(report.abandoned.contains(&"hangs".to_owned()), "{report}");
    let failures = one.await.unwrap().failures;
    assert!(failures[0].to_string().contains("was cut off"), "{failures:?}");
}
#[handler(manual, batch = 10)]
async fn hangs(_: &[Arc<Sold>]) {
    std::future::pending::<()>().await;
}
