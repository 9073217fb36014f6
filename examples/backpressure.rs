//! What each backpressure strategy does to one and the same flood of events.
//!
//! Three sensors measure once a millisecond each; the store behind the handler takes a millisecond
//! for one reading. So three times as much comes as can be stored, for 400 ms, and the queue holds
//! 200.
//!
//! ```console
//! $ cargo run --release --example backpressure
//! ```
//!
//! The clock is tokio's paused one, which goes on when everybody waits: the program is over at once
//! and prints the same each time. Everything else is as it is in a service.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::{BackpressureStrategy, Outcome, QueueMark};
use tokio::time::Instant;

const SENSORS: usize = 3;
const READINGS_EACH: usize = 400;
const MILLISECOND: Duration = Duration::from_millis(1);

#[event]
struct Reading {
    celsius: f64,
}

/// Where readings go.
#[derive(Default)]
struct Store {
    readings: AtomicUsize,
}

#[resource]
fn store() -> Store {
    Store::default()
}

/// One after the other, as the store has one connection.
#[handler(concurrency = 1)]
async fn save(reading: &Reading, store: &Res<Store>) {
    tokio::time::sleep(MILLISECOND).await;
    if reading.celsius > -273.15 {
        store.readings.fetch_add(1, Ordering::Relaxed);
    }
}

/// What became of the readings of one or of all sensors.
#[derive(Debug, Default)]
struct Told {
    accepted: usize,
    refused: usize,
    /// How many older ones were dropped for them.
    dropped: usize,
    /// Longer than the millisecond between two readings.
    waited: Duration,
    /// In readings per second, where there was a limit.
    lowest_rate: Option<f64>,
}

async fn measure(bus: Bus) -> Told {
    let mut told = Told::default();
    for n in 0..READINGS_EACH {
        let since = Instant::now();
        match bus.publish(Reading { celsius: 20.0 + n as f64 / 100.0 }).await {
            Ok(published) => {
                told.accepted += 1;
                if let Outcome::QueuedAfterDropping(older) = published.outcome {
                    told.dropped += older;
                }
            }
            // The reading comes back: a sensor could keep it for later.
            Err(refused) => {
                let _reading = refused.into_event();
                told.refused += 1;
            }
        }
        told.waited += since.elapsed();
        let rate = bus.event_queue().stats().rate_limit;
        told.lowest_rate = [told.lowest_rate, rate].into_iter().flatten().reduce(f64::min);
        tokio::time::sleep(MILLISECOND).await;
    }
    told
}

async fn flood(
    name: &str,
    strategy: BackpressureStrategy,
) -> Result<(), Box<dyn std::error::Error>> {
    let high = Arc::new(AtomicUsize::new(0));
    let times_high = Arc::clone(&high);
    let bus = Bus::builder()
        .event_queue_size(200)
        .backpressure_strategy(strategy)
        .on_queue_mark(move |event| {
            if event.mark == QueueMark::High {
                times_high.fetch_add(1, Ordering::Relaxed);
            }
        })
        .build()?;

    let mut sensors = tokio::task::JoinSet::new();
    for _ in 0..SENSORS {
        sensors.spawn(measure(bus.clone()));
    }
    let mut all = Told::default();
    while let Some(told) = sensors.join_next().await {
        let told = told?;
        all.accepted += told.accepted;
        all.refused += told.refused;
        all.dropped += told.dropped;
        all.waited += told.waited;
        all.lowest_rate =
            [all.lowest_rate, told.lowest_rate].into_iter().flatten().reduce(f64::min);
    }
    bus.idle().await;

    let stored = bus.resource::<Store>()?.readings.load(Ordering::Relaxed);
    let rate = all.lowest_rate.map_or("-".to_owned(), |rate| format!("{rate:.0}/s"));
    println!(
        "{name:<18} {:>8} {:>8} {:>8} {stored:>8} {:>8} {:>9.1?} {:>6} {rate:>10}",
        all.accepted,
        all.refused,
        all.dropped,
        bus.event_queue().stats().largest,
        all.waited / u32::try_from(SENSORS)?,
        high.load(Ordering::Relaxed),
    );
    bus.shutdown().await;
    // Nothing disappears without a word.
    if all.accepted + all.refused != SENSORS * READINGS_EACH || stored + all.dropped != all.accepted
    {
        return Err(format!("{name}: readings are not accounted for: {all:?}").into());
    }
    Ok(())
}

async fn run() -> Result<(), Box<dyn std::error::Error>> {
    println!(
        "{:<18} {:>8} {:>8} {:>8} {:>8} {:>8} {:>9} {:>6} {:>10}",
        "strategy",
        "accepted",
        "refused",
        "dropped",
        "stored",
        "largest",
        "delayed",
        "high",
        "lowest"
    );
    let timeout = Duration::from_secs(30);
    flood("Block", BackpressureStrategy::Block { timeout }).await?;
    flood("RejectNew", BackpressureStrategy::RejectNew).await?;
    flood("DropOldest", BackpressureStrategy::DropOldest).await?;
    flood("AdaptiveRateLimit", BackpressureStrategy::AdaptiveRateLimit).await?;
    println!(
        "\nBlock stores everything and holds the sensors up; RejectNew gives readings back; \
         DropOldest\nkeeps the newest; AdaptiveRateLimit slows the sensors down to what can be \
         stored in time.\n(delayed: how long a sensor waited in all; high: how often the queue \
         reached its high mark)"
    );
    Ok(())
}

fn main() -> ExitCode {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build();
    let done = runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run()));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("backpressure: {error}");
            ExitCode::FAILURE
        }
    }
}
