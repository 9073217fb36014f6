//! Retrying many.

use std::collections::HashSet;
use std::fmt;
use std::future::IntoFuture;

use super::retry::{Drained, retry};
use super::{DeadLetterId, DeadLetters, RetryError, Selected};
use crate::handler::slot::BoxFuture;

/// Many dead letters, to be retried one after the other, the oldest first:
/// [`DeadLetters::retry_all`], [`Selected::retry`]. Which those are is looked up when it is first polled.
///
/// # Cancel safety
/// Dropping the future ends it after the letter that is being retried.
#[must_use = "nothing is retried until it is awaited"]
pub struct RetryAll<'a> {
    selected: Selected<'a>,
    progress: Option<Box<Progress<'a>>>,
}

type Progress<'a> = dyn FnMut(usize, usize) + Send + 'a;

/// What became of many that were retried.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct RetryReport {
    /// How many were run again; those that were behind one that went well are among them, chosen or not.
    pub retried: usize,
    /// How many of them went well, and are gone.
    pub succeeded: usize,
    /// Those that are still there, and why.
    pub failed: Vec<(DeadLetterId, RetryError)>,
    /// Those that were chosen, and were gone when it was their turn.
    pub gone: usize,
}

impl RetryReport {
    /// Is none of them left?
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty()
    }
}

/// As in a sentence.
impl fmt::Display for RetryReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { retried, succeeded, failed, gone } = self;
        let left = failed.len();
        write!(f, "{retried} retried, {succeeded} of them with success; {left} left, {gone} gone")
    }
}

impl<'a> Selected<'a> {
    /// Retries these, one after the other, the oldest first.
    pub fn retry(self) -> RetryAll<'a> {
        RetryAll { selected: self, progress: None }
    }
}

impl<'a> DeadLetters<'a> {
    /// Retries all of them, one after the other, the oldest first.
    ///
    /// ```
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = bus::Bus::from_registered()?;
    /// let report = bus
    ///     .dead_letters()
    ///     .retry_all()
    ///     .on_progress(|done, of| println!("{done} of {of}"))
    ///     .await;
    /// println!("{report}");
    /// assert!(report.is_ok());
    /// # Ok(())
    /// # }
    /// ```
    pub fn retry_all(self) -> RetryAll<'a> {
        self.selected().retry()
    }
}

impl<'a> RetryAll<'a> {
    /// Is told after each of the letters that were chosen how many are done, and of how many. A panic of it
    /// is that of the future.
    pub fn on_progress(mut self, told: impl FnMut(usize, usize) + Send + 'a) -> Self {
        self.progress = Some(Box::new(told));
        self
    }

    async fn run(self) -> RetryReport {
        let Self { selected, mut progress } = self;
        let core = selected.letters.core();
        let ids: Vec<_> = selected.list().iter().map(|entry| entry.id).collect();
        let mut report = RetryReport::default();
        // Those that were run already, since they were behind one that was chosen.
        let mut known = HashSet::new();
        for (done, id) in ids.iter().enumerate() {
            if !known.remove(id) {
                let ended = retry(core, *id).await;
                report.note(*id, ended, &mut known);
            }
            if let Some(told) = &mut progress {
                told(done + 1, ids.len());
            }
        }
        report
    }
}

impl RetryReport {
    fn note(
        &mut self,
        id: DeadLetterId,
        ended: Result<Drained, RetryError>,
        known: &mut HashSet<DeadLetterId>,
    ) {
        match ended {
            Ok(Drained { retried, stopped }) => {
                let followed = retried.followed.len();
                self.retried += 1 + followed + usize::from(stopped.is_some());
                self.succeeded += 1 + followed;
                known.extend(retried.followed);
                if let Some((id, error)) = retried.stopped_at.zip(stopped) {
                    known.insert(id);
                    self.failed.push((id, error));
                }
            }
            Err(RetryError::Gone { .. }) => self.gone += 1,
            Err(error) => {
                let was_run =
                    matches!(error, RetryError::Failed { .. } | RetryError::CutOff { .. });
                self.retried += usize::from(was_run);
                self.failed.push((id, error));
            }
        }
    }
}

impl<'a> IntoFuture for RetryAll<'a> {
    type Output = RetryReport;
    type IntoFuture = BoxFuture<'a, RetryReport>;

    fn into_future(self) -> Self::IntoFuture {
        Box::pin(self.run())
    }
}

impl fmt::Debug for RetryAll<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RetryAll").field("selected", &self.selected).finish_non_exhaustive()
    }
}
