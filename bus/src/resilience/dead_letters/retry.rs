//! Retrying a dead letter, and those that it has held up.

use std::sync::Arc;

use tokio::sync::oneshot;

use super::claim::ToRun;
use super::sequence::Key;
use super::{DeadLetterId, DeadLetters};
use crate::core::Core;
use crate::message::MessageId;
use crate::pipeline::ambient;
use crate::probe;

/// A dead letter that was retried with success: it is gone.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retried {
    /// The dead letter.
    pub id: DeadLetterId,
    /// The message that was handled: of a copy, the id of that.
    pub message_id: MessageId,
    /// The letters that were behind it, have been run after it, and are gone too: in their order.
    pub followed: Vec<DeadLetterId>,
    /// The one of those behind it that has failed, and holds up the others now.
    pub stopped_at: Option<DeadLetterId>,
}

/// Why a dead letter is still there after a retry, or was not retried.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RetryError {
    /// It is not there any more, or never was.
    #[error("there is no dead letter {id}: it was retried, discarded or evicted")]
    Gone {
        /// The dead letter.
        id: DeadLetterId,
    },
    /// It is being retried.
    #[error("dead letter {id} is being retried already")]
    Busy {
        /// The dead letter.
        id: DeadLetterId,
    },
    /// It has to follow another.
    #[error("dead letter {id} has to follow {head}: retry or discard that first")]
    Behind {
        /// The dead letter.
        id: DeadLetterId,
        /// The one that it has to follow.
        head: DeadLetterId,
    },
    /// It has failed again, or its handler could not be called. It keeps its place.
    #[error("dead letter {id} was retried and has failed again: {error}")]
    Failed {
        /// The dead letter.
        id: DeadLetterId,
        /// Why, in words.
        error: String,
    },
    /// It is of another type than what it was to be edited as.
    #[error("dead letter {id} is a {message}, and cannot be edited as a {wanted}")]
    OtherType {
        /// The dead letter.
        id: DeadLetterId,
        /// The name of the message.
        message: &'static str,
        /// The name of the type that was asked for.
        wanted: &'static str,
    },
    /// It has to be run in the turn of a lane that the handler which waits for it holds: that turn would
    /// never come.
    #[error(
        "dead letter {id} cannot be waited for here: its turn would come when the handler that retries it has ended"
    )]
    OwnLane {
        /// The dead letter.
        id: DeadLetterId,
    },
    /// The bus shuts down: the letter stays as it was.
    #[error("dead letter {id} was not retried: the bus shuts down")]
    ShuttingDown {
        /// The dead letter.
        id: DeadLetterId,
    },
    /// The runtime of the bus has ended in the middle of it: the letter stays as it was.
    #[error("the retry of dead letter {id} was cut off: the runtime of the bus has ended")]
    CutOff {
        /// The dead letter.
        id: DeadLetterId,
    },
}

/// What came of one run and of those that followed it.
pub(super) struct Drained {
    pub(super) retried: Retried,
    pub(super) stopped: Option<RetryError>,
}

impl DeadLetters<'_> {
    /// Runs the handler of a dead letter once more, through all of its layers. If that goes well the letter
    /// is gone, and those that it has held up are run after it, in their order. If it fails, the letter
    /// keeps its place and its history, and its attempts go on counting.
    ///
    /// While it is being retried a letter is neither evicted nor discarded.
    ///
    /// # Errors
    /// [`RetryError`]: there is no such letter, it is being retried, it has to follow another, or it has
    /// failed again.
    ///
    /// # Cancel safety
    /// Dropping the future after its first poll changes nothing: the retry goes on in the background, on
    /// the runtime of the bus.
    pub async fn retry(self, id: DeadLetterId) -> Result<Retried, RetryError> {
        Ok(retry(self.core(), id).await?.retried)
    }
}

/// One letter, and what followed it.
pub(super) async fn retry(core: &Core, id: DeadLetterId) -> Result<Drained, RetryError> {
    check(core, id)?;
    let to_run = core.dead_letters.claim(core, id, false)?;
    in_background(core, to_run).await
}

/// Can it be retried, and waited for, here and now?
pub(super) fn check(core: &Core, id: DeadLetterId) -> Result<(), RetryError> {
    if core.work.is_closing() {
        return Err(RetryError::ShuttingDown { id });
    }
    let entry = core.dead_letters.get(id).ok_or(RetryError::Gone { id })?;
    match entry.hidden.lane {
        Some(lane) if ambient::lanes_held(core).contains(&lane) => Err(RetryError::OwnLane { id }),
        _ => Ok(()),
    }
}

/// Goes on when whoever waits for it does not.
pub(super) async fn in_background(core: &Core, to_run: ToRun) -> Result<Drained, RetryError> {
    let id = to_run.letter.id;
    // A handler that waits for others gives its slot back meanwhile: they may need it.
    let _waits = ambient::waits_inside(core);
    let at_work = AtWork::begin(core);
    let run = async move { run(&at_work.0, to_run).await };
    match core.runtime.handle() {
        Some(runtime) => {
            let (answers, answer) = oneshot::channel();
            let run = async move { drop(answers.send(run.await)) };
            runtime.spawn(probe::task(core, run));
            answer.await.unwrap_or(Err(RetryError::CutOff { id }))
        }
        None => run.await,
    }
}

async fn run(core: &Arc<Core>, to_run: ToRun) -> Result<Drained, RetryError> {
    let (id, message_id, key) = (to_run.letter.id, to_run.letter.message_id, to_run.key);
    once(core, to_run).await?;
    let mut retried = Retried { id, message_id, followed: Vec::new(), stopped_at: None };
    let mut stopped = None;
    if let Some(key) = key
        && let Err((id, error)) = drain(core, key, &mut retried.followed).await
    {
        retried.stopped_at = Some(id);
        stopped = Some(error);
    }
    Ok(Drained { retried, stopped })
}

/// Runs what is left of a sequence, one after the other, until one fails or none is left.
async fn drain(
    core: &Arc<Core>,
    key: Key,
    followed: &mut Vec<DeadLetterId>,
) -> Result<(), (DeadLetterId, RetryError)> {
    while !core.work.is_closing()
        && let Some(to_run) = core.dead_letters.claim_head(core, key)
    {
        let id = to_run.letter.id;
        once(core, to_run).await.map_err(|error| (id, error))?;
        followed.push(id);
    }
    Ok(())
}

/// What a discarded letter has held up is run, in the background. Without a runtime it stays, and the next
/// is the head.
pub(super) fn go_on(core: &Core, key: Key) {
    if let Some(runtime) = core.runtime.handle() {
        let at_work = AtWork::begin(core);
        let drains = async move {
            // What has failed again is in its letter, and was logged by the runner.
            let _ = drain(&at_work.0, key, &mut Vec::new()).await;
        };
        runtime.spawn(probe::task(core, drains));
    }
}

/// The bus is not idle meanwhile, and its shutdown waits.
struct AtWork(Arc<Core>);

impl AtWork {
    fn begin(core: &Core) -> Self {
        core.work.retry_begins();
        Self(core.arc())
    }
}

impl Drop for AtWork {
    fn drop(&mut self) {
        self.0.work.retry_ended();
    }
}

async fn once(core: &Arc<Core>, to_run: ToRun) -> Result<(), RetryError> {
    let ToRun { letter, again, .. } = to_run;
    let (id, claim) = (letter.id, Arc::clone(&letter.claim));
    let ended = again.again(Arc::clone(core), letter).await;
    ended.map_err(|error| RetryError::Failed { id, error })?;
    claim.succeeded(core);
    Ok(())
}
