//! Middleware by hand: what they see of a call, what they may change, and what touches them. Their order
//! and all ends that a chain can come to are in `middleware_model.rs`.

use std::borrow::Cow;
use std::future::pending;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    Bus, Call, CancelledBy, CommandErrorKind, CommandResultEvent, Context, Emit, Handled,
    HandlerOptions, Layer, Middleware, Next, Res, async_trait, command, event, handler, middleware,
};

#[derive(Debug, Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

/// Says when it is dropped.
struct Noticed(Arc<Log>, &'static str);
impl Drop for Noticed {
    fn drop(&mut self) {
        self.0.say(format!("{} dropped", self.1));
    }
}

#[command(output = u32)]
#[derive(Clone)]
struct Double(u32);

#[handler]
async fn double(command: Double, cx: &Context, log: &Res<Log>) -> bus::Result<u32> {
    log.say(format!("double {} {:?}", command.0, cx.header("by")));
    tokio::task::yield_now().await;
    Ok(command.0 * 2)
}

/// Not `Clone`, and taken by value.
#[command(output = u32)]
struct Spend(u32);
#[handler]
async fn spend(command: Spend) -> bus::Result<u32> {
    Ok(command.0)
}

#[event]
struct Rang(u32);

#[handler(priority = 1)]
async fn first(event: &Rang, log: &Res<Log>) {
    log.say(format!("first {}", event.0));
}
#[handler(middleware = [own, Named("made")])]
fn second(event: &Rang, log: &Res<Log>) {
    log.say(format!("second {}", event.0));
}

#[middleware(manual)]
async fn own(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {
    log.say("own");
    next.run(call).await
}

struct Named(&'static str);
#[async_trait]
impl Middleware for Named {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let log = call.context().resource::<Log>().unwrap();
        log.say(format!("{} in", self.0));
        let handled = next.run(call).await;
        log.say(format!("{} out {}", self.0, call.ended().unwrap()));
        handled
    }
    fn name(&self) -> Cow<'static, str> {
        self.0.into()
    }
}

#[command]
struct Emits;
#[event]
struct Emitted(&'static str);
#[handler]
fn emits(_: &Emits, emit: Emit<Emitted>) -> bus::Result<()> {
    emit.send(Emitted("handler"));
    Ok(())
}
#[handler]
fn emitted(event: &Emitted, log: &Res<Log>, cx: &Context) {
    assert!(cx.causation_id().is_some(), "it follows from the command");
    log.say(format!("emitted by {}", event.0));
}

/// Until its caller is tired of it.
#[command]
struct Hang;
#[handler(timeout = "5s")]
async fn hang(_: &Hang, log: &Res<Log>) -> bus::Result<()> {
    let _noticed = Noticed(Arc::clone(&log.clone().into_arc()), "handler");
    pending().await
}

fn bus(with: impl FnOnce(bus::Builder) -> bus::Builder) -> (Bus, Arc<Log>) {
    let bus = with(Bus::builder().provide(Log::default())).build().unwrap();
    let log = bus.resource::<Log>().unwrap().into_arc();
    (bus, log)
}

#[tokio::test]
async fn the_outermost_comes_first() {
    let (bus, log) = bus(|builder| {
        builder
            .middleware(Named("a"))
            .middleware(Layer::new(Named("b")).priority(1).on_commands())
            .middleware(Layer::new(Named("c")).per_attempt())
    });
    assert_eq!(bus.execute(Double(2)).header("by", "me").await.unwrap(), 4);
    let well = "out ended well";
    assert_eq!(
        log.take(),
        [
            "b in",
            "a in",
            "c in",
            "double 2 Some(\"me\")",
            &format!("c {well}"),
            &format!("a {well}"),
            &format!("b {well}"),
        ]
    );
    bus.publish(Rang(1)).await.unwrap();
    bus.idle().await;
    let of_first = format!("a in|c in|first 1|c {well}|a {well}");
    let of_second = format!("a in|own|made in|c in|second 1|c {well}|made {well}|a {well}");
    assert_eq!(log.take().join("|"), format!("{of_first}|{of_second}"));
}

/// Answers of its own.
struct Replies;
#[async_trait]
impl Middleware for Replies {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        match call.get::<Double>().map(|double| double.0) {
            Some(1) => return call.reply::<Double>(Ok(100)),
            Some(2) => return call.reply::<Spend>(Ok(100)),
            Some(3) => return call.skip(),
            _ => {}
        }
        let handled = next.run(call).await;
        assert!(call.get::<Double>().is_none(), "the command was moved into its handler");
        assert!(call.result::<Spend>().is_none(), "the answer is that of a `Double`");
        match call.result::<Double>() {
            Some(Ok(8)) => call.reply::<Double>(Err(bus::Error::msg("an eight"))),
            Some(Ok(10)) => {
                let ten = call.take_result::<Double>().unwrap().unwrap();
                assert!(call.ended().is_none() && call.take_result::<Double>().is_none());
                call.reply::<Double>(Ok(ten + 1))
            }
            Some(Ok(12)) => {
                let _twelve = call.take_result::<Double>();
                handled
            }
            _ => handled,
        }
    }
    fn name(&self) -> Cow<'static, str> {
        "replies".into()
    }
}

