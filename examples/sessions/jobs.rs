//! The jobs: each a session, which brings what is its own.

use std::future::{Future, Ready, ready};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bus::prelude::*;
use bus::{SessionBuilder, SessionReport};

use crate::import::{BadRow, ImportRow, PACE, Progress, RowImported, Tally};
use crate::say;

/// How long the fourth job is given: not enough.
pub(crate) const PATIENCE: Duration = Duration::from_millis(25);
const BEAT: Duration = Duration::from_millis(20);

/// A job, and what is counted of it.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) name: &'static str,
    /// An amount a line.
    pub(crate) text: &'static str,
    pub(crate) progress: Progress,
    /// By its own listener.
    pub(crate) heard: Tally,
    /// By its own task.
    pub(crate) beats: Tally,
}

impl Job {
    pub(crate) fn new(name: &'static str, text: &'static str) -> Self {
        let rows = text.lines().count() as u64;
        let progress = Progress { rows, ..Progress::default() };
        Self { name, text, progress, heard: Tally::default(), beats: Tally::default() }
    }

    fn rows(&self) -> impl Iterator<Item = ImportRow> + use<'_> {
        let lines = (1..).zip(self.text.lines());
        lines.map(|(line, text)| ImportRow { line, text: text.to_owned() })
    }

    /// What each job's session brings with it.
    fn own(&self, session: SessionBuilder) -> SessionBuilder {
        session.provide(self.progress.clone()).on_event(self.listener())
    }

    /// Hears what happens in this job and in those inside it, and nothing else.
    fn listener(&self) -> impl Fn(Arc<RowImported>, OwnedContext) -> Ready<()> + use<> {
        let (name, heard) = (self.name, self.heard.clone());
        move |row, cx| {
            heard.add(row.amount);
            if cx.session_id().as_str() == name {
                say(format_args!("{name}: {} %", row.percent));
            }
            ready(())
        }
    }

    /// A file and a task, which do not outlive the session however it ends.
    fn begin(&self, session: &Session, folder: &Path) -> bus::Result<()> {
        let path = folder.join(self.name.replace('/', "-"));
        std::fs::write(&path, self.text)?;
        session.on_close(move || async move {
            if let Err(error) = std::fs::remove_file(&path) {
                eprintln!("sessions: {}: {error}", path.display());
            }
        })?;
        let beats = self.beats.clone();
        session.spawn(async move {
            loop {
                tokio::time::sleep(BEAT).await;
                beats.add(1);
            }
        })?;
        Ok(())
    }

    async fn import(&self, session: &Session) -> bus::Result<()> {
        for row in self.rows() {
            session.execute(row).await?;
        }
        Ok(())
    }
}

/// A session with a guard: it ends when it is closed, or at any `?` on the way.
pub(crate) async fn plain(bus: &Bus, job: &Job, folder: &Path) -> bus::Result<SessionReport> {
    let session = job.own(bus.session(job.name)).open().await?;
    job.begin(&session, folder)?;
    job.import(&session).await?;
    Ok(session.close().await)
}

/// Answers the command itself, in place of the bus: nothing is written, all else is as ever.
pub(crate) async fn dry_run(bus: &Bus, job: &Job, folder: &Path) -> bus::Result<SessionReport> {
    let progress = job.progress.clone();
    let try_row = move |row: ImportRow, cx: OwnedContext| {
        let progress = progress.clone();
        async move {
            tokio::time::sleep(PACE).await;
            let amount = row.amount()?;
            cx.emit(progress.step(amount));
            Ok::<_, BadRow>(amount)
        }
    };
    let session = job.own(bus.session(job.name)).on_command(try_row).open().await?;
    job.begin(&session, folder)?;
    job.import(&session).await?;
    Ok(session.close().await)
}

/// A session for as long as a closure runs: what the closure fails with, its end tells.
pub(crate) fn closure<'a>(
    bus: &Bus,
    job: &'a Job,
    folder: &'a Path,
) -> impl Future<Output = bus::Result<()>> + use<'a> {
    job.own(bus.session(job.name)).run(async move |session: Session| {
        job.begin(&session, folder)?;
        job.import(&session).await
    })
}

/// A session with one for each file inside. They run in their own, count in their own, and end with it.
pub(crate) async fn of_files(
    bus: &Bus,
    job: &Job,
    files: &[Job],
    folder: &Path,
) -> bus::Result<SessionReport> {
    let session = job.own(bus.session(job.name)).open().await?;
    job.begin(&session, folder)?;
    for file in files {
        file.own(session.session(file.name))
            .run(async |inside: Session| {
                file.begin(&inside, folder)?;
                file.import(&inside).await
            })
            .await?;
    }
    Ok(session.close().await)
}
