//! A worker service that ends well: on Ctrl-C it stops the intake, lets its jobs finish, asks the
//! long ones to stop, cuts off what does not, and says what it left.
//!
//! ```console
//! $ cargo run --release --example shutdown                  # until Ctrl-C
//! $ cargo run --release --example shutdown -- --seconds 1   # by itself
//! ```
//!
//! It ends with 0 if nothing was left, and with 3 if something was: one of its jobs never ends. A
//! second Ctrl-C ends it at once, with 130.

use std::process::ExitCode;
use std::time::Duration;

use bus::ShutdownReport;
use bus::prelude::*;

const HELP: &str = "\
usage: shutdown [--seconds N]

Works until Ctrl-C, or for N seconds. Exit codes: 0 nothing was left, 1 the bus could not be built,
2 wrong arguments, 3 something was left, 130 a second Ctrl-C.";

/// Done at once.
#[event]
struct Thumbnail(u32);
/// Takes a while, and is worth waiting for.
#[event]
struct Upload(u32);
/// Goes on until it is asked to stop.
#[event]
struct Watch;
/// Does not listen to anybody.
#[event]
struct Stuck;

#[handler]
fn thumbnail(job: &Thumbnail) {
    println!("thumbnail {}", job.0);
}

#[handler(concurrency = 4)]
async fn upload(job: &Upload) {
    tokio::time::sleep(Duration::from_millis(300)).await;
    println!("upload {}", job.0);
}

#[handler(timeout = "1h")]
async fn watch(_: &Watch, cx: &Context) {
    let mut changes = 0;
    let mut tick = tokio::time::interval(Duration::from_millis(100));
    loop {
        tokio::select! {
            // The drain is over: this is the time to put things in order.
            () = cx.cancelled() => break,
            _ = tick.tick() => changes += 1,
        }
    }
    println!("watch: asked to stop after {changes} looks");
}

#[handler(timeout = "1h")]
async fn stuck(_: &Stuck) {
    std::future::pending::<()>().await;
}

/// Publishes jobs until the bus takes no more.
async fn produce(bus: Bus) {
    for n in 1.. {
        let accepted =
            bus.publish(Thumbnail(n)).await.is_ok() && bus.publish(Upload(n)).await.is_ok();
        if !accepted {
            println!("the intake is closed: job {n} was given back");
            return;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

async fn work(seconds: Option<u64>) -> Result<ShutdownReport, Box<dyn std::error::Error>> {
    // In short, for a demonstration: the defaults are 30 s and 5 s.
    let times = (Duration::from_millis(800), Duration::from_millis(400));
    let bus = Bus::builder().shutdown_timeout(times.0, times.1).build()?;
    bus.publish(Watch).await?;
    bus.publish(Stuck).await?;
    let producer = tokio::spawn(produce(bus.clone()));
    println!("at work: press Ctrl-C to end");
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => tokio::signal::ctrl_c().await?,
    }
    println!("shutting down: again Ctrl-C to end at once");
    let report = bus.shutdown().await;
    producer.await?;
    Ok(report)
}

/// Whoever is in a hurry.
async fn second_ctrl_c(first_is_ours: bool) {
    let presses = if first_is_ours { 2 } else { 1 };
    for _ in 0..presses {
        if tokio::signal::ctrl_c().await.is_err() {
            // No signals here: nobody can be in a hurry.
            std::future::pending::<()>().await;
        }
    }
}

fn seconds(mut args: impl Iterator<Item = String>) -> Result<Option<u64>, String> {
    match (args.next().as_deref(), args.next(), args.next()) {
        (None, ..) => Ok(None),
        (Some("--seconds"), Some(n), None) => {
            n.parse().map(Some).map_err(|_| format!("`{n}` is not a number of seconds"))
        }
        (Some("--seconds"), None, _) => Err("`--seconds` needs a number".to_owned()),
        (Some(other), ..) => Err(format!("`{other}` is not understood")),
    }
}

#[tokio::main]
async fn main() -> ExitCode {
    if std::env::args().any(|arg| arg == "--help" || arg == "-h") {
        println!("{HELP}");
        return ExitCode::SUCCESS;
    }
    let seconds = match seconds(std::env::args().skip(1)) {
        Ok(seconds) => seconds,
        Err(wrong) => {
            eprintln!("shutdown: {wrong}\n{HELP}");
            return ExitCode::from(2);
        }
    };
    let report = tokio::select! {
        report = work(seconds) => report,
        () = second_ctrl_c(seconds.is_none()) => return ExitCode::from(130),
    };
    match report {
        Ok(report) => {
            println!("{report}");
            if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(3) }
        }
        Err(error) => {
            eprintln!("shutdown: {error}");
            ExitCode::FAILURE
        }
    }
}
