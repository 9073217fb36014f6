//! The middleware that come with the bus, each for commands and for events. Their edges in numbers (token
//! buckets, recent keys, delays) have unit tests beside them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::middleware::{self, Denied};
use bus::{
    Builder, Bus, CommandErrorKind, Context, Emit, Ended, EventHandlerFailedEvent, Invalid, Jitter,
    Layer, Principal, Rate, Res, RetryConfig, Validate, command, event, handler,
};
use proptest::prelude::*;

const SECOND: Duration = Duration::from_secs(1);

#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);
#[bus::resource]
fn log() -> Log {
    Log::default()
}
impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// What it does the first times: fail, panic, hang; then it is well.
#[command(output = u32)]
#[derive(Clone)]
struct Order {
    item: &'static str,
    count: i64,
    troubles: u32,
}
fn order(item: &'static str) -> Order {
    Order { item, count: 1, troubles: 0 }
}
#[event]
struct Ordered(&'static str);

impl Validate for Order {
    fn validate(&self, invalid: &mut Invalid) {
        assert!(self.item != "broken", "it cannot be validated");
        invalid.unless(self.count > 0, "count", "must be more than 0");
        invalid.inside("item", &Item(self.item));
    }
}
struct Item(&'static str);
impl Validate for Item {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.unless(!self.0.is_empty(), "name", "is empty");
    }
}
impl Validate for Ordered {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.inside("item", &Item(self.0));
    }
}

#[handler(timeout = "5s")]
async fn take_order(
    order: Order,
    log: &Res<Log>,
    cx: &Context,
    emit: Emit<Ordered>,
) -> bus::Result<u32> {
    log.say(format!("order {}", order.item));
    emit.send(Ordered(order.item));
    if cx.attempt() <= order.troubles {
        match order.item {
            "panics" => panic!("in trouble"),
            "hangs" => std::future::pending().await,
            _ => return Err(bus::Error::msg("in trouble")),
        }
    }
    Ok(cx.attempt())
}
#[handler(priority = 1)]
async fn ordered(event: &Ordered, log: &Res<Log>, cx: &Context) -> bus::Result<()> {
    log.say(format!("ordered {}", event.0));
    if event.0 == "flaky" && cx.attempt() < 3 {
        return Err(bus::Error::msg("in trouble"));
    }
    Ok(())
}
#[handler]
fn also(event: &Ordered, log: &Res<Log>) {
    log.say(format!("also {}", event.0));
}
#[handler]
fn failed(event: &EventHandlerFailedEvent, log: &Res<Log>) {
    log.say(format!("failed {}: {} after {}", event.handler, event.error, event.attempts));
}
/// Not `Clone`, and taken by value.
#[command]
struct Once;
#[handler]
async fn once(_: Once, log: &Res<Log>) -> bus::Result<()> {
    log.say("once");
    Err(bus::Error::msg("in trouble"))
}

fn bus(with: impl FnOnce(bus::Builder) -> bus::Builder) -> (Bus, Arc<Log>) {
    let bus = with(Bus::builder()).build().unwrap();
    let log = bus.resource::<Log>().unwrap().into_arc();
    (bus, log)
}

fn of_handler(bus: &Bus, handler: &str) -> Vec<String> {
    let described = bus.describe();
    let mut handlers = described.messages.iter().flat_map(|message| &message.handlers);
    handlers.find(|described| described.name == handler).unwrap().middleware.clone()
}

