//! What a bus counts and measures: a short run of a shop, then its metrics as Prometheus reads them, and as JSON.
//!
//! ```console
//! $ cargo run --example metrics
//! $ cargo run --example metrics | promtool check metrics
//! $ cargo run --example metrics -- --json
//! ```

use std::time::Duration;

use bus::prelude::*;
use bus::{BackpressureStrategy, MetricsConfig, filters};

#[command]
struct Order {
    number: u32,
}
#[event]
struct Ordered {
    number: u32,
}
#[event(ttl = "1ms")]
struct Clicked;

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct NoAnswer;

/// The bank answers at the second try, and never for every fifth order.
#[handler(
    retry(max_retries = 2, initial_delay = "1ms", jitter = none),
    circuit_breaker(failure_threshold = 100)
)]
async fn order(order: &Order, cx: &Context, emit: Emit<Ordered>) -> bus::Result<()> {
    if order.number.is_multiple_of(5) || cx.attempt() == 1 {
        return Err(NoAnswer)?;
    }
    emit.send(Ordered { number: order.number });
    Ok(())
}

#[handler(priority = 10)]
async fn pack(ordered: &Ordered) {
    tokio::time::sleep(Duration::from_millis(u64::from(ordered.number % 4))).await;
}
#[handler]
fn mail(ordered: &Ordered) -> bus::Result<()> {
    if ordered.number.is_multiple_of(7) { Err(bus::Error::msg("no such address")) } else { Ok(()) }
}
/// Too slow for what is worth nothing after a millisecond.
#[handler]
async fn count(_: &Clicked) {
    tokio::time::sleep(Duration::from_millis(2)).await;
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let json = match std::env::args().nth(1).as_deref() {
        None => false,
        Some("--json") => true,
        Some(other) => Err(format!("`{other}`? There is `--json`, and nothing else"))?,
    };
    let bus = Bus::builder()
        .metrics(MetricsConfig::default().namespace("shop"))
        .filter(filters::dedup(Duration::from_secs(1), |event| {
            event.get::<Ordered>().map(|ordered| ordered.number)
        }))
        .backpressure_strategy(BackpressureStrategy::DropOldest)
        .event_queue_size(64)
        .concurrency(2)
        .build()?;
    let timer = bus.metrics().timer();
    let orders = (1..=40).map(|number| bus.execute(Order { number }));
    let mut failed = 0;
    for order in orders {
        failed += u64::from(order.await.is_err());
    }
    // It was published before: the filter knows.
    bus.publish(Ordered { number: 1 }).await?;
    for _ in 0..100 {
        bus.publish(Clicked).await?;
    }
    bus.idle().await;

    let now = bus.metrics().snapshot();
    assert_eq!(now.counter("commands_sent_total"), Some(40));
    assert_eq!(now.counter("commands_processed_total"), Some(40 - failed));
    assert_eq!(now.counter("commands_failed_total"), Some(failed));
    let took = now.histogram("command_processing_duration_seconds").ok_or("it is always there")?;
    if let Some([p50, p95, _]) = took.percentiles {
        eprintln!(
            "40 orders in {:?}: half of them in {p50:.4} s, 95 % in {p95:.4} s",
            timer.elapsed()
        );
    }
    if json {
        println!("{}", bus.metrics().to_json());
    } else {
        print!("{}", bus.metrics().to_prometheus());
    }
    bus.shutdown().await;
    Ok(())
}
