//! What is counted of each message: bounded, and never taken out, so that nothing that was counted is lost.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::meters::OTHERS;
use crate::message::MessageInfo;
use crate::registry::type_map::TypeMap;
use crate::sync::{Mutex, lock};

/// The counts of all messages, by name: types of one name share one.
pub(crate) struct Messages {
    limit: usize,
    all: Mutex<BTreeMap<&'static str, Arc<AtomicU64>>>,
    others: Arc<AtomicU64>,
}

impl Messages {
    pub(crate) fn new(limit: usize) -> Self {
        Self { limit, all: Mutex::default(), others: Arc::default() }
    }

    fn of(&self, name: &'static str) -> Arc<AtomicU64> {
        let mut all = lock(&self.all);
        let is_full = all.len() >= self.limit;
        match all.get(name) {
            Some(count) => Arc::clone(count),
            None if is_full => Arc::clone(&self.others),
            None => Arc::clone(all.entry(name).or_default()),
        }
    }

    /// In the order of names, the others last, if there are any; nothing is locked while they are shown.
    pub(super) fn each(&self, mut show: impl FnMut(&'static str, u64)) {
        let mut last = Unbounded;
        loop {
            let all = lock(&self.all);
            let next = all.range::<str, _>((last, Unbounded)).next();
            let next = next.map(|(name, count)| (*name, Arc::clone(count)));
            drop(all);
            let Some((name, count)) = next else { break };
            show(name, count.load(Ordering::Relaxed));
            last = Excluded(name);
        }
        let others = self.others.load(Ordering::Relaxed);
        if others > 0 {
            show(OTHERS, others);
        }
    }
}

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
        let count = of_type.or_insert_with(|| messages.of(message.name()));
        // Only this one writes: it is `&mut`, and there is one for each set of messages.
        count.store(count.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
    }
}
