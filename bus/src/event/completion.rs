//! Completion: when all that follows from an event is done, and what has failed of it.
//!
//! Every event that follows from the one that is waited for holds a share of its [`Completion`],
//! from its acceptance to the end of its last handler. The last share to go completes it, so nothing
//! is counted here. What a handler merely keeps (a context in a spawned task) holds it weakly.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

use tokio::sync::oneshot;

use crate::message::{MessageId, MessageInfo};
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
}

impl Completion {
    pub(crate) fn new(
        parent: Option<Arc<Completion>>,
    ) -> (Arc<Self>, oneshot::Receiver<Vec<EventFailure>>) {
        let (done, receiver) = oneshot::channel();
        (Arc::new(Self { failures: Mutex::default(), done: Some(done), parent }), receiver)
    }

    pub(crate) fn record(&self, failure: &EventFailure) {
        let all = std::iter::successors(Some(self), |completion| completion.parent.as_deref());
        for completion in all {
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

    /// All its handlers are done, or it was never queued.
    pub(crate) fn settle(&self) {
        self.told.store(true, Ordering::Relaxed);
    }

    pub(crate) fn failed(&self, handler: Option<&str>, error: &str, attempts: u32) {
        self.told.store(true, Ordering::Relaxed);
        self.completion.record(&EventFailure {
            event_id: self.id,
            event: self.info.name(),
            handler: handler.map(str::to_owned),
            error: error.to_owned(),
            attempts,
        });
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
