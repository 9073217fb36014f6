//! What is the same for every job: the command, the event, and the handlers of the bus.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bus::prelude::*;
use bus::{SessionEndEvent, SessionStartEvent};

use crate::say;

/// What a row costs. On the paused clock it costs nothing else.
pub(crate) const PACE: Duration = Duration::from_millis(10);

/// Writes one row. Its answer is the amount in it.
#[command(output = u64, error = BadRow)]
#[derive(Debug)]
pub(crate) struct ImportRow {
    pub(crate) line: usize,
    pub(crate) text: String,
}

#[derive(Debug, thiserror::Error)]
#[error("line {line}: `{text}` is no amount")]
pub(crate) struct BadRow {
    line: usize,
    text: String,
}

/// A row is done. Says nothing of the job: it is heard in the job's session.
#[event]
#[derive(Debug)]
pub(crate) struct RowImported {
    pub(crate) amount: u64,
    pub(crate) percent: u64,
}

/// The bus's handler, for all jobs: what it takes as `Progress` is that of the job it works for.
#[handler]
async fn import_row(
    row: ImportRow,
    progress: &Res<Progress>,
    ledger: &Res<Ledger>,
    cx: &Context,
    emit: Emit<RowImported>,
) -> Result<u64, BadRow> {
    tokio::time::sleep(PACE).await;
    let amount = row.amount()?;
    ledger.write(&cx.session_id(), amount);
    emit.send(progress.step(amount));
    Ok(amount)
}

impl ImportRow {
    pub(crate) fn amount(self) -> Result<u64, BadRow> {
        let Self { line, text } = self;
        text.parse().map_err(|_| BadRow { line, text })
    }
}

/// Rows, and the sum of what is in them.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally(Arc<[AtomicU64; 2]>);

impl Tally {
    pub(crate) fn add(&self, amount: u64) {
        self.0[0].fetch_add(1, Ordering::Relaxed);
        self.0[1].fetch_add(amount, Ordering::Relaxed);
    }

    /// Rows and sum.
    pub(crate) fn total(&self) -> (u64, u64) {
        (self.0[0].load(Ordering::Relaxed), self.0[1].load(Ordering::Relaxed))
    }

    /// Does nobody else count in it any more?
    pub(crate) fn is_mine_alone(&self) -> bool {
        Arc::strong_count(&self.0) == 1
    }
}

/// How far a job is. Each session provides its own.
#[derive(Debug, Clone, Default)]
pub(crate) struct Progress {
    pub(crate) rows: u64,
    pub(crate) done: Tally,
}

impl Progress {
    pub(crate) fn step(&self, amount: u64) -> RowImported {
        self.done.add(amount);
        let percent = self.done.total().0 * 100 / self.rows.max(1);
        RowImported { amount, percent }
    }
}

/// That of rows outside all jobs: a bus is built only when all that its handlers take is there.
#[resource]
fn nobodys_progress() -> Progress {
    Progress::default()
}

/// What was written: rows and sum of each session.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<BTreeMap<SessionId, (u64, u64)>>);

#[resource]
fn ledger() -> Ledger {
    Ledger::default()
}

impl Ledger {
    fn write(&self, job: &SessionId, amount: u64) {
        let mut jobs = self.jobs();
        let (rows, sum) = jobs.entry(job.clone()).or_default();
        *rows += 1;
        *sum += amount;
    }

    pub(crate) fn jobs(&self) -> MutexGuard<'_, BTreeMap<SessionId, (u64, u64)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How the sessions have ended, in this order.
#[derive(Debug, Default)]
pub(crate) struct Ends(Mutex<Vec<SessionEndEvent>>);

#[resource]
fn ends() -> Ends {
    Ends::default()
}

impl Ends {
    pub(crate) fn all(&self) -> MutexGuard<'_, Vec<SessionEndEvent>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[handler]
fn say_start(start: &SessionStartEvent) {
    match &start.parent {
        Some(parent) => say(format_args!("{}: starts, inside {parent}", start.session_id)),
        None => say(format_args!("{}: starts", start.session_id)),
    }
}

#[handler]
fn say_end(end: &SessionEndEvent, ends: &Res<Ends>) {
    let SessionEndEvent { session_id, duration, error, .. } = end;
    match error {
        Some(error) => say(format_args!("{session_id}: failed after {duration:?}: {error}")),
        None => say(format_args!("{session_id}: ended after {duration:?}")),
    }
    ends.all().push(end.clone());
}