#[tokio::test]
async fn validation_names_the_fields() {
    let (bus, log) = bus(|builder| builder.middleware(middleware::validation()));
    let wrong = Order { item: "", count: -1, troubles: 0 };
    let error = bus.execute(wrong).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Rejected { .. }), "{error}");
    let said = "middleware validation: count must be more than 0; item.name is empty";
    assert!(error.to_string().ends_with(said), "{error}");
    let error = bus.execute(order("broken")).await.unwrap_err().to_string();
    assert!(error.ends_with("it panicked: it cannot be validated"), "{error}");
    bus.execute(order("tea")).await.unwrap();
    bus.publish(Ordered("")).await.unwrap();
    bus.idle().await;
    let said = log.take();
    let reason = "was rejected by middleware validation: item.name is empty after 0";
    assert_eq!(
        said,
        [
            "order tea".to_owned(),
            "ordered tea".into(),
            "also tea".into(),
            format!("failed ordered: {reason}"),
            format!("failed also: {reason}"),
        ]
    );
    assert_eq!(of_handler(&bus, "take_order"), ["validation"]);
    assert_eq!(of_handler(&bus, "once"), [""; 0], "it cannot be validated, and is not held up");
    let described = bus.describe();
    let order = described.messages.iter().find(|message| message.short_name == "Order").unwrap();
    assert!(order.capabilities.contains(&"Validate"), "{:?}", order.capabilities);
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_rejects_what_comes_too_often_and_says_when_to_come_again() {
    let limit = middleware::rate_limit(Rate::new(2, 10 * SECOND));
    let (bus, log) = bus(|builder| builder.middleware(limit));
    for _ in 0..2 {
        bus.execute(order("tea")).await.unwrap();
    }
    let error = bus.execute(order("tea")).await.unwrap_err();
    match error.kind() {
        CommandErrorKind::RateLimited { by, retry_after } => {
            assert_eq!((&**by, *retry_after), ("rate limit", 5 * SECOND));
        }
        other => panic!("{other:?}"),
    }
    bus.execute(Once).await.unwrap_err();
    bus.idle().await;
    let said = log.take();
    assert!(said.contains(&"once".to_owned()), "another type has a rate of its own: {said:?}");
    // Two handlers, two events: each call counts.
    assert_eq!(said.iter().filter(|said| said.starts_with("failed")).count(), 2, "{said:?}");
    assert!(said[said.len() - 1].contains("too often, again in 5s"), "{said:?}");
    tokio::time::advance(5 * SECOND).await;
    bus.execute(order("tea")).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_rate_limit_can_let_calls_wait_for_their_turn() {
    let by_item = |call: &bus::Call<'_>| Some(call.get::<Order>()?.item);
    let limit = middleware::rate_limit_by(Rate::new(1, SECOND), by_item).delay(2 * SECOND);
    let (bus, log) = bus(|builder| builder.middleware(limit));
    let began = tokio::time::Instant::now();
    let timed = async |item| (bus.execute(order(item)).await.is_ok(), began.elapsed().as_secs());
    let (a, b, c, d, other) =
        tokio::join!(timed("tea"), timed("tea"), timed("tea"), timed("tea"), timed("milk"));
    assert_eq!([a, b, c, d, other], [(true, 0), (true, 1), (true, 2), (false, 0), (true, 0)]);
    log.take();
    // One that is dropped while it waits has used up its turn: the next comes after it.
    tokio::time::advance(10 * SECOND).await;
    bus.execute(order("tea")).await.unwrap();
    let dropped = tokio::time::timeout(SECOND / 2, bus.execute(order("tea"))).await;
    assert!(dropped.is_err());
    let began = tokio::time::Instant::now();
    bus.execute(order("tea")).await.unwrap();
    assert_eq!(began.elapsed(), SECOND * 3 / 2);
}

#[tokio::test]
async fn a_policy_sees_the_principal_and_the_message() {
    let small = middleware::authorize(|call| match call.get::<Order>() {
        Some(order) if order.item == "broken" => panic!("no idea"),
        Some(order) if order.count > 10 => Err(Denied::new("ask a manager")),
        _ => Ok(()),
    });
    let (bus, log) = bus(|builder| {
        builder
            .middleware(Layer::new(middleware::require_role("clerk")).on::<Order>().priority(1))
            .middleware(small)
            .middleware(Layer::new(middleware::require_principal()).on::<Ordered>())
            .middleware(Layer::new(middleware::authorize(|_| false).named("never")).on::<Once>())
    });
    let clerk = || Principal::new("ada").with_role("clerk");
    let refused = async |order: Order, principal: Option<Principal>| {
        let call = bus.execute(order);
        let call = match principal {
            Some(principal) => call.principal(principal),
            None => call,
        };
        let error = call.await.unwrap_err().to_string();
        error.split_once("middleware ").unwrap().1.to_owned()
    };
    let many = Order { item: "tea", count: 11, troubles: 0 };
    assert_eq!(
        [
            refused(order("tea"), None).await,
            refused(order("tea"), Some(Principal::new("bob"))).await,
            refused(many, Some(clerk())).await,
            refused(order("broken"), Some(clerk())).await,
        ],
        [
            "require role clerk: it is made on behalf of nobody",
            "require role clerk: bob has not that role",
            "authorize: ask a manager",
            "authorize: it panicked: no idea",
        ]
    );
    let never = bus.execute(Once).await.unwrap_err().to_string();
    assert!(never.ends_with("never: not allowed"), "{never}");
    assert_eq!(log.take(), [""; 0], "no handler was called");
    // What a handler emits is on behalf of the same principal.
    bus.execute(order("tea")).principal(clerk()).await.unwrap();
    bus.idle().await;
    assert_eq!(log.take(), ["order tea", "ordered tea", "also tea"]);
}

#[tokio::test(start_paused = true)]
async fn a_key_is_handled_once_by_each_handler_and_given_back_by_what_failed() {
    let key = |call: &bus::Call<'_>| {
        let ordered = call.get::<Ordered>().map(|ordered| ordered.0);
        ordered.or_else(|| Some(call.get::<Order>()?.item))
    };
    let (bus, log) = bus(|builder| builder.middleware(middleware::dedup(60 * SECOND, key)));
    for _ in 0..2 {
        bus.publish(Ordered("tea")).await.unwrap();
    }
    bus.idle().await;
    assert_eq!(log.take(), ["ordered tea", "also tea"]);
    let stats = bus.handler_stats();
    let of_also = stats.iter().find(|stats| stats.handler.name == "also").unwrap();
    assert_eq!((of_also.runs, of_also.skipped), (1, 1));

    bus.execute(order("milk")).await.unwrap();
    let again = bus.execute(order("milk")).await.unwrap_err().to_string();
    assert!(again.contains("dedup: it was handled a short while ago"), "{again}");
    tokio::time::advance(60 * SECOND).await;
    bus.execute(order("milk")).await.unwrap();

    // What has failed, and what was dropped, may come again.
    let trouble = |item| Order { item, count: 1, troubles: 1 };
    for item in ["bread", "panics", "hangs"] {
        bus.execute(trouble(item)).await.unwrap_err();
        assert!(bus.execute(order(item)).await.is_ok(), "{item} was not given back");
    }
    bus.idle().await;
    tokio::time::advance(60 * SECOND).await;
    let dropped = tokio::time::timeout(SECOND, bus.execute(trouble("hangs"))).await;
    assert!(dropped.is_err());
    bus.execute(order("hangs")).await.unwrap();
}

