//! Why a bus is not well: each reason, its label, and its words.

use std::fmt;
use std::time::Duration;

use crate::message::MessageId;

/// Why a bus is not live, or not ready. `Display` says it in words.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum HealthReason {
    /// Not live: the dispatcher has ended, since the bus was shut down or its runtime is gone.
    Ended,
    /// Not live: events are queued and slots are free, and the dispatcher takes none of them. A handler
    /// blocks its thread, or the runtime has no thread left for it.
    Stalled {
        /// How many events wait for it.
        waiting: usize,
        /// For how long it was seen to stand still.
        since: Duration,
    },
    /// Events are queued, and there was no runtime yet to handle them on.
    NoRuntime {
        /// How many.
        waiting: usize,
    },
    /// It is shutting down.
    ShuttingDown,
    /// The queue has been at its high mark, and is not at its low one yet.
    QueueHigh {
        /// How many events are queued.
        queued: usize,
        /// How many it holds.
        capacity: usize,
    },
    /// A circuit breaker is open. Once the next call would be a probe this is no reason any more, else no
    /// call would come that could close it.
    CircuitOpen {
        /// Its name.
        breaker: String,
        /// How long yet; `None` if it was forced open.
        retry_after: Option<Duration>,
    },
    /// A call of a handler is pending for longer than
    /// [`stuck_handler_after`](crate::Builder::stuck_handler_after).
    HandlerStuck {
        /// The name of the handler.
        handler: String,
        /// The file of it.
        file: &'static str,
        /// The line.
        line: u32,
        /// The name of the message.
        message: &'static str,
        /// The id of the message.
        id: MessageId,
        /// For how long.
        taken: Duration,
    },
}

impl HealthReason {
    /// Is the bus not even alive?
    #[must_use]
    pub fn is_fatal(&self) -> bool {
        matches!(self, Self::Ended | Self::Stalled { .. })
    }

    /// In one word: a label.
    #[must_use]
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Ended => "ended",
            Self::Stalled { .. } => "stalled",
            Self::NoRuntime { .. } => "no_runtime",
            Self::ShuttingDown => "shutting_down",
            Self::QueueHigh { .. } => "queue_high",
            Self::CircuitOpen { .. } => "circuit_open",
            Self::HandlerStuck { .. } => "handler_stuck",
        }
    }
}

impl fmt::Display for HealthReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ended => f.write_str("the dispatcher has ended"),
            Self::Stalled { waiting, since } => {
                write!(f, "the dispatcher has taken none of {waiting} events for {since:?}")
            }
            Self::NoRuntime { waiting } => write!(f, "{waiting} events wait for a runtime"),
            Self::ShuttingDown => f.write_str("the bus is shutting down"),
            Self::QueueHigh { queued, capacity } => {
                write!(f, "the queue is full beyond its mark: {queued} of {capacity} events")
            }
            Self::CircuitOpen { breaker, retry_after: Some(after) } => {
                write!(f, "circuit breaker `{breaker}` is open for {after:?} yet")
            }
            Self::CircuitOpen { breaker, retry_after: None } => {
                write!(f, "circuit breaker `{breaker}` was forced open")
            }
            Self::HandlerStuck { handler, file, line, message, id, taken } => {
                write!(
                    f,
                    "handler `{handler}` at {file}:{line} is stuck with {message} {id} for {taken:?}"
                )
            }
        }
    }
}

/// As `{"kind": .., "text": ..}`.
#[cfg(feature = "json")]
impl serde::Serialize for HealthReason {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct as _;
        let mut reason = serializer.serialize_struct("HealthReason", 2)?;
        reason.serialize_field("kind", self.kind())?;
        reason.serialize_field("text", &self.to_string())?;
        reason.end()
    }
}
