//! What waits behind a dead letter, and what does not.

use bus::prelude::*;
use bus::{
    AnyEvent, Builder, Cause, CauseKind, DropReason, ErrorClass, EventsDroppedEvent,
    HandlerOptions, PARKED_PER_KEY,
};

use crate::world::{
    Log, MS, Paid, Panic, Permanent, Transient, World, adds_up, all, book, bus, id_of, keeps,
    kept_of, pay,
};

#[tokio::test(start_paused = true)]
async fn later_ones_of_the_key_wait_for_that_handler_alone() {
    let (bus, world) = bus(all);
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, [1]).await;
    pay(&bus, 2, [10]).await;
    pay(&bus, 1, [2, 3]).await;
    pay(&bus, 2, [11]).await;
    bus.idle().await;
    assert_eq!(world.called_by("book"), [1, 10, 11], "2 and 3 are held up");
    let of_key = |nrs: Vec<u32>| nrs.into_iter().partition::<Vec<_>, _>(|nr| *nr < 10);
    for other in ["ship", "thank"] {
        assert_eq!(of_key(world.done_by(other)), (vec![1, 2, 3], vec![10, 11]), "{other}");
    }
    let letters = bus.dead_letters().list();
    let [failed, second, third] = &letters[..] else { panic!("{letters:?}") };
    assert_eq!(failed.cause, Cause::Failed(ErrorClass::Permanent));
    for parked in [second, third] {
        assert_eq!(parked.cause, Cause::Parked { behind: failed.id });
        assert_eq!((parked.attempts, parked.history.len()), (0, 0));
        // The same for all: they are one group, and stay true when another is the first.
        assert_eq!(parked.error, "was not called, as a dead letter comes before it");
    }
    let stats = bus.dead_letters().stats();
    assert_eq!((stats.buried, stats.parked, stats.sequences), (3, 2, 1));
    let stats = bus.stats();
    assert_eq!((stats.processed, stats.failed, stats.dropped), (12, 3, 0));
    // Whoever waits for one is told, and by whom.
    let settled = bus.publish(Paid { order: 1, nr: 4 }).and_wait().await.unwrap();
    let [failure] = &settled.failures[..] else { panic!("{settled:?}") };
    assert_eq!((failure.handler.as_deref(), failure.attempts), (Some("book"), 0));
    assert!(
        failure.error.contains("was not called, as a dead letter comes before it"),
        "{}",
        failure.error
    );

    let retried = bus.dead_letters().retry(failed.id).await.unwrap();
    assert_eq!(retried.followed.len(), 3);
    assert_eq!(of_key(world.done_by("book")), (vec![1, 2, 3, 4], vec![10, 11]));
    assert_eq!(bus.dead_letters().stats().sequences, 0);
    // And nothing holds up what comes now.
    pay(&bus, 1, [5]).await;
    bus.idle().await;
    assert_eq!(world.done_by("book").last(), Some(&5));
    assert_eq!(bus.dead_letters().stats().parked, 3);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn what_was_there_when_it_failed_waits_too() {
    // All three are queued, and in the lane, before the first has failed; and the retries of a handler hold
    // up its key without a letter.
    let (bus, world) = bus(all);
    world.will("ship", 1, [Transient, Transient]);
    world.will("ship", 2, [Panic]);
    pay(&bus, 1, 1..=3).await;
    tokio::time::sleep(15 * MS).await;
    assert_eq!(world.called_by("ship"), [1], "the second call is yet to come");
    assert!(bus.dead_letters().is_empty());
    bus.idle().await;
    assert_eq!(world.called_by("ship"), [1, 1]);
    assert_eq!(kept_of(&bus, "ship"), [1, 2, 3]);
    let retried = bus.dead_letters().retry(id_of(&bus, "ship", 1)).await.unwrap();
    assert_eq!(retried.stopped_at, Some(id_of(&bus, "ship", 2)));
    assert_eq!((world.done_by("ship"), kept_of(&bus, "ship")), (vec![1], vec![2, 3]));
    assert_eq!(bus.dead_letters().get(id_of(&bus, "ship", 2)).unwrap().cause, Cause::Panicked);
    bus.dead_letters().retry(id_of(&bus, "ship", 2)).await.unwrap();
    assert_eq!(world.done_by("ship"), [1, 2, 3]);
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_keeps_nothing_holds_up_nothing() {
    let (bus, world) = bus(all);
    world.will("thank", 1, [Permanent]);
    pay(&bus, 1, 1..=3).await;
    bus.idle().await;
    assert_eq!(world.done_by("thank"), [2, 3]);
    assert!(bus.dead_letters().is_empty());
}

#[event(ordered)]
struct Line(u32);
#[handler(manual)]
async fn line(event: &Line, world: &Res<World>) -> bus::Result<()> {
    world.act("line", event.0).await
}
/// A plain function waits as well.
#[handler(manual)]
fn plain(event: &Line, world: &Res<World>) -> bus::Result<()> {
    match world.next("plain", event.0) {
        Permanent => Err(bus::Error::permanent(bus::Error::msg("never"))),
        _ => {
            world.done("plain", event.0);
            Ok(())
        }
    }
}

#[tokio::test(start_paused = true)]
async fn of_an_ordered_type_all_wait() {
    let (bus, world) = bus(|builder| keeps::<plain>(keeps::<line>(builder)));
    world.will("line", 2, [Permanent]);
    world.will("plain", 3, [Permanent]);
    for n in 1..=4 {
        bus.publish(Line(n)).await.unwrap();
        bus.idle().await;
    }
    assert_eq!((world.done_by("line"), world.done_by("plain")), (vec![1], vec![1, 2]));
    let report = bus.dead_letters().retry_all().await;
    assert_eq!((report.retried, report.succeeded), (5, 5));
    assert_eq!(
        (world.done_by("line"), world.done_by("plain")),
        (vec![1, 2, 3, 4], vec![1, 2, 3, 4])
    );
    adds_up(&bus);
}

#[event(stream = "tests.dead", key = "account")]
struct Opened {
    account: u32,
}
#[event(stream = "tests.dead", key = "account")]
struct Closed {
    account: u32,
}
#[handler(manual)]
async fn opens(event: &Opened, world: &Res<World>) -> bus::Result<()> {
    world.act("opens", event.account).await
}
#[handler(manual)]
async fn closes(event: &Closed, world: &Res<World>) -> bus::Result<()> {
    world.act("closes", event.account).await
}
/// It hears both, and they are one line to it.
fn hears_all(bus: &Bus, log: &Log) {
    let log = log.clone();
    let options = HandlerOptions::new().name("hears").dead_letters(true);
    let fails = std::sync::atomic::AtomicBool::new(true);
    let hears = move |event: std::sync::Arc<AnyEvent>, _: OwnedContext| {
        let (what, account) = match (event.get::<Opened>(), event.get::<Closed>()) {
            (Some(opened), _) => ("opened", opened.account),
            (_, Some(closed)) => ("closed", closed.account),
            _ => ("other", 0),
        };
        let fails = account == 1 && fails.swap(false, std::sync::atomic::Ordering::Relaxed);
        if !fails && what != "other" {
            log.say(format!("{what} {account}"));
        }
        async move { if fails { Err(bus::Error::permanent(bus::Error::msg("never"))) } else { Ok(()) } }
    };
    bus.register_event_handler_with(options, hears).unwrap();
}

#[tokio::test(start_paused = true)]
async fn of_a_stream_all_types_wait_for_who_hears_them_all() {
    let (bus, world) = bus(|builder| keeps::<closes>(keeps::<opens>(builder)));
    let log = Log::default();
    hears_all(&bus, &log);
    world.will("opens", 1, [Permanent]);
    for account in [1, 2] {
        bus.publish(Opened { account }).await.unwrap();
        bus.publish(Closed { account }).await.unwrap();
        bus.publish(Opened { account }).await.unwrap();
    }
    bus.idle().await;
    // Another handler of the stream is another handler.
    assert_eq!((world.done_by("opens"), world.done_by("closes")), (vec![2, 2], vec![1, 2]));
    assert_eq!(log.take(), ["opened 2", "closed 2", "opened 2"]);
    assert_eq!(bus.dead_letters().filter(parked).len(), 3);
    let report = bus.dead_letters().retry_all().await;
    assert_eq!((report.retried, report.succeeded), (5, 5));
    assert_eq!(log.take(), ["opened 1", "closed 1", "opened 1"]);
    assert_eq!(world.done_by("opens"), [2, 2, 1, 1]);
    adds_up(&bus);
}

fn parked(letter: &bus::DeadLetterEntry) -> bool {
    letter.cause.kind() == CauseKind::Parked
}

#[handler(manual)]
async fn hears_losses(lost: &EventsDroppedEvent, log: &Res<Log>) {
    log.say(format!("{} {:?}", lost.count, lost.reason));
}

#[tokio::test(start_paused = true)]
async fn so_many_wait_and_those_after_them_are_lost_and_said_to_be() {
    let log = Log::default();
    let with = |builder: Builder| all(builder).provide(log.clone()).handler::<hears_losses>();
    let (bus, world) = bus(with);
    world.will("book", 0, [Permanent]);
    let bound = u32::try_from(PARKED_PER_KEY).unwrap();
    pay(&bus, 1, 0..=bound + 7).await;
    pay(&bus, 2, [1000]).await;
    bus.idle().await;
    assert_eq!(kept_of(&bus, "book"), (0..=bound).collect::<Vec<_>>());
    assert_eq!(world.done_by("book"), [1000]);
    let stats = bus.dead_letters().stats();
    assert_eq!((stats.parked, stats.refused, stats.evicted), (u64::from(bound), 7, 0));
    let of_bus = bus.stats();
    assert_eq!(of_bus.failed, u64::from(bound) + 8, "each is a failure of the handler");
    assert_eq!(of_bus.processed, u64::from(bound + 8) * 2 + 3);
    tokio::time::sleep(2_000 * MS).await;
    bus.idle().await;
    let said = log.take();
    let count = |line: &String| {
        let (count, reason) = line.split_once(' ').unwrap();
        assert_eq!(reason, format!("{:?}", DropReason::TooManyParked));
        count.parse::<u32>().unwrap()
    };
    assert_eq!(said.iter().map(count).sum::<u32>(), 7, "{said:?}");
    assert!(said.len() <= 2, "not each by itself: {said:?}");
    // Whoever waits is told; and when there is room again, the next is kept.
    let settled = bus.publish(Paid { order: 1, nr: 500 }).and_wait().await.unwrap();
    let error = &settled.failures[0].error;
    assert!(error.ends_with("and 100 others wait for that already"), "{error}");
    bus.dead_letters().discard(id_of(&bus, "book", 50)).unwrap();
    pay(&bus, 1, [501]).await;
    bus.idle().await;
    assert_eq!(kept_of(&bus, "book").last(), Some(&501));
    bus.dead_letters().retry(id_of(&bus, "book", 0)).await.unwrap();
    let mut done = world.done_by("book");
    done.retain(|nr| *nr != 1000);
    let expected = (0..=bound).filter(|nr| *nr != 50).chain([501]);
    assert_eq!(done, expected.collect::<Vec<_>>());
    adds_up(&bus);
}

#[tokio::test(start_paused = true)]
async fn who_is_evicted_holds_up_nobody_and_the_others_keep_their_order() {
    let (bus, world) = bus(|builder| keeps::<book>(builder).dead_letters(3));
    world.will("book", 1, [Permanent]);
    pay(&bus, 1, 1..=5).await;
    bus.idle().await;
    // Those that come later wait for what is left of it.
    assert_eq!(kept_of(&bus, "book"), [3, 4, 5]);
    pay(&bus, 1, [6]).await;
    bus.idle().await;
    assert_eq!(kept_of(&bus, "book"), [4, 5, 6]);
    assert!(world.done_by("book").is_empty());
    bus.dead_letters().retry(id_of(&bus, "book", 4)).await.unwrap();
    assert_eq!(world.done_by("book"), [4, 5, 6]);
    let stats = bus.dead_letters().stats();
    assert_eq!((stats.buried, stats.evicted, stats.succeeded), (6, 3, 3));
    adds_up(&bus);
    // One that holds up nobody, and is evicted for one of another key.
    let (bus, world) = self::bus(|builder| keeps::<book>(builder).dead_letters(1));
    world.will("book", 1, [Permanent]);
    world.will("book", 2, [Permanent]);
    pay(&bus, 1, [1]).await;
    pay(&bus, 2, [2]).await;
    bus.idle().await;
    pay(&bus, 1, [3]).await;
    bus.idle().await;
    assert_eq!((world.done_by("book"), kept_of(&bus, "book")), (vec![3], vec![2]));
    adds_up(&bus);
}
