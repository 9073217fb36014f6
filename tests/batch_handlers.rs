//! `#[handler(batch = ..)]`: handlers of several events at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{
    AnyEvent, BackpressureStrategy, BatchOutcome, Bus, Call, CommandResultEvent, Context, Emit,
    Ended, FilterView, Handled, Hook, HookCall, Invalid, Middleware, Next, Res, Validate,
    async_trait, command, event, handler, handlers, middleware,
};

#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> (TestBus, Log) {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    (with(builder).build().unwrap(), log)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event]
struct Sold(u32);
#[event]
struct Rang;
#[event]
struct Booked(u32);

fn numbers(events: &[Arc<Sold>]) -> Vec<u32> {
    events.iter().map(|event| event.0).collect()
}

#[handler(manual, batch = 4)]
async fn store(events: &[Arc<Sold>], log: &Res<Log>) {
    log.say(format!("{:?}", numbers(events)));
}

async fn sell(bus: &Bus, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        bus.publish(Sold(number)).await.unwrap();
    }
}

#[tokio::test]
async fn a_handler_gets_what_comes_together_in_order() {
    let (bus, log) = bus(|builder| builder.handler::<store>().handler::<each>());
    sell(&bus, 0..6).await;
    bus.publish(Rang).await.unwrap();
    sell(&bus, 6..10).await;
    bus.run(bus.idle()).await;
    let mut all = log.all();
    all.retain(|line| line.starts_with('['));
    assert_eq!(all, ["[0, 1, 2, 3]", "[4, 5, 6, 7]", "[8, 9]"]);
    sell(&bus, [10]).await;
    bus.run(bus.idle()).await;
    assert!(log.all().contains(&"[10]".to_owned()), "it is flushed when there is no more");
    let stats = bus.stats();
    assert_eq!((stats.processed, stats.failed, stats.unhandled), (22, 0, 1));
}

#[handler(manual)]
fn each(event: &Sold, log: &Res<Log>) {
    log.say(format!("each {}", event.0));
}

#[tokio::test]
async fn a_batch_is_no_larger_than_that_of_the_dispatcher() {
    let (bus, log) = bus(|builder| builder.handler::<store>().batch_size(3));
    sell(&bus, 0..5).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1, 2]", "[3, 4]"]);
}

#[tokio::test]
async fn a_linger_fills_it() {
    let (bus, log) = bus(|b| b.handler::<store>().batch_timeout(ms(50)));
    for number in 0..3 {
        bus.publish(Sold(number)).await.unwrap();
        bus.advance(ms(10)).await;
    }
    bus.run(bus.shutdown()).await;
    assert_eq!(log.all(), ["[0, 1, 2]"], "it is flushed at the shutdown");
}

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

fn is_odd(view: &FilterView<'_>) -> bool {
    view.get::<Sold>().is_some_and(|sold| sold.0 % 2 == 1)
}
#[handler(manual, batch = 10, filter = is_odd)]
fn odd(events: &[Arc<Sold>], log: &Res<Log>) {
    log.say(format!("odd {:?}", numbers(events)));
}

#[tokio::test]
async fn a_filter_is_asked_of_each() {
    let (bus, log) = bus(|builder| builder.handler::<odd>());
    sell(&bus, 0..6).await;
    sell(&bus, [8]).await;
    bus.run(bus.idle()).await;
    sell(&bus, [10, 12]).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["odd [1, 3, 5]"], "it is not called for none");
}

#[handler(manual, priority = 1)]
async fn before(event: &Sold, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(u64::from(10 - event.0))).await;
    log.say(format!("before {}", event.0));
}

#[tokio::test]
async fn priorities_hold_for_all_of_them() {
    let (bus, log) = bus(|builder| builder.handler::<store>().handler::<before>());
    sell(&bus, 0..3).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["before 2", "before 1", "before 0", "[0, 1, 2]"]);
}

#[handler(manual, batch = 2, concurrency = 1)]
async fn one_by_one(events: &[Arc<Sold>], cx: &Context, log: &Res<Log>) {
    log.say(format!("begin {:?}", numbers(events)));
    cx.sleep(ms(10)).await;
    log.say(format!("end {:?}", numbers(events)));
}

#[tokio::test]
async fn its_concurrency_counts_batches_and_what_waits_is_queued() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<one_by_one>()
            .event_queue_size(4)
            .backpressure_strategy(BackpressureStrategy::RejectNew)
    });
    sell(&bus, 0..4).await;
    bus.settle().await;
    assert_eq!((bus.stats().queued, bus.stats().events_in_flight), (2, 4));
    sell(&bus, 4..6).await;
    assert!(bus.publish(Sold(6)).await.is_err(), "what waits for its batch counts as queued");
    bus.run(bus.idle()).await;
    let expected =
        ["begin [0, 1]", "end [0, 1]", "begin [2, 3]", "end [2, 3]", "begin [4, 5]", "end [4, 5]"];
    assert_eq!(log.all(), expected);
}