fn at_once() -> RetryConfig {
    RetryConfig { initial_delay: Duration::ZERO, ..RetryConfig::default() }
}

#[tokio::test(start_paused = true)]
async fn what_fails_is_called_again_and_emits_once() {
    let (bus, log) = bus(|builder| builder.middleware(middleware::retry(at_once())));
    let trouble = |item, troubles| Order { item, count: 1, troubles };
    let report = bus.execute(trouble("tea", 2)).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts), (3, 3), "the context counts them too");
    bus.idle().await;
    let one = "order tea";
    assert_eq!(log.take(), [one, one, one, "ordered tea", "also tea"]);

    let error = bus.execute(trouble("tea", 9)).await.unwrap_err();
    let said = "Order failed after 4 attempts: in trouble";
    assert!(error.to_string().ends_with(said) && error.attempts() == 4, "{error}");
    bus.idle().await;
    assert_eq!(log.take(), [one; 4], "something that failed has emitted");

    assert_eq!(bus.execute(trouble("hangs", 1)).await.unwrap(), 2, "each has a timeout of its own");
    let panicked = bus.execute(trouble("panics", 1)).await.unwrap_err();
    assert_eq!(panicked.attempts(), 1, "{panicked}");
    let once = bus.execute(Once).await.unwrap_err();
    assert_eq!(once.attempts(), 1, "it cannot be handled twice: {once}");
    bus.idle().await;
    log.take();

    bus.publish(Ordered("flaky")).await.unwrap();
    bus.idle().await;
    let flaky = "ordered flaky";
    assert_eq!(log.take(), [flaky, flaky, flaky, "also flaky"], "its neighbour ran once");
}

