//! `explain` says who would get a message and in which order, `describe` what stands around each handler:
//! both compared with what really runs. And what is told of handlers afterwards.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    AnyEvent, Bus, Call, CircuitBreakerConfig, EventFilter, FilterView, Handled, HandlerOptions,
    Layer, Middleware, Next, Rate, async_trait, category, command, event, filters,
};
use proptest::prelude::*;

#[event]
#[derive(Clone)]
struct Ordered(u32);
#[event(kind = integration)]
struct Shipped;
#[command(output = &'static str)]
struct Ask;

type Log = Arc<Mutex<Vec<String>>>;

fn says(log: &Log, name: String) -> impl Fn() + Clone + use<> {
    let log = Arc::clone(log);
    move || log.lock().unwrap().push(name.clone())
}

struct Named(String, Log);
#[async_trait]
impl Middleware for Named {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        self.1.lock().unwrap().push(format!("{} around {}", self.0, call.handler().name));
        next.run(call).await
    }
    fn name(&self) -> std::borrow::Cow<'static, str> {
        self.0.clone().into()
    }
}

#[derive(Debug, Clone)]
struct Listener {
    priority: i32,
    /// 0: of the bus; else of one of two sessions.
    whose: usize,
    /// Its filter accepts what is larger.
    above: Option<u32>,
    hears_any: bool,
}

#[derive(Debug, Clone)]
struct Around {
    priority: i32,
    per_attempt: bool,
    on: u8,
}

fn above(limit: u32) -> impl EventFilter {
    move |event: &FilterView<'_>| event.get::<Ordered>().is_none_or(|ordered| ordered.0 > limit)
}

async fn check(
    listeners: &[Listener],
    around: &[Around],
    bus_filter: Option<u32>,
    sent_in: usize,
    number: u32,
) {
    let log = Log::default();
    let mut builder = Bus::builder().without_registered();
    if let Some(limit) = bus_filter {
        builder = builder.filter(above(limit).named("of the bus"));
    }
    for (i, around) in around.iter().enumerate() {
        let mut layer =
            Layer::new(Named(format!("m{i}"), Arc::clone(&log))).priority(around.priority);
        layer = if around.per_attempt { layer.per_attempt() } else { layer };
        layer = match around.on {
            0 => layer,
            1 => layer.on_events(),
            2 => layer.on::<Ordered>(),
            _ => layer.on_commands(),
        };
        builder = builder.middleware(layer);
    }
    let bus = builder.build().unwrap();
    // The second is inside of the first.
    let outer = bus.session("outer").open().await.unwrap();
    let inner = outer.session("inner").open().await.unwrap();
    for (i, listener) in listeners.iter().enumerate() {
        let name = format!("h{i}");
        let mut options = HandlerOptions::new().priority(listener.priority).name(name.clone());
        if let Some(limit) = listener.above {
            options = options.filter(above(limit));
        }
        let says = says(&log, name);
        let any = {
            let says = says.clone();
            move |_: Arc<AnyEvent>, _: bus::OwnedContext| {
                says();
                async {}
            }
        };
        let one = move |_: Arc<Ordered>, _: bus::OwnedContext| {
            says();
            async {}
        };
        let session = [None, Some(&outer), Some(&inner)][listener.whose];
        match (session, listener.hears_any) {
            (None, false) => bus.register_event_handler_with(options, one).map(drop),
            (None, true) => bus.register_event_handler_with(options, any).map(drop),
            (Some(session), false) => session.register_event_handler_with(options, one).map(drop),
            (Some(session), true) => session.register_event_handler_with(options, any).map(drop),
        }
        .unwrap();
    }
    let event = Ordered(number);
    let explained = match sent_in {
        0 => bus.explain(&event),
        1 => outer.explain(&event),
        _ => inner.explain(&event),
    };
    assert_eq!(explained.handlers.len(), listeners.len(), "each is told of: {explained}");
    match sent_in {
        0 => drop(bus.publish(event).await.unwrap()),
        1 => drop(outer.publish(event).await.unwrap()),
        _ => drop(inner.publish(event).await.unwrap()),
    }
    bus.idle().await;
    let ran = std::mem::take(&mut *log.lock().unwrap());
    let handlers: Vec<_> = ran.iter().filter(|line| !line.contains(' ')).cloned().collect();
    let called = explained.handlers.iter().filter(|handler| handler.turn.is_some());
    let called: Vec<_> = called.map(|handler| handler.handler.name.clone()).collect();
    assert_eq!(handlers, called, "{explained}");
    let turns: Vec<_> = explained.handlers.iter().filter_map(|handler| handler.turn).collect();
    assert!(turns.is_sorted() && turns.iter().all(|turn| *turn > 0), "{explained}");
    let untold = explained.handlers.iter().any(|h| h.turn.is_none() == h.why_not.is_none());
    assert!(!untold, "who is not called is told why: {explained}");

    let description = bus.describe();
    let described = description.messages.iter().flat_map(|message| &message.handlers);
    for handler in described {
        let mut around: Vec<_> = ran
            .iter()
            .filter_map(|line| line.strip_suffix(&format!(" around {}", handler.name)))
            .collect();
        if !called.contains(&handler.name) {
            assert!(around.is_empty());
            continue;
        }
        // Those of the run come after the outer ones in both.
        assert_eq!(around, handler.middleware, "{description}");
        around.clear();
    }
    for handler in bus.handler_stats() {
        let runs = u64::from(called.contains(&handler.handler.name.to_string()));
        assert_eq!(handler.runs, runs, "{handler}");
    }
    inner.close().await;
    outer.close().await;
}

