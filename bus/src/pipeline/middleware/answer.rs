//! The answer of a call, as its middleware see it and may give it.

use std::any::Any;
use std::fmt;
use std::task::{self, Poll};
use std::time::Duration;

use super::Handled;
use super::call::Call;
use crate::handler::batch::{BatchAnswer, BatchOutcome};
use crate::message::any::OneOf;
use crate::message::kind::EventOutcome;
use crate::message::{Command, MessageInfo};
use crate::pipeline::ended::{Ended, Outcome};
use crate::pipeline::failure::Failure;
use crate::pipeline::options::Headers;

/// The answer to a command: of its handler, or why there is none.
type AnswerOf<C> = Result<Result<<C as Command>::Output, <C as Command>::Error>, Failure>;

/// What is in the middle: the handler with its message and its answer.
pub(super) trait Inner: Send {
    /// Begins a run, unless one has begun, and drives it on. When it is ready, there is an answer.
    fn poll_run(&mut self, headers: Option<&Headers>, task: &mut task::Context<'_>) -> Poll<()>;
    /// Ends the run.
    fn stop(&mut self);
    /// The message, unless it was moved into the handler.
    fn message(&self) -> Option<&dyn Any>;
    /// The events of a batch, but for those that were dropped by now.
    fn events(&self) -> Vec<&OneOf>;
    /// The handler does not get this one of them.
    fn reject_event(&mut self, at: usize, reason: String);
    /// Sees to it that there can be another run.
    fn keep(&mut self) -> bool;
    fn answer(&mut self) -> &mut dyn Answer;
    fn answered(&self) -> &dyn Answer;
}

/// An answer, of which only the message knows the type.
pub(super) trait Answer: Send {
    fn ended(&self, info: &'static MessageInfo) -> Option<Ended<'_>>;
    /// A `Result<O, Failure>`, with `O` the outcome of the message.
    fn as_any(&self) -> Option<&dyn Any>;
    /// An `Option` of that.
    fn place(&mut self) -> &mut dyn Any;
    fn fail(&mut self, failure: Failure);
    fn forget(&mut self);
}

impl<O: Outcome> Answer for Option<Result<O, Failure>> {
    fn ended(&self, info: &'static MessageInfo) -> Option<Ended<'_>> {
        self.as_ref().map(|answer| Ended::with(info, answer.as_ref()))
    }
    fn as_any(&self) -> Option<&dyn Any> {
        self.as_ref().map(|answer| answer as &dyn Any)
    }
    fn place(&mut self) -> &mut dyn Any {
        self
    }
    fn fail(&mut self, failure: Failure) {
        *self = Some(Err(failure));
    }
    fn forget(&mut self) {
        *self = None;
    }
}

/// What was answered.
impl Call<'_> {
    /// How the run has ended; `None` before there was one.
    #[must_use]
    pub fn ended(&self) -> Option<Ended<'_>> {
        self.inner.answered().ended(self.info())
    }

    /// Has it ended well?
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.ended().is_some_and(|ended| ended.is_ok())
    }

    /// What the handler has answered, if the command is a `C`. `None` as well if there is no answer of
    /// it: it panicked, was not done in time, was not called.
    #[must_use]
    pub fn result<C: Command>(&self) -> Option<&Result<C::Output, C::Error>> {
        let answer = self.inner.answered().as_any()?.downcast_ref();
        let answer: &AnswerOf<C> = answer?;
        answer.as_ref().ok().filter(|_| self.is_of::<C>())
    }

    /// As [`result`](Self::result), by value: the call has no answer then, until it is given one.
    pub fn take_result<C: Command>(&mut self) -> Option<Result<C::Output, C::Error>> {
        self.result::<C>()?;
        let place = self.inner.answer().place().downcast_mut();
        let place: &mut Option<AnswerOf<C>> = place?;
        place.take()?.ok()
    }
}

/// Answers of one's own.
impl Call<'_> {
    /// Answers the command `C`, in place of the handler or of what it has answered. A call of another
    /// message is rejected.
    pub fn reply<C: Command>(&mut self, result: Result<C::Output, C::Error>) -> Handled {
        if !self.is_of::<C>() {
            let (is, given) = (self.info().name(), C::INFO.name());
            return self.reject(format!("it has answered a {is} as if it were a {given}"));
        }
        let place = self.inner.answer().place().downcast_mut();
        if let Some(place) = place {
            let place: &mut Option<AnswerOf<C>> = place;
            *place = Some(Ok(result));
        }
        Handled(())
    }

    /// Ends the call of an event's handler well: without calling it, which is counted
    /// ([`HandlerStats::skipped`](crate::HandlerStats)), or whatever has become of it. A command has to be answered, and is rejected.
    pub fn skip(&mut self) -> Handled {
        if self.context.message().is_command() {
            return self.reject("it has skipped a command, which has to be answered");
        }
        if self.ended().is_none() {
            self.all.skip();
        }
        let place = self.inner.answer().place();
        if let Some(place) = place.downcast_mut::<Option<Result<EventOutcome, Failure>>>() {
            *place = Some(Ok(Ok(())));
        } else if let Some(place) = place.downcast_mut::<Option<Result<BatchAnswer, Failure>>>() {
            *place = Some(Ok(Ok(BatchOutcome::all_ok())));
        }
        Handled(())
    }

    /// Ends the call with a refusal: of a command a
    /// [`Rejected`](crate::CommandErrorKind::Rejected) that names the middleware, of an event a failure
    /// of the handler.
    pub fn reject(&mut self, reason: impl fmt::Display) -> Handled {
        let (by, reason) = (self.name(), reason.to_string());
        self.inner.answer().fail(Failure::Rejected { by, reason });
        Handled(())
    }

    /// Leaves one event out of a batch, at this place of [`batch`](Self::batch): for that the handler has
    /// failed, and it is called with the others. Before `next` is called; of no effect where there is no
    /// batch.
    pub fn reject_event(&mut self, at: usize, reason: impl fmt::Display) {
        let reason = format!("was rejected by middleware {}: {reason}", self.name());
        self.inner.reject_event(at, reason);
    }

    /// As [`reject`](Self::reject), since it was called too often: of a command a
    /// [`RateLimited`](crate::CommandErrorKind::RateLimited).
    pub fn reject_for(&mut self, retry_after: Duration) -> Handled {
        let by = self.name();
        self.inner.answer().fail(Failure::RateLimited { by, retry_after });
        Handled(())
    }
}
