//! Publishing: from an event to the queue, waiting for room only where nothing can wait for us.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::and_wait::AndWait;
use super::completion::{Completion, Share};
use super::dispatcher;
use super::filter::{self, KeptOut};
use super::losses::DropReason;
use super::queue::{BackpressureStrategy, Dropped, Place, Push, Refused};
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
    /// A filter has kept it out: no handler will see it.
    Filtered {
        /// The name of the filter.
        by: Cow<'static, str>,
    },
}

impl Published {
    /// Was the event kept out by a filter?
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        matches!(self.outcome, Outcome::Filtered { .. })
    }
}

pin_project! {
    /// The future of [`Bus::publish`](crate::Bus::publish). Options come before the `.await`.
    #[must_use = "an event is published when its future is awaited"]
    pub struct Publish<'a, E> {
        call: Call<'a>,
        event: Option<E>,
        waiting: Option<Waiting<'a>>,
        #[pin]
        timer: Timer,
    }
}

/// What is known of a publish but the event.
pub(super) struct Call<'a> {
    pub(super) core: &'a Core,
    info: &'static MessageInfo,
    origin: Option<Arc<Origin>>,
    head: Option<Arc<Head>>,
    /// If the caller waits for what follows from the event.
    completion: Option<Arc<Completion>>,
}

/// An event that waits for its turn.
struct Waiting<'a> {
    id: MessageId,
    event: Option<Envelope>,
    place: Place<'a>,
    /// What the timer is armed for.
    until: Option<Instant>,
}

impl<'a, E: Event> Publish<'a, E> {
    pub(crate) fn new(core: &'a Core, event: E, origin: Option<Arc<Origin>>) -> Self {
        let call = Call { core, info: E::INFO, origin, head: None, completion: None };
        Self { call, event: Some(event), waiting: None, timer: Timer::Unarmed }
    }
}

/// Options.
impl<'a, E> Publish<'a, E> {
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

    /// Waits until the handlers of the event, and of everything that they emit or publish, are done,
    /// and tells what has failed of it. It waits for nothing else. Inside a handler it gives the
    /// handler's slot back meanwhile, so that a bus of one slot does not wait for itself.
    ///
    /// # Cancel safety
    /// If the future is dropped, nobody waits any more; an event that was queued stays queued.
    ///
    /// ```
    /// # use bus::{Bus, event};
    /// #[event]
    /// struct Moved;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::from_registered()?;
    /// let settled = bus.publish(Moved).and_wait().await?;
    /// assert!(settled.failures.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn and_wait(mut self) -> AndWait<'a, E> {
        let parent = self.call.origin.as_ref().and_then(|origin| origin.completion.upgrade());
        let (completion, done) = Completion::new(parent);
        self.call.completion = Some(completion);
        AndWait::new(self, done)
    }

    pub(super) fn core(&self) -> &'a Core {
        self.call.core
    }

    fn head(&mut self) -> &mut Head {
        Arc::make_mut(self.call.head.get_or_insert_default())
    }
}

/// The flow of an event, up to the queue. The dispatcher's part is `super::dispatcher`.
///
/// Not bounded by `Event`, which `publish` has asked for: a wrong type is one error.
impl<E: Send + Sync + 'static> Future for Publish<'_, E> {
    type Output = Result<Published, PublishError<E>>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        if let Some(event) = this.event.take() {
            dispatcher::start(this.call.core);
            let envelope = this.call.envelope(event);
            let id = envelope.id;
            if let Err(kept_out) = filter::ask(this.call.core, &envelope) {
                return Poll::Ready(this.call.keep_out(envelope, kept_out));
            }
            if !this.call.may_wait() {
                let pushed = this.call.push(envelope);
                return Poll::Ready(
                    pushed.map_err(|(event, why)| this.call.refuse(event, this.call.kind(why))),
                );
            }
            let place = this.call.core.queue.place();
            *this.waiting = Some(Waiting { id, event: Some(envelope), place, until: None });
        }
        let Some(waiting) = this.waiting.as_mut() else {
            panic!("`Publish` was polled after it was ready")
        };
        let result = ready!(this.call.poll_push(waiting, this.timer.as_mut(), task));
        let (id, event) = (waiting.id, waiting.event.take());
        *this.waiting = None;
        Poll::Ready(match (result, event) {
            (Err(why), Some(event)) => Err(this.call.refuse(event, why)),
            _ => Ok(Published { id, outcome: Outcome::Queued }),
        })
    }
}

/// Publishes without waiting.
pub(crate) fn try_publish<E: Event>(
    core: &Core,
    event: E,
    origin: Option<Arc<Origin>>,
) -> Result<Published, PublishError<E>> {
    dispatcher::start(core);
    let mut call = Call { core, info: E::INFO, origin, head: None, completion: None };
    let envelope = call.envelope(event);
    if let Err(kept_out) = filter::ask(core, &envelope) {
        return call.keep_out(envelope, kept_out);
    }
    call.push(envelope).map_err(|(event, why)| call.refuse(event, call.kind(why)))
}