#[tokio::test]
async fn a_middleware_answers_in_place_of_the_handler() {
    let (bus, log) = bus(|builder| builder.middleware(Layer::new(Replies).on::<Double>()));
    let mut answers = Vec::new();
    for n in 1..=7 {
        let answer = bus.execute(Double(n)).await;
        answers.push(answer.map_or_else(|error| error.to_string(), |n| n.to_string()));
    }
    let name = "middleware::Double";
    let rejected = format!("command {name} was rejected by middleware replies:");
    assert_eq!(
        answers,
        [
            "100".to_owned(),
            format!("{rejected} it has answered a {name} as if it were a middleware::Spend"),
            format!("{rejected} it has skipped a command, which has to be answered"),
            format!("command {name} failed: an eight"),
            "11".to_owned(),
            format!("{rejected} it has dropped or taken the answer, and given none"),
            "14".to_owned(),
        ]
    );
    let called = log.take().len();
    assert_eq!(called, 4, "the handler was called for 4, 5, 6 and 7");
}

/// Calls `next` twice.
struct Twice {
    keeps: bool,
}
#[async_trait]
impl Middleware for Twice {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let kept = self.keeps && call.keep();
        assert!(!kept || call.info().short_name() == "Double", "it cannot be kept");
        let _ = next.run(call).await;
        assert_eq!(call.get::<Double>().is_some(), kept && call.info().short_name() == "Double");
        next.run(call).await
    }
}

#[tokio::test]
async fn a_command_is_handled_again_only_if_it_is_kept() {
    let (keeping, log) = bus(|builder| builder.middleware(Twice { keeps: true }));
    let report = keeping.execute(Double(2)).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts, log.take().len()), (4, 2, 2));

    let (careless, log) = bus(|builder| builder.middleware(Twice { keeps: false }));
    let report = careless.execute(Double(2)).detailed().await;
    assert_eq!((report.attempts, log.take().len()), (1, 1));
    let told = report.result.unwrap_err().to_string();
    assert!(told.ends_with("derive `Clone` for it, or let the handler take `&Double`"), "{told}");
    // A type that is not `Clone` cannot be kept.
    let told = keeping.execute(Spend(1)).await.unwrap_err().to_string();
    assert!(told.contains("Spend was moved into its handler"), "{told}");
}

/// Not `Clone`.
#[command(output = usize)]
struct InAnArc;
type Shared = Arc<InAnArc>;
#[handler]
async fn in_an_arc(command: Shared) -> bus::Result<usize> {
    // What is kept, and this.
    Ok(Arc::strong_count(&command))
}

struct Again;
#[async_trait]
impl Middleware for Again {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        assert!(call.keep());
        let _ = next.run(call).await;
        next.run(call).await
    }
}

