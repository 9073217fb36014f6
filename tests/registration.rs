//! Handlers that come and go while the bus runs.

use std::sync::{Arc, Mutex};

use bus::{
    Bus, CommandErrorKind, HandlerOptions, OwnedContext, RegisterError, Res, command, event,
    handler,
};

#[command(output = &'static str)]
struct Who;
#[command(output = String)]
struct Answered;
#[handler]
async fn built_in(_: Answered) -> bus::Result<String> {
    Ok("built in".to_owned())
}
#[event]
struct Said(&'static str);

type Heard = Arc<Mutex<Vec<String>>>;

#[tokio::test]
async fn a_closure_answers_until_it_is_unregistered() {
    let bus = Bus::from_registered().unwrap();
    let registration = bus
        .register_command_handler(|_: Who, _: OwnedContext| async {
            Ok::<_, bus::Error>("closure")
        })
        .unwrap();
    assert_eq!(bus.execute(Who).await.unwrap(), "closure");
    assert!(registration.unregister());
    assert!(!registration.unregister(), "it was out already");
    let error = bus.execute(Who).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::NoHandler));
}

#[tokio::test]
async fn a_command_keeps_exactly_one_handler() {
    let bus = Bus::from_registered().unwrap();
    let answer = |text: &'static str| {
        move |_: Answered, _: OwnedContext| async move { Ok::<_, bus::Error>(text.to_owned()) }
    };
    let refused = bus.register_command_handler(answer("second")).unwrap_err();
    assert!(matches!(refused, RegisterError::AlreadyHandled { .. }));
    let text = refused.to_string();
    assert!(text.contains("`built_in` at tests/registration.rs:"), "{text}");

    let higher = HandlerOptions::new().priority(1).name("override");
    let scoped = bus.register_command_handler_with(higher, answer("override")).unwrap().scoped();
    assert_eq!(bus.execute(Answered).await.unwrap(), "override");
    drop(scoped);
    assert_eq!(bus.execute(Answered).await.unwrap(), "built in");
}

#[tokio::test]
async fn event_handlers_join_by_priority_and_leave() {
    let bus = Bus::from_registered().unwrap();
    let heard: Heard = Heard::default();
    let listen = |name: &'static str| {
        let heard = Arc::clone(&heard);
        move |event: Arc<Said>, _: OwnedContext| {
            let heard = Arc::clone(&heard);
            async move { heard.lock().unwrap().push(format!("{name} {}", event.0)) }
        }
    };
    let low =
        bus.register_event_handler_with(HandlerOptions::new().priority(-1), listen("low")).unwrap();
    let _high =
        bus.register_event_handler_with(HandlerOptions::new().priority(1), listen("high")).unwrap();
    let scoped = bus.register_event_handler(listen("scoped")).unwrap().scoped();
    assert_eq!(low.handler().priority, -1);
    bus.publish(Said("one")).await.unwrap();
    while bus.stats().processed < 3 {
        tokio::task::yield_now().await;
    }
    drop(scoped);
    low.unregister();
    bus.publish(Said("two")).await.unwrap();
    bus.shutdown().await;
    assert_eq!(*heard.lock().unwrap(), ["high one", "scoped one", "low one", "high two"]);
}

struct Prefix(&'static str);
#[command(output = String)]
struct Manual;
#[handler(manual)]
async fn by_hand(_: Manual, prefix: &Res<Prefix>) -> bus::Result<String> {
    Ok(format!("{} by hand", prefix.0))
}
#[handler(manual)]
async fn fake(_: Answered) -> bus::Result<String> {
    Ok("fake".to_owned())
}

#[tokio::test]
async fn a_manual_handler_is_registered_by_its_type_and_checked() {
    let bus = Bus::from_registered().unwrap();
    let refused = bus.register::<by_hand>().unwrap_err();
    assert!(refused.to_string().contains("registration::Prefix"), "{refused}");

    let bus = Bus::builder().provide(Prefix("made")).build().unwrap();
    bus.register::<by_hand>().unwrap();
    assert_eq!(bus.execute(Manual).await.unwrap(), "made by hand");
    assert_eq!(bus.stats().handlers, 2);
}

#[tokio::test]
async fn the_builder_swaps_handlers_by_type() {
    let bus = Bus::builder().without::<built_in>().handler::<fake>().build().unwrap();
    assert_eq!(bus.execute(Answered).await.unwrap(), "fake");
    let empty = Bus::builder().without_registered().build().unwrap();
    assert!(empty.execute(Answered).await.is_err());
    assert_eq!(empty.wiring().rows().len(), 0);
}

/// On the bus and on a session: what has begun goes on to its end, and nothing begins any more.
#[tokio::test(start_paused = true)]
async fn a_handler_that_is_unregistered_finishes_what_it_runs() {
    let bus = Bus::from_registered().unwrap();
    let session = bus.session("s").open().await.unwrap();
    let heard: Heard = Heard::default();
    let slow = |name: &'static str| {
        let heard = Arc::clone(&heard);
        move |said: Arc<Said>, _: OwnedContext| {
            let heard = Arc::clone(&heard);
            async move {
                tokio::time::sleep(std::time::Duration::from_secs(1)).await;
                heard.lock().unwrap().push(format!("{name} {}", said.0));
            }
        }
    };
    let of_bus = bus.register_event_handler(slow("bus")).unwrap();
    let of_session = session.register_event_handler(slow("session")).unwrap();
    session.publish(Said("first")).await.unwrap();
    tokio::task::yield_now().await;
    assert!(of_bus.unregister() && of_session.unregister());
    session.publish(Said("second")).await.unwrap();
    bus.idle().await;
    heard.lock().unwrap().sort();
    assert_eq!(*heard.lock().unwrap(), ["bus first", "session first"]);
}
