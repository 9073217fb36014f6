//! Effects: what a handler emits is kept back until it has succeeded.

use std::fmt;
use std::sync::{Arc, Weak};

use super::dispatcher;
use super::filter::{self, KeptOut};
use super::losses::DropReason;
use super::publish::Outcome;
use super::queue::Refused;
use crate::context::Context;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::MessageInfo;
use crate::message::kind::Erased;
use crate::observe::What;
use crate::observe::spans;
use crate::observe::tap::{self, Queued};
use crate::pipeline::options::Head;
use crate::pipeline::origin::{Chain, Origin};
use crate::session::Member;
use crate::sync::{Mutex, lock};

/// The events that one call has emitted.
#[derive(Default)]
pub(crate) struct Outbox(Mutex<State>);

enum State {
    /// The handler runs: keep.
    Kept(Vec<Envelope>),
    /// It has succeeded: what comes now goes at once.
    Sent(Weak<Core>),
    /// It has failed, or was cancelled: what comes now is dropped.
    Discarded(Weak<Core>),
}

impl Default for State {
    fn default() -> Self {
        Self::Kept(Vec::new())
    }
}

impl Outbox {
    pub(crate) fn send(
        &self,
        head: Option<Arc<Head>>,
        origin: &Arc<Origin>,
        info: &'static MessageInfo,
        event: Erased,
    ) {
        // What is emitted belongs to the session of the call; headers are a message's own.
        let session = origin.session.as_ref().map(Member::follow);
        let mut envelope = Envelope::child(origin, info, event, head, session);
        envelope.links = spans::cause();
        let (core, succeeded) = match &mut *lock(&self.0) {
            State::Kept(events) => return events.push(envelope),
            State::Sent(core) => (core.upgrade(), true),
            State::Discarded(core) => (core.upgrade(), false),
        };
        match core {
            None => {
                tracing::warn!(event = info.name(), "an event was emitted after its bus was gone");
            }
            Some(core) if succeeded => {
                if !enters(&core, &mut envelope) {
                    return;
                }
                if let Err((events, refused)) = enqueue(&core, vec![envelope]) {
                    lose(&core, &events, refused.into());
                }
            }
            Some(core) => core.lost_event(&envelope, DropReason::HandlerFailed),
        }
    }

    /// Keeps what was emitted elsewhere, in a part of the call.
    fn keep(&self, mut events: Vec<Envelope>) {
        match &mut *lock(&self.0) {
            State::Kept(kept) => kept.append(&mut events),
            State::Sent(_) | State::Discarded(_) => {
                unreachable!("a call ends after its parts")
            }
        }
    }

    /// What is kept.
    #[cfg(feature = "testing")]
    pub(crate) fn kept(&self) -> Vec<Erased> {
        match &*lock(&self.0) {
            State::Kept(events) => events.iter().map(|e| Arc::clone(&e.event)).collect(),
            State::Sent(_) | State::Discarded(_) => Vec::new(),
        }
    }

    /// How much is kept.
    pub(crate) fn len(&self) -> usize {
        match &*lock(&self.0) {
            State::Kept(events) => events.len(),
            State::Sent(_) | State::Discarded(_) => 0,
        }
    }

    /// A part of the call has failed: what was emitted since there was so much has not happened.
    pub(crate) fn discard_since(&self, len: usize) {
        let mut events = match &mut *lock(&self.0) {
            State::Kept(events) if events.len() > len => events.split_off(len),
            _ => return,
        };
        events.iter_mut().for_each(Envelope::withdraw);
    }

    /// The handler has succeeded: what it emitted, to be queued. `core` is for those that emit even
    /// after their handler has returned.
    pub(crate) fn take(&self, core: Weak<Core>) -> Vec<Envelope> {
        match std::mem::replace(&mut *lock(&self.0), State::Sent(core)) {
            State::Kept(events) => events,
            State::Sent(_) | State::Discarded(_) => Vec::new(),
        }
    }

    /// The handler has not succeeded: nothing that it emitted has happened.
    pub(crate) fn discard(&self, core: Weak<Core>) {
        // Dropped outside the lock: an event's destructor is a user's code.
        let kept = std::mem::replace(&mut *lock(&self.0), State::Discarded(core));
        if let State::Kept(mut events) = kept {
            // Who waits for what follows from the handler waits for nothing of this.
            events.iter_mut().for_each(Envelope::withdraw);
        }
    }
}

