//! The record: what has happened on a test bus, as an observer was told it.

mod step;
mod tree;
mod value;

use std::any::Any;
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

pub use step::Step;

use crate::message::{Message, MessageId, MessageInfo};
use crate::observe::{Happening, Observer, What};
use crate::registry::HandlerInfo;
use crate::session::SessionId;
use crate::sync::{Mutex, lock};

/// Something that has happened: [`TestBus::record`](super::TestBus::record).
#[derive(Clone)]
#[non_exhaustive]
pub struct Entry {
    /// When, from the beginning of the test, by its clock.
    pub at: Duration,
    /// What is known of the message; `None`: it has happened to no message in particular.
    pub message: Option<&'static MessageInfo>,
    /// The id of the message.
    pub id: Option<MessageId>,
    /// The id of the message whose handler has sent it.
    pub parent: Option<MessageId>,
    /// The session that it has happened in.
    pub session: SessionId,
    /// What has happened.
    pub step: Step,
    /// The handler, where it is done.
    pub(super) handler: Option<HandlerInfo>,
    /// The event, where it was published, scheduled, or kept out.
    event: Option<Arc<dyn Any + Send + Sync>>,
    /// The text of a command, which is gone when it is asked for.
    text: Option<Arc<str>>,
}

impl Entry {
    /// The event, if it is an `E`: where it was published or scheduled.
    #[must_use]
    pub fn event<E: Message>(&self) -> Option<Arc<E>> {
        Arc::clone(self.event.as_ref()?).downcast().ok()
    }

    pub(super) fn is_of<M: Message>(&self) -> bool {
        self.message.is_some_and(|message| message.type_id() == M::INFO.type_id())
    }

    pub(super) fn is_published(&self) -> bool {
        matches!(self.step, Step::Published)
    }

    /// The message itself, as its `Debug` writes it, on one line and cut after 200 characters: where a command is
    /// executed, and where an event was published or scheduled. `None` where its type is not `Debug`.
    #[must_use]
    pub fn value(&self) -> Option<String> {
        if let Some(text) = &self.text {
            return Some(text.to_string());
        }
        value::text_of(self.message?, &**self.event.as_ref()?)
    }

    /// The message for people: `Placed`, or `Placed(3)` where its type is `Debug`.
    pub(super) fn shown(&self) -> String {
        self.message.map_or_else(String::new, |info| value::shown(info, self.value().as_deref()))
    }

    /// When, where that is not at once: `  [+1s]`.
    pub(super) fn shown_time(&self) -> String {
        if self.at.is_zero() { String::new() } else { format!("  [+{:?}]", self.at) }
    }
}

/// `Placed(3): published`. Without ids, which differ from run to run.
impl fmt::Display for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.message {
            Some(_) => write!(f, "{}: {}", self.shown(), self.step),
            None => self.step.fmt(f),
        }
    }
}

impl fmt::Debug for Entry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "+{:?} {self}", self.at)
    }
}

/// Writes down what it is told.
#[derive(Clone)]
pub(super) struct Recorder(Arc<State>);

struct State {
    began: Instant,
    entries: Mutex<Vec<Entry>>,
}

impl Recorder {
    pub(super) fn new(began: Instant) -> Self {
        Self(Arc::new(State { began, entries: Mutex::default() }))
    }

    /// In causal order: nothing happens to an event before it is published, also where two threads have told
    /// it so.
    pub(super) fn all(&self) -> Vec<Entry> {
        let all = lock(&self.0.entries).clone();
        let published = all.iter().filter(|entry| entry.is_published());
        // Those that were not told yet.
        let mut published: BTreeMap<_, _> = published.filter_map(|e| Some((e.id?, e))).collect();
        let mut ordered: Vec<Entry> = Vec::with_capacity(all.len());
        for entry in &all {
            if entry.is_published() {
                // Unless it was put in before.
                ordered.extend(entry.id.and_then(|id| published.remove(&id)).cloned());
                continue;
            }
            if entry.step.comes_after_publishing() {
                ordered.extend(entry.id.and_then(|id| published.remove(&id)).cloned());
            }
            ordered.push(entry.clone());
        }
        ordered
    }

    pub(super) fn len(&self) -> usize {
        lock(&self.0.entries).len()
    }

    /// What has happened, by what has caused what.
    pub(super) fn tree(&self) -> String {
        tree::tree(&self.all())
    }

    /// The same from this entry on.
    pub(super) fn tree_since(&self, from: usize) -> String {
        tree::tree(self.all().get(from..).unwrap_or_default())
    }
}

impl Observer for Recorder {
    fn observe(&self, happening: &Happening<'_>) {
        // What the bus tells of itself is no traffic of the test's; what that causes is.
        if happening.message().is_some_and(MessageInfo::is_own) {
            return;
        }
        let Some(step) = Step::of(happening.what()) else { return };
        let handler = match happening.what() {
            What::Handled { handler, .. } => Some(HandlerInfo::clone(handler)),
            _ => None,
        };
        let event = match happening.what() {
            What::Published { event, .. } | What::Scheduled { event, .. } => {
                Some(Arc::clone(event))
            }
            _ => None,
        };
        let text = match (happening.message(), happening.what()) {
            (Some(info), What::Executing { command: Some(command), .. }) => {
                value::text_of(info, *command).map(Arc::from)
            }
            _ => None,
        };
        let entry = Entry {
            at: happening.at().saturating_duration_since(self.0.began),
            message: happening.message(),
            id: happening.id(),
            parent: happening.parent(),
            session: happening.session_id(),
            step,
            handler,
            event,
            text,
        };
        lock(&self.0.entries).push(entry);
    }

    fn lifecycle(&self) -> bool {
        true
    }

    fn name(&self) -> std::borrow::Cow<'static, str> {
        "the record of a test bus".into()
    }
}