#[tokio::test]
async fn what_is_dropped_while_it_waits_is_not_in_its_batch() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<one_by_one>()
            .event_queue_size(4)
            .backpressure_strategy(BackpressureStrategy::DropOldest)
    });
    sell(&bus, 0..4).await;
    bus.settle().await;
    sell(&bus, 4..7).await;
    bus.run(bus.idle()).await;
    let begun: Vec<_> = log.all().into_iter().filter(|line| line.starts_with("begin")).collect();
    assert_eq!(begun, ["begin [0, 1]", "begin [3]", "begin [4, 5]", "begin [6]"]);
    assert_eq!((bus.stats().dropped, bus.stats().processed), (1, 6));
}

#[event(key = "account")]
struct Charged {
    account: u32,
    nr: u32,
}
#[handler(manual, batch = 5)]
async fn charge(events: &[Arc<Charged>], cx: &Context, log: &Res<Log>) {
    let all: Vec<_> = events.iter().map(|event| (event.account, event.nr)).collect();
    let first = all.iter().map(|(_, nr)| u64::from(*nr)).min().unwrap_or_default();
    cx.sleep(ms(100 - first)).await;
    all.iter().for_each(|(account, nr)| log.say(format!("{account}: {nr}")));
}
#[handler(manual)]
async fn alone(event: &Charged, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(u64::from(100 - event.nr))).await;
    log.say(format!("alone {}: {}", event.account, event.nr));
}

#[tokio::test]
async fn the_order_of_keys_is_kept_in_and_between_batches() {
    let (bus, log) = bus(|builder| builder.handler::<charge>().handler::<alone>().batch_size(8));
    for nr in 0..40 {
        for account in 0..3 {
            bus.publish(Charged { account, nr }).await.unwrap();
        }
        if nr % 7 == 0 {
            bus.settle().await;
        }
    }
    bus.run(bus.idle()).await;
    for prefix in ["", "alone "] {
        for account in 0..3 {
            let prefix = format!("{prefix}{account}: ");
            let all = log.all();
            let nrs = all.iter().filter_map(|line| line.strip_prefix(&prefix));
            let nrs: Vec<u32> = nrs.map(|nr| nr.parse().unwrap()).collect();
            assert_eq!(nrs, (0..40).collect::<Vec<_>>(), "{prefix}");
        }
    }
    assert_eq!(bus.stats().lanes, 0);
}

#[event(ttl = "30ms")]
struct Quote(u32);
#[handler(manual, batch = 2, concurrency = 1)]
async fn quote(events: &[Arc<Quote>], cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(20)).await;
    log.say(format!("{:?}", events.iter().map(|event| event.0).collect::<Vec<_>>()));
}

#[tokio::test]
async fn what_expires_while_it_waits_is_not_in_its_batch() {
    let (bus, log) = bus(|builder| builder.handler::<quote>());
    for nr in 0..3 {
        bus.publish(Quote(nr)).await.unwrap();
    }
    bus.advance(ms(5)).await;
    for nr in 3..6 {
        bus.publish(Quote(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1]", "[2]"]);
    assert_eq!((bus.stats().expired, bus.stats().processed), (3, 3));
}

/// What stands around a handler stands around a batch.
#[derive(Clone)]
struct Around(Log);
#[async_trait]
impl Middleware for Around {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let numbers: Vec<_> = call.batch::<Sold>().iter().map(|sold| sold.0).collect();
        assert!(call.get::<Sold>().is_none());
        if let Some(at) = numbers.iter().position(|number| *number == 2) {
            call.reject_event(at, "two");
            call.reject_event(1000, "nowhere");
        }
        if numbers.contains(&5) {
            return call.skip();
        }
        self.0.say(format!("around {numbers:?}"));
        let handled = next.run(call).await;
        self.0.say(format!("{:?}", call.ended().unwrap()));
        handled
    }
}
impl Hook for Around {
    fn before(&self, call: &HookCall<'_>) {
        assert!(call.get::<Sold>().is_none());
        self.0.say("hook");
    }
    fn after(&self, _: &HookCall<'_>, ended: &Ended<'_>) {
        assert!(ended.is_ok());
    }
}

#[tokio::test]
async fn middleware_and_hooks_are_told_of_batches() {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone()).handler::<store>();
    let around = Around(log.clone());
    let bus = builder.middleware(around.clone()).hook(around).build().unwrap();
    sell(&bus, 0..6).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["around [0, 1, 2, 3]", "hook", "[0, 1, 3]", "Ok"]);
    assert_eq!((bus.stats().processed, bus.stats().failed), (5, 1));
    let failures = bus.recent_failures();
    assert!(failures[0].error.contains("was rejected by middleware"), "{}", failures[0].error);
    assert!(failures[0].error.ends_with(": two"), "{}", failures[0].error);
}

