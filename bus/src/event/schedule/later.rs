//! `publish(..).after(..)` and what is like it: from an event to one that is due.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant, SystemTime};

use pin_project_lite::pin_project;

use super::handle::Scheduled;
use super::recurrence::{Recurrence, TOO_FAR};
use crate::clock::Clock;
use crate::error::{PublishError, PublishErrorKind};
use crate::event::publish::Publish;

/// When an event is due.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct When(Kind);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    After(Duration),
    At(Instant),
    AtTime(SystemTime),
}

impl From<Duration> for When {
    /// So long from now.
    fn from(after: Duration) -> Self {
        Self(Kind::After(after))
    }
}
impl From<Instant> for When {
    fn from(at: Instant) -> Self {
        Self(Kind::At(at))
    }
}
impl From<tokio::time::Instant> for When {
    fn from(at: tokio::time::Instant) -> Self {
        Self(Kind::At(at.into_std()))
    }
}
impl From<SystemTime> for When {
    /// As the wall clock shows it now: if that is put right meanwhile, the event does not follow.
    fn from(at: SystemTime) -> Self {
        Self(Kind::AtTime(at))
    }
}

impl When {
    /// A time that has passed is now. `None`: the clock does not reach so far.
    pub(super) fn due(self, clock: &dyn Clock) -> Option<Instant> {
        let now = clock.now();
        match self.0 {
            Kind::After(after) => now.checked_add(after),
            Kind::At(at) => Some(at),
            Kind::AtTime(at) => {
                now.checked_add(at.duration_since(clock.system_time()).unwrap_or_default())
            }
        }
    }
}

pin_project! {
    /// The future of [`Publish::after`] and its like. Ready at once: the event is kept by the bus until
    /// it is due.
    #[must_use = "an event is scheduled when its future is awaited"]
    pub struct Later<'a, E> {
        #[pin]
        publish: Publish<'a, E>,
        due: Option<Due>,
    }
}

pub(crate) enum Due {
    At(When),
    Again(Recurrence),
    /// There is no such time, for this reason.
    Never(String),
}

impl<'a, E> Later<'a, E> {
    pub(crate) fn new(publish: Publish<'a, E>, due: Due) -> Self {
        Self { publish, due: Some(due) }
    }
}

impl<E: Send + Sync + 'static> Future for Later<'_, E> {
    type Output = Result<Scheduled, PublishError<E>>;

    fn poll(self: Pin<&mut Self>, _: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let Some(due) = this.due.take() else { panic!("`Later` was polled after it was ready") };
        let clock = &*this.publish.core().settings.clock;
        let due = match due {
            Due::At(when) => when.due(clock).map(|at| (at, None)).ok_or(TOO_FAR.to_owned()),
            Due::Again(mut again) => match again.first(clock) {
                Ok(at) => Ok((at, Some(Box::new(again)))),
                Err(why) => Err(why.to_owned()),
            },
            Due::Never(reason) => Err(reason),
        };
        Poll::Ready(match due {
            Ok((at, again)) => this.publish.as_mut().schedule(at, again),
            Err(reason) => {
                Err(this.publish.as_mut().give_back(PublishErrorKind::BadSchedule { reason }))
            }
        })
    }
}

impl<E> fmt::Debug for Later<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Later({:?})", self.publish)
    }
}