fn listener() -> impl Strategy<Value = Listener> {
    (-1..=1, 0..3_usize, prop::option::weighted(0.3, 0..4_u32), prop::bool::weighted(0.2)).prop_map(
        |(priority, whose, above, hears_any)| Listener { priority, whose, above, hears_any },
    )
}

fn around() -> impl Strategy<Value = Around> {
    (-1..=1, any::<bool>(), 0..4_u8).prop_map(|(priority, per_attempt, on)| Around {
        priority,
        per_attempt,
        on,
    })
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]
    #[test]
    fn what_is_explained_is_what_runs(
        listeners in prop::collection::vec(listener(), 0..6),
        around in prop::collection::vec(around(), 0..4),
        bus_filter in prop::option::weighted(0.2, 0..4_u32),
        sent_in in 0..3_usize,
        number in 0..4_u32,
    ) {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(check(&listeners, &around, bus_filter, sent_in, number));
    }
}

#[event(key = "0")]
struct Moved(u32);
#[command]
struct Move;

#[tokio::test(start_paused = true)]
async fn what_holds_up_a_handler_is_said_too() {
    let bus = Bus::builder().without_registered().build().unwrap();
    let breaker = CircuitBreakerConfig { failure_threshold: 1, ..CircuitBreakerConfig::default() };
    let named = |name| HandlerOptions::new().name(name).circuit_breaker(breaker).dead_letters(true);
    let fails = async |_: Arc<Moved>, _: bus::OwnedContext| Err::<(), _>(bus::Error::msg("no"));
    bus.register_event_handler_with(named("draws"), fails).unwrap();
    let fails = async |_: Arc<Move>, _: bus::OwnedContext| Err::<(), _>(bus::Error::msg("no"));
    bus.register_command_handler_with(named("moves"), fails).unwrap();
    let held_up = |explained: bus::Explanation| {
        assert!(explained.handlers[0].turn == Some(1) && explained.is_handled(), "{explained}");
        explained.handlers[0].held_up.clone()
    };
    assert_eq!((held_up(bus.explain(&Move)), held_up(bus.explain(&Moved(1)))), (None, None));
    bus.execute(Move).await.unwrap_err();
    bus.publish(Moved(1)).and_wait().await.unwrap();
    let open = |name| Some(format!("circuit breaker `{name}` is open"));
    assert_eq!(held_up(bus.explain(&Move)), open("moves"));
    assert_eq!(held_up(bus.explain(&Moved(2))), open("draws"));
    let letter = bus.dead_letters().list().into_iter().find(|letter| !letter.is_command()).unwrap();
    let behind = format!("dead letter {} comes before it", letter.id);
    assert!(bus.explain(&Moved(1)).to_string().contains(&format!("held up: {behind}")));
    assert_eq!(held_up(bus.explain(&Moved(1))), Some(behind));
    // Its time is over: the next call is a probe.
    tokio::time::sleep(breaker.recovery_timeout).await;
    assert_eq!((held_up(bus.explain(&Move)), held_up(bus.explain(&Moved(2)))), (None, None));
}

