//! A map that keeps what came last.

use std::collections::{BTreeMap, HashMap};

use crate::message::MessageId;

/// Of at most so many ids; the one that came first goes for a new one.
pub(super) struct Latest<V> {
    most: usize,
    values: HashMap<MessageId, (u64, V)>,
    /// In the order in which they came.
    order: BTreeMap<u64, MessageId>,
    next: u64,
}

impl<V> Latest<V> {
    pub(super) fn new(most: usize) -> Self {
        Self { most, values: HashMap::new(), order: BTreeMap::new(), next: 0 }
    }

    /// Of an id that is not there.
    pub(super) fn add(&mut self, id: MessageId, value: V) {
        self.next += 1;
        self.values.insert(id, (self.next, value));
        self.order.insert(self.next, id);
        while self.order.len() > self.most
            && let Some((_, oldest)) = self.order.pop_first()
        {
            self.values.remove(&oldest);
        }
    }

    pub(super) fn take(&mut self, id: MessageId) -> Option<V> {
        let (number, value) = self.values.remove(&id)?;
        self.order.remove(&number);
        Some(value)
    }

    pub(super) fn get(&self, id: MessageId) -> Option<&V> {
        self.values.get(&id).map(|(_, value)| value)
    }
}
