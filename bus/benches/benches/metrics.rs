//! What an export costs, beside that of a crate that does nothing else: of as many series, in one process and one run.
//!
//! `cargo bench -p bus-bench --bench metrics` prints the table; `-- --test` writes each once.
#![allow(clippy::unwrap_used)]

use std::fmt::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bus::{Bus, HandlerOptions, OwnedContext, event};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::registry::Registry;

#[event]
struct Ticked;

/// A bus with so many handlers, each with counters and a histogram of its own.
async fn bus(handlers: usize) -> Bus {
    let bus = Bus::builder().build().unwrap();
    for n in 0..handlers {
        let options = HandlerOptions::default().name(format!("handler {n}"));
        let handler = |_: Arc<Ticked>, _: OwnedContext| async {};
        bus.register_event_handler_with(options, handler).unwrap();
    }
    bus.publish(Ticked).await.unwrap();
    bus.idle().await;
    bus
}

type Labels = Vec<(&'static str, String)>;

/// As many series as those of the handlers are.
fn peer(handlers: usize) -> Registry {
    const BOUNDS: [f64; 12] =
        [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0];
    let mut registry = Registry::default();
    let labels = |n: usize| -> Labels {
        let handler = format!("handler {n}");
        vec![("handler", handler), ("message", "Ticked".into()), ("kind", "event".into())]
    };
    for name in ["processed", "failed", "retries"] {
        let family = Family::<Labels, Counter>::default();
        for n in 0..handlers {
            family.get_or_create(&labels(n)).inc();
        }
        registry.register(name, "What is counted", family);
    }
    let family = Family::<Labels, Histogram>::new_with_constructor(|| Histogram::new(BOUNDS));
    (0..handlers).for_each(|n| family.get_or_create(&labels(n)).observe(0.1));
    registry.register("duration", "What is measured", family);
    registry
}

/// Counts what is written, and keeps nothing.
struct Length(usize);
impl Write for Length {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0 += text.len();
        Ok(())
    }
}

/// The best of so many, and how long the text is.
fn best(rounds: u32, write: impl Fn(&mut Length)) -> (Duration, usize) {
    let mut best = (Duration::MAX, 0);
    for _ in 0..rounds {
        let (mut out, start) = (Length(0), Instant::now());
        write(&mut out);
        best = best.min((start.elapsed(), out.0));
    }
    best
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let rounds = if std::env::args().any(|arg| arg == "--test") { 1 } else { 50 };
    println!("| what | handlers | ms | x peer | bytes |\n| --- | --: | --: | --: | --: |");
    for handlers in [10, 1000] {
        let (bus, registry) = (bus(handlers).await, peer(handlers));
        let metrics = bus.metrics();
        let peer = best(rounds, |out| encode(out, &registry).unwrap());
        let rows = [
            ("`prometheus-client`, `encode`", peer),
            ("`write_prometheus`", best(rounds, |out| metrics.write_prometheus(out).unwrap())),
            ("`write_openmetrics`", best(rounds, |out| metrics.write_openmetrics(out).unwrap())),
            ("`snapshot`", best(rounds, |_| drop(metrics.snapshot()))),
        ];
        for (name, (took, bytes)) in rows {
            let (ms, ratio) = (took.as_secs_f64() * 1e3, took.as_secs_f64() / peer.0.as_secs_f64());
            println!("| {name} | {handlers} | {ms:.3} | {ratio:.2} | {bytes} |");
        }
    }
}
