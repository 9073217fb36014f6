//! The activity log: a line for each event. Runs last.

use std::fmt;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bus::{handler, handlers};

use crate::events::{
    Forked, IssueChanged, PullRequestChanged, Pushed, Released, RepositoryChanged, Scene, Starred,
};

/// Where the log goes; nowhere, if it was not asked for.
pub(crate) struct ActivityLog(Mutex<Log>);

enum Log {
    None,
    To(Box<dyn Write + Send>),
    /// Given up at the first error: a full disk does not get emptier by trying again.
    Broken,
}

impl ActivityLog {
    pub(crate) fn to(path: Option<&Path>) -> Result<Self, crate::Error> {
        let Some(path) = path else { return Ok(Self(Mutex::new(Log::None))) };
        let writer: Box<dyn Write + Send> = if path == "-" {
            Box::new(io::stderr())
        } else {
            let file =
                File::create(path).map_err(|error| format!("{}: {error}", path.display()))?;
            Box::new(BufWriter::new(file))
        };
        Ok(Self(Mutex::new(Log::To(writer))))
    }

    /// An error fails this handler alone: the bus counts and logs it, and goes on.
    fn write(&self, scene: &Scene, what: fmt::Arguments<'_>) -> io::Result<()> {
        let Scene { source: _, line, repository, actor } = scene;
        self.with(|log| writeln!(log, "{line:>8}  {repository:<32} {actor} {what}"))
    }

    pub(crate) fn flush(&self) -> io::Result<()> {
        self.with(|log| log.flush())
    }

    /// Was everything written?
    pub(crate) fn is_whole(&self) -> bool {
        !matches!(*self.lock(), Log::Broken)
    }

    fn with(&self, work: impl FnOnce(&mut dyn Write) -> io::Result<()>) -> io::Result<()> {
        let mut log = self.lock();
        let Log::To(writer) = &mut *log else { return Ok(()) };
        let done = work(writer);
        if done.is_err() {
            *log = Log::Broken;
        }
        done
    }

    fn lock(&self) -> MutexGuard<'_, Log> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[handlers]
impl ActivityLog {
    #[handler(priority = -10)]
    fn pushed(&self, event: &Pushed) -> io::Result<()> {
        let how = if event.forced { "force-pushed" } else { "pushed" };
        self.write(
            &event.scene,
            format_args!("{how} {} commits to {}", event.commits, event.branch),
        )
    }
    #[handler(priority = -10)]
    fn issue(&self, event: &IssueChanged) -> io::Result<()> {
        let IssueChanged { scene, action, number, title } = event;
        self.write(scene, format_args!("{action} issue #{number}: {title}"))
    }
    #[handler(priority = -10)]
    fn pull_request(&self, event: &PullRequestChanged) -> io::Result<()> {
        let PullRequestChanged { scene, action, number, title, merged } = event;
        let action = if *merged { "merged" } else { action.as_str() };
        self.write(scene, format_args!("{action} pull request #{number}: {title}"))
    }
    #[handler(priority = -10)]
    fn released(&self, event: &Released) -> io::Result<()> {
        let pre = if event.prerelease { " (prerelease)" } else { "" };
        self.write(&event.scene, format_args!("{} release {}{pre}", event.action, event.tag))
    }
    #[handler(priority = -10)]
    fn starred(&self, event: &Starred) -> io::Result<()> {
        let what = if event.given { "gave a star" } else { "took a star back" };
        self.write(&event.scene, format_args!("{what}"))
    }
    #[handler(priority = -10)]
    fn forked(&self, event: &Forked) -> io::Result<()> {
        self.write(&event.scene, format_args!("forked it into {}", event.into))
    }
    #[handler(priority = -10)]
    fn repository(&self, event: &RepositoryChanged) -> io::Result<()> {
        self.write(&event.scene, format_args!("{} the repository", event.action))
    }
}
