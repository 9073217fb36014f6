//! What has happened to the last messages, for [`Bus::trace_tree`](crate::Bus::trace_tree). Off by default.

mod handler;
mod latest;
mod memory;
mod record;

use std::sync::Arc;

pub(super) use handler::{End, HandlerRecord};
use memory::Memory;
pub(super) use record::Record;

use super::happening::Happening;
use super::observer::Observer;
use crate::message::MessageId;
use crate::resilience::dead_letters::DeadLetterId;
use crate::sync::{Mutex, lock};

/// Of at most so many messages; the oldest is forgotten for a new one.
pub(crate) struct History(Mutex<Memory>);

impl History {
    /// `None` if nothing is to be kept.
    pub(crate) fn of(messages: usize) -> Option<Arc<Self>> {
        (messages > 0).then(|| Arc::new(Self(Mutex::new(Memory::new(messages)))))
    }

    /// All that is known of a conversation, in the order in which it was heard of; and how many of its
    /// messages were forgotten.
    pub(super) fn of_conversation(&self, root: MessageId) -> (Vec<Record>, u64) {
        lock(&self.0).of_conversation(root)
    }

    /// A copy of a message is run in place of its dead letter: of which message, observers are not told.
    pub(crate) fn copied(&self, message: MessageId, copy: MessageId, letter: DeadLetterId) {
        if let Some(record) = lock(&self.0).get(message) {
            record.copied(copy, letter);
        }
    }

    /// An event was taken back before it was due, or will not come again: of that observers are not told.
    pub(crate) fn taken_back(&self, event: MessageId) {
        if let Some(record) = lock(&self.0).get(event) {
            record.fate = Some("is not scheduled any more".to_owned());
        }
    }
}

/// A history, told of what happens.
pub(crate) struct Writes(pub(crate) Arc<History>);

impl Observer for Writes {
    fn observe(&self, happening: &Happening<'_>) {
        if let (Some(id), Some(info)) = (happening.id(), happening.message()) {
            lock(&self.0.0).note(happening, id, info);
        }
    }
}
