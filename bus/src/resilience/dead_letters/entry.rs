//! A dead letter, as it is looked at.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Deref;
use std::panic::Location;
use std::sync::Arc;
use std::time::SystemTime;

use super::history::{self, TEXT, cut};
use super::{Again, Buried, Cause, DeadLetterId, FailedAttempt};
use crate::message::kind::Erased;
use crate::message::order::LaneId;
use crate::message::{Message, MessageId, MessageInfo};
use crate::pipeline::options::{Head, InScope, Principal};
use crate::registry::{HandlerId, HandlerInfo};
use crate::session::SessionId;

/// A message that one handler gave up on, as it was when it was asked for. Cheap to clone; what becomes of
/// the dead letter later does not show. Its fields are those of [`DeadLetterData`].
///
/// Does not keep the dead letter: it may be gone by now.
#[derive(Clone)]
pub struct DeadLetterEntry(pub(super) Arc<DeadLetterData>);

/// What is kept of a dead letter.
#[derive(Clone)]
#[non_exhaustive]
pub struct DeadLetterData {
    /// Names it.
    pub id: DeadLetterId,
    /// The id of the message.
    pub message_id: MessageId,
    /// The name of the message.
    pub message: &'static str,
    /// The version of the message's type.
    pub version: u32,
    /// The handler that gave up, with file and line. Others of the same event are not concerned.
    pub handler: HandlerInfo,
    /// What went wrong, in words: at most 8 KiB of it.
    pub error: String,
    /// That with all its sources, on one line: at most 8 KiB of it, with a mark where it was cut.
    pub error_chain: String,
    /// Why it is here.
    pub cause: Cause,
    /// How often the handler was called, later retries included; 0 when it never was.
    pub attempts: u32,
    /// When the handler was called first; of one that is parked, when that was due.
    pub first_attempted: SystemTime,
    /// When the handler was called last.
    pub last_attempted: SystemTime,
    /// The attempts that have failed: the first, and the last 31.
    pub history: Vec<FailedAttempt>,
    /// How many between them are left out.
    pub left_out: u32,
    /// The session that the message was sent in; [`SessionId::BUS`] outside sessions.
    pub session_id: SessionId,
    /// The id of the root message that all of this followed from.
    pub correlation_id: MessageId,
    /// On whose behalf it was sent.
    pub principal: Option<Principal>,
    /// Where it was sent, with [`Builder::track_callers`](crate::Builder::track_callers).
    pub sent_from: Option<&'static Location<'static>>,
    /// The headers it was sent with.
    pub metadata: BTreeMap<String, String>,
    pub(super) hidden: Hidden,
}

/// What it takes to run it again.
#[derive(Clone)]
pub(super) struct Hidden {
    pub(super) message: Erased,
    pub(super) info: &'static MessageInfo,
    pub(super) handler_id: HandlerId,
    pub(super) head: Option<Arc<Head>>,
    pub(super) session: Option<SessionId>,
    pub(super) lifecycle: bool,
    pub(super) parent: Option<(MessageId, u16)>,
    pub(super) lane: Option<LaneId>,
    pub(super) again: Arc<dyn Again>,
}

impl DeadLetterData {
    /// All but its id, which it gets when it is its turn.
    pub(super) fn of(buried: Buried) -> Self {
        let mut history = Vec::new();
        let left_out = history::extend(&mut history, buried.history);
        let head = buried.head.map(without_scope);
        let headers = head.as_ref().map(|head| head.headers.iter());
        let metadata = headers.into_iter().flatten();
        Self {
            id: DeadLetterId::new(0, 0),
            message_id: buried.message_id,
            message: buried.info.name(),
            version: buried.info.version(),
            handler: buried.handler,
            error: cut(buried.error, TEXT),
            error_chain: cut(buried.error_chain, TEXT),
            cause: buried.cause,
            attempts: buried.attempts,
            first_attempted: buried.first_attempted,
            last_attempted: buried.last_attempted,
            history,
            left_out,
            session_id: buried.session.clone().unwrap_or(SessionId::BUS),
            correlation_id: buried.correlation,
            principal: buried.principal,
            sent_from: head.as_ref().and_then(|head| head.sent_from),
            metadata: metadata.map(|(name, value)| (name.to_owned(), value.to_owned())).collect(),
            hidden: Hidden {
                message: buried.message,
                info: buried.info,
                handler_id: buried.handler_id,
                head,
                session: buried.session,
                lifecycle: buried.lifecycle,
                parent: buried.parent,
                lane: buried.lane,
                again: buried.again,
            },
        }
    }

    /// Is it a command? Else it is an event.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.hidden.info.is_command()
    }

    /// Is it of the bus's own events, or of what those have caused?
    pub(crate) fn is_lifecycle(&self) -> bool {
        self.hidden.lifecycle || self.hidden.info.is_own()
    }

    /// The message whose handler has sent it, and how many stand before it.
    pub(crate) fn parent(&self) -> Option<(MessageId, u16)> {
        self.hidden.parent
    }

    /// What is known of the message's type.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.hidden.info
    }

    /// The message, if it is of type `M`.
    #[must_use]
    pub fn message<M: Message>(&self) -> Option<&M> {
        self.hidden.message.downcast_ref()
    }

    /// The message, if it is of type `M`, to be kept.
    #[must_use]
    pub fn downcast<M: Message>(&self) -> Option<Arc<M>> {
        Arc::clone(&self.hidden.message).downcast().ok()
    }
}

/// What is kept for long names its session, and does not keep it.
fn without_scope(head: Arc<Head>) -> Arc<Head> {
    let Some(InScope::Of(scope)) = &head.session else { return head };
    let session = Some(InScope::Named(scope.id.clone()));
    Arc::new(Head { session, ..Head::clone(&head) })
}

impl Deref for DeadLetterEntry {
    type Target = DeadLetterData;
    fn deref(&self) -> &DeadLetterData {
        &self.0
    }
}

/// On one line, for people.
impl fmt::Display for DeadLetterEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DeadLetterData { id, message, message_id, handler, cause, attempts, error, .. } =
            &**self;
        let attempts_word = if *attempts == 1 { "attempt" } else { "attempts" };
        write!(
            f,
            "{id}: {message} {message_id} by handler {handler}: {cause}, {attempts} {attempts_word}"
        )?;
        if error.is_empty() { Ok(()) } else { write!(f, ": {error}") }
    }
}

impl fmt::Debug for DeadLetterEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Without the message, which need not be `Debug`.
impl fmt::Debug for DeadLetterData {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DeadLetterEntry")
            .field("id", &self.id)
            .field("message", &self.message)
            .field("message_id", &self.message_id)
            .field("handler", &self.handler)
            .field("cause", &self.cause)
            .field("error", &self.error)
            .field("attempts", &self.attempts)
            .field("session_id", &self.session_id)
            .finish_non_exhaustive()
    }
}
