//! The middleware that come with the bus, each for commands and for events. Their edges in numbers (token
//! buckets, recent keys, delays) have unit tests beside them.

mod authorize;
mod chaos;
mod dedup;
mod logging;
mod rate_limit;
mod retry;
mod timing;
mod validation;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    Bus, Context, Emit, EventHandlerFailedEvent, Invalid, Res, Validate, command, event, handler,
};

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
