//! Handlers that are called and done in one step: plain functions with nothing around them.
//!
//! There is no second poll, so nothing is kept for one: a call lives in the frame of a function here, and neither
//! moves nor leaves anything behind. What is told of it, and to whom, is what [`run`](super::run) says too.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use super::admission::{Accepted, Ready};
use super::announce;
use super::conclusion::{self, After};
use super::ended::{Ended, Outcome};
use super::execute::{Reply, Request, message_of};
use super::failure::{Failure, panic_text};
use super::frame::Held;
use super::run::{begins, kept_back};
use crate::core::Core;
use crate::handler::slot::{BoxFuture, Called, Slot};
use crate::message::keep::Keep;
use crate::observe::spans;
use crate::registry::plan::Plan;
use crate::session::InSession;

/// A command: its answer, and the debt that it waits for.
#[inline]
pub(crate) fn execute<'a, C, O, E>(
    core: &'a Core,
    request: &mut Request<'_>,
    accepted: Accepted<'a, C, O, E>,
    command: &mut Keep<C>,
) -> (Reply<O, E>, Option<BoxFuture<'a, ()>>)
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    let Ready { plan, mut found, seed, mut session } = accepted.ready(core, request);
    let held = Held::at_once(core, seed);
    let (context, sent) = (held.context(), &mut request.sent);
    announce::started(core, context, sent, &plan.handler, || command.get());
    sent.attempts = 1;
    let answer = match command.next() {
        None => unreachable!("a command is called once"),
        Some(input) => {
            run(core, &plan, &held, session.as_deref_mut(), input, message_of, |input| match found
                .slot(&plan)
            {
                Slot::Plain(handler) => held.within(|| handler(input, context)),
                _ => unreachable!("only a plain function is called at once"),
            })
        }
    };
    let after = After { record: None, rerun: None, command };
    let failed = |why, after| conclusion::failed::<C, O, E>(core, sent, &plan, context, after, why);
    let reply = match answer {
        Ok(Ok(output)) => {
            let succeeded = conclusion::succeeded::<C, O, E>(core, sent, &plan, context, after);
            succeeded.map(|()| output)
        }
        Ok(Err(error)) => Err(failed(Err(error), after)),
        Err(failure) => Err(failed(Ok(*failure), after)),
    };
    if reply.is_ok() {
        found.has_succeeded();
    }
    let debt = conclusion::debt(core, sent, context);
    (reply, debt)
}

/// Calls a handler with its input, in which `message` is. The answer is kept as the handler gives it: to move it is most
/// of what is left of the cost.
#[inline(always)]
pub(crate) fn run<I, O: Outcome>(
    core: &Core,
    plan: &Plan,
    held: &Held<'_>,
    session: Option<&mut InSession>,
    input: I,
    message: impl FnOnce(&I) -> Option<&dyn Any>,
    handler: impl FnOnce(I) -> Called<O>,
) -> Called<O> {
    let context = held.context();
    if let Some(over) = kept_back(core, context, session) {
        return Err(Box::new(over));
    }
    let mut span = spans::process(plan, context);
    let entered = spans::enter(span.as_deref());
    begins(core, plan, context, || message(&input));
    let answer = match catch_unwind(AssertUnwindSafe(|| handler(input))) {
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