#[tokio::test(start_paused = true)]
async fn retries_of_retries_do_not_multiply() {
    let trouble = || Order { item: "tea", count: 1, troubles: 99 };
    let twice = |builder: Builder| {
        builder.middleware(middleware::retry(at_once())).middleware(middleware::retry(at_once()))
    };
    let declared = |builder: Builder| {
        let config = RetryConfig { max_retries: 1, ..at_once() };
        builder.configure::<take_order>(|handler| handler.retry(config))
    };
    for (calls, wraps) in [(4, [true, false]), (2, [false, true]), (2, [true, true])] {
        let (bus, _) = bus(|mut builder| {
            if wraps[0] {
                builder = twice(builder);
            }
            if wraps[1] { declared(builder) } else { builder }
        });
        let error = bus.execute(trouble()).await.unwrap_err();
        assert_eq!(error.attempts(), calls, "{wraps:?}: {error}");
        // Also when it is called once more.
        let error = bus.execute(trouble()).await.unwrap_err();
        assert_eq!(error.attempts(), calls, "{wraps:?}: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_delays_are_waited_and_what_is_worth_it_can_be_chosen() {
    let config = RetryConfig { jitter: Jitter::None, ..RetryConfig::default() };
    let picky = middleware::retry(config).only_if(
        |ended| matches!(ended, Ended::Failed(error) if error.to_string() == "in trouble"),
    );
    let (bus, _) = bus(|builder| builder.middleware(picky));
    let began = tokio::time::Instant::now();
    bus.execute(Order { item: "tea", count: 1, troubles: 9 }).await.unwrap_err();
    assert_eq!(began.elapsed(), Duration::from_millis(100 + 200 + 400));
    let hung = bus.execute(Order { item: "hangs", count: 1, troubles: 9 }).await.unwrap_err();
    assert_eq!(hung.attempts(), 1, "a timeout is not worth it here");
}

#[tokio::test(start_paused = true)]
async fn chaos_makes_the_trouble_that_it_is_told_to() {
    let always = middleware::chaos().latency(1.0, 10 * SECOND..11 * SECOND);
    let (slow, _) = bus(|builder| builder.middleware(always));
    let error = slow.execute(order("tea")).await.unwrap_err();
    let timed_out = matches!(error.kind(), CommandErrorKind::TimedOut { .. });
    assert!(timed_out, "it stands inside of the timeout: {error}");

    let chaos = middleware::chaos().fault(1.0, "no route");
    let (faulty, log) = bus(|builder| builder.middleware(chaos.clone()));
    let error = faulty.execute(order("tea")).await.unwrap_err().to_string();
    assert!(error.ends_with("middleware chaos: no route"), "{error}");
    chaos.enable(false);
    faulty.execute(order("tea")).await.unwrap();
    faulty.idle().await;
    assert_eq!(log.take().len(), 3, "the handler was called when it was switched off");

    let (panicking, log) = bus(|builder| builder.middleware(middleware::chaos().panic(1.0)));
    let error = panicking.execute(order("tea")).await.unwrap_err().to_string();
    assert!(error.ends_with("middleware chaos: it panicked: chaos"), "{error}");
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test(start_paused = true)]
async fn chaos_is_repeatable_and_hits_the_part_that_it_is_told_to() {
    let outcomes = async |seed| {
        let chaos = middleware::chaos().fault(0.25, "no route").seed(seed);
        let (bus, _) = bus(|builder| builder.middleware(Layer::new(chaos).on::<Order>()));
        let mut failed = Vec::new();
        for n in 0..1000 {
            if bus.execute(order("tea")).await.is_err() {
                failed.push(n);
            }
        }
        failed
    };
    let first = outcomes(42).await;
    assert!((200..300).contains(&first.len()), "{} of 1000", first.len());
    assert_eq!(first, outcomes(42).await);
    assert_ne!(first, outcomes(43).await);
}

#[tokio::test(start_paused = true)]
async fn timing_measures_by_the_clock_of_the_bus() {
    let timing = middleware::timing();
    let (bus, _) = bus(|builder| builder.middleware(timing.clone()));
    bus.execute(Order { item: "hangs", count: 1, troubles: 1 }).await.unwrap_err();
    bus.execute(order("tea")).await.unwrap();
    bus.idle().await;
    let stats = timing.stats();
    let slowest = &stats[0];
    assert_eq!(slowest.handler.name, "take_order", "the one that took most time comes first");
    assert_eq!((slowest.calls, slowest.failed), (2, 1));
    assert_eq!((slowest.min, slowest.max), (Duration::ZERO, 5 * SECOND));
    assert_eq!(slowest.mean(), 5 * SECOND / 2);
    assert!(slowest.to_string().ends_with("2 calls, 1 failed, 0ns .. 2.5s .. 5s"), "{slowest}");
    assert_eq!(stats.len(), 3, "and the two handlers of the event");
}

/// Keeps what is logged.
#[derive(Clone, Default)]
struct Lines(Arc<Mutex<Vec<u8>>>);
impl std::io::Write for Lines {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn logging_says_how_each_call_has_ended() {
    let lines = Lines::default();
    let writer = lines.clone();
    let subscriber = tracing_subscriber::fmt()
        .with_max_level(tracing::Level::DEBUG)
        .with_writer(move || writer.clone())
        .with_ansi(false)
        .without_time()
        .finish();
    let _logging = tracing::subscriber::set_default(subscriber);
    let logging = Layer::new(middleware::logging().slow(2 * SECOND)).on::<Order>().priority(1);
    let slow = middleware::chaos().latency(0.5, 2 * SECOND..3 * SECOND).seed(1);
    let (bus, _) = bus(|builder| {
        builder
            .middleware(logging)
            .middleware(Layer::new(slow).on::<Order>())
            .middleware(middleware::validation())
    });
    bus.execute(order("")).await.unwrap_err();
    bus.execute(Order { item: "tea", count: 1, troubles: 1 }).await.unwrap_err();
    for _ in 0..20 {
        bus.execute(order("tea")).await.unwrap();
    }
    let said = String::from_utf8(lines.0.lock().unwrap().clone()).unwrap();
    let count = |level: &str, text: &str| {
        said.lines().filter(|l| l.trim_start().starts_with(level) && l.contains(text)).count()
    };
    assert_eq!(count("INFO", "refused message_name=\"middleware_stock::Order\""), 1, "{said}");
    assert_eq!(count("ERROR", "not handled"), 1, "{said}");
    let (slow, quick) = (count("WARN", "handled slowly"), count("DEBUG", " handled m"));
    assert!(slow > 0 && quick > 0 && slow + quick == 20, "{slow} slow, {quick} quick: {said}");
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn no_delay_is_longer_than_the_longest(
        max_retries in 0..40_u32,
        initial in any::<u64>(),
        max in 0..100_000_u64,
        exponential_base in any::<f64>(),
        jitter in prop_oneof![
            Just(Jitter::Full),
            any::<f64>().prop_map(Jitter::Spread),
            Just(Jitter::Equal),
            Just(Jitter::Decorrelated),
            Just(Jitter::None),
        ],
    ) {
        let (initial_delay, max_delay) = (Duration::from_millis(initial), Duration::from_millis(max));
        let config = RetryConfig { max_retries, initial_delay, max_delay, exponential_base, jitter };
        let delays: Vec<_> = config.delays().collect();
        prop_assert_eq!(delays.len(), max_retries as usize);
        prop_assert!(delays.iter().all(|delay| *delay <= max_delay), "{:?}", delays);
    }
}

#[tokio::test]
async fn a_limit_without_a_timer_rejects_and_does_not_hang() {
    static CALLS: AtomicU32 = AtomicU32::new(0);
    #[command]
    struct Plain;
    let limit = middleware::rate_limit(Rate::per_second(1)).delay(60 * SECOND);
    let (bus, _) = bus(|builder| builder.middleware(Layer::new(limit).on::<Plain>()));
    bus.register_command_handler(|_: Plain, _| async {
        CALLS.fetch_add(1, Ordering::Relaxed);
        Ok::<_, bus::Error>(())
    })
    .unwrap();
    let calls = std::thread::spawn(move || {
        // A runtime without time.
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(async {
            [bus.execute(Plain).await.is_ok(), bus.execute(Plain).await.is_ok()]
        })
    });
    assert_eq!(calls.join().unwrap(), [true, false]);
    assert_eq!(CALLS.load(Ordering::Relaxed), 1);
}
