//! Handlers that hear any event, or any of a category.

use std::sync::{Arc, Mutex};

use bus::{
    AnyEvent, Bus, CommandResultEvent, Context, HandlerOptions, OwnedContext, Res, UnhandledEvent,
    category, command, event, handler, resource,
};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
#[resource]
fn log() -> Log {
    Log::default()
}

#[event]
struct Placed(u32);
#[event(kind = integration)]
struct Shipped;
#[event(kind = system)]
struct Rotated;

#[handler]
async fn placed(event: &Placed, log: &Res<Log>) {
    log.add(format!("placed {}", event.0));
}
#[handler(priority = 9)]
fn audit(event: &AnyEvent, cx: &Context, log: &Res<Log>) {
    let number = event.get::<Placed>().map(|placed| placed.0);
    log.add(format!("audit {} {number:?} {}", event.info().name(), cx.session_id()));
    assert_eq!(event.info().name(), cx.message().name());
}
#[handler(priority = -1)]
async fn outward(event: Arc<AnyEvent<category::Integration>>, log: &Res<Log>) -> bus::Result<()> {
    log.add(format!("outward {event:?}"));
    Ok(())
}
#[handler]
fn unheard(event: &UnhandledEvent, log: &Res<Log>) {
    log.add(format!("unhandled {}", event.event));
}
#[handler]
fn done(_: &CommandResultEvent) {}
#[command]
struct Go;
#[handler]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}

fn bus() -> (Bus, Res<Log>) {
    let bus = Bus::from_registered().unwrap();
    let log = bus.resource().unwrap();
    (bus, log)
}

#[tokio::test]
async fn who_hears_any_event_joins_the_others_by_priority() {
    let (bus, log) = bus();
    bus.publish(Placed(7)).and_wait().await.unwrap();
    assert_eq!(log.take(), ["audit any_event::Placed Some(7) BUS", "placed 7"]);
    assert_eq!(bus.stats().unhandled, 0);
}

/// An event that only such handlers hear is handled by none that is meant for it.
#[tokio::test]
async fn a_category_is_heard_and_what_nobody_else_handles_is_still_unhandled() {
    let (bus, log) = bus();
    bus.publish(Shipped).and_wait().await.unwrap();
    bus.publish(Rotated).and_wait().await.unwrap();
    bus.idle().await;
    let mut heard = log.take();
    heard.sort();
    assert_eq!(
        heard,
        [
            "audit any_event::Rotated None BUS",
            "audit any_event::Shipped None BUS",
            "outward AnyEvent(any_event::Shipped)",
            "unhandled any_event::Rotated",
            "unhandled any_event::Shipped",
        ]
    );
    assert_eq!((bus.stats().unhandled, bus.stats().processed), (2, 3));
}

/// A bus whose audit log hears its own announcements would announce for ever.
#[tokio::test]
async fn the_buss_own_events_are_not_among_them() {
    let (bus, log) = bus();
    bus.execute(Go).await.unwrap();
    bus.idle().await;
    assert_eq!(log.take(), Vec::<String>::new());
}

#[tokio::test]
async fn a_session_hears_all_that_is_sent_in_it() {
    let (bus, log) = bus();
    let (own, low) = (log.clone(), HandlerOptions::new().priority(-5));
    let session = bus
        .session("s")
        .on_event_with(low, move |event: Arc<AnyEvent<category::Domain>>, _: OwnedContext| {
            own.add(format!("session {event:?}"));
            std::future::ready(())
        })
        .open()
        .await
        .unwrap();
    bus.publish(Placed(1)).and_wait().await.unwrap();
    session.publish(Shipped).and_wait().await.unwrap();
    bus.idle().await;
    log.take();
    session.publish(Placed(2)).and_wait().await.unwrap();
    assert_eq!(
        log.take(),
        ["audit any_event::Placed Some(2) s", "placed 2", "session AnyEvent(any_event::Placed)"]
    );
}

#[tokio::test]
async fn it_comes_and_goes_and_is_counted_once() {
    let (bus, log) = bus();
    let handlers = bus.stats().handlers;
    let heard = log.clone();
    let registration = bus
        .register_event_handler(move |_: Arc<AnyEvent>, _: OwnedContext| {
            heard.add("closure");
            std::future::ready(())
        })
        .unwrap();
    assert_eq!(bus.stats().handlers, handlers + 1);
    bus.publish(Placed(1)).and_wait().await.unwrap();
    assert_eq!(log.take().iter().filter(|line| *line == "closure").count(), 1);
    assert!(registration.unregister());
    bus.publish(Placed(1)).and_wait().await.unwrap();
    assert!(!log.take().contains(&"closure".to_owned()));
    assert_eq!(bus.stats().handlers, handlers);
    assert!(bus.wiring().to_string().contains("`audit`"), "{}", bus.wiring());
}