#[tokio::test]
async fn each_reason_is_said_in_words() {
    let bus = Bus::builder()
        .without_registered()
        .filter(filters::rate_limit(Rate::new(1, Duration::from_secs(3600))))
        .build()
        .unwrap();
    let session = bus.session("s").open().await.unwrap();
    let named = |name: &'static str| HandlerOptions::new().name(name);
    let on = async |_: Arc<Ordered>, _: bus::OwnedContext| {};
    bus.register_event_handler_with(named("behind").filter(above(9).named("large")), on).unwrap();
    session.register_event_handler_with(named("of session"), on).unwrap();
    let integration = async |_: Arc<AnyEvent<category::Integration>>, _: bus::OwnedContext| {};
    bus.register_event_handler_with(named("bridge"), integration).unwrap();
    let why_not = |explained: &bus::Explanation, name: &str| {
        let found = explained.handlers.iter().find(|handler| handler.handler.name == name);
        found.unwrap().why_not.clone().unwrap()
    };
    // Asking takes no token: the second says the same.
    for _ in 0..2 {
        let explained = bus.explain(&Ordered(1));
        assert_eq!(explained.filters, [("rate limit".to_owned(), true)]);
        assert_eq!(why_not(&explained, "behind"), "its filter large keeps the event out");
        assert_eq!(why_not(&explained, "of session"), "it hears only what is sent in session s");
        assert_eq!(why_not(&explained, "bridge"), "it hears other events than domain ones");
        assert!(!explained.is_handled());
    }
    assert!(bus.explain(&Shipped).is_handled(), "the bridge hears it");
    bus.publish(Ordered(10)).await.unwrap();
    let explained = bus.explain(&Ordered(10));
    assert_eq!(explained.filters, [("rate limit".to_owned(), false)]);
    assert_eq!(why_not(&explained, "behind"), "the filter rate limit keeps the event out");
    let text = explained.to_string();
    assert!(text.contains("filter rate limit keeps it out\n"), "{text}");
    assert!(text.contains("not called: it hears only what is sent in session s\n"), "{text}");

    let explained = bus.explain(&Ask);
    assert_eq!((explained.handlers.len(), explained.filters.len()), (0, 0), "it is not filtered");
    let answer =
        |what| move |_: Ask, _: bus::OwnedContext| async move { Ok::<_, bus::Error>(what) };
    bus.register_command_handler_with(named("low"), answer("low")).unwrap();
    let high = named("high").priority(1);
    bus.register_command_handler_with(high, answer("high")).unwrap();
    session.register_command_handler_with(named("inner"), answer("inner")).unwrap();
    let explained = bus.explain(&Ask);
    assert_eq!(explained.handlers[0].handler.name, bus.execute(Ask).await.unwrap());
    assert!(why_not(&explained, "low").starts_with("`high` at "), "{explained}");
    assert_eq!(why_not(&explained, "inner"), "it hears only what is sent in session s");
    let explained = session.explain(&Ask);
    assert_eq!(explained.handlers[0].handler.name, session.execute(Ask).await.unwrap());
    assert!(why_not(&explained, "high").starts_with("`inner` at "), "{explained}");
    session.close().await;
}

#[tokio::test(start_paused = true)]
async fn handlers_and_failures_are_counted() {
    #[command(output = u32, error = bus::Error)]
    struct Try(u32);
    let bus = Bus::builder().without_registered().build().unwrap();
    let attempt = async |attempt: Try, _: bus::OwnedContext| match attempt.0 {
        0 => Err(bus::Error::msg("a zero")),
        1 => panic!("a one"),
        2 => std::future::pending().await,
        n => Ok(n),
    };
    bus.register_command_handler_with(HandlerOptions::new().name("try"), attempt).unwrap();
    let stats = || bus.handler_stats().remove(0);
    bus.execute(Try(3)).await.unwrap();
    for n in 0..2 {
        bus.execute(Try(n)).await.unwrap_err();
    }
    bus.execute(Try(2)).timeout(Duration::from_secs(1)).await.unwrap_err();
    let after = stats();
    assert_eq!((after.runs, after.failures, after.consecutive_failures), (4, 3, 3));
    assert_eq!(after.last_failure.as_ref().unwrap().error, "timed out after 1s");
    assert!(after.to_string().ends_with("4 runs, 3 failed, 3 in a row, last: timed out after 1s"));
    // Its caller has lost interest: that is no failure of the handler.
    let dropped = tokio::time::timeout(Duration::from_secs(1), bus.execute(Try(2))).await;
    assert!(dropped.is_err());
    let cancelled = bus.execute(Try(2)).cancel_on(tokio::time::sleep(Duration::from_secs(1)));
    cancelled.await.unwrap_err();
    assert_eq!((stats().runs, stats().failures), (6, 3));
    bus.execute(Try(3)).await.unwrap();
    assert_eq!((stats().failures, stats().consecutive_failures), (3, 0));

    let failures: Vec<_> = bus.recent_failures().iter().map(|f| f.error.clone()).collect();
    let said = ["a zero", "panicked: a one", "timed out after 1s", "cancelled by its caller"];
    assert_eq!(failures.len(), said.len(), "{failures:?}");
    assert!(
        failures.iter().zip(said).all(|(failure, said)| failure.ends_with(said)),
        "{failures:?}"
    );
    for _ in 0..150 {
        bus.execute(Try(0)).await.unwrap_err();
    }
    let failures = bus.recent_failures();
    assert_eq!(failures.len(), 100, "a part is remembered");
    assert!(failures.iter().all(|failure| failure.error.ends_with("a zero")), "the last ones");
}
