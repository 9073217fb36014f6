//! Publishing: from an event to the queue, waiting for room only where nothing can wait for us.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::dispatcher;
use super::queue::{BackpressureStrategy, Refused};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::error::{PublishError, PublishErrorKind};
use crate::message::{Event, MessageId, MessageInfo};
use crate::pipeline::options::{Head, Principal};
use crate::pipeline::origin::Origin;
use crate::resilience::timer::Timer;
use crate::session::SessionId;

/// A published event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The id the event has.
    pub id: MessageId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is queued.
    Queued,
    /// It is queued, and so many older events were dropped for it
    /// ([`BackpressureStrategy::DropOldest`]).
    QueuedAfterDropping(usize),
}

pin_project! {
    /// The future of [`Bus::publish`](crate::Bus::publish). Options come before the `.await`.
    #[must_use = "an event is published when its future is awaited"]
    pub struct Publish<'a, E> {
        core: &'a Core,
        event: Option<E>,
        info: &'static MessageInfo,
        origin: Option<Arc<Origin>>,
        head: Option<Arc<Head>>,
        #[pin]
        stage: Stage<'a>,
    }
}

pin_project! {
    #[project = StageProj]
    enum Stage<'a> {
        New,
        Waiting { room: Pin<Box<dyn Future<Output = ()> + Send + 'a>>, #[pin] timer: Timer, timeout: Duration },
    }
}

impl<'a, E: Event> Publish<'a, E> {
    pub(crate) fn new(core: &'a Core, event: E, origin: Option<Arc<Origin>>) -> Self {
        Self { core, event: Some(event), info: E::INFO, origin, head: None, stage: Stage::New }
    }
}

/// Options.
impl<E> Publish<'_, E> {
    /// Adds a header, which handlers read with [`Context::header`](crate::Context::header).
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.head().headers.set(name.into(), value.into());
        self
    }

    /// Publishes on behalf of a session.
    pub fn session(mut self, session: impl Into<SessionId>) -> Self {
        self.head().session = Some(session.into());
        self
    }

    /// Publishes on behalf of a principal.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.head().principal = Some(principal);
        self
    }

    fn head(&mut self) -> &mut Head {
        Arc::make_mut(self.head.get_or_insert_default())
    }
}

/// The flow of an event, up to the queue. The dispatcher's part is `super::dispatcher`.
///
/// Not bounded by `Event`, which `publish` has asked for: a wrong type is one error.
impl<E: Send + Sync + 'static> Future for Publish<'_, E> {
    type Output = Result<Published, PublishError<E>>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        let core = *this.core;
        loop {
            if let StageProj::Waiting { room, timer, timeout } = this.stage.as_mut().project() {
                if room.as_mut().poll(task).is_pending() {
                    let timeout = *timeout;
                    let now = || core.settings.clock.now().checked_add(timeout);
                    task::ready!(timer.poll(core, task, now));
                    let Some(event) = this.event.take() else {
                        return Poll::Pending;
                    };
                    let capacity = core.queue.capacity();
                    let kind = PublishErrorKind::TimedOut { capacity, waited: timeout };
                    core.counters.rejected.add(1);
                    return Poll::Ready(Err(PublishError::new(this.info.name(), event, kind)));
                }
                *room = Box::pin(core.queue.room());
            }
            let Some(event) = this.event.take() else {
                panic!("`Publish` was polled after it was ready")
            };
            match enqueue(core, this.info, event, this.origin.as_ref(), this.head.as_ref()) {
                Ok(published) => return Poll::Ready(Ok(published)),
                Err((event, Refused::Full { .. }))
                    if let BackpressureStrategy::Block { timeout } = core.settings.strategy =>
                {
                    *this.event = Some(event);
                    if let StageProj::New = this.stage.as_mut().project() {
                        let room = Box::pin(core.queue.room());
                        this.stage.set(Stage::Waiting { room, timer: Timer::Unarmed, timeout });
                    }
                }
                Err((event, refused)) => {
                    return Poll::Ready(Err(refuse(
                        core,
                        this.info,
                        event,
                        this.origin.as_ref(),
                        refused,
                    )));
                }
            }
        }
    }
}

/// Publishes without waiting.
pub(crate) fn try_publish<E: Event>(
    core: &Core,
    event: E,
    origin: Option<&Arc<Origin>>,
) -> Result<Published, PublishError<E>> {
    enqueue(core, E::INFO, event, origin, None)
        .map_err(|(event, refused)| refuse(core, E::INFO, event, origin, refused))
}

/// Queues the event, or gives it back.
fn enqueue<E: Send + Sync + 'static>(
    core: &Core,
    info: &'static MessageInfo,
    event: E,
    origin: Option<&Arc<Origin>>,
    head: Option<&Arc<Head>>,
) -> Result<Published, (E, Refused)> {
    dispatcher::start(core);
    let id = MessageId::next(core.number);
    let envelope = Envelope {
        id,
        info,
        event: Arc::new(event),
        origin: origin.cloned(),
        head: head.cloned(),
        lifecycle: false,
    };
    let outcome = match origin {
        // From inside a handler: at once, over the capacity if need be.
        Some(origin) if origin.too_deep(info).is_some() => Err((envelope, Refused::TooDeep)),
        Some(_) => core.queue.push_nested(vec![envelope]).map(|()| Outcome::Queued).map_err(
            |(mut events, refused)| match events.pop() {
                Some(event) => (event, refused),
                None => unreachable!("a refused event is given back"),
            },
        ),
        None if core.settings.strategy == BackpressureStrategy::DropOldest => {
            core.queue.push_dropping(envelope).map(|dropped| announce_drops(&dropped))
        }
        None => core.queue.push(envelope).map(|()| Outcome::Queued),
    };
    match outcome {
        Ok(outcome) => Ok(Published { id, outcome }),
        Err((envelope, refused)) => Err((unwrap(envelope), refused)),
    }
}

fn announce_drops(dropped: &[Envelope]) -> Outcome {
    let Some(first) = dropped.first() else {
        return Outcome::Queued;
    };
    tracing::debug!(
        event = first.info.name(),
        count = dropped.len(),
        "the queue was full: the oldest were dropped"
    );
    Outcome::QueuedAfterDropping(dropped.len())
}

/// The event out of an envelope that nobody else has seen.
fn unwrap<E: Send + Sync + 'static>(envelope: Envelope) -> E {
    let event = envelope.event.downcast::<E>().ok().and_then(Arc::into_inner);
    event.unwrap_or_else(|| unreachable!("a refused event has one owner and the type it came with"))
}

fn refuse<E>(
    core: &Core,
    info: &'static MessageInfo,
    event: E,
    origin: Option<&Arc<Origin>>,
    refused: Refused,
) -> PublishError<E> {
    core.counters.rejected.add(1);
    let kind = match refused {
        Refused::Full { capacity } => PublishErrorKind::Full { capacity },
        Refused::Ceiling { ceiling } => PublishErrorKind::Ceiling { ceiling },
        Refused::ShuttingDown => PublishErrorKind::ShuttingDown,
        Refused::Closed => PublishErrorKind::Closed,
        Refused::TooDeep => PublishErrorKind::TooDeep {
            chain: origin.and_then(|origin| origin.too_deep(info)).unwrap_or_default(),
        },
    };
    PublishError::new(info.name(), event, kind)
}

impl<E> fmt::Debug for Publish<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({})", std::any::type_name::<E>())
    }
}
