//! The metrics as others read them: names and labels of any text, in each format.

#[path = "../common/mod.rs"]
mod common;
mod json;
mod promtool;
mod reader;
mod rules;
mod table;

use std::sync::Arc;
use std::time::Duration;

use bus::prelude::*;
use bus::{EventFilter, HandlerOptions, MetricsConfig, OwnedContext, filters};

#[command]
struct Buy(u64);
#[handler(retry(max_retries = 1, initial_delay = "1ms", jitter = none), circuit_breaker(failure_threshold = 2))]
async fn buy(buy: &Buy, emit: Emit<Bought>) -> bus::Result<()> {
    if buy.0.is_multiple_of(4) {
        return Err(bus::Error::msg("sold out"));
    }
    emit.send(Bought(buy.0));
    Ok(())
}
#[event]
struct Bought(u64);
#[handler]
async fn pack(bought: &Bought, cx: &Context) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(bought.0)).await;
    if bought.0.is_multiple_of(3) { Err(bus::Error::msg("no box")) } else { Ok(()) }
}
#[event]
struct Unheard;
#[event(ttl = "1ms")]
struct Short;
#[handler]
async fn late(_: &Short) {}

/// A bus that has seen everything, with handlers of these names.
async fn loaded<'n>(config: MetricsConfig, names: impl IntoIterator<Item = &'n str>) -> Bus {
    let bus = Bus::builder()
        .metrics(config)
        .filter(filters::name("*::Unwanted\"\\\n").not())
        .backpressure_strategy(bus::BackpressureStrategy::DropOldest)
        .event_queue_size(8)
        .build()
        .unwrap();
    for name in names {
        let options = HandlerOptions::default().name(name.to_owned());
        let handler = |_: Arc<Bought>, _: OwnedContext| async {};
        bus.register_event_handler_with(options, handler).unwrap();
    }
    for n in 0..20 {
        let _ = bus.execute(Buy(n)).await;
    }
    for n in 0..20 {
        bus.publish(Bought(n)).await.unwrap();
    }
    bus.publish(Unheard).await.unwrap();
    bus.publish(Short).await.unwrap();
    bus.idle().await;
    bus
}

/// Names that break careless writers.
const HOSTILE: [&str; 10] = [
    "a\"b",
    "c\\d",
    "e\nf",
    "{g=\"h\"}",
    "ü\t,",
    "\\n",
    "# HELP x",
    "}",
    "\u{2028}\u{0}\u{7f}",
    "le=\"1\"} 3",
];
