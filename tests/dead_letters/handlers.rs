//! Handlers of each kind: however they take a message, in batches, plain functions, and those that cannot be called.

use std::sync::Arc;

use bus::prelude::*;
use bus::testing::TestBusBuilder as Builder;
use bus::{BatchOutcome, Cause, ErrorClass, Jitter, Param, ParamError, RetryConfig};

use super::{MS, Transient, World, bus, only, passes};

fn once_more() -> RetryConfig {
    RetryConfig {
        max_retries: 1,
        initial_delay: 100 * MS,
        jitter: Jitter::None,
        ..RetryConfig::default()
    }
}

/// Taken by value.
#[command(retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
#[derive(Clone)]
struct Owned(u32);
#[handler(manual)]
async fn owned(owned: Owned, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.act(cx, format!("owned {}", owned.0)).await
}
#[command(retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
struct Lent(u32);
#[handler(manual)]
async fn lent(lent: &Lent, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.act(cx, format!("lent {}", lent.0)).await
}
#[command(retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
struct Shared(u32);
#[handler(manual)]
async fn shared(shared: Arc<Shared>, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.act(cx, format!("shared {}", shared.0)).await
}
#[event]
#[derive(Clone)]
struct Spread(u32);
#[handler(manual, priority = 3, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn spread_owned(spread: Spread, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.act(cx, format!("owned {}", spread.0)).await
}
#[handler(manual, priority = 2, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn spread_lent(spread: &Spread, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.act(cx, format!("lent {}", spread.0)).await
}
#[handler(manual, priority = 1, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn spread_shared(spread: Arc<Spread>, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.act(cx, format!("shared {}", spread.0)).await
}

#[tokio::test]
async fn however_a_message_is_taken() {
    for around in [false, true] {
        let (bus, world) = bus(|builder| {
            let builder = if around { builder.middleware(passes {}) } else { builder };
            let builder = builder.handler::<owned>().handler::<lent>().handler::<shared>();
            let builder = builder.handler::<spread_owned>().handler::<spread_lent>();
            builder.handler::<spread_shared>()
        });
        world.will([Transient; 12]);
        bus.run(bus.execute(Owned(1))).await.unwrap_err();
        bus.run(bus.execute(Lent(2))).await.unwrap_err();
        bus.run(bus.execute(Shared(3))).await.unwrap_err();
        bus.run(bus.publish(Spread(4)).and_wait()).await.unwrap();
        let letters = bus.dead_letters().list();
        assert!(letters.iter().all(|letter| letter.attempts == 2), "{letters:?}");
        assert_eq!(letters[0].message::<Owned>().map(|owned| owned.0), Some(1));
        let expected = ["owned 1", "lent 2", "shared 3", "owned 4", "lent 4", "shared 4"];
        assert_eq!(world.take(), expected.map(|line| [line; 2]).concat());
        // And once more, and again.
        world.will([Transient; 12]);
        let report = bus.run(bus.dead_letters().retry_all()).await;
        assert_eq!((report.retried, report.succeeded, report.failed.len()), (6, 0, 6));
        assert_eq!(world.take(), expected.map(|line| [line; 2]).concat());
        let mut told = Vec::new();
        let progress = |done, of| told.push((done, of));
        let report = bus.dead_letters().retry_all().on_progress(progress).await;
        assert_eq!((report.retried, report.succeeded, report.gone), (6, 6, 0));
        assert_eq!(told, (1..=6).map(|n| (n, 6)).collect::<Vec<_>>());
        assert_eq!(world.take(), expected);
        assert!(bus.dead_letters().is_empty());
    }
}

#[event]
struct Sold(u32);
#[handler(manual, batch = 10, retry(max_retries = 2, initial_delay = "100ms", jitter = none))]
async fn store(events: &[Arc<Sold>], cx: &Context, world: &Res<World>) -> BatchOutcome {
    let numbers: Vec<_> = events.iter().map(|sold| sold.0).collect();
    world.say(format!("{numbers:?} as {}", cx.attempt()));
    // 3 fails always, 2 the first time, 5 once and for all, and nobody cares for 7.
    let fails = events.iter().map(|sold| match sold.0 {
        3 => Err(bus::Error::msg("it is 3")),
        2 if numbers.contains(&1) => Err(bus::Error::msg("it is 2")),
        5 => Err(bus::Error::permanent(bus::Error::msg("it is 5"))),
        7 => Err(bus::Error::discard(bus::Error::msg("it is 7"))),
        _ => Ok(()),
    });
    fails.collect()
}

