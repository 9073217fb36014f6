//! One publish: its envelope, its push, and what its publisher is told.

use std::sync::Arc;
use std::time::Instant;

use super::{Outcome, Published};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::error::{PublishError, PublishErrorKind};
use crate::event::completion::{Completion, Share};
use crate::event::dispatcher;
use crate::event::filter::KeptOut;
use crate::event::losses::DropReason;
use crate::event::queue::{BackpressureStrategy, Refused};
use crate::event::schedule::{self, Entry, Recurrence, Scheduled, What};
use crate::message::kind::Erased;
use crate::message::{MessageId, MessageInfo};
use crate::observe::What as Told;
use crate::observe::spans::{self, Links};
use crate::observe::tap::{self, Queued};
use crate::pipeline::options::Head;
use crate::pipeline::origin::Origin;
use crate::session::Member;

/// What is known of a publish but the event.
pub(super) struct Call<'a> {
    pub(super) core: &'a Core,
    pub(super) info: &'static MessageInfo,
    /// The message whose handler publishes.
    pub(super) origin: Option<Arc<Origin>>,
    pub(super) head: Option<Arc<Head>>,
    /// If the publisher waits for what follows from the event.
    pub(super) completion: Option<Arc<Completion>>,
    /// Its span.
    pub(super) links: Option<Links>,
}

/// What became of an event that may wait.
pub(super) enum Pushed {
    Accepted(Published),
    Waits(Envelope),
    Refused(Envelope, Refused),
}

impl<'a> Call<'a> {
    pub(super) fn new(
        core: &'a Core,
        info: &'static MessageInfo,
        origin: Option<Arc<Origin>>,
    ) -> Self {
        Self { core, info, origin, head: None, completion: None, links: None }
    }
}

