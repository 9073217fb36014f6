//! What goes in and out of a call around its message: headers, extensions, what is emitted, and the bus.

use std::sync::{Arc, Mutex};

use bus::{
    Bus, Call, Context, Handled, HandlerOptions, Layer, Middleware, Next, Res, async_trait,
    command, event, handler, middleware,
};

use super::{Double, Emits, Emitted, Hang, Log, Named, bus};

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
