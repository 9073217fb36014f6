//! Import jobs with progress: each runs in a session of its own, so that its listener, its counters,
//! its task and its file are its own, and all of them are gone when it ends.
//!
//! ```console
//! $ cargo run --release --example sessions
//! import-1: starts
//! import-2: starts
//! import-3: starts
//! import-4: starts
//! import-5: starts
//! import-5/a.csv: starts, inside import-5
//! import-1: 20 %
//! import-2: 25 %
//! import-3: 25 %
//! import-4: 25 %
//! import-5/a.csv: 50 %
//! import-1: 40 %
//! import-2: 50 %
//! import-3: 50 %
//! import-4: 50 %
//! import-5/a.csv: 100 %
//! import-5/a.csv: ended after 20ms
//! import-5/b.csv: starts, inside import-5
//! import-4: failed after 25ms: it was cancelled
//! import-1: 60 %
//! import-2: 75 %
//! import-3: failed after 30ms: command sessions::import::ImportRow failed: line 3: `4o` is no amount
//! import-5/b.csv: 100 %
//! import-5/b.csv: ended after 10ms
//! import-5: ended after 30ms
//! import-1: 80 %
//! import-2: 100 %
//! import-2: ended after 40ms
//! import-1: 100 %
//! import-1: ended after 50ms
//!
//! session          rows imported written heard beats  ended
//! import-1            5        5       5     5     2  well, after 50 ms
//! import-2            4        4       0     4     2  well, after 40 ms
//! import-3            4        2       2     2     1  command sessions::import::ImportRow failed: line 3: `4o` is no amount, after 30 ms
//! import-4            4        2       2     2     1  it was cancelled, after 25 ms
//! import-5/a.csv      2        2       2     2     1  well, after 20 ms
//! import-5/b.csv      1        1       1     1     0  well, after 10 ms
//! import-5            0        0       0     3     1  well, after 30 ms
//! ```
//!
//! `import.rs` knows nothing of jobs: the bus's handler takes `&Res<Progress>`, and is given that of
//! the session it works in. `jobs.rs` is what a job brings: a listener, a task, a file; one answers
//! the command itself, one fails, one is cancelled, one has sessions inside. `account.rs` checks that
//! the sums hold: nobody has heard of another's rows, and nothing is left.
//!
//! The clock is tokio's paused one, which goes on when everybody waits: the program is over at once
//! and prints the same each time. Everything else is as it is in a service.

mod account;
mod import;
mod jobs;

use std::fmt;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use bus::prelude::*;

use crate::account::{Expected, settle};
use crate::import::PACE;
use crate::jobs::{Job, PATIENCE, closure, dry_run, of_files, plain};

const HELP: &str = "\
usage: sessions

Runs five import jobs at the same time, each in a session of its own, and prints what became of them.

  import-1   all goes well
  import-2   a dry run: its session answers the command in place of the bus
  import-3   fails at a row that is wrong
  import-4   takes too long, and is cancelled
  import-5   has a session for each of its files inside

  rows       rows of the job
  imported   rows that were done, by the progress that its session provides
  written    rows in the ledger, which is the bus's
  heard      events that its own listener heard; of those inside it too
  beats      how often its own task has run

Exit codes: 0 all sums hold, 1 one does not, 2 wrong arguments.";

const WRONG_ROW: &str = "command sessions::import::ImportRow failed: line 3: `4o` is no amount";

async fn run(folder: &Path) -> bus::Result<String> {
    let bus = Bus::from_registered()?;
    let well = Job::new("import-1", "10\n20\n30\n40\n50");
    let dry = Job::new("import-2", "1\n2\n3\n4");
    let wrong = Job::new("import-3", "5\n6\n4o\n8");
    let slow = Job::new("import-4", "100\n200\n300\n400");
    let whole = Job::new("import-5", "");
    let files = [Job::new("import-5/a.csv", "7\n8"), Job::new("import-5/b.csv", "9")];

    // Dropped at its next await when the time is over.
    let given_up = async { tokio::time::timeout(PATIENCE, closure(&bus, &slow, folder)).await };
    let (first, second, third, fourth, fifth) = tokio::join!(
        at(0, plain(&bus, &well, folder)),
        at(1, dry_run(&bus, &dry, folder)),
        at(2, closure(&bus, &wrong, folder)),
        at(3, given_up),
        at(4, of_files(&bus, &whole, &files, folder)),
    );
    for report in [first?, second?, fifth?] {
        if !report.is_clean() {
            return Err(bus::Error::msg(report));
        }
    }
    match third {
        Err(error) if error.to_string() == WRONG_ROW => {}
        other => return Err(bus::Error::msg(format!("import-3 gave its caller {other:?}"))),
    }
    if fourth.is_ok() {
        return Err(bus::Error::msg("import-4 was not cancelled"));
    }
    // One that is cancelled ends in the background.
    bus.idle().await;

    let in_time = usize::try_from(PATIENCE.as_millis() / PACE.as_millis())?;
    let jobs = [
        (&well, Expected::all_of(&well)),
        (&dry, Expected { writes: false, ..Expected::all_of(&dry) }),
        (&wrong, Expected::cut_short(2, WRONG_ROW)),
        (&slow, Expected::cut_short(in_time, "it was cancelled")),
        (&files[0], Expected::all_of(&files[0])),
        (&files[1], Expected::all_of(&files[1])),
        (&whole, Expected::all_of(&whole)),
    ];
    let table = settle(&bus, &jobs, &whole, folder)?;
    bus.shutdown().await;
    Ok(table)
}

/// A job starts a little after the one before it, so that no two do something at the same time.
async fn at<F: Future>(millis: u64, job: F) -> F::Output {
    tokio::time::sleep(Duration::from_millis(millis)).await;
    job.await
}

fn main() -> ExitCode {
    if let Some(arg) = std::env::args_os().nth(1) {
        if arg == "--help" || arg == "-h" {
            say(format_args!("{HELP}"));
            return ExitCode::SUCCESS;
        }
        eprintln!("sessions: `{}` is not understood\n\n{HELP}", arg.display());
        return ExitCode::from(2);
    }
    match Folder::new().map_err(Into::into).and_then(|folder| start(&folder)) {
        Ok(table) => {
            say(format_args!("\n{}", table.trim_end()));
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("sessions: {error}");
            ExitCode::FAILURE
        }
    }
}

fn start(folder: &Folder) -> bus::Result<String> {
    let runtime = tokio::runtime::Builder::new_current_thread();
    let runtime = { runtime }.enable_all().start_paused(true).build()?;
    runtime.block_on(run(&folder.0))
}

/// Where the jobs have their files. Is gone with this.
struct Folder(PathBuf);

impl Folder {
    fn new() -> io::Result<Self> {
        let path = std::env::temp_dir().join(format!("sessions-{}", std::process::id()));
        std::fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// A line on standard output. Where nobody reads it (`| head`) there is nobody to tell, and that is
/// no reason for a handler to fail: `println!` would panic.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stdout(), "{line}");
}
