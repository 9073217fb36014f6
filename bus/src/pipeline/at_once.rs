//! Handlers that are called and done in one step: plain functions with nothing around them.
//!
//! There is no second poll, so nothing is kept for one: a call lives in the frame of a function here, and neither
//! moves nor leaves anything behind. What is told of it, and to whom, is what [`run`](super::run) says too.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::announce;
use super::attempts::Start;
use super::command::Reply;
use super::command::admission::{Accepted, Ready};
use super::command::called::Called;
use super::command::conclusion::{self, After, Debt};
use super::command::request::Request;
use super::ended::{Ended, Outcome};
use super::failure::{Failure, panic_text};
use super::frame::Held;
use super::run::{begins, kept_back};
use crate::core::Core;
use crate::handler;
use crate::observe::spans;
use crate::probe;
use crate::registry::plan::Plan;
use crate::session::InSession;

/// A command: its reply, and the debt that it waits for.
pub(crate) fn execute<'a, O, E>(
    core: &'a Core,
    request: &mut Request<'_>,
    accepted: Accepted<'a>,
    command: &mut dyn Called<O, E>,
) -> (Reply<O, E>, Option<Debt<'a>>)
where
    O: Send + 'static,
    E: Send + 'static,
{
    let Ready { plan, mut at_work, seed, mut session } = accepted.ready(core, request);
    let held = Held::at_once(core, seed);
    let (context, sent) = (held.context(), &mut request.sent);
    announce::started(core, context, sent, &plan.handler, || command.message());
    sent.attempts = 1;
    let failed = |why| conclusion::failed(core, sent, &plan, context, After::NOTHING, why);
    let reply = match run(core, &plan, &held, session.as_deref_mut(), command) {
        Ok(Ok(output)) => {
            let succeeded = conclusion::succeeded(core, sent, &plan, context, After::NOTHING);
            succeeded.map(|()| output)
        }
        Ok(Err(error)) => Err(failed(Err(error))),
        Err(failure) => Err(failed(Ok(*failure))),
    };
    if reply.is_ok() {
        at_work.has_succeeded();
    }
    let debt = conclusion::debt(core, sent, context);
    (reply, debt)
}

/// Calls a handler. The answer is kept as the handler gives it: to move it is most of what is left of the cost.
#[inline]
pub(crate) fn run<O: Outcome>(
    core: &Core,
    plan: &Plan,
    held: &Held<'_>,
    session: Option<&mut InSession>,
    handler: &mut (impl Start<O> + ?Sized),
) -> handler::slot::Called<O> {
    let context = held.context();
    if let Some(over) = kept_back(core, context, session) {
        return Err(Box::new(over));
    }
    let mut span = spans::process(plan, context);
    let entered = spans::enter(span.as_deref());
    begins(core, plan, context, || handler.message());
    let call = AssertUnwindSafe(|| {
        let _acts = probe::acting(core, &plan.handler);
        held.answer(|lender| handler.start(plan, lender))
    });
    let answer = match catch_unwind(call) {
        Ok(answer) => answer,
        Err(panic) => Err(panicked(&*panic)),
    };
    let ended = answer.as_ref().map_err(|failure| &**failure);
    plan.ended_with(context, ended);
    drop(entered);
    spans::processed(&mut span, || Ended::with(context.message(), ended));
    answer
}

#[cold]
fn panicked(panic: &(dyn Any + Send)) -> Box<Failure> {
    Box::new(Failure::Panicked(panic_text(panic)))
}
