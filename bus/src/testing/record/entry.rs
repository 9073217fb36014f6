//! Something that has happened.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::step::Step;
use super::value;
use crate::message::{Message, MessageId, MessageInfo};
use crate::registry::HandlerInfo;
use crate::session::SessionId;

/// Something that has happened: [`TestBus::record`](crate::testing::TestBus::record).
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
    pub(in crate::testing) handler: Option<HandlerInfo>,
    /// The handler that has sent the message.
    pub(super) sender: Option<HandlerInfo>,
    /// The event, unless it was forgotten.
    pub(super) event: Option<Arc<dyn Any + Send + Sync>>,
    /// The text of what is gone when it is asked for: a command, or an event that was forgotten.
    pub(super) text: Option<Arc<str>>,
}

impl Entry {
    /// The event, if it is an `E`: where it was published or scheduled, and where a handler was called with it or is done
    /// with it. `None` when the record has [forgotten](crate::testing::TestBus::forget) it.
    #[must_use]
    pub fn event<E: Message>(&self) -> Option<Arc<E>> {
        Arc::clone(self.event.as_ref()?).downcast().ok()
    }

    pub(in crate::testing) fn is_of<M: Message>(&self) -> bool {
        self.message.is_some_and(|message| message.type_id() == M::INFO.type_id())
    }

    pub(in crate::testing) fn is_published(&self) -> bool {
        matches!(self.step, Step::Published)
    }

    /// The handler that has sent the message, where it was published, scheduled or executed by one while it was polled, or
    /// emitted. `None`: it came from outside of handlers, or from a task or a thread that a handler has begun.
    #[must_use]
    pub fn sender(&self) -> Option<&HandlerInfo> {
        self.sender.as_ref()
    }

    /// The message itself, as its `Debug` writes it, on one line and cut after 200 characters: where a command is
    /// executed, and of each entry that has an [event](Self::event). `None` where its type is not `Debug`.
    #[must_use]
    pub fn value(&self) -> Option<String> {
        if let Some(text) = &self.text {
            return Some(text.to_string());
        }
        value::text_of(self.message?, &**self.event.as_ref()?)
    }

    /// The message for people: `Placed`, or `Placed(3)` where its type is `Debug`.
    pub(in crate::testing) fn shown(&self) -> String {
        self.message.map_or_else(String::new, |info| value::shown(info, self.value().as_deref()))
    }

    /// When, where that is not at once: `  [+1s]`.
    pub(in crate::testing) fn shown_time(&self) -> String {
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
