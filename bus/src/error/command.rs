//! Why a command has no output.

use std::error::Error as StdError;
use std::fmt;
use std::num::NonZeroU64;
use std::time::Duration;

use super::any::Source;
use crate::message::MessageId;
use crate::pipeline::failure::again_in;
use crate::pipeline::origin::Chain;
use crate::resilience::dead_letters::DeadLetterId;
use crate::session::SessionId;

/// What `bus.execute(command).await` gives.
pub type CommandResult<C> =
    std::result::Result<<C as crate::Command>::Output, CommandError<<C as crate::Command>::Error>>;

/// Why a command has no output.
pub struct CommandError<E> {
    command: &'static str,
    id: MessageId,
    attempts: u32,
    /// The number of the dead letter: it is of the same bus as the command.
    dead_letter: Option<NonZeroU64>,
    kind: CommandErrorKind<E>,
}

/// The kinds of [`CommandError`].
#[derive(Debug)]
#[non_exhaustive]
pub enum CommandErrorKind<E> {
    /// Nobody handles this command.
    NoHandler,
    /// The handler returned this error.
    Handler(E),
    /// The handler panicked.
    Panicked {
        /// What it said.
        message: String,
        /// The handler.
        handler: String,
        /// Where it is declared.
        file: &'static str,
        /// Its line.
        line: u32,
    },
    /// The handler was not done in time.
    TimedOut {
        /// The timeout of this command; `None` when the deadline of its caller has passed.
        after: Option<Duration>,
    },
    /// The call was ended from outside.
    Cancelled(CancelledBy),
    /// Something before the handler refused: a middleware, or a parameter that cannot be made.
    Rejected {
        /// Who.
        by: String,
        /// Why.
        reason: String,
    },
    /// It is executed more often than it may be: the handler was not called.
    RateLimited {
        /// The middleware that limits it.
        by: String,
        /// When there is room for one more.
        retry_after: Duration,
    },
    /// The circuit breaker of the handler keeps calls from it: the handler was not called.
    CircuitOpen {
        /// The handler.
        handler: String,
        /// The name of the breaker.
        breaker: String,
        /// When it lets a call through; `None` when it was opened by hand.
        retry_after: Option<Duration>,
    },
    /// As many calls of the handler run as may, and as many wait: the handler was not called.
    BulkheadFull {
        /// The handler.
        handler: String,
        /// How many of its calls may run at once.
        size: u32,
        /// How many may wait.
        room: usize,
    },
    /// The handler succeeded, but so many events are queued that those it emitted could not be.
    Overloaded {
        /// How many events it had emitted.
        emitted: usize,
    },
    /// The session it names, or was sent through, is not open: only what is at work in it may still
    /// execute.
    SessionClosed {
        /// The session.
        session_id: SessionId,
    },
    /// The bus is shutting down: only handlers that are at work may still execute.
    ShuttingDown,
    /// Commands execute commands without end.
    TooDeep {
        /// From the root to this command.
        chain: Vec<&'static str>,
    },
}

/// Who ended a call.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum CancelledBy {
    /// The future given to `.cancel_on(..)` was ready.
    Caller,
    /// The bus has shut down.
    Shutdown,
    /// The session was closed.
    Session(SessionId),
}

impl fmt::Display for CancelledBy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Caller => f.write_str("its caller"),
            Self::Shutdown => f.write_str("the shutdown of the bus"),
            Self::Session(id) => write!(f, "the end of session {id}"),
        }
    }
}

impl<E> CommandError<E> {
    pub(crate) fn new(
        command: &'static str,
        id: MessageId,
        attempts: u32,
        kind: CommandErrorKind<E>,
    ) -> Self {
        Self { command, id, attempts, dead_letter: None, kind }
    }

