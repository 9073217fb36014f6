//! A worker service that ends well: on Ctrl-C it stops the intake, lets its jobs finish, asks the
//! long ones to stop, cuts off what does not, and says what it left.
//!
//! ```console
//! $ cargo run --release --example shutdown                  # until Ctrl-C
//! $ cargo run --release --example shutdown -- --seconds 1   # by itself
//! at work: press Ctrl-C to end
//! thumbnail 1
//! thumbnail 2
//! thumbnail 3
//! ..
//! upload 7
//! thumbnail 10
//! shutting down: again Ctrl-C to end at once
//! upload 8
//! a job was given back: the bus is shutting down
//! upload 9
//! upload 10
//! watch: asked to stop after 19 looks
//! shut down: 21 handler runs completed, 0 failed, cut off: stuck
//! 22 jobs accepted: 21 completed, 0 failed, 0 dropped before they began, 1 cut off
//! `stuck` did not stop when it was asked to
//! ```
//!
//! It ends with 0 if nothing was left, and with 3 if something was: one of its jobs never ends,
//! unless it runs with `--no-stuck`. A second Ctrl-C ends it at once, with 130.
//!
//! `jobs.rs` is what a user writes: the events, their handlers, their publisher. The end is here.

mod cli;
mod jobs;

use std::io;
use std::process::ExitCode;
use std::time::Duration;

use bus::prelude::*;
use bus::{ShutdownReport, Stats};

use crate::cli::{Action, HELP, Options};
use crate::jobs::{Stuck, Watch, produce, say};

/// For a demonstration: the defaults are 30 s and 5 s.
const DRAIN: Duration = Duration::from_millis(800);
const CANCEL: Duration = Duration::from_millis(400);

#[tokio::main]
async fn main() -> ExitCode {
    let done = match cli::parse(std::env::args_os().skip(1)) {
        Ok(Action::Work(options)) => work(&options).await,
        Ok(Action::Help) => {
            say(format_args!("{HELP}"));
            return ExitCode::SUCCESS;
        }
        Err(wrong) => {
            eprintln!("shutdown: {wrong}\n\n{HELP}");
            return ExitCode::from(2);
        }
    };
    done.unwrap_or_else(|error| {
        eprintln!("shutdown: {error}");
        ExitCode::FAILURE
    })
}

async fn work(options: &Options) -> Result<ExitCode, Box<dyn std::error::Error>> {
    // One listener from the start to the end: no Ctrl-C comes between two.
    let mut ctrl_c = listen()?;
    let bus = Bus::builder().shutdown_timeout(DRAIN, CANCEL).build()?;
    bus.publish(Watch).await?;
    if !options.no_stuck {
        bus.publish(Stuck).await?;
    }
    let producer = tokio::spawn(produce(bus.clone()));
    say(format_args!("at work: press Ctrl-C to end"));
    tokio::select! {
        Some(()) = ctrl_c.recv() => {}
        () = time_is_over(options.seconds) => {}
    }

    say(format_args!("shutting down: again Ctrl-C to end at once"));
    let report = tokio::select! {
        report = bus.shutdown() => report,
        Some(()) = ctrl_c.recv() => {
            say(format_args!("ended at once"));
            return Ok(ExitCode::from(130));
        }
    };
    producer.await?;
    tell(&report, &bus.stats())?;
    Ok(if report.is_clean() { ExitCode::SUCCESS } else { ExitCode::from(3) })
}

/// The report, in words: every job that was accepted is in it.
fn tell(report: &ShutdownReport, stats: &Stats) -> Result<(), String> {
    let ShutdownReport { completed, failed, dropped, abandoned, .. } = report;
    let cut_off = abandoned.len() as u64;
    say(format_args!("{report}"));
    // One handler for each event here, so a run is a job.
    let accepted = stats.published;
    say(format_args!(
        "{accepted} jobs accepted: {completed} completed, {failed} failed, {dropped} dropped before \
         they began, {cut_off} cut off"
    ));
    for name in abandoned {
        say(format_args!("`{name}` did not stop when it was asked to"));
    }
    if completed + failed + dropped + cut_off == accepted {
        Ok(())
    } else {
        Err("jobs are not accounted for".to_owned())
    }
}

async fn time_is_over(seconds: Option<u64>) {
    match seconds {
        Some(seconds) => tokio::time::sleep(Duration::from_secs(seconds)).await,
        None => std::future::pending().await,
    }
}

/// As `tokio::signal::ctrl_c`, which hears a single one, from its first poll on.
#[cfg(unix)]
fn listen() -> io::Result<tokio::signal::unix::Signal> {
    tokio::signal::unix::signal(tokio::signal::unix::SignalKind::interrupt())
}
#[cfg(windows)]
fn listen() -> io::Result<tokio::signal::windows::CtrlC> {
    tokio::signal::windows::ctrl_c()
}
