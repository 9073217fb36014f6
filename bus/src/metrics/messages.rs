//! What is counted of each message.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::bounded::Bounded;
use super::meters::OTHERS;
use crate::message::MessageInfo;
use crate::registry::type_map::TypeMap;

/// The counts of all messages, by name: types of one name share one.
pub(crate) type Messages = Bounded<&'static str, AtomicU64>;

/// Counts of messages, by their types, in the hands of the one who counts: who holds it alone adds without an atomic
/// addition.
pub(crate) struct Tally {
    messages: Arc<Messages>,
    by_type: TypeMap<Arc<AtomicU64>>,
}

impl Tally {
    pub(crate) fn new(messages: Arc<Messages>) -> Self {
        Self { messages, by_type: TypeMap::default() }
    }

    /// One more of this message.
    #[inline]
    pub(crate) fn count(&mut self, message: &'static MessageInfo) {
        let messages = &self.messages;
        let of_type = self.by_type.entry(message.type_id());
        let count = of_type.or_insert_with(|| messages.of(message.name(), OTHERS));
        // Only this one writes: it is `&mut`, and there is one for each set of messages.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}
