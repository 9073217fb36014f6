//! A stream of measurements, and what keeps it in bounds: filters before the queue for everybody, and before
//! single handlers. Each event is accounted for. `cargo run --example filters`

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::{EventFilter, FilterView, Rate, filters};

#[event]
struct Measured {
    sensor: u32,
    number: u32,
    celsius: f64,
}
#[event(kind = system)]
struct Heartbeat {
    sensor: u32,
}

/// Broken sensors say what cannot be. Registered at link time, asked first.
#[filter(priority = 10)]
fn possible(event: &FilterView<'_>) -> bool {
    event.get::<Measured>().is_none_or(|measured| measured.celsius > -273.15)
}

#[derive(Default)]
struct Counts {
    stored: AtomicU64,
    alarms: AtomicU64,
    heartbeats: AtomicU64,
}
#[resource]
fn counts() -> Counts {
    Counts::default()
}

#[handler]
fn store(_: &Measured, counts: &Res<Counts>) {
    counts.stored.fetch_add(1, Ordering::Relaxed);
}

fn is_hot(event: &FilterView<'_>) -> bool {
    event.get::<Measured>().is_some_and(|measured| measured.celsius > 60.0)
}
#[handler(priority = 5, filter = is_hot)]
fn alarm(measured: &Measured, counts: &Res<Counts>) {
    if counts.alarms.fetch_add(1, Ordering::Relaxed) == 0 {
        println!("first alarm: sensor {} has {} degrees", measured.sensor, measured.celsius);
    }
}
#[handler]
fn beat(beat: &Heartbeat, counts: &Res<Counts>) {
    counts.heartbeats.fetch_add(u64::from(beat.sensor > 0), Ordering::Relaxed);
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let hour = Duration::from_secs(3600);
    // A sensor that repeats itself, and one that says too much.
    let once = filters::dedup(hour, |event| {
        event.get::<Measured>().map(|measured| (measured.sensor, measured.number))
    });
    let at_most = filters::rate_limit_by(Rate::new(100, hour), |event| {
        event.get::<Measured>().map(|measured| measured.sensor)
    });
    // Of what is only about the machinery, a tenth will do.
    let a_tenth = filters::of_type::<Heartbeat>().not().or(filters::sample(0.1));
    let bus = Bus::builder()
        .filter(once.named("repeated"))
        .filter(at_most.named("100 an hour and sensor"))
        .filter(a_tenth.named("a tenth of the heartbeats"))
        .build()?;

    let (mut sent, mut filtered) = (0_u64, 0_u64);
    for number in 0..150 {
        for sensor in 1..=4_u32 {
            let celsius = match (sensor, number % 10) {
                (1, 0) => -300.0,
                (2, 9) => 75.0,
                _ => 20.0,
            };
            // Sensor 3 says everything twice.
            let number = if sensor == 3 { number / 2 } else { number };
            let measured = bus.publish(Measured { sensor, number, celsius }).await?;
            let beat = bus.publish(Heartbeat { sensor }).await?;
            sent += 2;
            filtered += u64::from(measured.is_filtered()) + u64::from(beat.is_filtered());
        }
    }
    bus.idle().await;
    println!("{sent} events were published, {filtered} of them kept out");
    for filter in bus.filters() {
        let before = filter.handler.map_or("the queue".to_owned(), |handler| handler.name.into());
        println!("    {:<26} before {before:<10} {:>5}", filter.filter, filter.filtered);
    }
    let counts = bus.resource::<Counts>()?;
    let of = |count: &AtomicU64| count.load(Ordering::Relaxed);
    let (stored, alarms, beats) = (of(&counts.stored), of(&counts.alarms), of(&counts.heartbeats));
    println!("stored {stored}, alarms {alarms}, heartbeats {beats}");
    assert_eq!(stored + beats + filtered, sent, "each event was handled, or kept out");

    println!("what would become of another one:");
    print!("{}", bus.explain(&Measured { sensor: 4, number: 7, celsius: 20.0 }));
    bus.shutdown().await;
    Ok(())
}
