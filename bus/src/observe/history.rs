//! What has happened to the last messages, for [`Bus::trace_tree`](crate::Bus::trace_tree). Off by default.

use std::collections::{HashMap, VecDeque};
use std::panic::Location;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::details::Details;
use super::happening::Happening;
use super::observer::Observer;
use super::what::What;
use crate::message::{MessageId, MessageInfo};
use crate::registry::HandlerInfo;
use crate::resilience::dead_letters::DeadLetterId;
use crate::sync::{Mutex, lock};

/// Of at most so many messages; the oldest is forgotten for a new one.
pub(crate) struct History {
    most: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    messages: HashMap<MessageId, Record>,
    /// Oldest first.
    order: VecDeque<MessageId>,
    /// Of the conversations that something is known of, by their root.
    conversations: HashMap<MessageId, Conversation>,
    /// How many messages there have been.
    count: u64,
}

#[derive(Default)]
struct Conversation {
    known: usize,
    forgotten: u64,
}

/// What is known of a message.
#[derive(Clone)]
pub(super) struct Record {
    /// In the order in which they were first heard of.
    pub(super) number: u64,
    pub(super) id: MessageId,
    pub(super) info: &'static MessageInfo,
    pub(super) parent: Option<MessageId>,
    pub(super) correlation: MessageId,
    pub(super) sent_from: Option<&'static Location<'static>>,
    /// What has become of it, beside its handlers.
    pub(super) fate: Option<String>,
    pub(super) handlers: Vec<HandlerRecord>,
    /// The runs that have taken it together with others.
    pub(super) batches: Vec<MessageId>,
}

/// What is known of a handler of a message.
#[derive(Clone)]
pub(super) struct HandlerRecord {
    pub(super) handler: HandlerInfo,
    pub(super) attempts: u32,
    pub(super) began: Instant,
    /// `None`: it is at work.
    pub(super) taken: Option<Duration>,
    pub(super) error: Option<String>,
    pub(super) dead_letter: Option<DeadLetterId>,
    /// A filter has kept it from the handler.
    pub(super) kept_out_by: Option<String>,
}

/// So much of an error is kept.
const ERROR: usize = 256;

impl History {
    /// `None` if nothing is to be kept.
    pub(crate) fn of(messages: usize) -> Option<Arc<Self>> {
        (messages > 0).then(|| Arc::new(Self { most: messages, state: Mutex::default() }))
    }

    /// All that is known of a conversation, in the order in which it was heard of; and how many of its
    /// messages were forgotten.
    pub(super) fn of_conversation(&self, root: MessageId) -> (Vec<Record>, u64) {
        let state = lock(&self.state);
        // What a batch sends may belong to a conversation that the batch itself has begun.
        let (mut roots, mut known, mut forgotten) = (vec![root], Vec::new(), 0);
        let mut next = 0;
        while let Some(root) = roots.get(next).copied() {
            next += 1;
            forgotten += state.conversations.get(&root).map_or(0, |all| all.forgotten);
            for record in state.messages.values().filter(|record| record.correlation == root) {
                known.push(record.clone());
                for batch in &record.batches {
                    if !roots.contains(batch) {
                        roots.push(*batch);
                    }
                }
            }
        }
        drop(state);
        known.sort_by_key(|record| record.number);
        (known, forgotten)
    }

    fn note(&self, happening: &Happening<'_>, id: MessageId, info: &'static MessageInfo) {
        let mut guard = lock(&self.state);
        let state = &mut *guard;
        if !state.messages.contains_key(&id) {
            if is_late(happening.what()) {
                return;
            }
            state.add(happening, id, info, self.most);
        }
        if let Some(record) = state.messages.get_mut(&id) {
            record.note(happening);
        }
    }
}

/// What is never the first that is heard of a message makes none known: it was forgotten.
fn is_late(what: &What<'_>) -> bool {
    matches!(
        what,
        What::DeadLettered { .. }
            | What::Executed { .. }
            | What::Handled { .. }
            | What::Retrying { .. }
            | What::Discarded { .. }
    )
}

