//! The long answer to a command.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::execute::Execute;
use crate::error::CommandError;
use crate::message::MessageId;
use crate::pipeline::options::Headers;

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
        Self { command_id, success: result.is_ok(), result, attempts, duration, metadata }
    }
}

pin_project! {
    /// The future of [`Execute::detailed`].
    #[must_use = "a command is executed when its future is awaited"]
    pub struct Detailed<'a, C, O, E> {
        #[pin]
        execute: Execute<'a, C, O, E>,
    }
}

impl<'a, C, O, E> Detailed<'a, C, O, E> {
    pub(super) fn new(execute: Execute<'a, C, O, E>) -> Self {
        Self { execute }
    }
}

impl<C: Send + Sync + 'static, O: Send + 'static, E: Send + 'static> Future
    for Detailed<'_, C, O, E>
{
    type Output = CommandReport<O, E>;
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut execute = self.project().execute;
        let result = task::ready!(execute.as_mut().poll(task));
        let execute = execute.project();
        let now = execute.core.settings.clock.now();
        let (sent, head) = (execute.request.sent, execute.request.head.take());
        let duration =
            sent.started.get().map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let metadata = head.map(|head| head.headers.clone()).unwrap_or_default();
        let command_id = sent.id.unwrap_or_else(|| MessageId::next(0));
        Poll::Ready(CommandReport::new(command_id, result, sent.attempts, duration, metadata))
    }
}

impl<C, O, E> fmt::Debug for Detailed<'_, C, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.execute.fmt(f)
    }
}
