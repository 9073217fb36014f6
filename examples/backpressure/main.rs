//! What each backpressure strategy does to one and the same burst of events.
//!
//! Three sensors measure once a millisecond each; the store behind the handler takes a millisecond
//! for one reading. So three times as much comes as can be stored, and the queue holds 200.
//!
//! ```console
//! $ cargo run --release --example backpressure
//! strategy          published refused dropped handled largest  waited high lowest rate
//! Block                  1200       0       0    1200     200 1797 ms    1           -
//! RejectNew               599     601       0     599     200    0 ms    1           -
//! DropOldest             1200       0     601     599     200    0 ms    1           -
//! AdaptiveRateLimit      1183      17       0    1183     200 2811 ms    1       284/s
//!
//! Of 1200 readings,
//! Block stored 1200, and the sensors waited 1797 ms for room.
//! RejectNew stored 599, and gave 601 back at once.
//! DropOldest stored 599, and dropped 601 that had waited longest.
//! AdaptiveRateLimit stored 1183, gave 17 back, and let in 284 a second
//! when its limit was lowest (1000 can be stored).
//!
//! What `on_queue_mark` heard with Block: high at 160 of 200; low at 100 of 200; 2 in all.
//! ```
//!
//! The clock is tokio's paused one, which goes on when everybody waits: the program is over at once
//! and prints the same each time. Everything else is as it is in a service.
//!
//! `sensors.rs` is what a user writes: the event, its handler, its publishers. `flood.rs` runs them
//! on a bus with one strategy, and checks that every reading is accounted for.

mod flood;
mod sensors;

use std::fmt::Write as _;
use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::Duration;

use bus::{BackpressureStrategy, QueueMark};

use crate::flood::{Heads, QUEUE, Row, flood};
use crate::sensors::{BURST, STORED_PER_SECOND};

const HELP: &str = "\
usage: backpressure

Publishes the same burst under each backpressure strategy, and prints a table of what became of it.

  published    readings that were accepted
  refused      readings that were given back
  dropped      readings that were accepted, and dropped for newer ones
  handled      readings that were stored
  largest      the most that were ever queued
  waited       how long all sensors together waited in `publish`
  high         how often the queue reached its high mark
  lowest rate  the lowest limit of readings per second that a sensor saw

Exit codes: 0 every reading is accounted for, 1 one is not, 2 wrong arguments.";

async fn run() -> Result<String, Box<dyn std::error::Error>> {
    let timeout = Duration::from_secs(30);
    let block = flood("Block", BackpressureStrategy::Block { timeout }).await?;
    let reject = flood("RejectNew", BackpressureStrategy::RejectNew).await?;
    let drop = flood("DropOldest", BackpressureStrategy::DropOldest).await?;
    let adaptive = flood("AdaptiveRateLimit", BackpressureStrategy::AdaptiveRateLimit).await?;

    let mut text = format!("{Heads}\n");
    for row in [&block, &reject, &drop, &adaptive] {
        writeln!(text, "{row}")?;
    }
    writeln!(text, "\nOf {BURST} readings,")?;
    let (handled, waited) = (block.handled, block.told.waited.as_millis());
    writeln!(text, "Block stored {handled}, and the sensors waited {waited} ms for room.")?;
    let (handled, refused) = (reject.handled, reject.told.refused);
    writeln!(text, "RejectNew stored {handled}, and gave {refused} back at once.")?;
    let (handled, dropped) = (drop.handled, drop.told.dropped);
    writeln!(text, "DropOldest stored {handled}, and dropped {dropped} that had waited longest.")?;
    let Row { handled, told, .. } = &adaptive;
    write!(text, "AdaptiveRateLimit stored {handled}, gave {} back, and ", told.refused)?;
    match told.lowest_rate {
        Some(rate) => writeln!(
            text,
            "let in {rate:.0} a second\nwhen its limit was lowest ({STORED_PER_SECOND} can be stored)."
        )?,
        None => writeln!(text, "saw no reason to slow the sensors down.")?,
    }
    write!(text, "\nWhat `on_queue_mark` heard with Block:")?;
    for event in &block.marks {
        let mark = match event.mark {
            QueueMark::High => "high",
            QueueMark::Low => "low",
            _ => "another mark",
        };
        write!(text, " {mark} at {} of {QUEUE};", event.queued)?;
    }
    writeln!(text, " {} in all.", block.marks.len())?;
    Ok(text)
}

fn main() -> ExitCode {
    if let Some(arg) = std::env::args_os().nth(1) {
        if arg == "--help" || arg == "-h" {
            return print(HELP);
        }
        eprintln!("backpressure: `{}` is not understood\n\n{HELP}", arg.display());
        return ExitCode::from(2);
    }
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build();
    match runtime.map_err(Into::into).and_then(|runtime| runtime.block_on(run())) {
        Ok(text) => print(&text),
        Err(error) => {
            eprintln!("backpressure: {error}");
            ExitCode::FAILURE
        }
    }
}

/// A reader that has gone (`| head`) is no failure of ours.
fn print(text: &str) -> ExitCode {
    match writeln!(io::stdout(), "{}", text.trim_end()) {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            eprintln!("backpressure: {error}");
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}
