//! The long answer to a command.

use std::time::Duration;

use super::options::Headers;
use crate::error::CommandError;
use crate::message::MessageId;

/// What `bus.execute(command).detailed().await` gives.
#[derive(Debug)]
#[non_exhaustive]
pub struct CommandReport<O, E> {
    /// The id the command had.
    pub command_id: MessageId,
    /// Is `result` `Ok`?
    pub success: bool,
    /// What `execute` alone would have given.
    pub result: Result<O, CommandError<E>>,
    /// How often the handler was called: 0 when it never was.
    pub attempts: u32,
    /// From the first poll to the result.
    pub duration: Duration,
    /// The headers the command was sent with.
    pub metadata: Headers,
}

impl<O, E> CommandReport<O, E> {
    pub(crate) fn new(
        command_id: MessageId,
        result: Result<O, CommandError<E>>,
        attempts: u32,
        duration: Duration,
        metadata: Headers,
    ) -> Self {
        Self {
            command_id,
            success: result.is_ok(),
            result,
            attempts,
            duration,
            metadata,
        }
    }
}
