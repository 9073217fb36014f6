//! What order costs: the same events with and without a key, over 100 000 keys.
//!
//! `cargo bench -p bus-bench --bench order`; with `-- --test` each row is run a few times.
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, missing_docs)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bus::{Bus, Event, Res, event, handler};
use bus_bench::Counter;

const KEYS: u64 = 100_000;

/// An event without a key, and one with, whose handlers do the same.
macro_rules! pair {
    ($($style:ident: $free:ident, $keyed:ident, $on_free:ident, $on_keyed:ident, $waits:expr;)*) => { $(
        #[event]
        struct $free {
            key: u64,
        }
        #[event(key = "key")]
        struct $keyed {
            key: u64,
        }
        pair!($style $on_free, $free, $waits);
        pair!($style $on_keyed, $keyed, $waits);
    )* };
    (plain $name:ident, $event:ty, $waits:expr) => {
        #[handler]
        fn $name(event: &$event, counter: &Res<Counter>) {
            counter.add(event.key);
        }
    };
    (future $name:ident, $event:ty, $waits:expr) => {
        #[handler]
        async fn $name(event: &$event, counter: &Res<Counter>) {
            if $waits {
                tokio::task::yield_now().await;
            }
            counter.add(event.key);
        }
    };
}

pair! {
    plain: Plain, KeyedPlain, plain, keyed_plain, false;
    future: Ready, KeyedReady, ready, keyed_ready, false;
    future: Waits, KeyedWaits, waits, keyed_waits, true;
}

/// What an event takes.
async fn time<E: Event>(bus: &Bus, events: u64, make: fn(u64) -> E) -> Duration {
    let start = Instant::now();
    for n in 0..events {
        bus.publish(make(black_box(n % KEYS))).await.unwrap();
    }
    bus.idle().await;
    start.elapsed().div_f64(events as f64)
}

/// The best of so many rounds of both, in turn: neither finds another heap than the other.
async fn row<F: Event, K: Event>(
    (bus, events, rounds): (&Bus, u64, u32),
    name: &str,
    free: fn(u64) -> F,
    keyed: fn(u64) -> K,
) {
    let mut best = (Duration::MAX, Duration::MAX);
    for _ in 0..rounds {
        best.0 = best.0.min(time(bus, events, free).await);
        best.1 = best.1.min(time(bus, events, keyed).await);
    }
    let (free, keyed) = (best.0.as_secs_f64(), best.1.as_secs_f64());
    let (ratio, free, keyed) = (keyed / free, free * 1e9, keyed * 1e9);
    println!("| {name} | {free:.0} | {keyed:.0} | {ratio:.2} |");
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let (events, rounds) = if test { (1000, 2) } else { (2 * KEYS, 20) };
    let bus = &bus_bench::bus();
    println!("| one handler | unordered, ns | key, ns | x |\n| --- | --: | --: | --: |");
    let size = (bus, events, rounds);
    row(size, "plain", |key| Plain { key }, |key| KeyedPlain { key }).await;
    row(size, "async, ready at once", |key| Ready { key }, |key| KeyedReady { key }).await;
    row(size, "async, pending once", |key| Waits { key }, |key| KeyedWaits { key }).await;
}