#[tokio::test]
async fn a_command_that_its_handler_takes_in_an_arc_is_kept_without_a_clone() {
    let (linked, _) = bus(|builder| builder.middleware(Layer::new(Again).on::<InAnArc>()));
    let report = linked.execute(InAnArc).detailed().await;
    assert_eq!((report.result.unwrap(), report.attempts), (2, 2));

    let (closed, _) =
        bus(|builder| builder.without::<in_an_arc>().middleware(Layer::new(Again).on::<InAnArc>()));
    let handler = |command: Shared, _: bus::OwnedContext| async move {
        Ok::<_, bus::Error>(Arc::strong_count(&command))
    };
    closed.register_command_handler(handler).unwrap();
    assert_eq!(closed.execute(InAnArc).await.unwrap(), 2);
}

/// What it says in headers and extensions.
struct Says(&'static str);
#[derive(Debug, PartialEq)]
struct Note(&'static str);
#[async_trait]
impl Middleware for Says {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let by = call.header("by").unwrap_or_default().to_owned();
        call.set_header("by", by + self.0);
        call.context().insert(Note(self.0));
        let handled = next.run(call).await;
        assert_eq!(call.context().get::<Note>().as_deref(), Some(&Note("handler")));
        handled
    }
}

#[command(output = String)]
struct Listen;
#[handler]
async fn listen(_: Listen, cx: &Context) -> bus::Result<String> {
    let note = cx.insert(Note("handler"));
    let owned = cx.to_owned();
    assert_eq!(owned.header("by"), cx.header("by"), "an owned context sees the same");
    Ok(format!("{:?} {:?}", cx.header("by"), note.map(|note| note.0)))
}

#[tokio::test]
async fn headers_and_extensions_go_in_and_extensions_come_out() {
    let (bus, _) = bus(|builder| {
        builder
            .middleware(Layer::new(Says("a")).on::<Listen>())
            .middleware(Layer::new(Says("b")).on::<Listen>())
            .middleware(Layer::new(Says("c")).on::<Listen>().per_attempt())
    });
    let heard = bus.execute(Listen).header("by", ">").await.unwrap();
    assert_eq!(heard, r#"Some(">abc") Some("c")"#);
    assert_eq!(bus.execute(Listen).await.unwrap(), r#"Some("abc") Some("c")"#);
}

/// Waits, before or after what comes next, for ever.
struct Waits {
    before: bool,
}
#[async_trait]
impl Middleware for Waits {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let log = call.context().resource::<Log>().unwrap().into_arc();
        let _noticed = Noticed(Arc::clone(&log), "middleware");
        call.context().emit(Emitted("a middleware that waits"));
        if self.before {
            pending::<()>().await;
        }
        let _ = next.run(call).await;
        log.say(call.ended().unwrap().to_string());
        pending().await
    }
}

#[tokio::test(start_paused = true)]
async fn the_timeout_is_of_the_handler_and_of_what_is_a_part_of_its_run() {
    let (outer, log) = bus(|builder| builder.middleware(Waits { before: false }));
    let executed = tokio::time::timeout(Duration::from_secs(60), outer.execute(Hang)).await;
    assert!(executed.is_err(), "nobody cuts an outer middleware but its caller");
    assert_eq!(log.take(), ["handler dropped", "timed out after 5s", "middleware dropped"]);

    let (inner, log) =
        bus(|builder| builder.middleware(Layer::new(Waits { before: true }).per_attempt()));
    let error = inner.execute(Hang).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::TimedOut { .. }), "{error}");
    assert_eq!(log.take(), ["middleware dropped"]);
    for bus in [outer, inner] {
        assert_eq!(
            bus.shutdown().await.completed,
            0,
            "something that did not end well has emitted"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn the_call_is_cancelled_wherever_it_is() {
    let places = [
        (Waits { before: true }, false, "middleware dropped"),
        (Waits { before: true }, true, "middleware dropped"),
        (Waits { before: false }, false, "handler dropped|middleware dropped"),
        (Waits { before: false }, true, "handler dropped|middleware dropped"),
    ];
    for (waits, per_attempt, expected) in places {
        let layer = Layer::new(waits);
        let layer = if per_attempt { layer.per_attempt() } else { layer };
        let (bus, log) = bus(|builder| builder.middleware(layer));
        // Its caller drops it ..
        let second = Duration::from_secs(1);
        assert!(tokio::time::timeout(second, bus.execute(Hang)).await.is_err());
        assert_eq!(log.take().join("|"), expected);
        // .. or has it cancelled.
        let cancel_on = tokio::time::sleep(second);
        let error = bus.execute(Hang).cancel_on(cancel_on).await.unwrap_err();
        assert!(
            matches!(error.kind(), CommandErrorKind::Cancelled(CancelledBy::Caller)),
            "{error}"
        );
        assert_eq!(log.take().join("|"), expected);
        assert_eq!(bus.stats().commands_in_flight, 0);
        assert_eq!(bus.shutdown().await.completed, 0, "a call that was cancelled has emitted");
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_cuts_what_was_executed_in_it() {
    let (bus, log) = bus(|builder| builder.middleware(Waits { before: true }));
    let session = bus.session("s").close_timeout(Duration::from_secs(1)).open().await.unwrap();
    let handle = session.handle();
    let (ended, _) = tokio::join!(handle.execute(Hang), session.close());
    let error = ended.unwrap_err();
    assert!(
        matches!(error.kind(), CommandErrorKind::Cancelled(CancelledBy::Session(_))),
        "{error}"
    );
    assert_eq!(log.take(), ["middleware dropped"]);
}

/// Emits, and then answers as it is told.
struct AndThen(fn(&mut Call<'_>, Handled) -> Handled);
#[async_trait]
impl Middleware for AndThen {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        call.context().emit(Emitted("middleware"));
        let handled = next.run(call).await;
        (self.0)(call, handled)
    }
}

#[tokio::test]
async fn what_is_emitted_is_sent_if_the_outermost_says_that_it_went_well() {
    let (passed, log) =
        bus(|builder| builder.middleware(Layer::new(AndThen(|_, handled| handled)).on_commands()));
    passed.execute(Emits).await.unwrap();
    passed.idle().await;
    assert_eq!(log.take(), ["emitted by middleware", "emitted by handler"]);

    let rejects = Layer::new(AndThen(|call, _| call.reject("no"))).on_commands();
    let (rejected, log) = bus(|builder| builder.middleware(rejects));
    rejected.execute(Emits).await.unwrap_err();
    rejected.idle().await;
    assert_eq!(log.take(), [""; 0]);
}

#[tokio::test]
async fn a_bus_used_inside_belongs_to_the_call() {
    #[command(output = bool)]
    struct Inner;
    #[command(output = bool)]
    struct Outer;
    struct Asks(Bus);
    #[async_trait]
    impl Middleware for Asks {
        async fn handle(&self, call: &mut Call<'_>, _: Next) -> Handled {
            // Not through the context: the bus knows in which call it is used.
            let follows = self.0.execute(Inner).await.unwrap();
            call.reply::<Outer>(Ok(follows))
        }
    }
    let bus = Bus::builder().without_registered().build().unwrap();
    bus.register_command_handler(|_: Inner, cx: bus::OwnedContext| async move {
        Ok::<_, bus::Error>(cx.causation_id().is_some())
    })
    .unwrap();
    let options = HandlerOptions::new().middleware(Asks(bus.clone()));
    bus.register_command_handler_with(options, |_: Outer, _| async { Ok::<_, bus::Error>(false) })
        .unwrap();
    assert!(bus.execute(Outer).await.unwrap(), "it is a root call");
}

#[event]
struct Asked;
#[event]
struct Followed;
#[handler(concurrency = 1)]
async fn asked(_: &Asked, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    // The handler of `Followed` needs the one slot that this one has.
    cx.publish(Followed).and_wait().await?;
    log.say("asked");
    Ok(())
}
#[handler]
async fn followed(_: &Followed, log: &Res<Log>) {
    log.say("followed");
}

#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_others_gives_up_its_slot_in_middleware_too() {
    let (bus, log) = bus(|builder| builder.concurrency(1).middleware(Named("m")));
    bus.publish(Asked).await.unwrap();
    bus.idle().await;
    let said = log.take();
    assert!(said.iter().any(|said| said == "asked"), "{said:?}");
}

#[handler(manual)]
fn audited(_: &CommandResultEvent, log: &Res<Log>) {
    log.say("audited");
}

#[tokio::test]
async fn the_handlers_of_the_buss_own_events_are_left_out_unless_they_are_named() {
    let (bus, log) = bus(|builder| {
        builder
            .middleware(Named("all"))
            .middleware(Layer::new(Named("events")).on_events())
            .middleware(Layer::new(Named("result")).on::<CommandResultEvent>())
            .handler::<audited>()
    });
    bus.execute(Emits).await.unwrap_or_default();
    bus.idle().await;
    let said = log.take();
    let around = said.iter().position(|said| said == "audited").unwrap();
    assert_eq!(said[around - 1..=around + 1], ["result in", "audited", "result out ended well"]);
    // Around the command, and around the handler of the event that it has emitted.
    let count = |what: &str| said.iter().filter(|said| *said == what).count();
    assert_eq!((count("all in"), count("events in")), (2, 1), "{said:?}");
}

#[tokio::test]
async fn handlers_that_are_registered_later_stand_inside_as_well() {
    #[event]
    struct Late;
    let (bus, log) = bus(|builder| builder.middleware(Layer::new(Named("bus")).on::<Late>()));
    let note = |log: &Arc<Log>, what: &'static str| {
        let log = Arc::clone(log);
        move |_: Arc<Late>, _| {
            log.say(what);
            async {}
        }
    };
    bus.register_event_handler(note(&log, "of the bus")).unwrap();
    let session = bus.session("s").open().await.unwrap();
    let options = HandlerOptions::new().middleware(Named("own"));
    session.register_event_handler_with(options, note(&log, "of the session")).unwrap();
    session.publish(Late).await.unwrap();
    bus.idle().await;
    let said = log.take().join("|");
    let expected = "bus in|own in|of the session|own out ended well|bus out ended well|\
                    bus in|of the bus|bus out ended well";
    assert_eq!(said, expected);
    session.close().await;
}

#[tokio::test]
async fn what_a_middleware_takes_is_missed_when_the_bus_is_built() {
    #[allow(dead_code)]
    struct Missing;
    #[middleware(manual)]
    async fn needy(call: &mut Call<'_>, next: Next, _: &Res<Missing>) -> Handled {
        next.run(call).await
    }
    let error = Bus::builder().provide(Log::default()).middleware(needy {}).build().unwrap_err();
    let told = error.to_string();
    assert!(told.contains("middleware `needy` takes a `") && told.contains("Missing"), "{told}");
    let (bus, _) = bus(|builder| builder);
    let options = HandlerOptions::new().middleware(needy {});
    let refused = bus.register_event_handler_with(options, |_: Arc<Rang>, _| async {});
    let told = refused.unwrap_err().to_string();
    assert!(told.contains("Missing"), "{told}");
}

#[tokio::test]
async fn a_closure_is_a_middleware_and_an_operator_can_add_one() {
    let calls = Arc::new(AtomicU32::new(0));
    let counted = Arc::clone(&calls);
    let count = middleware::from_fn("count", move |call, next| {
        counted.fetch_add(1, Ordering::Relaxed);
        Box::pin(next.run(call))
    });
    let (bus, _) = bus(|builder| builder.configure::<first>(|handler| handler.middleware(count)));
    bus.publish(Rang(1)).await.unwrap();
    bus.idle().await;
    assert_eq!(calls.load(Ordering::Relaxed), 1, "around one of the two handlers");
}

#[tokio::test]
async fn destructors_that_panic_are_kept_from_the_bus() {
    struct Explodes;
    impl Drop for Explodes {
        fn drop(&mut self) {
            panic!("in a destructor");
        }
    }
    struct Carries;
    #[async_trait]
    impl Middleware for Carries {
        async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
            let _explodes = Explodes;
            next.run(call).await
        }
    }
    let (bus, _) = bus(|builder| builder.middleware(Layer::new(Carries).on::<Double>()));
    let told = bus.execute(Double(1)).await.unwrap_err().to_string();
    assert!(told.ends_with("it panicked: in a destructor"), "{told}");
    assert_eq!(bus.stats().commands_in_flight, 0);
    assert_eq!(bus.execute(Spend(3)).await.unwrap(), 3, "the bus goes on");
}

#[tokio::test]
async fn what_stands_around_a_handler_is_decided_when_it_is_registered() {
    #[derive(Default)]
    struct Asked {
        concerns: AtomicU32,
        name: AtomicU32,
        handle: AtomicU32,
    }
    struct Asks(Arc<Asked>);
    #[async_trait]
    impl Middleware for Asks {
        async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
            self.0.handle.fetch_add(1, Ordering::Relaxed);
            next.run(call).await
        }
        fn concerns(&self, message: &bus::MessageInfo) -> bool {
            self.0.concerns.fetch_add(1, Ordering::Relaxed);
            message.short_name() == "Spend"
        }
        fn name(&self) -> Cow<'static, str> {
            self.0.name.fetch_add(1, Ordering::Relaxed);
            "asks".into()
        }
    }
    let asked = Arc::new(Asked::default());
    let (bus, _) = bus(|builder| builder.middleware(Asks(Arc::clone(&asked))));
    let counts = || (asked.concerns.load(Ordering::Relaxed), asked.name.load(Ordering::Relaxed));
    let when_built = counts();
    assert!(when_built.0 > 0 && when_built.1 > 0);
    for n in 0..10 {
        bus.execute(Spend(n)).await.unwrap();
        bus.execute(Double(n)).await.unwrap();
    }
    assert_eq!(counts(), when_built, "it was asked again");
    assert_eq!(asked.handle.load(Ordering::Relaxed), 10);
}

#[tokio::test]
async fn timing_has_a_row_for_a_place_and_not_for_a_registration() {
    #[event]
    struct Often;
    let timing = middleware::timing();
    let (bus, _) = bus(|builder| builder.middleware(timing.clone()));
    for n in 0..100 {
        let options = HandlerOptions::new().name(format!("handler {n}"));
        let registered =
            bus.register_event_handler_with(options, |_: Arc<Often>, _| async {}).unwrap();
        bus.publish(Often).await.unwrap();
        bus.idle().await;
        registered.unregister();
    }
    bus.execute(Spend(1)).await.unwrap();
    let mut stats = timing.stats();
    stats.sort_by_key(|row| row.calls);
    let rows: Vec<_> = stats.iter().map(|row| (row.message.short_name(), row.calls)).collect();
    assert_eq!(rows, [("Spend", 1), ("Often", 100)]);
}

#[tokio::test]
async fn what_handlers_take_by_value_is_their_own() {
    #[event]
    #[derive(Clone)]
    struct Listed(Vec<u32>);
    let (bus, log) = bus(|builder| builder);
    for name in ["a", "b"] {
        let log = Arc::clone(&log);
        let options = HandlerOptions::new().name(name);
        let add = move |mut listed: Listed, _: bus::OwnedContext| {
            listed.0.push(9);
            log.say(format!("{name} {:?}", listed.0));
            async {}
        };
        bus.register_event_handler_with(options, add).unwrap();
    }
    bus.publish(Listed(vec![1])).await.unwrap();
    bus.idle().await;
    assert_eq!(log.take(), ["a [1, 9]", "b [1, 9]"], "one sees what the other has changed");
}

#[tokio::test]
async fn a_command_that_is_answered_with_nothing_cannot_be_skipped_either() {
    let skips = middleware::from_fn("skips", |call, _| Box::pin(async move { call.skip() }));
    let (bus, _) = bus(|builder| builder.middleware(skips));
    let error = bus.execute(Emits).await.unwrap_err().to_string();
    assert!(
        error.ends_with("skips: it has skipped a command, which has to be answered"),
        "{error}"
    );
}

#[tokio::test]
async fn an_answer_is_gone_when_another_is_asked_for() {
    let drops = middleware::from_fn("drops", |call, next| {
        Box::pin(async move {
            assert!(call.keep());
            let handled = next.run(call).await;
            // The handler waits once.
            let mut again = Box::pin(next.run(call));
            std::future::poll_fn(|task| {
                assert!(again.as_mut().poll(task).is_pending());
                std::task::Poll::Ready(())
            })
            .await;
            drop(again);
            assert!(call.ended().is_none() && !call.is_ok());
            handled
        })
    });
    let (bus, log) = bus(|builder| builder.middleware(drops));
    let error = bus.execute(Double(1)).await.unwrap_err().to_string();
    assert!(
        error.ends_with("drops: it has dropped or taken the answer, and given none"),
        "{error}"
    );
    assert_eq!(log.take().len(), 2);
}

#[tokio::test(start_paused = true)]
async fn an_outer_middleware_has_no_deadline_and_its_tasks_hear_of_the_end() {
    let cancelled = Arc::new(Mutex::new(None));
    let kept = Arc::clone(&cancelled);
    let keeps = middleware::from_fn("keeps", move |call, next| {
        let context = call.context();
        assert!(context.deadline().is_none() && context.attempt() == 0);
        *kept.lock().unwrap() = Some(context.to_owned());
        Box::pin(next.run(call))
    });
    let (bus, _) = bus(|builder| builder.middleware(keeps));
    let was_cancelled = || cancelled.lock().unwrap().take().unwrap().is_cancelled();
    bus.execute(Double(1)).await.unwrap();
    assert!(!was_cancelled(), "what it has begun may go on");
    bus.execute(Hang).await.unwrap_err();
    assert!(was_cancelled(), "nobody has told it");
}

#[event]
struct Stuck;
#[handler(manual)]
async fn stuck(_: &Stuck, log: &Res<Log>) {
    let _noticed = Noticed(Arc::clone(&log.clone().into_arc()), "handler");
    pending::<()>().await;
}

#[tokio::test(start_paused = true)]
async fn the_handler_of_an_event_is_cut_wherever_it_is() {
    let second = Duration::from_secs(1);
    let places = [
        (true, false, "middleware dropped"),
        (true, true, "middleware dropped"),
        (false, false, "handler dropped|middleware dropped"),
        (false, true, "handler dropped|middleware dropped"),
    ];
    for (before, per_attempt, expected) in places {
        let make = || {
            let layer = Layer::new(Waits { before }).on::<Stuck>();
            let layer = if per_attempt { layer.per_attempt() } else { layer };
            bus(|b| b.middleware(layer).event_timeout(None).shutdown_timeout(second, second))
        };
        // By the end of the session whose handler it is ..
        let (bus, log) = make();
        let session = bus.session("s").close_timeout(second).open().await.unwrap();
        session.register::<stuck>().unwrap();
        session.publish(Stuck).await.unwrap();
        tokio::time::sleep(second).await;
        assert!(!session.close().await.is_clean(), "something was cut");
        assert_eq!(log.take().join("|"), expected);
        let failed = bus.recent_failures();
        assert!(
            failed[0].error.ends_with("was cancelled by the end of session s"),
            "{}",
            failed[0]
        );
        assert_eq!(bus.shutdown().await.completed, 0, "what was cut has emitted");

        // .. or by that of the bus.
        let (bus, log) = make();
        bus.register::<stuck>().unwrap();
        bus.publish(Stuck).await.unwrap();
        let report = bus.shutdown().await;
        assert_eq!((report.abandoned, report.completed), (vec!["stuck".to_owned()], 0));
        assert_eq!(log.take().join("|"), expected);
    }
}
