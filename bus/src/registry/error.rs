//! Why a handler could not be registered at run time.

use super::plan::HandlerInfo;
use super::problem::WiringProblem;
use crate::session::SessionId;

/// Why a handler could not be registered at run time.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum RegisterError {
    /// A command has exactly one handler, on the bus and in a session.
    #[error(
        "command {command} is handled by {by}: unregister that first, or register with a priority higher than {}",
        by.priority
    )]
    AlreadyHandled {
        /// The command.
        command: &'static str,
        /// Its handler.
        by: HandlerInfo,
    },
    /// The handler is there already, here or around: an event would run it twice.
    #[error(
        "handler {handler} is registered already: make it `#[bus::handler(manual)]` to register it where it is wanted, or leave it out with `.without`"
    )]
    AlreadyRegistered {
        /// The handler.
        handler: HandlerInfo,
    },
    /// What its options, or the attributes, say makes no sense.
    #[error("{problem}")]
    Setting {
        /// What, and what it has to be.
        problem: Box<WiringProblem>,
    },
    /// A command is not filtered.
    #[error(
        "handler {handler} is given a `filter`, which is for handlers of events: command {command} has to be answered; leave it out, and refuse in the handler"
    )]
    FilteredCommand {
        /// The command.
        command: &'static str,
        /// The handler.
        handler: HandlerInfo,
    },
    /// The handler takes something that nobody provided.
    #[error(
        "handler {handler} takes a `{resource}` that was not provided: write a `#[bus::resource]` function that returns one, call `Bus::builder().provide(..)`, or `.provide(..)` on the session before it is opened"
    )]
    MissingResource {
        /// The handler.
        handler: HandlerInfo,
        /// The type of the resource.
        resource: &'static str,
    },
    /// The session has ended.
    #[error(
        "session {session_id} is closed: register its handlers before `.open()`, or while it is open"
    )]
    SessionClosed {
        /// The session.
        session_id: SessionId,
    },
    /// The registry of the bus does not want it.
    #[error("handler {handler} was refused by the registry: {reason}")]
    Refused {
        /// The handler.
        handler: HandlerInfo,
        /// What the registry says.
        reason: String,
    },
}
