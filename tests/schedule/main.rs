//! Later: `after`, `at`, `every`, `cron`, and `ttl`.

mod edges;
mod many;
mod once;
mod recurring;
mod ttl;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{Entry, Step, TestBus, TestBusBuilder};
use bus::{Builder, Bus, Context, Event, event, handler};
use tokio::time::Instant;

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> TestBus {
    with(TestBus::builder().without_registered().handler::<rang>()).build().unwrap()
}

/// Each call of a handler with such an event.
fn calls<E: Event>(bus: &TestBus) -> Vec<(Entry, Arc<E>)> {
    let record = bus.record();
    let event = |id| record.iter().find_map(|entry| entry.event().filter(|_| entry.id == id));
    let calls = record.iter().filter(|entry| matches!(entry.step, Step::Handling { .. }));
    calls.filter_map(|call| Some((call.clone(), event(call.id)?))).collect()
}

/// When they were handled, in milliseconds from the start.
fn times<E: Event>(bus: &TestBus) -> Vec<u128> {
    calls::<E>(bus).iter().map(|(call, _)| call.at.as_millis()).collect()
}

/// What rang, and when.
fn rung(bus: &TestBus) -> Vec<(&'static str, u128)> {
    calls::<Rang>(bus).iter().map(|(call, rang)| (rang.0, call.at.as_millis())).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event]
struct Rang(&'static str);
#[handler(manual)]
fn rang(_: &Rang) {}

#[event]
struct Tick {
    takes: u64,
}
#[handler(manual)]
async fn tick(event: &Tick, cx: &Context) {
    cx.sleep(ms(event.takes)).await;
}

/// What rang, and when.
type Log = Arc<Mutex<Vec<(&'static str, u128)>>>;

/// For what a test bus cannot show: its clock on the wall is never put back, and its record keeps each event.
fn bus_of_tokio(with: impl FnOnce(Builder) -> Builder) -> (Bus, Log) {
    let bus = with(Bus::builder().without_registered()).build().unwrap();
    let (log, start) = (Log::default(), Instant::now());
    let of_handler = Arc::clone(&log);
    bus.register_event_handler(move |rang: Arc<Rang>, _| {
        of_handler.lock().unwrap().push((rang.0, start.elapsed().as_millis()));
        std::future::ready(())
    })
    .unwrap();
    (bus, log)
}
