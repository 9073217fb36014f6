//! Dead letters of real handlers: what is known of them, what a retry does, and what touches them.
//! The store alone is tested beside its code; order is in `dead_letter_order.rs`.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};
use bus::{
    BatchOutcome, Call, Cause, DEAD_LETTER_OF, DeadLetterEntry, DeadLetteredEvent, DropReason,
    ErrorClass, EventHandlerFailedEvent, EventsDroppedEvent, Handled, HandlerOptions, Jitter, Next,
    Param, ParamError, Principal, RetryConfig, RetryError, SessionId, middleware,
};

const MS: Duration = Duration::from_millis(1);

/// What handlers do, call after call, and then well; and what was called.
#[derive(Default)]
struct World {
    script: Mutex<VecDeque<Does>>,
    log: Mutex<Vec<String>>,
    effects: AtomicU32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    Transient,
    Permanent,
    Panic,
    Hang,
}
use Does::{Hang, Panic, Permanent, Transient, Well};

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct Unreachable(#[source] Refused);
#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Refused;

impl World {
    fn say(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
    fn will(&self, script: impl IntoIterator<Item = Does>) {
        self.script.lock().unwrap().extend(script);
    }
    async fn act(&self, cx: &Context, what: String) -> bus::Result<()> {
        self.say(what);
        let next = self.script.lock().unwrap().pop_front().unwrap_or(Well);
        match next {
            Well => Ok(()),
            Transient => Err(Unreachable(Refused).into()),
            Permanent => Err(bus::Error::permanent(bus::Error::msg("no such account"))),
            Panic => panic!("it panics"),
            Hang => {
                cx.sleep(3_600_000 * MS).await;
                panic!("it was left to hang")
            }
        }
    }
}

fn bus(with: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<World>) {
    let builder = TestBus::builder().without_registered().provide(World::default());
    let bus = with(builder).build().unwrap();
    let world = bus.resource().unwrap();
    (bus, world)
}

fn once_more() -> RetryConfig {
    RetryConfig {
        max_retries: 1,
        initial_delay: 100 * MS,
        jitter: Jitter::None,
        ..RetryConfig::default()
    }
}

fn only(bus: &Bus) -> DeadLetterEntry {
    let mut letters = bus.dead_letters().list();
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

#[event]
struct Effect;
#[handler(manual)]
async fn effect(_: &Effect, world: &Res<World>) {
    world.effects.fetch_add(1, Ordering::Relaxed);
}

/// How the context looks to the handler.
fn seen(cx: &Context) -> String {
    let header = |name| cx.header(name).unwrap_or("-").to_owned();
    let (tenant, of) = (header("tenant"), header(DEAD_LETTER_OF));
    let who = cx.principal().map_or("-", Principal::id);
    format!("in {} for {who}, tenant {tenant}, of {of}", cx.session_id())
}

#[command(version = 7, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
#[derive(Debug, PartialEq)]
struct Pay(u32);
#[handler(manual)]
async fn pay(pay: &Pay, cx: &Context, world: &Res<World>, emit: Emit<Effect>) -> bus::Result<()> {
    emit.send(Effect);
    world.act(cx, format!("pay {} {}", pay.0, seen(cx))).await
}
const PAY_LINE: u32 = line!() - 4;

#[event(version = 3)]
#[derive(Debug, PartialEq)]
struct Paid(u32);
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn book(
    paid: &Paid,
    cx: &Context,
    world: &Res<World>,
    emit: Emit<Effect>,
) -> bus::Result<()> {
    emit.send(Effect);
    world.act(cx, format!("book {} {}", paid.0, seen(cx))).await
}
/// A neighbour, whom all of this does not concern.
#[handler(manual)]
async fn beside(paid: &Paid, world: &Res<World>) {
    world.say(format!("beside {}", paid.0));
}

fn all(builder: Builder) -> Builder {
    builder.handler::<pay>().handler::<book>().handler::<beside>().handler::<effect>()
}

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
    assert_eq!((letter.handler.file, letter.handler.line), (file!(), PAY_LINE));
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

#[middleware(manual)]
async fn passes(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
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

/// Whatever the handler says.
#[middleware(manual)]
async fn forgives(call: &mut Call<'_>, next: Next) -> Handled {
    let _ = next.run(call).await;
    if call.get::<Pay>().is_some() { call.reply::<Pay>(Ok(())) } else { call.skip() }
}
#[middleware(manual)]
async fn never_content(call: &mut Call<'_>, next: Next) -> Handled {
    let _ = next.run(call).await;
    call.reject("not like that")
}

#[tokio::test]
async fn what_stands_around_has_the_last_word() {
    // An error that it turns away is none.
    let (bus, world) = self::bus(|builder| all(builder).middleware(forgives {}));
    world.will([Transient; 4]);
    bus.run(bus.execute(Pay(1))).await.unwrap();
    assert!(bus.run(bus.publish(Paid(1)).and_wait()).await.unwrap().is_ok());
    assert!(bus.dead_letters().is_empty());
    // What it turns away itself is not the handler's failure: nothing is kept, ..
    let (bus, world) = self::bus(|builder| all(builder).middleware(never_content {}));
    let error = bus.execute(Pay(1)).await.unwrap_err();
    assert!(error.dead_letter().is_none(), "{error}");
    assert!(!bus.publish(Paid(1)).and_wait().await.unwrap().is_ok());
    assert!(bus.dead_letters().is_empty());
    // .. also if it took the handler two attempts to do well.
    world.will([Transient, Well, Transient, Well]);
    let error = bus.run(bus.execute(Pay(1))).await.unwrap_err();
    assert!(error.dead_letter().is_none(), "{error}");
    assert!(!bus.run(bus.publish(Paid(1)).and_wait()).await.unwrap().is_ok());
    assert!(bus.dead_letters().is_empty(), "{:?}", bus.dead_letters().list());
    // A letter goes through it again, and stays if it is turned away.
    let (bus, world) = self::bus(|builder| all(builder).middleware(is_moody {}));
    world.will([Permanent]);
    bus.execute(Pay(1)).await.unwrap_err();
    let letter = only(&bus);
    world.take();
    world.say("moody");
    let error = bus.dead_letters().retry(letter.id).await.unwrap_err().to_string();
    assert!(error.contains("not in that mood"), "{error}");
    assert_eq!(only(&bus).attempts, 1, "the handler was not called");
    world.take();
    bus.dead_letters().retry(letter.id).await.unwrap();
}

#[middleware(manual)]
async fn is_moody(call: &mut Call<'_>, next: Next, world: &Res<World>) -> Handled {
    if world.log.lock().unwrap().iter().any(|line| line == "moody") {
        return call.reject("not in that mood");
    }
    next.run(call).await
}

#[tokio::test]
async fn a_shutdown_waits_for_a_retry_and_no_other_begins() {
    for is_command in [true, false] {
        let (bus, world) = bus(|b| all(b).shutdown_timeout(5_000 * MS, 1_000 * MS));
        world.will([Permanent, Permanent, Transient]);
        for n in 0..2 {
            match is_command {
                true => drop(bus.execute(Pay(n)).await),
                false => drop(bus.publish(Paid(n)).and_wait().await),
            }
        }
        let ids: Vec<_> = bus.dead_letters().list().iter().map(|letter| letter.id).collect();
        let (retried, ()) = tokio::join!(bus.dead_letters().retry(ids[0]), async {
            bus.advance(50 * MS).await;
            assert_eq!(bus.dead_letters().discard(ids[0]).unwrap_err().to_string(), {
                format!("dead letter {} is being retried, and was not discarded", ids[0])
            });
            let report = bus.run(bus.shutdown()).await;
            assert!(report.is_clean(), "{report}");
        });
        retried.unwrap();
        let error = bus.dead_letters().retry(ids[1]).await;
        assert_eq!(error, Err(RetryError::ShuttingDown { id: ids[1] }));
        assert_eq!(only(&bus).id, ids[1], "it can still be looked at");
    }
}

#[tokio::test]
async fn a_retry_that_hangs_does_not_hold_up_the_shutdown_for_ever() {
    for is_command in [true, false] {
        let (bus, world) = bus(|b| all(b).shutdown_timeout(5_000 * MS, 1_000 * MS));
        world.will([Permanent, Hang]);
        match is_command {
            true => drop(bus.execute(Pay(1)).await),
            false => drop(bus.publish(Paid(1)).and_wait().await),
        }
        let (retried, ()) = tokio::join!(bus.dead_letters().retry(only(&bus).id), async {
            bus.settle().await;
            let report = bus.run(bus.shutdown()).await;
            assert!(bus.clock().elapsed() <= 8_000 * MS && !report.is_clean(), "{report}");
            // That of a command ends with its time.
            bus.advance(30_000 * MS).await;
        });
        retried.unwrap_err();
    }
}

#[tokio::test]
async fn a_retry_goes_on_without_the_one_who_asked_for_it() {
    let (bus, world) = bus(all);
    world.will([Permanent, Transient]);
    bus.publish(Paid(1)).and_wait().await.unwrap();
    let id = only(&bus).id;
    tokio::select! {
        biased;
        _ = bus.dead_letters().retry(id) => panic!("it is over before it is given up"),
        () = bus.advance(50 * MS) => {}
    }
    assert_eq!(bus.dead_letters().retry(id).await, Err(RetryError::Busy { id }));
    bus.advance(50 * MS).await;
    assert!(bus.dead_letters().is_empty());
    bus.expect::<Effect>().once();
    assert_eq!(world.effects.load(Ordering::Relaxed), 1, "it is handled once");
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

// By the clock of tokio: when a test bus is gone, nobody can say whether it has settled.
#[tokio::test(start_paused = true)]
async fn the_bus_may_go_in_the_middle_of_a_retry() {
    for is_command in [true, false] {
        let builder = Bus::builder().without_registered().provide(World::default());
        let bus = builder.handler::<pay>().handler::<book>().handler::<effect>().build().unwrap();
        let world = bus.resource::<World>().unwrap();
        world.will([Permanent, Transient]);
        match is_command {
            true => drop(bus.execute(Pay(1)).await),
            false => drop(bus.publish(Paid(1)).and_wait().await),
        }
        let id = bus.dead_letters().list()[0].id;
        let retry = tokio::time::timeout(50 * MS, bus.dead_letters().retry(id)).await;
        assert!(retry.is_err());
        let weak = bus.downgrade();
        drop(bus);
        tokio::time::sleep(60_000 * MS).await;
        assert!(weak.upgrade().is_none());
    }
}

#[event]
struct Told;
#[handler(manual)]
async fn hears_losses(lost: &EventsDroppedEvent, world: &Res<World>) {
    world.say(format!("{} of {}: {:?}", lost.count, lost.event, lost.reason));
}
#[handler(manual)]
async fn hears_letters(letter: &DeadLetteredEvent, world: &Res<World>) {
    world.say(format!("{} {} {}", letter.message, letter.handler.name, letter.cause));
}

#[tokio::test]
async fn what_is_evicted_is_reported() {
    let (bus, world) = bus(|builder| all(builder).handler::<hears_losses>().dead_letters(3));
    world.will([Permanent; 5]);
    for n in 0..5 {
        bus.execute(Pay(n)).await.unwrap_err();
    }
    let kept = bus.dead_letters().list();
    let kept: Vec<_> = kept.iter().filter_map(|l| Some(l.message::<Pay>()?.0)).collect();
    assert_eq!(kept, [2, 3, 4]);
    bus.advance(2_000 * MS).await;
    let told = world.take();
    let lost: Vec<_> = told.iter().filter(|line| line.contains("DeadLetterEvicted")).collect();
    let one = format!("1 of dead_letters::Pay: {:?}", DropReason::DeadLetterEvicted);
    assert_eq!(lost, [&one, &one], "{told:?}");
    let stats = bus.dead_letters().stats();
    assert_eq!((stats.buried, stats.present, stats.evicted), (5, 3, 2));
    assert_eq!((bus.stats().dead_letters, bus.dead_letters().clear()), (3, 3));
}

#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn fails_for_letters(letter: &DeadLetteredEvent, world: &Res<World>) -> bus::Result<()> {
    world.say(format!("told of {}", letter.message));
    Err(bus::Error::msg("no paper"))
}
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn fails_for_failures(
    failed: &EventHandlerFailedEvent,
    cx: &Context,
    world: &Res<World>,
) -> bus::Result<()> {
    world.say(format!("told of {} as {}", failed.handler, cx.attempt()));
    cx.publish(Told).await.map_err(bus::Error::msg)?;
    cx.execute(Pay(0)).await.map_err(bus::Error::msg)?;
    Ok(())
}
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn fails_when_told(_: &Told) -> bus::Result<()> {
    Err(bus::Error::permanent(bus::Error::msg("no ears")))
}

#[tokio::test]
async fn a_letter_is_announced_once_and_never_feeds_itself() {
    let (bus, world) = bus(|b| all(b).handler::<hears_letters>().handler::<fails_for_letters>());
    world.will([Permanent, Transient, Transient]);
    bus.execute(Pay(1)).await.unwrap_err();
    bus.advance(1_000 * MS).await;
    let told = world.take();
    let mut told: Vec<_> = told.iter().filter(|line| !line.starts_with("pay")).collect();
    told.sort_unstable();
    let of = "told of dead_letters::Pay";
    assert_eq!(told, ["dead_letters::Pay pay failed (permanent)", of, of], "{told:?}");
    // Not when a retry fails; and the handler that has failed for it is no letter.
    bus.run(bus.dead_letters().retry(only(&bus).id)).await.unwrap_err();
    bus.advance(1_000 * MS).await;
    assert!(world.take().iter().all(|line| line.starts_with("pay")));
    assert_eq!(only(&bus).attempts, 3);
    assert_eq!(bus.dead_letters().stats().buried, 1);

    // What the handler of a lifecycle event does is kept, and announced to nobody.
    let (bus, world) = self::bus(|builder| {
        let builder = all(builder).handler::<fails_for_failures>().handler::<fails_when_told>();
        builder.handler::<hears_letters>()
    });
    world.will([Permanent, Permanent, Permanent]);
    bus.publish(Paid(1)).await.unwrap();
    bus.advance(5_000 * MS).await;
    let told = world.take();
    let letters: Vec<_> = told.iter().filter(|line| line.starts_with("dead_letters::")).collect();
    assert_eq!(letters, ["dead_letters::Paid book failed (permanent)"], "{told:?}");
    let buried: Vec<_> = bus.dead_letters().list().iter().map(|l| l.message).collect();
    assert!(buried.contains(&"dead_letters::Told") && buried.contains(&"dead_letters::Pay"));
}

#[tokio::test]
async fn a_handler_may_retry_what_it_is_told_of() {
    let (bus, world) = bus(|builder| all(builder).handler::<retries>());
    world.will([Permanent, Transient, Permanent]);
    bus.publish(Paid(1)).await.unwrap();
    bus.run(bus.idle()).await;
    assert_eq!(world.take().iter().filter(|line| line.starts_with("retries")).count(), 1);
    assert_eq!(only(&bus).attempts, 3);
    bus.dead_letters().retry(only(&bus).id).await.unwrap();
}
#[handler(manual)]
async fn retries(letter: &DeadLetteredEvent, bus: Bus, world: &Res<World>) {
    world.say("retries");
    bus.dead_letters().retry(letter.id).await.unwrap_err();
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
