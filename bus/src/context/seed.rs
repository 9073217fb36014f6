//! What a context is made of.

use std::any::{Any, TypeId};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use crate::clock::{MaybeDuration, MaybeInstant};
use crate::event::completion::Completion;
use crate::event::effects::Outbox;
use crate::message::order::HeldLanes;
use crate::message::{MessageId, MessageInfo};
use crate::observe::spans::Links;
use crate::pipeline::cancel::Cancel;
use crate::pipeline::options::{Head, Principal};
use crate::pipeline::origin::Origin;
use crate::pipeline::traceparent::Trace;
use crate::registry::HandlerId;
use crate::session::Scope;
use crate::sync::{Mutex, lock};

/// What a context is made of, but for the core.
#[derive(Clone)]
pub(crate) struct Seed {
    pub(crate) id: MessageId,
    pub(crate) info: &'static MessageInfo,
    /// When the first attempt was begun, if that is measured.
    pub(crate) began: MaybeInstant,
    pub(crate) attempt: u32,
    /// Of a dead letter that is run again: how often its handler was called before.
    pub(crate) attempts_before: u32,
    pub(crate) lifecycle: bool,
    /// Of all attempts together.
    pub(crate) timeout: MaybeDuration,
    /// Of each of them.
    pub(crate) attempt_timeout: MaybeDuration,
    /// The deadline of the caller.
    pub(crate) deadline: MaybeInstant,
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) head: Option<Arc<Head>>,
    pub(crate) session: Option<Arc<Scope>>,
    pub(crate) cancel: Option<Arc<Cancel>>,
    /// The handler, if it holds a place in its bulkhead: what it calls needs no other one there.
    pub(crate) place: Option<HandlerId>,
    /// The lanes that events are handled in.
    pub(crate) lanes: HeldLanes,
    /// What the spans of its calls follow from.
    pub(crate) follows: Option<Links>,
    /// Shared with the children and with owned copies; made when first needed.
    pub(crate) shared: OnceLock<Arc<Scratch>>,
}

/// What a call needs only sometimes.
pub(crate) struct Scratch {
    pub(crate) outbox: Outbox,
    pub(crate) cancel: Arc<Cancel>,
    /// This message, as its children see it.
    pub(crate) origin: Arc<Origin>,
    pub(super) extensions: Mutex<Vec<(TypeId, Arc<dyn Any + Send + Sync>)>>,
}

impl Seed {
    pub(super) fn correlation_id(&self) -> MessageId {
        let inherited = self.origin.as_ref().map(|origin| origin.correlation);
        let kept = || self.head.as_ref()?.correlation;
        inherited.or_else(kept).unwrap_or(self.id)
    }

    /// The caller's word, else what was inherited.
    pub(super) fn principal(&self) -> Option<&Principal> {
        let own = self.head.as_ref().and_then(|head| head.principal.as_ref());
        own.or_else(|| self.origin.as_ref().and_then(|origin| origin.principal.as_ref()))
    }

    /// The trace that its own headers name, else the one that was inherited.
    pub(super) fn trace(&self) -> Option<Arc<Trace>> {
        let own = self.head.as_ref().and_then(|head| Trace::of(&head.headers));
        own.map(Arc::new).or_else(|| self.inherited_trace().cloned())
    }

    pub(super) fn inherited_trace(&self) -> Option<&Arc<Trace>> {
        let kept = self.head.as_ref().and_then(|head| head.trace.as_ref());
        kept.or_else(|| self.origin.as_ref()?.trace.as_ref())
    }

    pub(super) fn scratch(&self) -> &Arc<Scratch> {
        self.shared.get_or_init(|| {
            let inherited = self.origin.as_ref().filter(|_| !self.lifecycle);
            self.make(inherited.map(|parent| Weak::clone(&parent.completion)).unwrap_or_default())
        })
    }

    /// Somebody waits for all that follows from this message.
    pub(crate) fn track(&mut self, completion: Weak<Completion>) {
        self.shared = OnceLock::from(self.make(completion));
    }

    /// That of one run inside of this call. It is cancelled with the call and not the other way round,
    /// and finds what was inserted there; what it emits is its own.
    pub(super) fn of_attempt(&self, attempt: u32, head: Option<Arc<Head>>) -> Self {
        let shared = self.shared.get().map(|call| {
            Arc::new(Scratch {
                outbox: Outbox::default(),
                cancel: Arc::new(Cancel::child_of(Some(Arc::clone(&call.cancel)))),
                origin: Arc::clone(&call.origin),
                extensions: Mutex::new(lock(&call.extensions).clone()),
            })
        });
        let shared = shared.map(OnceLock::from).unwrap_or_default();
        Self { attempt, head, shared, ..self.clone() }
    }

    /// That of the next attempt, when one has failed: it finds what was inserted before; what it emits is
    /// its own.
    pub(super) fn again(&self, attempt: u32) -> Self {
        let shared = self.shared.get().map(|former| {
            Arc::new(Scratch {
                outbox: Outbox::default(),
                cancel: Arc::new(former.cancel.another()),
                origin: Arc::clone(&former.origin),
                extensions: Mutex::new(lock(&former.extensions).clone()),
            })
        });
        let shared = shared.map(OnceLock::from).unwrap_or_default();
        Self { attempt, shared, ..self.clone() }
    }

    /// How long an attempt may take.
    pub(super) fn time(&self) -> Option<Duration> {
        match (self.timeout.get(), self.attempt_timeout.get()) {
            (Some(all), Some(one)) => Some(all.min(one)),
            (all, one) => all.or(one),
        }
    }

    fn make(&self, completion: Weak<Completion>) -> Arc<Scratch> {
        let cancel = Cancel::child_of(self.cancel.clone());
        Arc::new(Scratch {
            outbox: Outbox::default(),
            cancel: Arc::new(cancel.holding(self.lanes.clone(), self.info, self.place)),
            origin: Arc::new(Origin {
                id: self.id,
                correlation: self.correlation_id(),
                info: self.info,
                depth: self.origin.as_ref().map_or(0, |parent| parent.depth + 1),
                lifecycle: self.lifecycle,
                session: self.session.clone(),
                principal: self.principal().cloned(),
                trace: self.trace(),
                parent: self.origin.clone(),
                completion,
            }),
            extensions: Mutex::default(),
        })
    }
}
