//! The account: what became of each session, and whether the sums hold.

use std::fmt;
use std::path::Path;

use bus::prelude::*;

use crate::import::{Ends, Ledger, Progress, Tally};
use crate::jobs::Job;

/// What a session should have done.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected {
    /// How many of its rows were imported: the first ones.
    pub(crate) rows: usize,
    pub(crate) writes: bool,
    /// Why it ends, if for an error.
    pub(crate) error: Option<&'static str>,
}

impl Expected {
    pub(crate) fn all_of(job: &Job) -> Self {
        Self { rows: job.text.lines().count(), writes: true, error: None }
    }

    pub(crate) fn cut_short(rows: usize, error: &'static str) -> Self {
        Self { rows, writes: true, error: Some(error) }
    }
}

/// A row of the table: what was counted, by whom.
#[derive(Debug)]
struct Row {
    name: &'static str,
    rows: u64,
    imported: u64,
    written: u64,
    heard: u64,
    beats: u64,
    ended: String,
}

/// Checks all, and gives the table. What is inside `parent` stands before it.
pub(crate) fn settle(
    bus: &Bus,
    jobs: &[(&Job, Expected)],
    parent: &Job,
    folder: &Path,
) -> bus::Result<String> {
    let (ledger, ends) = (bus.resource::<Ledger>()?, bus.resource::<Ends>()?);
    let (ledger, ends) = (ledger.jobs(), ends.all());
    let mut table = format!("{Heads}\n");
    let (mut inside, mut in_ledger) = ((0, 0), 0);
    for (job, expected) in jobs {
        let name = job.name;
        let must = |holds: bool, what: &str| {
            if holds { Ok(()) } else { Err(bus::Error::msg(format!("{name}: {what}"))) }
        };
        let amounts = job.text.lines().take(expected.rows).map(str::parse::<u64>);
        let due = (expected.rows as u64, amounts.sum::<Result<u64, _>>()?);
        let done = job.progress.done.total();
        must(done == due, "its progress is not that of its rows")?;
        let written = ledger.get(&SessionId::from(name)).copied();
        in_ledger += usize::from(written.is_some());
        let written = written.unwrap_or_default();
        must(written == if expected.writes { due } else { (0, 0) }, "it wrote something else")?;

        let is_inside = name.starts_with(parent.name) && name != parent.name;
        let heard = job.heard.total();
        if name == parent.name {
            must(heard == plus(due, inside), "it has not heard what is inside it")?;
        } else {
            must(heard == due, "its listener has heard something else")?;
        }
        inside = if is_inside { plus(inside, due) } else { inside };
        must(job.beats.is_mine_alone(), "its task is still there")?;

        let mut of_job = ends.iter().filter(|end| end.session_id.as_str() == name);
        let (Some(end), None) = (of_job.next(), of_job.next()) else {
            return Err(bus::Error::msg(format!("{name}: it has not ended once")));
        };
        must(end.error.as_deref() == expected.error, "it has ended for something else")?;
        let ended = end.error.clone().unwrap_or_else(|| "well".to_owned());
        let row = Row {
            name,
            rows: job.progress.rows,
            imported: done.0,
            written: written.0,
            heard: heard.0,
            beats: job.beats.total().0,
            ended: format!("{}, after {} ms", ended, end.duration.as_millis()),
        };
        table.push_str(&format!("{row}\n"));
    }

    let all = |holds: bool, what: &str| if holds { Ok(()) } else { Err(bus::Error::msg(what)) };
    all(bus.sessions().is_empty(), "a session is still open")?;
    all(ends.len() == jobs.len(), "other sessions have ended")?;
    all(bus.stats().sessions_opened == jobs.len() as u64, "other sessions were opened")?;
    all(ledger.len() == in_ledger, "something was written outside the jobs")?;
    let nobodys = bus.resource::<Progress>()?.done.total();
    all(nobodys == Tally::default().total(), "rows were counted outside the jobs")?;
    all(std::fs::read_dir(folder)?.next().is_none(), "a file of a job is still there")?;
    Ok(table)
}

fn plus(a: (u64, u64), b: (u64, u64)) -> (u64, u64) {
    (a.0 + b.0, a.1 + b.1)
}

/// The heads of the columns, as wide as those of a row.
struct Heads;

impl fmt::Display for Heads {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [session, rows, imported] = ["session", "rows", "imported"];
        let [written, heard, beats] = ["written", "heard", "beats"];
        write!(f, "{session:<16} {rows:>4} {imported:>8} {written:>7} {heard:>5} {beats:>5}  ended")
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, rows, imported, written, heard, beats, ended } = self;
        write!(f, "{name:<16} {rows:>4} {imported:>8} {written:>7} {heard:>5} {beats:>5}  {ended}")
    }
}