impl Call<'_> {
    /// Enters the session that it names or inherits.
    #[inline]
    pub(super) fn enter_session<E>(
        &self,
        event: E,
    ) -> Result<(E, Option<Member>), PublishError<E>> {
        match self.core.sessions.admit(self.head.as_deref(), self.origin.as_deref()) {
            Ok(session) => Ok((event, session)),
            Err(session_id) => {
                Err(self.turn_away(event, PublishErrorKind::SessionClosed { session_id }))
            }
        }
    }

    pub(super) fn envelope<E: Send + Sync + 'static>(
        &mut self,
        event: E,
        session: Option<Member>,
    ) -> Envelope {
        let head = self.head.take();
        let event = Arc::new(event);
        let mut envelope = match &self.origin {
            Some(origin) => Envelope::child(origin, self.info, event, head, session),
            None => {
                let (id, info) = (MessageId::next(self.core.number), self.info);
                Envelope { head, session, ..Envelope::new(id, info, event) }
            }
        };
        let settings = &self.core.settings;
        envelope.published = settings.metrics.start(&*settings.clock).into();
        if let Some(whole) = self.completion.take() {
            // Whoever waits for the parent waits for this through `whole`.
            envelope.withdraw();
            envelope.share = Some(Share::new(whole, envelope.id, self.info));
        }
        if self.links.is_some() {
            spans::named(self.links.as_ref(), envelope.id, self.origin.as_ref());
            envelope.links = self.links.clone();
        }
        envelope
    }

    /// Gives the event to the timers.
    pub(super) fn schedule<E: Send + Sync + 'static>(
        &mut self,
        event: E,
        at: Instant,
        again: Option<Box<Recurrence>>,
    ) -> Result<Scheduled, PublishError<E>> {
        let core = self.core;
        // Also tells whether the runtime is there still.
        dispatcher::start(core);
        if core.work.is_closing() {
            return Err(self.turn_away(event, PublishErrorKind::ShuttingDown));
        }
        // It enters to see that it may. Until it is due, its session does not wait for it.
        let (event, member) = self.enter_session(event)?;
        let id = MessageId::next(core.number);
        let event = Arc::new(event);
        let shown =
            core.observers.is_on().then(|| (Arc::clone(&event) as Erased, self.head.clone()));
        let what = What {
            id,
            info: self.info,
            event,
            origin: self.origin.as_ref().map(|origin| origin.of_later()),
            head: self.head.take().map(Head::out_of_session),
            session: member.as_ref().map(|member| Arc::downgrade(member.scope())),
        };
        match core.timers.add(at, Entry { what, again }) {
            Ok(number) => {
                if let Some((event, head)) = &shown {
                    let what = Told::Scheduled { event, due: at };
                    let origin = self.origin.as_deref();
                    tap::of_sent(core, (self.info, Some(id)), head.as_deref(), origin, what);
                }
                self.origin.iter().for_each(|origin| core.saw(origin, self.info));
                schedule::start(core);
                Ok(Scheduled::new(core.weak(), number, id))
            }
            Err(entry) => {
                Err(self.turn_away(unwrap(entry.into_event()), PublishErrorKind::ShuttingDown))
            }
        }
    }

    /// Pushes the event, without waiting; gives it back if it is refused.
    #[inline]
    pub(super) fn push(&self, event: Envelope) -> Result<Published, (Envelope, Refused)> {
        let (core, id, queued) = (self.core, event.id, Queued::of(self.core, &event));
        let outcome = match &self.origin {
            // From inside a handler: at once, over the capacity if need be.
            Some(origin) if origin.too_deep(self.info).is_some() => {
                return Err((event, Refused::TooDeep));
            }
            Some(origin) => match core.queue.push_nested(vec![event]) {
                Ok(()) => {
                    core.saw(origin, self.info);
                    Outcome::Queued
                }
                Err((mut events, why)) => match events.pop() {
                    Some(event) => return Err((event, why)),
                    None => unreachable!("a refused event is given back"),
                },
            },
            None => match core.queue.push(event)? {
                0 => Outcome::Queued,
                dropped => Outcome::QueuedAfterDropping(dropped),
            },
        };
        queued.iter().for_each(|queued| queued.tell(core, &outcome));
        Ok(Published { id, outcome })
    }

    /// As `push`, or the event may wait for its turn. Only calls from outside any handler wait, and
    /// only where the strategy says so.
    #[inline]
    pub(super) fn push_or_wait(&self, event: Envelope) -> Pushed {
        let strategy = match self.origin {
            None => self.core.queue.config.strategy,
            Some(_) => BackpressureStrategy::RejectNew,
        };
        if strategy == BackpressureStrategy::AdaptiveRateLimit {
            return Pushed::Waits(event);
        }
        match (self.push(event), strategy) {
            (Ok(published), _) => Pushed::Accepted(published),
            (Err((event, Refused::Full { .. })), BackpressureStrategy::Block { .. }) => {
                Pushed::Waits(event)
            }
            (Err((event, why)), _) => Pushed::Refused(event, why),
        }
    }

    /// A filter has said no.
    pub(super) fn keep_out<E: Send + Sync + 'static>(
        &self,
        mut envelope: Envelope,
        why: KeptOut,
    ) -> Result<Published, PublishError<E>> {
        match why {
            KeptOut::Filtered { by } => {
                envelope.withdraw();
                spans::filtered(self.links.as_ref(), &by);
                if self.core.observers.is_on() {
                    let (by, event) = (&*by, Some(&*envelope.event));
                    let what = Told::Filtered { by, handler: None, event };
                    tap::of_envelope(self.core, &envelope, what);
                }
                self.core.losses.note(self.core, self.info, 1, DropReason::Filtered);
                Ok(Published { id: envelope.id, outcome: Outcome::Filtered { by } })
            }
            KeptOut::Panicked { filter, message } => {
                Err(self.refuse(envelope, PublishErrorKind::FilterPanicked { filter, message }))
            }
        }
    }

    /// Gives the event back.
    pub(super) fn refuse<E: Send + Sync + 'static>(
        &self,
        mut envelope: Envelope,
        why: PublishErrorKind,
    ) -> PublishError<E> {
        envelope.withdraw();
        self.turned_away(Some(envelope.id), envelope.head.as_deref(), unwrap(envelope.event), why)
    }

    /// Gives back what had no id yet.
    pub(super) fn turn_away<E>(&self, event: E, why: PublishErrorKind) -> PublishError<E> {
        self.turned_away(None, self.head.as_deref(), event, why)
    }

    fn turned_away<E>(
        &self,
        id: Option<MessageId>,
        head: Option<&Head>,
        event: E,
        why: PublishErrorKind,
    ) -> PublishError<E> {
        spans::not_published(self.links.as_ref(), &why);
        if self.core.observers.is_on() {
            let (origin, text) = (self.origin.as_deref(), why.to_string());
            let what = Told::Rejected { why: &text };
            tap::of_sent(self.core, (self.info, id), head, origin, what);
        }
        self.core.queue.rejected.count(1);
        self.core.losses.note(self.core, self.info, 1, DropReason::Rejected);
        PublishError::new(self.info.name(), event, why)
    }

    pub(super) fn kind(&self, refused: Refused) -> PublishErrorKind {
        match refused {
            Refused::TooDeep => PublishErrorKind::TooDeep {
                chain: self.origin.as_ref().and_then(|o| o.too_deep(self.info)).unwrap_or_default(),
            },
            other => other.into(),
        }
    }
}

impl From<Refused> for PublishErrorKind {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full { capacity } => Self::Full { capacity },
            Refused::Ceiling { ceiling } => Self::Ceiling { ceiling },
            Refused::ShuttingDown => Self::ShuttingDown,
            Refused::Closed => Self::Closed,
            Refused::TooDeep => Self::TooDeep { chain: Vec::new() },
        }
    }
}

/// An event that nobody else has seen.
fn unwrap<E: Send + Sync + 'static>(event: Erased) -> E {
    let event = event.downcast::<E>().ok().and_then(Arc::into_inner);
    event.unwrap_or_else(|| unreachable!("a refused event has one owner and the type it came with"))
}
