//! Completion: when all that follows from an event is done, and what has failed of it.
//!
//! Every event that follows from the one that is waited for holds a share of its [`Completion`],
//! from its acceptance to the end of its last handler. The last share to go completes it, so nothing
//! is counted here. What a handler merely keeps (a context in a spawned task) holds it weakly.

use std::any::Any;
use std::fmt;
use std::ptr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use tokio::sync::oneshot;

use crate::message::order::LaneId;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::origin::{Origin, OwnLane};
use crate::sync::{Mutex, lock};

/// Something that went wrong with an event that was waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct EventFailure {
    /// The event: the one that was published, or one that followed from it.
    pub event_id: MessageId,
    /// Its name.
    pub event: &'static str,
    /// The handler that failed; `None` when the event did not reach its handlers.
    pub handler: Option<String>,
    /// What went wrong, as text.
    pub error: String,
    /// How often the handler was called.
    pub attempts: u32,
}

impl fmt::Display for EventFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { event, handler, error, .. } = self;
        match handler {
            Some(handler) => write!(f, "handler {handler} of event {event}: {error}"),
            None => write!(f, "event {event}: {error}"),
        }
    }
}

pub(crate) struct Completion {
    failures: Mutex<Vec<EventFailure>>,
    done: Option<oneshot::Sender<Vec<EventFailure>>>,
    /// Whoever waits for what this follows from waits for this too.
    parents: Vec<Arc<Completion>>,
    /// The lanes that whoever waits holds meanwhile: an event in one of them would wait for it.
    held: OnceLock<Vec<LaneId>>,
}

impl Completion {
    pub(crate) fn new(
        parent: Option<Arc<Completion>>,
    ) -> (Arc<Self>, oneshot::Receiver<Vec<EventFailure>>) {
        let (done, receiver) = oneshot::channel();
        let (failures, held) = (Mutex::default(), OnceLock::new());
        let parents = parent.into_iter().collect();
        (Arc::new(Self { failures, done: Some(done), parents, held }), receiver)
    }

    /// What follows from several events at once: all who wait for one of them wait for it.
    pub(crate) fn of_all<'s>(shares: impl Iterator<Item = &'s Share>) -> Option<Arc<Self>> {
        let mut parents: Vec<Arc<Self>> = Vec::new();
        for share in shares {
            if !parents.iter().any(|other| Arc::ptr_eq(other, &share.completion)) {
                parents.push(Arc::clone(&share.completion));
            }
        }
        Self::joined(parents)
    }

    fn joined(mut parents: Vec<Arc<Self>>) -> Option<Arc<Self>> {
        if parents.len() < 2 {
            return parents.pop();
        }
        let (failures, held) = (Mutex::default(), OnceLock::new());
        Some(Arc::new(Self { failures, done: None, parents, held }))
    }

    /// Whoever waits holds these lanes.
    pub(crate) fn hold(&self, lanes: Vec<LaneId>) {
        let _ = self.held.set(lanes);
    }

    /// Would an event wait for somebody who waits for it?
    pub(crate) fn is_behind_itself(&self, info: &MessageInfo, event: &dyn Any) -> bool {
        let holds_any = |whole: &Self| !whole.held().is_empty();
        if info.lanes().is_none() || !self.any(&holds_any) {
            return false;
        }
        info.lane(event).is_some_and(|lane| {
            let lanes = [lane, info.group().all_lanes()];
            self.any(&|whole| whole.held().iter().any(|held| lanes.contains(held)))
        })
    }

    fn held(&self) -> &[LaneId] {
        self.held.get().map_or(&[], Vec::as_slice)
    }

    /// Is it so of this, or of whatever waits for it?
    fn any(&self, is_so: &impl Fn(&Self) -> bool) -> bool {
        is_so(self) || (!self.parents.is_empty() && self.all().into_iter().any(is_so))
    }

    /// This, and whatever waits for it: each once, on however many ways it is reached. Batches bring
    /// ways together that have come from one.
    fn all(&self) -> Vec<&Self> {
        let (mut all, mut at) = (vec![self], 0);
        while let Some(whole) = all.get(at).copied() {
            for parent in &whole.parents {
                if !all.iter().any(|known| ptr::eq(*known, &**parent)) {
                    all.push(parent);
                }
            }
            at += 1;
        }
        all
    }

    /// Tells this, and whatever waits for it.
    fn record(&self, failure: &EventFailure) {
        self.all().into_iter().for_each(|whole| lock(&whole.failures).push(failure.clone()));
    }

    /// Tells those that cannot wait for an event, each once, and gives the nearest of the others.
    fn split(
        self: Arc<Self>,
        is_behind: &impl Fn(&Self) -> bool,
        failure: &EventFailure,
    ) -> Vec<Arc<Self>> {
        let (mut all, mut at, mut others) = (vec![self], 0, Vec::new());
        while let Some(whole) = all.get(at).cloned() {
            at += 1;
            if !is_behind(&whole) {
                others.push(whole);
                continue;
            }
            lock(&whole.failures).push(failure.clone());
            for parent in &whole.parents {
                if !all.iter().any(|known| Arc::ptr_eq(known, parent)) {
                    all.push(Arc::clone(parent));
                }
            }
        }
        others
    }
}

impl Drop for Completion {
    fn drop(&mut self) {
        let failures = std::mem::take(&mut *lock(&self.failures));
        if let Some(done) = self.done.take() {
            // Whoever waited may have stopped.
            let _ = done.send(failures);
        }
    }
}

/// The share of one event. On the heap: most events have none.
pub(crate) struct Share {
    completion: Arc<Completion>,
    id: MessageId,
    info: &'static MessageInfo,
    /// Has it come to its end, or has something told that it will not?
    told: AtomicBool,
}

impl Share {
    pub(crate) fn new(
        completion: Arc<Completion>,
        id: MessageId,
        info: &'static MessageInfo,
    ) -> Box<Self> {
        Box::new(Self { completion, id, info, told: AtomicBool::new(false) })
    }

    /// That of an event which a handler sends. Those who cannot wait for it are told so.
    pub(crate) fn of_child(
        origin: &Origin,
        id: MessageId,
        info: &'static MessageInfo,
        event: &dyn Any,
    ) -> Option<Box<Self>> {
        let whole = origin.completion.upgrade()?;
        if !whole.is_behind_itself(info, event) {
            return Some(Self::new(whole, id, info));
        }
        let why = OwnLane(&origin.chain_to(info)).to_string();
        let error = format!("is not waited for: {why}");
        let (name, handler, attempts) = (info.name(), None, 0);
        let failure = EventFailure { event_id: id, event: name, handler, error, attempts };
        let is_behind = |whole: &Completion| whole.is_behind_itself(info, event);
        let others = whole.split(&is_behind, &failure);
        Completion::joined(others).map(|whole| Self::new(whole, id, info))
    }

    /// All its handlers are done, or it was never queued.
    pub(crate) fn settle(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, handler: Option<&str>, error: &str, attempts: u32) {
        self.told.store(true, Ordering::Relaxed);
        let failure = EventFailure {
            event_id: self.id,
            event: self.info.name(),
            handler: handler.map(str::to_owned),
            error: error.to_owned(),
            attempts,
        };
        self.completion.record(&failure);
    }

    pub(crate) fn weak(&self) -> Weak<Completion> {
        Arc::downgrade(&self.completion)
    }
}

impl Drop for Share {
    fn drop(&mut self) {
        if !self.told.load(Ordering::Relaxed) {
            self.failed(None, "it was dropped before its handlers were done", 0);
        }
    }
}
