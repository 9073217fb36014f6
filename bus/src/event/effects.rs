//! Effects: what a handler emits is kept back until it has succeeded.

use std::sync::{Arc, Mutex, Weak};

use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::kind::AnyEvent;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::origin::Origin;
use crate::sync::lock;

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
    pub(crate) fn send(&self, origin: &Arc<Origin>, info: &'static MessageInfo, event: AnyEvent) {
        let envelope = Envelope {
            id: MessageId::next(origin.id.bus()),
            info,
            event,
            origin: Some(Arc::clone(origin)),
            // What is emitted belongs to the session of the call; headers are a message's own.
            head: None,
            lifecycle: false,
        };
        let (core, succeeded) = match &mut *lock(&self.0) {
            State::Kept(events) => return events.push(envelope),
            State::Sent(core) => (core.upgrade(), true),
            State::Discarded(core) => (core.upgrade(), false),
        };
        match core {
            None => tracing::warn!(
                event = info.name(),
                "an event was emitted after its bus was gone"
            ),
            Some(core) if succeeded => {
                if let Err(refused) = core.enqueue_nested(vec![envelope]) {
                    core.lost(info, 1, &refused.to_string());
                }
            }
            Some(core) => core.lost(info, 1, "its handler has failed or was cancelled"),
        }
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
        let _kept = std::mem::replace(&mut *lock(&self.0), State::Discarded(core));
    }
}