impl State {
    fn add(
        &mut self,
        happening: &Happening<'_>,
        id: MessageId,
        info: &'static MessageInfo,
        most: usize,
    ) {
        while self.order.len() >= most {
            self.forget_oldest();
        }
        let correlation = happening.correlation().unwrap_or(id);
        self.conversations.entry(correlation).or_default().known += 1;
        self.order.push_back(id);
        self.count += 1;
        let record = Record {
            number: self.count,
            id,
            info,
            parent: happening.parent(),
            correlation,
            sent_from: happening.sent_from(),
            fate: None,
            handlers: Vec::new(),
            batches: Vec::new(),
        };
        self.messages.insert(id, record);
    }

    fn forget_oldest(&mut self) {
        let Some(oldest) = self.order.pop_front() else { return };
        let Some(record) = self.messages.remove(&oldest) else { return };
        if let Some(conversation) = self.conversations.get_mut(&record.correlation) {
            conversation.known -= 1;
            conversation.forgotten += 1;
            if conversation.known == 0 {
                self.conversations.remove(&record.correlation);
            }
        }
    }
}

impl Record {
    fn note(&mut self, happening: &Happening<'_>) {
        let Details { handler, attempts, error, .. } = Details::of(happening.what());
        if self.sent_from.is_none() {
            self.sent_from = happening.sent_from();
        }
        match happening.what() {
            What::Executing { .. } | What::Handling { .. } => {
                let Some(handler) = handler else { return };
                let at = self.handler(handler, happening.at());
                at.attempts = attempts.unwrap_or(at.attempts).max(at.attempts);
                at.taken = None;
                if let What::Handling { batch: Some(batch), .. } = happening.what()
                    && !self.batches.contains(batch)
                {
                    self.batches.push(*batch);
                }
            }
            What::Executed { .. } | What::Handled { .. } => {
                let Some(handler) = handler else { return };
                let at = self.handler(handler, happening.at());
                at.attempts = attempts.unwrap_or(at.attempts).max(at.attempts);
                at.taken = Some(happening.at().saturating_duration_since(at.began));
                at.error = error.map(cut);
            }
            What::DeadLettered { letter, .. } => {
                let Some(handler) = handler else { return };
                self.handler(handler, happening.at()).dead_letter = Some(*letter);
            }
            What::Filtered { by, handler: Some(handler), .. } => {
                self.handler(handler, happening.at()).kept_out_by = Some((*by).to_owned());
            }
            What::Retrying { .. } | What::Discarded { .. } => {}
            // That it is queued is no news: it shows when it is handled.
            What::Published { .. } => self.fate = None,
            other => self.fate = Some(cut(&other.to_string())),
        }
    }

    fn handler(&mut self, handler: &HandlerInfo, at: Instant) -> &mut HandlerRecord {
        let known = self.handlers.iter().position(|known| known.handler == *handler);
        let at = known.unwrap_or_else(|| {
            self.handlers.push(HandlerRecord {
                handler: handler.clone(),
                attempts: 0,
                began: at,
                taken: None,
                error: None,
                dead_letter: None,
                kept_out_by: None,
            });
            self.handlers.len() - 1
        });
        &mut self.handlers[at]
    }
}

/// On one line.
fn cut(text: &str) -> String {
    let text = text.replace(['\n', '\r'], " ");
    match text.char_indices().nth(ERROR) {
        Some((at, _)) => format!("{}..", &text[..at]),
        None => text,
    }
}

/// A history, told of what happens.
pub(crate) struct Writes(pub(crate) Arc<History>);

impl Observer for Writes {
    fn observe(&self, happening: &Happening<'_>) {
        if let (Some(id), Some(info)) = (happening.id(), happening.message()) {
            self.0.note(happening, id, info);
        }
    }
}