impl Call<'_> {
    fn envelope<E: Send + Sync + 'static>(&mut self, event: E) -> Envelope {
        let (event, head) = (Arc::new(event), self.head.clone());
        let mut envelope = match &self.origin {
            Some(origin) => Envelope::child(origin, self.info, event, head),
            None => {
                let id = MessageId::next(self.core.number);
                let info = self.info;
                Envelope { id, info, event, origin: None, head, share: None, lifecycle: false }
            }
        };
        if let Some(whole) = self.completion.take() {
            // Whoever waits for the parent waits for this through `whole`.
            envelope.withdraw();
            envelope.share = Some(Share::new(whole, envelope.id, self.info));
        }
        envelope
    }

    /// Only calls from outside any handler wait, and only where the strategy says so.
    fn may_wait(&self) -> bool {
        let strategy = self.core.queue.config.strategy;
        let waits = matches!(
            strategy,
            BackpressureStrategy::Block { .. } | BackpressureStrategy::AdaptiveRateLimit
        );
        waits && self.origin.is_none()
    }

    fn push(&self, event: Envelope) -> Result<Published, (Envelope, Refused)> {
        let (core, id) = (self.core, event.id);
        let outcome = match &self.origin {
            // From inside a handler: at once, over the capacity if need be.
            Some(origin) if origin.too_deep(self.info).is_some() => {
                return Err((event, Refused::TooDeep));
            }
            Some(_) => match core.queue.push_nested(vec![event]) {
                Ok(()) => Outcome::Queued,
                Err((mut events, why)) => match events.pop() {
                    Some(event) => return Err((event, why)),
                    None => unreachable!("a refused event is given back"),
                },
            },
            None => self.announce_drops(core.queue.push(event)?),
        };
        Ok(Published { id, outcome })
    }

    fn announce_drops(&self, dropped: Dropped) -> Outcome {
        let n = dropped.events.len() + dropped.elsewhere;
        for event in dropped.events {
            self.core.losses.note(self.core, event.info, 1, DropReason::QueueFull);
        }
        if n == 0 { Outcome::Queued } else { Outcome::QueuedAfterDropping(n) }
    }

    fn poll_push(
        &self,
        waiting: &mut Waiting<'_>,
        mut timer: Pin<&mut Timer>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), PublishErrorKind>> {
        let core = self.core;
        loop {
            let push = core.queue.poll_push(&mut waiting.place, &mut waiting.event, task.waker());
            match (push, core.queue.config.strategy) {
                (Push::Accepted, _) => return Poll::Ready(Ok(())),
                (Push::Refused(why), _) => return Poll::Ready(Err(self.kind(why))),
                (Push::Waiting, BackpressureStrategy::Block { timeout }) => {
                    let deadline = || core.settings.clock.now().checked_add(timeout);
                    ready!(timer.poll(core, task, deadline));
                    let capacity = core.queue.config.capacity;
                    let why = PublishErrorKind::TimedOut { capacity, waited: timeout };
                    return Poll::Ready(Err(why));
                }
                (Push::Waiting, _) => return Poll::Pending,
                (Push::Until(at), _) => {
                    if waiting.until.replace(at) != Some(at) {
                        timer.set(Timer::Unarmed);
                    }
                    ready!(timer.as_mut().poll(core, task, || Some(at)));
                }
            }
        }
    }

    fn keep_out<E: Send + Sync + 'static>(
        &self,
        mut envelope: Envelope,
        why: KeptOut,
    ) -> Result<Published, PublishError<E>> {
        match why {
            KeptOut::Filtered { by } => {
                envelope.withdraw();
                let why = DropReason::Filtered;
                self.core.losses.note(self.core, self.info, 1, why);
                Ok(Published { id: envelope.id, outcome: Outcome::Filtered { by } })
            }
            KeptOut::Panicked { filter, message } => {
                Err(self.refuse(envelope, PublishErrorKind::FilterPanicked { filter, message }))
            }
        }
    }

    fn refuse<E: Send + Sync + 'static>(
        &self,
        mut envelope: Envelope,
        why: PublishErrorKind,
    ) -> PublishError<E> {
        envelope.withdraw();
        self.core.queue.rejected.add(1);
        self.core.losses.note(self.core, self.info, 1, DropReason::Rejected);
        PublishError::new(self.info.name(), unwrap(envelope), why)
    }

    fn kind(&self, refused: Refused) -> PublishErrorKind {
        match refused {
            Refused::Full { capacity } => PublishErrorKind::Full { capacity },
            Refused::Ceiling { ceiling } => PublishErrorKind::Ceiling { ceiling },
            Refused::ShuttingDown => PublishErrorKind::ShuttingDown,
            Refused::Closed => PublishErrorKind::Closed,
            Refused::TooDeep => PublishErrorKind::TooDeep {
                chain: self.origin.as_ref().and_then(|o| o.too_deep(self.info)).unwrap_or_default(),
            },
        }
    }
}

/// The event out of an envelope that nobody else has seen.
fn unwrap<E: Send + Sync + 'static>(envelope: Envelope) -> E {
    let event = envelope.event.downcast::<E>().ok().and_then(Arc::into_inner);
    event.unwrap_or_else(|| unreachable!("a refused event has one owner and the type it came with"))
}

impl<E> fmt::Debug for Publish<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({})", std::any::type_name::<E>())
    }
}
