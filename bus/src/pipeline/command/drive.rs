//! A command under way: plain, or inside of middleware.

use std::pin::Pin;
use std::task::{self, Poll};

use super::Reply;
use super::admission::Ready;
use super::called::Called;
use super::conclusion::{self, After, Concluded, Debt};
use super::request::Request;
use crate::core::{AtWork, Core};
use crate::error::CancelledBy;
use crate::handler::slot::BoxFuture;
use crate::pipeline::announce;
use crate::pipeline::attempts::Attempts;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::middleware::around::Around;
use crate::pipeline::middleware::source::CommandOf;
use crate::registry::plan::Plan;

/// Drives a command on that nothing stands around: to its reply, and the debt that it waits for.
pub(crate) fn drive<'a, O, E>(
    core: &'a Core,
    request: &mut Request<'_>,
    mut attempts: Pin<&mut Attempts<'a, Result<O, E>>>,
    at_work: &mut AtWork<'_>,
    command: &mut dyn Called<O, E>,
    task: &mut task::Context<'_>,
) -> Poll<(Reply<O, E>, Option<Debt<'a>>)>
where
    O: Send + 'static,
    E: Send + 'static,
{
    // The first step is the handler's.
    let is_first = attempts.is_new();
    let mut answer = Poll::Pending;
    if is_first {
        let (context, handler) = (attempts.context(), &attempts.plan().handler);
        announce::started(core, context, &request.sent, handler, || command.message());
        answer = attempts.as_mut().poll(task, command);
    }
    if answer.is_pending() && request.is_cancelled(task) {
        let cancelled = Failure::Cancelled(CancelledBy::Caller);
        answer = Poll::Ready(Err(attempts.as_mut().end(cancelled)));
    } else if !is_first {
        answer = attempts.as_mut().poll(task, command);
    }
    let answer = task::ready!(answer);
    request.sent.attempts = attempts.made();
    let record = attempts.as_mut().take_record();
    let (sent, context, plan) = (&request.sent, attempts.context(), attempts.plan());
    let after = After { record, rerun: request.rerun.as_deref(), command: Some(command) };
    let reply = conclusion::conclude(core, sent, plan, context, answer, after);
    if reply.is_ok() {
        at_work.has_succeeded();
    }
    Poll::Ready((reply, conclusion::debt(core, sent, context)))
}

/// The flow of a command whose handler stands inside of middleware.
pub(crate) fn around<'a, O, E>(
    core: &'a Core,
    request: &mut Request<'a>,
    ready: Ready<'a>,
    mut command: Box<dyn CommandOf<O, E>>,
) -> BoxFuture<'a, Concluded<'a, O, E>>
where
    O: Send + 'static,
    E: Send + 'static,
{
    let (mut sent, mut cancel_on) = (request.sent, request.cancel_on.take());
    let rerun = request.rerun.take();
    Box::pin(async move {
        let Ready { plan, mut at_work, seed, session } = ready;
        let held = Held::new(core, seed);
        let context = held.context();
        let mut unanswered = Unanswered { core, plan: &plan, armed: true };
        announce::started(core, context, &sent, &plan.handler, || command.message());
        let mut cancelled = |task: &mut task::Context<'_>| match &mut cancel_on {
            None => Poll::Pending,
            Some(signal) => {
                signal.as_mut().poll(task).map(|()| Failure::Cancelled(CancelledBy::Caller))
            }
        };
        let around = Around::new(core, &plan, &held);
        let through = around.run(&mut *command, session, &mut cancelled).await;
        unanswered.armed = false;
        sent.attempts = through.attempts;
        let (record, rerun) = (through.record, rerun.as_deref());
        let after = After { record, rerun, command: Some(&mut *command) };
        let reply = conclusion::conclude(core, &sent, &plan, context, through.answer, after);
        if reply.is_ok() {
            at_work.has_succeeded();
        }
        let debt = conclusion::debt(core, &sent, context);
        (reply, sent, debt)
    })
}

/// A command that stands inside of middleware, until there is an answer.
struct Unanswered<'p> {
    core: &'p Core,
    plan: &'p Plan,
    armed: bool,
}

impl Drop for Unanswered<'_> {
    fn drop(&mut self) {
        if self.armed {
            conclusion::was_abandoned(self.core, self.plan);
        }
    }
}
