//! Completion: when all that follows from an event is done, and what has failed of it.
//!
//! Every event that follows from the one that is waited for holds a share of its [`Completion`],
//! from its acceptance to the end of its last handler. The last share to go completes it, so nothing
//! is counted here. What a handler merely keeps (a context in a spawned task) holds it weakly.

use std::any::Any;
use std::fmt;
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
    parent: Option<Arc<Completion>>,
    /// The lanes that whoever waits holds meanwhile: an event in one of them would wait for it.
    held: OnceLock<Vec<LaneId>>,
}

impl Completion {
    pub(crate) fn new(
        parent: Option<Arc<Completion>>,
    ) -> (Arc<Self>, oneshot::Receiver<Vec<EventFailure>>) {
        let (done, receiver) = oneshot::channel();
        let (failures, held) = (Mutex::default(), OnceLock::new());
        (Arc::new(Self { failures, done: Some(done), parent, held }), receiver)
    }

    /// Whoever waits holds these lanes.
    pub(crate) fn hold(&self, lanes: Vec<LaneId>) {
        let _ = self.held.set(lanes);
    }

    /// Would an event wait for somebody who waits for it? For how many of those who wait, from here
    /// on outwards, one of them is the last.
    pub(crate) fn behind_itself(&self, info: &MessageInfo, event: &dyn Any) -> usize {
        if info.lanes().is_none() || self.chain().all(|whole| whole.held().is_empty()) {
            return 0;
        }
        let lane = info.lane(event);
        let holds = |whole: &Completion| whole.held().iter().any(|held| Some(*held) == lane);
        let all = self.chain().enumerate();
        all.filter(|(_, whole)| holds(whole)).last().map_or(0, |(at, _)| at + 1)
    }

    fn held(&self) -> &[LaneId] {
        self.held.get().map_or(&[], Vec::as_slice)
    }

    /// This, and whatever waits for it.
    fn chain(&self) -> impl Iterator<Item = &Completion> {
        std::iter::successors(Some(self), |completion| completion.parent.as_deref())
    }

    fn record(&self, failure: &EventFailure, whom: usize) {
        for completion in self.chain().take(whom) {
            lock(&completion.failures).push(failure.clone());
        }
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
        let mut whole = origin.completion.upgrade()?;
        let behind = whole.behind_itself(info, event);
        if behind > 0 {
            let why = OwnLane(&origin.chain_to(info)).to_string();
            let error = format!("is not waited for: {why}");
            let (event, handler, attempts) = (info.name(), None, 0);
            whole.record(&EventFailure { event_id: id, event, handler, error, attempts }, behind);
        }
        for _ in 0..behind {
            whole = whole.parent.clone()?;
        }
        Some(Self::new(whole, id, info))
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
        self.completion.record(&failure, usize::MAX);
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
