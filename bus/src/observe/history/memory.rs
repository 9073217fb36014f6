//! The messages that are remembered, and how many were forgotten.
//!
//! > **Invariant**: what is known of a conversation and what is counted as forgotten are together all that it has
//! > had, each message once, for as long as its count is kept: while a message of it is known, and then until
//! > [`COUNTS`] others have nothing known either.

use std::collections::{HashMap, HashSet, VecDeque};

use super::latest::Latest;
use super::record::Record;
use crate::event::DropReason;
use crate::message::{MessageId, MessageInfo};
use crate::observe::happening::Happening;
use crate::observe::what::What;

/// Of at least so many conversations that nothing is known of any more it is kept how much that was, and of so many
/// messages that they were forgotten; of as many as there are messages in the history, if those are more.
const COUNTS: usize = 1_000;

pub(super) struct Memory {
    most: usize,
    messages: HashMap<MessageId, Record>,
    /// Oldest first.
    order: VecDeque<MessageId>,
    /// Of the conversations that something is known of, by their root.
    conversations: HashMap<MessageId, Conversation>,
    /// How many messages those have had that nothing is known of.
    gone: Latest<u64>,
    /// What was forgotten, by its root: it may come back, when it is due or called again, and is missing no more.
    forgotten: Latest<MessageId>,
    /// How many messages there have been.
    count: u64,
}

#[derive(Default)]
struct Conversation {
    known: usize,
    forgotten: u64,
}

impl Memory {
    pub(super) fn new(most: usize) -> Self {
        let counts = most.max(COUNTS);
        Self {
            most,
            messages: HashMap::new(),
            order: VecDeque::new(),
            conversations: HashMap::new(),
            gone: Latest::new(counts),
            forgotten: Latest::new(counts),
            count: 0,
        }
    }

    pub(super) fn get(&mut self, id: MessageId) -> Option<&mut Record> {
        self.messages.get_mut(&id)
    }

    pub(super) fn note(
        &mut self,
        happening: &Happening<'_>,
        id: MessageId,
        info: &'static MessageInfo,
    ) {
        if !self.messages.contains_key(&id) {
            if is_late(happening.what(), self.forgotten.get(id).is_some()) {
                return;
            }
            self.add(happening, id, info);
        }
        if let Some(record) = self.messages.get_mut(&id) {
            record.note(happening);
        }
    }

    fn add(&mut self, happening: &Happening<'_>, id: MessageId, info: &'static MessageInfo) {
        while self.order.len() >= self.most {
            self.forget_oldest();
        }
        let was = self.forgotten.take(id);
        let correlation = was.or(happening.correlation()).unwrap_or(id);
        let gone = &mut self.gone;
        let conversation = self.conversations.entry(correlation).or_insert_with(|| Conversation {
            known: 0,
            forgotten: gone.take(correlation).unwrap_or(0),
        });
        conversation.known += 1;
        if was.is_some() {
            conversation.forgotten = conversation.forgotten.saturating_sub(1);
        }
        self.order.push_back(id);
        self.count += 1;
        self.messages.insert(id, Record::new(self.count, happening, id, info, correlation));
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        let Some(Record { correlation, .. }) = self.messages.remove(&oldest) else { return };
        self.forgotten.add(oldest, correlation);
        let Some(conversation) = self.conversations.get_mut(&correlation) else { return };
        conversation.known -= 1;
        conversation.forgotten += 1;
        if conversation.known == 0 {
            let forgotten = conversation.forgotten;
            self.conversations.remove(&correlation);
            self.gone.add(correlation, forgotten);
        }
    }

    /// All that is known of a conversation, in the order in which it was heard of; and how many of its messages were
    /// forgotten.
    pub(super) fn of_conversation(&self, root: MessageId) -> (Vec<Record>, u64) {
        let mut by_root = HashMap::<_, Vec<_>>::new();
        for record in self.messages.values() {
            by_root.entry(record.correlation).or_default().push(record);
        }
        // Some of what follows belongs to a conversation that was begun anew.
        let (mut roots, mut seen) = (vec![root], HashSet::from([root]));
        let (mut known, mut forgotten) = (Vec::new(), 0);
        while let Some(root) = roots.pop() {
            forgotten += self.forgotten_of(root);
            for record in by_root.get(&root).into_iter().flatten() {
                known.push(Record::clone(record));
                roots.extend(record.roots().filter(|root| seen.insert(*root)));
            }
        }
        known.sort_by_key(|record| record.number);
        (known, forgotten)
    }

    fn forgotten_of(&self, root: MessageId) -> u64 {
        let there = self.conversations.get(&root).map(|conversation| conversation.forgotten);
        there.or(self.gone.get(root).copied()).unwrap_or(0)
    }
}

/// What is never the first that is heard of a message makes none known, and what only ends it brings none back that was
/// forgotten.
fn is_late(what: &What<'_>, is_forgotten: bool) -> bool {
    match what {
        What::DeadLettered { .. }
        | What::Executed { .. }
        | What::Handled { .. }
        | What::Retrying { .. }
        | What::Discarded { .. }
        | What::Dropped { reason: DropReason::DeadLetterEvicted, .. } => true,
        What::Executing { .. }
        | What::Published { .. }
        | What::Scheduled { .. }
        | What::Handling { .. } => false,
        _ => is_forgotten,
    }
}