    /// The name of the command.
    #[must_use]
    pub fn command(&self) -> &'static str {
        self.command
    }

    /// The id of the command.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// How often the handler was called: 0 when it never was.
    #[must_use]
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// What went wrong.
    #[must_use]
    pub fn kind(&self) -> &CommandErrorKind<E> {
        &self.kind
    }

    /// What went wrong, by value.
    #[must_use]
    pub fn into_kind(self) -> CommandErrorKind<E> {
        self.kind
    }

    /// The dead letter that the command became, if it did: see [`Bus::dead_letters`](crate::Bus::dead_letters).
    #[must_use]
    pub fn dead_letter(&self) -> Option<DeadLetterId> {
        Some(DeadLetterId::new(self.id.bus(), self.dead_letter?.get()))
    }

    pub(crate) fn buried(self, dead_letter: Option<DeadLetterId>) -> Self {
        let dead_letter = dead_letter.and_then(|letter| NonZeroU64::new(letter.number()));
        Self { dead_letter, ..self }
    }

    /// The handler's own error, if that is what went wrong.
    #[must_use]
    pub fn handler_error(&self) -> Option<&E> {
        match &self.kind {
            CommandErrorKind::Handler(error) => Some(error),
            _ => None,
        }
    }

    /// The handler's own error by value, or this.
    ///
    /// # Errors
    /// This, when something else than the handler's error went wrong.
    pub fn into_handler_error(self) -> std::result::Result<E, Self> {
        match self.kind {
            CommandErrorKind::Handler(error) => Ok(error),
            kind => Err(Self { kind, ..self }),
        }
    }

    /// The text, for an error of which only `written` is known.
    pub(crate) fn describe(
        &self,
        f: &mut fmt::Formatter<'_>,
        written: impl FnOnce(&E, &mut fmt::Formatter<'_>) -> fmt::Result,
    ) -> fmt::Result {
        let Self { command, attempts, kind, .. } = self;
        let times = Times(*attempts);
        match kind {
            CommandErrorKind::NoHandler => write!(
                f,
                "command {command} has no handler: write `#[bus::handler] async fn name(command: {}) -> ..`, \
                 or name the crate that has it: `bus::link!(that_crate);`",
                command.rsplit("::").next().unwrap_or(command)
            ),
            CommandErrorKind::Handler(error) => {
                write!(f, "command {command} failed{times}: ")?;
                written(error, f)
            }
            CommandErrorKind::Panicked { message, handler, file, line } => write!(
                f,
                "command {command} failed{times}: handler `{handler}` at {file}:{line} panicked: {message}"
            ),
            CommandErrorKind::TimedOut { after: Some(after) } if *attempts > 1 => {
                write!(f, "command {command} failed{times}: timed out after {after:?}")
            }
            CommandErrorKind::TimedOut { after: Some(after) } => {
                write!(f, "command {command} timed out after {after:?}")
            }
            CommandErrorKind::TimedOut { after: None } => {
                write!(f, "command {command} ran past the deadline of its caller")
            }
            CommandErrorKind::Cancelled(by) => write!(f, "command {command} was cancelled by {by}"),
            CommandErrorKind::Rejected { by, reason } => {
                write!(f, "command {command} was rejected by {by}: {reason}")
            }
            CommandErrorKind::RateLimited { by, retry_after } => write!(
                f,
                "command {command} was rejected by middleware {by}: too often, again in {retry_after:?}"
            ),
            CommandErrorKind::CircuitOpen { handler, breaker, retry_after } => {
                write!(
                    f,
                    "command {command} was not executed: circuit breaker `{breaker}` of handler `{handler}` is open"
                )?;
                again_in(*retry_after, f)
            }
            CommandErrorKind::BulkheadFull { handler, size, room } => write!(
                f,
                "command {command} was not executed: {size} calls of handler `{handler}` run and {room} wait, the limits"
            ),
            CommandErrorKind::Overloaded { emitted } => write!(
                f,
                "command {command} succeeded, but the {emitted} events that it emitted could not be queued: \
                 the dispatcher is too far behind"
            ),
            CommandErrorKind::SessionClosed { session_id } => {
                write!(f, "command {command} was not executed: session {session_id} is not open")
            }
            CommandErrorKind::ShuttingDown => {
                write!(f, "command {command} was not executed: the bus is shutting down")
            }
            CommandErrorKind::TooDeep { chain } => {
                write!(f, "command {command} was not executed: {}", Chain(chain))
            }
        }
    }
}

/// " after 4 attempts", when there was more than one.
struct Times(u32);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            0 | 1 => Ok(()),
            n => write!(f, " after {n} attempts"),
        }
    }
}

impl<E: fmt::Display> fmt::Display for CommandError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.describe(f, fmt::Display::fmt)
    }
}

impl<E: fmt::Debug> fmt::Debug for CommandError<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CommandError")
            .field("command", &self.command)
            .field("id", &self.id)
            .field("attempts", &self.attempts)
            .field("kind", &self.kind)
            .finish()
    }
}

impl<E: Source> StdError for CommandError<E> {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        // The text holds the handler's own error already; its sources come after it.
        self.handler_error()?.as_source()?.source()
    }
}
