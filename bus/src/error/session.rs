//! Why a session cannot be opened or used.

use crate::registry::RegisterError;
use crate::session::SessionId;

/// Why a session could not be opened, or not be used.
#[derive(Debug, Clone, thiserror::Error)]
#[non_exhaustive]
pub enum SessionError {
    /// The id is taken.
    #[error(
        "session {session_id} is open already: use it with `bus.find_session(..)`, close it, or open another with `bus.session(None)`"
    )]
    AlreadyOpen {
        /// The id.
        session_id: SessionId,
    },
    /// No session can have this id.
    #[error("a session cannot be named {session_id:?}: give it a name of its own, or `None`")]
    BadId {
        /// The id: "BUS", which is what is outside all sessions, or nothing.
        session_id: SessionId,
    },
    /// The session, or the one around it, takes no more.
    #[error("session {session_id} is closed")]
    SessionClosed {
        /// The session.
        session_id: SessionId,
    },
    /// Sessions open sessions without end.
    #[error("session {session_id} is nested too deep to have another one inside: 64 is the limit")]
    TooDeep {
        /// The innermost session.
        session_id: SessionId,
    },
    /// A handler that it brings cannot be registered.
    #[error(transparent)]
    Handler(#[from] RegisterError),
    /// The bus is shutting down: only handlers that are at work may still open sessions.
    #[error("no session was opened: the bus is shutting down")]
    ShuttingDown,
    /// There is no runtime for a task.
    #[error(
        "a task needs a tokio runtime: call this inside one, or give the bus one with `.runtime(..)`"
    )]
    NoRuntime,
}
