//! Where middleware stand: around which handlers, in which order, and when that is decided.

use std::borrow::Cow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::{
    Bus, Call, CommandResultEvent, Handled, HandlerOptions, Layer, Middleware, Next, Res,
    async_trait, event, handler, middleware,
};

use super::{Double, Emits, Log, Named, Spend, bus};

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
