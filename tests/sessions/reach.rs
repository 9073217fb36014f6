//! Whom commands and events reach that are sent in a session.

use std::sync::Arc;

use bus::{
    Bus, CommandResultEvent, Context, Emit, HandlerOptions, MessageBus, OwnedContext, SessionId,
    command, handler,
};

use super::{Said, Who, answers, bus, listens};

#[tokio::test(start_paused = true)]
async fn a_command_goes_to_the_innermost_handler() {
    let (bus, _) = bus();
    let outer = bus.session("outer").on_command(answers("outer")).open().await.unwrap();
    let inner = outer.session("inner").open().await.unwrap();
    assert_eq!(inner.execute(Who).await.unwrap(), "outer in inner", "the handler of the parent");
    let own = inner.register_command_handler(answers("inner")).unwrap();
    assert_eq!(inner.execute(Who).await.unwrap(), "inner in inner");
    assert_eq!(outer.execute(Who).await.unwrap(), "outer in outer");
    assert_eq!(bus.execute(Who).await.unwrap(), "bus in BUS", "a session's handler is its own");
    assert!(own.unregister());
    assert_eq!(inner.execute(Who).await.unwrap(), "outer in inner");
    assert_eq!(inner.parent().unwrap().id(), outer.id());
}

#[tokio::test(start_paused = true)]
async fn events_reach_the_session_those_around_it_and_the_bus_by_priority() {
    let (bus, log) = bus();
    let low = HandlerOptions::new().priority(-1);
    let high = HandlerOptions::new().priority(1);
    let outer = bus
        .session("outer")
        .on_event(listens(&log, "outer"))
        .on_event_with(low, listens(&log, "outer, low"))
        .open()
        .await
        .unwrap();
    let inner = outer
        .session("inner")
        .on_event_with(high, listens(&log, "inner, high"))
        .on_event(listens(&log, "inner"))
        .open()
        .await
        .unwrap();
    inner.publish(Said("x")).and_wait().await.unwrap();
    let heard = ["inner, high", "inner", "outer", "bus", "outer, low"];
    assert_eq!(log.take(), heard.map(|name| format!("{name}: x in inner")));
    outer.publish(Said("y")).and_wait().await.unwrap();
    assert_eq!(
        log.take(),
        ["outer", "bus", "outer, low"].map(|name| format!("{name}: y in outer"))
    );
    bus.publish(Said("z")).and_wait().await.unwrap();
    assert_eq!(log.take(), ["bus: z in BUS"]);
}

#[command]
struct Work;
#[handler]
async fn work(_: Work, cx: &Context, emit: Emit<Said>, bus: Bus) -> bus::Result<()> {
    emit.send(Said("emitted"));
    cx.publish(Said("published")).await?;
    bus.publish(Said("through a clone of the bus")).await?;
    bus.publish(Said("outside")).session(SessionId::BUS).await?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn what_handlers_do_on_behalf_of_a_session_is_in_it() {
    let (bus, log) = bus();
    let session = bus.session("s").on_event(listens(&log, "session")).open().await.unwrap();
    session.execute(Work).await.unwrap();
    bus.idle().await;
    let mut heard = log.take();
    heard.sort();
    let inside = ["emitted", "published", "through a clone of the bus"];
    let mut expected: Vec<_> = ["session", "bus"]
        .iter()
        .flat_map(|who| inside.map(|what| format!("{who}: {what} in s")))
        .collect();
    expected.push("bus: outside in BUS".to_owned());
    expected.sort();
    assert_eq!(heard, expected);
}

async fn generic(bus: &impl MessageBus) -> String {
    bus.execute(Who).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn a_session_is_a_message_bus() {
    let (bus, _) = bus();
    let session = bus.session("s").open().await.unwrap();
    assert_eq!(generic(&*session).await, "bus in s");
    assert_eq!(generic(&session.handle()).await, "bus in s");
}

#[tokio::test(start_paused = true)]
async fn a_session_hears_of_its_own_commands_alone() {
    let (bus, log) = bus();
    let noted = log.clone();
    let session = bus
        .session("s")
        .on_event(move |done: Arc<CommandResultEvent>, _: OwnedContext| {
            noted.add(format!("{} {}", done.command, done.session_id));
            std::future::ready(())
        })
        .open()
        .await
        .unwrap();
    bus.execute(Who).await.unwrap();
    session.execute(Who).await.unwrap();
    bus.idle().await;
    assert_eq!(log.take(), ["sessions::Who s"]);
}
