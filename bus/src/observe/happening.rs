//! What an observer is told: something that happens, and to which message.

use std::fmt;
use std::panic::Location;
use std::time::{Instant, SystemTime};

use super::what::What;
use crate::clock::Clock;
use crate::message::{Message, MessageId, MessageInfo};
use crate::session::SessionId;

/// Something that happens, and to which message.
#[derive(Debug)]
#[non_exhaustive]
pub struct Happening<'a> {
    pub(super) what: What<'a>,
    pub(super) message: Option<&'static MessageInfo>,
    pub(super) id: Option<MessageId>,
    pub(super) parent: Option<MessageId>,
    pub(super) correlation: Option<MessageId>,
    pub(super) session: Option<&'a SessionId>,
    pub(super) at: Instant,
    pub(super) clock: Of<'a>,
    pub(super) lifecycle: bool,
    pub(super) depth: u16,
    pub(super) sent_from: Option<&'static Location<'static>>,
}

/// The clock of the bus.
pub(super) struct Of<'a>(pub(super) &'a dyn Clock);

impl fmt::Debug for Of<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Clock")
    }
}

impl<'a> Happening<'a> {
    /// What happens.
    #[must_use]
    pub fn what(&self) -> &What<'a> {
        &self.what
    }

    /// What is known of the type of the message. `None`: it happens to no message in particular, but to a
    /// circuit breaker, the queue, or a session.
    #[must_use]
    pub fn message(&self) -> Option<&'static MessageInfo> {
        self.message
    }

    /// The name of the message; empty where there is none.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.message.map_or("", MessageInfo::name)
    }

    /// The id of the message. `None`: there is no message, or many, or it was refused before it had one.
    #[must_use]
    pub fn id(&self) -> Option<MessageId> {
        self.id
    }

    /// The id of the message whose handler has sent it; `None` for a root message.
    #[must_use]
    pub fn parent(&self) -> Option<MessageId> {
        self.parent
    }

    /// The id of the root message that all of this follows from.
    #[must_use]
    pub fn correlation(&self) -> Option<MessageId> {
        self.correlation
    }

    /// The session it happens in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.session.cloned().unwrap_or(SessionId::BUS)
    }

    /// When, by the clock of the bus.
    #[must_use]
    pub fn at(&self) -> Instant {
        self.at
    }

    /// What the wall clock of the bus shows now: while an observer is told, that is when it happens.
    #[must_use]
    pub fn system_time(&self) -> SystemTime {
        self.clock.0.system_time()
    }

    /// Is it of the bus's own events, or of what their handlers did?
    #[must_use]
    pub fn is_lifecycle(&self) -> bool {
        self.lifecycle
    }

    /// How many messages stand between it and its root: 0 for a root message.
    #[must_use]
    pub fn depth(&self) -> u16 {
        self.depth
    }

    /// Where the message was sent, if that is known: with
    /// [`Builder::track_callers`](crate::Builder::track_callers).
    #[must_use]
    pub fn sent_from(&self) -> Option<&'static Location<'static>> {
        self.sent_from
    }

    /// The command or event, if it is an `M` and at hand: when a command is
    /// [executed](What::Executing), and when an event is [published](What::Published) or
    /// [kept out](What::Filtered).
    #[must_use]
    pub fn get<M: Message>(&self) -> Option<&M> {
        match &self.what {
            What::Executing { command, .. } => command.and_then(|command| command.downcast_ref()),
            What::Published { event, .. } => event.downcast_ref(),
            What::Filtered { event, .. } => event.and_then(|event| event.downcast_ref()),
            _ => None,
        }
    }
}

/// One line, for people.
impl fmt::Display for Happening<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(id) = self.id {
            write!(f, "{id} ")?;
        }
        if let Some(message) = self.message {
            write!(f, "{} ", message.name())?;
        }
        self.what.fmt(f)
    }
}