#[event]
struct Paid(i32);
impl Validate for Paid {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.unless(self.0 > 0, "0", "must be more than 0");
    }
}
#[handler(manual, batch = 10, middleware = middleware::validation())]
fn paid(events: &[Arc<Paid>], log: &Res<Log>) -> BatchOutcome {
    log.say(format!("{:?}", events.iter().map(|event| event.0).collect::<Vec<_>>()));
    // Of what is left.
    let fails =
        |event: &Arc<Paid>| if event.0 == 4 { Err(bus::Error::msg("four")) } else { Ok(()) };
    events.iter().map(fails).collect()
}

#[tokio::test]
async fn the_invalid_ones_of_a_batch_are_left_out() {
    let (bus, log) = bus(|builder| builder.handler::<paid>());
    let mut four = None;
    for cents in [1, -2, 3, 0, 4, 5] {
        let published = bus.publish(Paid(cents)).await.unwrap();
        four = four.or((cents == 4).then_some(published.id));
    }
    bus.run(bus.idle()).await;
    for cents in [-1, -2] {
        bus.publish(Paid(cents)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[1, 3, 4, 5]"]);
    assert_eq!((bus.stats().processed, bus.stats().failed), (3, 5));
    let (invalid, failed): (Vec<_>, Vec<_>) = bus
        .recent_failures()
        .into_iter()
        .partition(|failure| failure.error.contains("must be more than 0"));
    assert_eq!((invalid.len(), failed.len()), (4, 1));
    let of_another = "the failure of another: it counts those that the handler was given";
    assert_eq!((&*failed[0].error, Some(failed[0].message_id)), ("four", four), "{of_another}");
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

#[command]
struct Go;
#[handler(manual)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}
#[handler(manual, batch = 100)]
fn results(events: &[Arc<CommandResultEvent>], log: &Res<Log>) {
    log.say(format!("{} results", events.len()));
}
#[handler(manual, batch = 100, priority = -1)]
fn all(events: &[Arc<AnyEvent>], log: &Res<Log>) {
    let names: Vec<_> = events.iter().map(|event| event.info().short_name()).collect();
    log.say(format!("any {names:?}"));
}

#[tokio::test]
async fn own_events_and_any_events_come_in_batches_too() {
    let (bus, log) =
        bus(|b| b.handler::<go>().handler::<results>().handler::<all>().handler::<store>());
    for _ in 0..3 {
        bus.execute(Go).await.unwrap();
    }
    bus.run(bus.idle()).await;
    sell(&bus, 0..2).await;
    bus.publish(Rang).await.unwrap();
    bus.run(bus.idle()).await;
    let expected = ["3 results", "[0, 1]", "any [\"Sold\", \"Sold\"]", "any [\"Rang\"]"];
    assert_eq!(log.all(), expected);
}

struct Store(Log);
#[handlers]
impl Store {
    #[handler(batch = 3)]
    async fn keep(&self, events: &[Arc<Booked>]) -> Result<(), std::io::Error> {
        self.0.say(format!("{} booked", events.len()));
        Ok(())
    }
}

#[tokio::test]
async fn a_method_takes_batches_and_the_builder_says_of_how_many() {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    let config = |config: bus::HandlerConfig| config.batch(2);
    let bus = builder.handler::<store>().configure::<store>(config).build().unwrap();
    sell(&bus, 0..3).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1]", "[2]"]);
    let description = bus.describe().to_string();
    assert!(description.contains("up to 2 at once"), "{description}");
    let wrong = Bus::builder().without_registered().provide(log.clone());
    let zero = |config: bus::HandlerConfig| config.batch(0);
    let wrong = wrong.handler::<store>().handler::<each>().configure::<store>(zero);
    let wrong = wrong.configure::<each>(|config| config.batch(5)).build().unwrap_err().to_string();
    assert!(wrong.contains("`batch` is 0 for the handler"), "{wrong}");
    assert!(wrong.contains("left out: it takes one at a time"), "{wrong}");

    let registered = TestBus::builder().provide(log.clone()).provide(Store(log.clone()));
    let registered = registered.build().unwrap();
    for number in 0..4 {
        registered.publish(Booked(number)).await.unwrap();
    }
    registered.run(registered.idle()).await;
    assert_eq!(log.all()[2..], ["3 booked", "1 booked"]);
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

#[tokio::test]
async fn a_session_has_batches_of_its_own() {
    let (bus, log) = bus(|builder| builder.handler::<store>());
    let session = bus.session("a").open().await.unwrap();
    sell(&bus, 0..2).await;
    for number in 2..4 {
        session.publish(Sold(number)).await.unwrap();
    }
    sell(&bus, 4..5).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1]", "[2, 3]", "[4]"]);
    session.close().await;
}