/// Queues what a handler has emitted: at once, over the capacity if need be.
fn enqueue(core: &Core, events: Vec<Envelope>) -> Result<(), (Vec<Envelope>, Refused)> {
    dispatcher::start(core);
    let queued = Queued::all(core, &events);
    core.queue.push_nested(events)?;
    queued.iter().for_each(|queued| queued.tell(core, &Outcome::Queued));
    Ok(())
}

/// Says that they are lost, each for itself: nobody can be given them back.
pub(crate) fn lose(core: &Core, events: &[Envelope], why: DropReason) {
    events.iter().for_each(|event| core.lost_event(event, why));
}

/// Do the filters let an emitted event in? Nobody waits for the answer, so a filter's panic is a
/// loss.
pub(crate) fn enters(core: &Core, event: &mut Envelope) -> bool {
    spans::emitted(event);
    event.published = core.settings.metrics.start(&*core.settings.clock).into();
    match filter::ask(core, event) {
        Ok(()) => return true,
        Err(KeptOut::Filtered { by }) => {
            spans::filtered(event.links.as_ref(), &by);
            if core.observers.is_on() {
                let (by, handler) = (&*by, None);
                let what = What::Filtered { by, handler, event: Some(&*event.event) };
                tap::of_envelope(core, event, what);
            }
            core.losses.note(core, event.info, 1, DropReason::Filtered);
        }
        Err(KeptOut::Panicked { filter, message }) => {
            tracing::error!(
                filter = &*filter,
                panic = message,
                event = event.info.name(),
                "a filter panicked"
            );
            core.lost_event(event, DropReason::FilterPanicked);
        }
    }
    event.withdraw();
    false
}

/// Queues what a handler has emitted: all of it or nothing.
pub(crate) fn flush(core: &Core, context: &Context) -> Result<(), NotFlushed> {
    let Some(scratch) = context.used_scratch() else {
        return Ok(());
    };
    let mut events = scratch.outbox.take(core.weak_for(scratch));
    events.retain_mut(|event| enters(core, event));
    let Some(first) = events.first() else {
        return Ok(());
    };
    let (info, n) = (first.info, events.len());
    events.iter().for_each(|event| core.saw(&scratch.origin, event.info));
    if let Some(chain) = scratch.origin.too_deep(info) {
        lose(core, &events, DropReason::TooDeep);
        return Err(NotFlushed::TooDeep(chain));
    }
    enqueue(core, events).map_err(|(events, refused)| {
        lose(core, &events, refused.into());
        match refused {
            Refused::Full { .. } | Refused::Ceiling { .. } => NotFlushed::Overloaded(n),
            Refused::TooDeep => {
                NotFlushed::TooDeep(scratch.origin.too_deep(info).unwrap_or_default())
            }
            Refused::ShuttingDown | Refused::Closed => NotFlushed::Closed,
        }
    })
}

/// What a run of a handler has emitted is emitted by the call that it was a part of.
pub(crate) fn hand_over(core: &Core, run: &Context, call: &Context) {
    let Some(scratch) = run.used_scratch() else { return };
    let events = scratch.outbox.take(core.weak_for(scratch));
    if !events.is_empty() {
        call.scratch().outbox.keep(events);
    }
}

/// A handler that failed has emitted nothing.
pub(crate) fn discard(core: &Core, context: &Context) {
    if let Some(scratch) = context.used_scratch() {
        scratch.outbox.discard(core.weak_for(scratch));
    }
}

impl From<Refused> for DropReason {
    fn from(refused: Refused) -> Self {
        match refused {
            Refused::Full { .. } => Self::QueueFull,
            Refused::Ceiling { .. } => Self::Overloaded,
            Refused::TooDeep => Self::TooDeep,
            Refused::ShuttingDown | Refused::Closed => Self::ShutDown,
        }
    }
}

/// Why the effects of a handler that succeeded could not be queued.
#[derive(Debug)]
pub(crate) enum NotFlushed {
    Overloaded(usize),
    TooDeep(Vec<&'static str>),
    Closed,
}

impl fmt::Display for NotFlushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded(n) => {
                write!(f, "the {n} events it emitted could not be queued: too many are waiting")
            }
            Self::TooDeep(chain) => Chain(chain).fmt(f),
            Self::Closed => {
                f.write_str("the events it emitted could not be queued: the bus is closed")
            }
        }
    }
}