#[tokio::test]
async fn of_a_batch_only_those_that_have_failed() {
    of_a_batch(|builder| builder).await;
    of_a_batch(|builder| builder.middleware(passes {})).await;
}
async fn of_a_batch(with: impl FnOnce(Builder) -> Builder) {
    let (bus, world) = bus(|builder| with(builder.handler::<store>()));
    for n in [1, 2, 3, 4, 5, 7] {
        bus.publish(Sold(n)).await.unwrap();
    }
    bus.advance(1_000 * MS).await;
    assert_eq!(world.take(), ["[1, 2, 3, 4, 5, 7] as 1", "[2, 3] as 2", "[3] as 3"]);
    let letters = bus.dead_letters().list();
    let [five, three] = [&letters[0], &letters[1]];
    assert_eq!(letters.len(), 2, "what is of no interest is none: {letters:?}");
    assert_eq!(five.message::<Sold>().map(|sold| sold.0), Some(5));
    assert_eq!((five.attempts, five.cause), (1, Cause::Failed(ErrorClass::Permanent)));
    assert_eq!((three.attempts, three.cause), (3, Cause::Failed(ErrorClass::Transient)));
    let history: Vec<_> = three.history.iter().map(|a| (a.attempt, a.error.as_str())).collect();
    assert_eq!(history, [(1, "it is 3"), (2, "it is 3"), (3, "it is 3")]);
    let stats = bus.stats();
    assert_eq!((stats.processed, stats.failed, stats.discarded), (4, 2, 1));
    // Each on its own, and nothing else.
    let report = bus.run(bus.dead_letters().retry_all()).await;
    assert_eq!((report.retried, report.failed.len()), (2, 2));
    assert_eq!(world.take(), ["[5] as 2", "[3] as 4", "[3] as 5", "[3] as 6"]);
    let after = bus.dead_letters().list();
    assert_eq!((after[0].attempts, after[1].attempts), (2, 6));
    let numbers: Vec<_> = after[1].history.iter().map(|attempt| attempt.attempt).collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5, 6]);
    let three = three.id;
    bus.dead_letters().edit_and_retry(three, |_: &Sold| Sold(8)).await.unwrap();
    assert_eq!(world.take(), ["[8] as 1"]);
}

/// What its parameter is made of can be missing.
struct Tenant;
impl<'cx> Param<'cx> for Tenant {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        cx.header("tenant").map(|_| Self).ok_or_else(|| ParamError::new("no header `tenant`"))
    }
}
#[command(retry, circuit_breaker(failure_threshold = 1))]
struct Bill;
#[handler(manual)]
async fn bill(_: &Bill, _: Tenant) -> bus::Result<()> {
    Ok(())
}
#[event]
struct Billed;
#[handler(manual, retry, circuit_breaker(failure_threshold = 1))]
async fn file(_: &Billed, _: Tenant) -> bus::Result<()> {
    Ok(())
}

#[tokio::test]
async fn a_handler_that_cannot_be_called_is_told_apart() {
    let (bus, _) = bus(|builder| builder.handler::<bill>().handler::<file>());
    bus.execute(Bill).await.unwrap_err();
    bus.publish(Billed).and_wait().await.unwrap();
    let letters = bus.dead_letters().list();
    assert_eq!(letters.len(), 2);
    for letter in letters {
        assert_eq!((letter.cause, letter.history.len()), (Cause::NotCalled, 1), "{letter}");
        assert!(letter.error.contains("no header `tenant`"), "{letter}");
    }
    let states = bus.circuit_breakers().into_iter().map(|breaker| breaker.snapshot());
    assert!(states.map(|snapshot| snapshot.calls).eq([0, 0]), "it says nothing of what is called");
    bus.execute(Bill).header("tenant", "acme").await.unwrap();
}

/// Declared nowhere: on the builder alone.
#[event]
struct Plain;
#[handler(manual)]
fn plain(_: &Plain, world: &Res<World>) -> bus::Result<()> {
    world.say("plain");
    match world.script.lock().unwrap().pop_front() {
        Some(Transient) => Err(bus::Error::msg("no")),
        _ => Ok(()),
    }
}

#[tokio::test]
async fn a_plain_function_is_tried_again_and_kept_too() {
    let (bus, world) =
        bus(|builder| builder.handler::<plain>().configure::<plain>(|h| h.retry(once_more())));
    world.will([Transient, Transient, Transient]);
    let settled = bus.run(bus.publish(Plain).and_wait()).await.unwrap();
    assert_eq!(settled.failures[0].attempts, 2);
    bus.run(bus.dead_letters().retry(only(&bus).id)).await.unwrap();
    assert_eq!(world.take().len(), 4);
}
