//! `publish(..).and_wait()`: until all that follows from an event is done.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll, ready};

use pin_project_lite::pin_project;
use tokio::sync::oneshot;

use super::{Outcome, Publish, Published};
use crate::error::{HandlersFailed, PublishError};
use crate::event::completion::EventFailure;
use crate::message::MessageId;
use crate::pipeline::ambient;
use crate::pipeline::cancel::WaitsInside;

/// An event whose handlers are done, as those of all that followed from it.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Settled {
    /// The id of the event.
    pub id: MessageId,
    /// What became of it when it was published.
    pub outcome: Outcome,
    /// What has failed: handlers of the event, and of all that followed from it.
    pub failures: Vec<EventFailure>,
}

impl Settled {
    /// Did every handler succeed?
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failures.is_empty()
    }

    /// The failures as an error.
    ///
    /// # Errors
    /// When a handler failed, or an event did not reach its handlers.
    pub fn into_result(self) -> Result<Published, HandlersFailed> {
        if self.failures.is_empty() {
            Ok(Published { id: self.id, outcome: self.outcome })
        } else {
            Err(HandlersFailed { failures: self.failures })
        }
    }
}

pin_project! {
    /// The future of [`Publish::and_wait`].
    #[must_use = "an event is published when its future is awaited"]
    pub struct AndWait<'a, E> {
        #[pin]
        publish: Publish<'a, E>,
        published: Option<Published>,
        #[pin]
        done: oneshot::Receiver<Vec<EventFailure>>,
        waits: Option<WaitsInside>,
    }
}

impl<'a, E> AndWait<'a, E> {
    pub(super) fn new(publish: Publish<'a, E>, done: oneshot::Receiver<Vec<EventFailure>>) -> Self {
        Self { publish, published: None, done, waits: None }
    }
}

impl<E: Send + Sync + 'static> Future for AndWait<'_, E> {
    type Output = Result<Settled, PublishError<E>>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if this.published.is_none() {
            this.publish.as_mut().check_lanes()?;
            *this.published = Some(ready!(this.publish.as_mut().poll(task))?);
        }
        let Poll::Ready(failures) = this.done.poll(task) else {
            if this.waits.is_none() {
                *this.waits = ambient::waits_inside(this.publish.core());
            }
            return Poll::Pending;
        };
        *this.waits = None;
        let Some(Published { id, outcome }) = this.published.take() else {
            panic!("`AndWait` was polled after it was ready")
        };
        Poll::Ready(Ok(Settled { id, outcome, failures: failures.unwrap_or_default() }))
    }
}

impl<E> fmt::Debug for AndWait<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AndWait({:?})", self.publish)
    }
}
