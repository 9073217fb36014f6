//! Middleware and hooks that are registered at link time: order, which messages, resources, and that a bus
//! without what is registered has none of them.

use std::sync::Mutex;

use bus::prelude::*;
use bus::{Call, Ended, Handled, HookCall, Next, hook, middleware};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
#[bus::resource]
fn log() -> Log {
    Log::default()
}
impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
}

#[command]
struct Paint;
#[event]
struct Painted;

#[handler]
async fn paint(_: &Paint, log: &Res<Log>, cx: &Context) -> bus::Result<()> {
    log.say("paint");
    cx.publish(Painted).await?;
    Ok(())
}
#[handler(middleware = named)]
fn painted(_: &Painted, log: &Res<Log>) {
    log.say("painted");
}

#[middleware(priority = 5)]
async fn everything(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {
    log.say(format!("everything around {}", call.info().short_name()));
    next.run(call).await
}
#[middleware(on = commands, priority = 10, name = "of commands")]
async fn commands(call: &mut Call<'_>, next: Next, log: &Res<Log>, bus: Bus) -> Handled {
    log.say(format!("commands of {} handlers", bus.stats().handlers));
    next.run(call).await
}
#[middleware(on = events)]
async fn events(call: &mut Call<'_>, next: Next, log: &Res<Log>, cx: &Context) -> Handled {
    log.say(format!("events, {}", cx.message().short_name()));
    next.run(call).await
}
#[middleware(on = Paint, per_attempt, priority = 100)]
async fn of_one(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {
    log.say("of one");
    next.run(call).await
}
#[middleware(manual, priority = 7)]
async fn named(call: &mut Call<'_>, next: Next, log: &Res<Log>) -> Handled {
    log.say("named");
    next.run(call).await
}

#[hook(on = Paint)]
fn begins(call: &HookCall<'_>) {
    call.context().resource::<Log>().unwrap().say("begins");
}
#[hook]
fn ends(call: &HookCall<'_>, ended: &Ended<'_>) {
    let log = call.context().resource::<Log>().unwrap();
    log.say(format!("{} {ended}", call.handler().name));
}

#[tokio::test]
async fn what_is_linked_is_around_what_it_is_meant_for() {
    let bus = Bus::from_registered().unwrap();
    bus.execute(Paint).await.unwrap();
    bus.idle().await;
    let log = bus.resource::<Log>().unwrap();
    let said = std::mem::take(&mut *log.0.lock().unwrap());
    assert_eq!(
        said,
        [
            "commands of 2 handlers",
            "everything around Paint",
            "begins",
            "of one",
            "paint",
            "paint ended well",
            "named",
            "everything around Painted",
            "events, Painted",
            "painted",
            "painted ended well",
        ]
    );
    let described = bus.describe();
    let of = |name: &str| {
        let message = described.messages.iter().find(|message| message.short_name == name);
        &message.unwrap().handlers[0]
    };
    assert_eq!(of("Paint").middleware, ["of commands", "everything", "of_one"]);
    assert_eq!(of("Painted").middleware, ["named", "everything", "events"]);
    assert_eq!(of("Paint").hooks, ["begins", "ends"]);
    assert_eq!(of("Painted").hooks, ["ends"]);
    let text = described.to_string();
    assert!(
        text.contains("inside of of commands, everything, of_one, with hooks begins"),
        "{text}"
    );
}

#[tokio::test]
async fn a_bus_without_what_is_registered_has_none_of_it() {
    let builder = Bus::builder().without_registered().provide(Log::default());
    let bus = builder.handler::<paint>().build().unwrap();
    bus.execute(Paint).await.unwrap();
    let log = bus.resource::<Log>().unwrap();
    assert_eq!(*log.0.lock().unwrap(), ["paint"]);
}
