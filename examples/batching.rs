//! Meter readings that have to be on disk: one write for each, and one for up to a hundred. Those that are wrong are
//! told one by one, and the others of their batch are kept. `cargo run --example batching`

use std::error::Error;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bus::prelude::*;
use bus::{BatchOutcome, EventHandlerFailedEvent};

/// How many readings come at once.
const READINGS: u32 = 300;

#[event(kind = integration)]
struct Read {
    meter: u32,
    watts: i64,
}
/// The same, for the handler that takes one at a time.
#[event]
struct ReadAlone {
    meter: u32,
    watts: i64,
}

/// A file that is on disk when `append` returns.
struct Journal {
    file: Mutex<File>,
    path: PathBuf,
    writes: AtomicU64,
}

impl Journal {
    fn create(path: &Path) -> io::Result<Self> {
        let file = OpenOptions::new().create(true).write(true).truncate(true).open(path)?;
        Ok(Self { file: Mutex::new(file), path: path.to_owned(), writes: AtomicU64::new(0) })
    }

    fn append(&self, lines: &str) -> io::Result<()> {
        let mut file = self.file.lock().map_err(|_| io::Error::other("a writer panicked"))?;
        file.write_all(lines.as_bytes())?;
        self.writes.fetch_add(1, Ordering::Relaxed);
        file.sync_data()
    }

    fn lines(&self) -> io::Result<usize> {
        Ok(fs::read_to_string(&self.path)?.lines().count())
    }
}

struct Together(Journal);
struct Alone(Journal);

/// One write for all of them. If it fails, all have failed; a reading that is wrong fails alone.
#[handler(batch = 100, blocking)]
fn store(events: &[Arc<Read>], journal: &Res<Together>) -> Result<BatchOutcome, io::Error> {
    let mut outcome = BatchOutcome::all_ok();
    let mut lines = String::new();
    for (at, Read { meter, watts }) in events.iter().map(|event| &**event).enumerate() {
        if *watts < 0 {
            outcome.fail(at, bus::Error::msg(format!("meter {meter} reads {watts} watts")));
        } else {
            lines.push_str(&format!("{meter};{watts}\n"));
        }
    }
    journal.0.append(&lines)?;
    Ok(outcome)
}

#[handler(blocking)]
fn store_alone(event: &ReadAlone, journal: &Res<Alone>) -> bus::Result<()> {
    let ReadAlone { meter, watts } = event;
    if *watts < 0 {
        return Err(bus::Error::msg(format!("meter {meter} reads {watts} watts")));
    }
    Ok(journal.0.append(&format!("{meter};{watts}\n"))?)
}

/// Each of them is announced, whichever way it was stored.
#[handler]
fn wrong(failed: &EventHandlerFailedEvent) {
    println!("  {} refused: {}", failed.handler, failed.error);
}

fn watts(meter: u32) -> i64 {
    if meter % 120 == 7 { -1 } else { i64::from(meter) * 10 }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = std::env::temp_dir().join(format!("bus-batching-{}", std::process::id()));
    fs::create_dir_all(&folder)?;
    let bus = Bus::builder()
        .provide(Together(Journal::create(&folder.join("together.csv"))?))
        .provide(Alone(Journal::create(&folder.join("alone.csv"))?))
        .build()?;

    println!("{READINGS} readings, one by one:");
    let start = Instant::now();
    for meter in 0..READINGS {
        bus.publish(ReadAlone { meter, watts: watts(meter) }).await?;
    }
    bus.idle().await;
    tell(&bus.resource::<Alone>()?.0, start.elapsed())?;

    println!("{READINGS} readings, as they come together:");
    let start = Instant::now();
    for meter in 0..READINGS {
        bus.publish(Read { meter, watts: watts(meter) }).await?;
    }
    // Flushed when there are no more: this one does not wait for ninety-nine others.
    bus.idle().await;
    tell(&bus.resource::<Together>()?.0, start.elapsed())?;

    // Who waits for one is told of that one alone.
    let (good, bad) = tokio::join!(
        bus.publish(Read { meter: 1, watts: 5 }).and_wait(),
        bus.publish(Read { meter: 2, watts: -5 }).and_wait(),
    );
    println!("together, and told apart: {} and {}", good?.is_ok(), bad?.is_ok());
    println!("{}", bus.shutdown().await);
    fs::remove_dir_all(&folder)?;
    Ok(())
}

fn tell(journal: &Journal, took: Duration) -> io::Result<()> {
    let (lines, writes) = (journal.lines()?, journal.writes.load(Ordering::Relaxed));
    println!("  {lines} on disk, by {writes} writes, in {took:.1?}");
    Ok(())
}
