//! Conclusion: from what became of a handler to what its caller is told.

use std::any::Any;
use std::fmt;
use std::future::poll_fn;

use super::Reply;
use super::request::Sent;
use crate::context::Context;
use crate::core::Core;
use crate::error::{CommandError, CommandErrorKind};
use crate::event::effects::{NotFlushed, discard, flush};
use crate::handler::slot::BoxFuture;
use crate::message::MessageInfo;
use crate::pipeline::announce;
use crate::pipeline::attempts::Record;
use crate::pipeline::burial::{Failed, Kept};
use crate::pipeline::failure::Failure;
use crate::pipeline::run::text_of_users;
use crate::probe;
use crate::registry::plan::Plan;
use crate::resilience::dead_letters::{DeadLetterId, Letter};

/// Sends or discards what was emitted, and announces the result.
#[inline]
pub(crate) fn conclude<O, E>(
    core: &Core,
    sent: &Sent,
    plan: &Plan,
    context: &Context,
    answer: Result<Result<O, E>, Failure>,
    after: After<'_>,
) -> Reply<O, E>
where
    E: 'static,
{
    match answer {
        Ok(Ok(output)) => succeeded(core, sent, plan, context, after).map(|()| output),
        Ok(Err(error)) => Err(failed(core, sent, plan, context, after, Err(error))),
        Err(failure) => Err(failed(core, sent, plan, context, after, Ok(failure))),
    }
}

/// Its handler has succeeded, and the command too, if what was emitted can be queued.
#[inline]
pub(crate) fn succeeded<E>(
    core: &Core,
    sent: &Sent,
    plan: &Plan,
    context: &Context,
    after: After<'_>,
) -> Result<(), CommandError<E>>
where
    E: 'static,
{
    // A call that was never asked for its outbox has no effects.
    if context.used_scratch().is_some()
        && let Err(why) = flush_of(core, plan, context)
    {
        let error = sent.error(kind_of_unsent(why));
        return Err(tell_failed(core, sent, plan, context, after, error));
    }
    measure(core, plan, context, true);
    announce::result(core, context, sent, &plan.handler, None);
    let (command, attempts, handler) = (sent.info.name(), sent.attempts, &plan.handler);
    tracing::debug!(command, id = %context.id(), %handler, attempts, "a command was executed");
    after.succeeded(core);
    Ok(())
}

#[inline]
fn flush_of(core: &Core, plan: &Plan, context: &Context) -> Result<(), NotFlushed> {
    let _acts = probe::acting(core, &plan.handler);
    flush(core, context)
}

/// Its handler has failed, or has given no answer.
#[cold]
pub(crate) fn failed<E>(
    core: &Core,
    sent: &Sent,
    plan: &Plan,
    context: &Context,
    after: After<'_>,
    why: Result<Failure, E>,
) -> CommandError<E>
where
    E: 'static,
{
    discard(core, context);
    let error = sent.error(match why {
        Ok(failure) => kind_of(failure, plan),
        Err(error) => CommandErrorKind::Handler(error),
    });
    tell_failed(core, sent, plan, context, after, error)
}

#[cold]
fn tell_failed<E>(
    core: &Core,
    sent: &Sent,
    plan: &Plan,
    context: &Context,
    after: After<'_>,
    error: CommandError<E>,
) -> CommandError<E>
where
    E: 'static,
{
    measure(core, plan, context, false);
    let buried = after.failed(core, sent, plan, context);
    let error = error.buried(buried);
    // What stands around the handler may have put another error in its place.
    let is_its_own = plan.layers.is_none() && sent.info.capabilities().error_text.is_some();
    let known = if is_its_own { plan.counts.text_of(context.id()) } else { None };
    let text = text_of_known(&error, sent.info, known.as_deref());
    if let Some(dead_letter) = buried {
        log(context, plan, &text, dead_letter);
    }
    core.failures.note(context, &plan.handler, sent.attempts, text.clone());
    announce::result(core, context, sent, &plan.handler, Some(text));
    error
}

#[inline]
fn measure(core: &Core, plan: &Plan, context: &Context, is_ok: bool) {
    if let Some(meter) = &plan.meter {
        let took = context.began().map(|began| core.since(began));
        core.settings.metrics.command(meter, is_ok, took);
    }
}

/// Its caller has gone, and nobody asks for its answer: for its handler a failure, that took as long as nobody
/// knows.
#[cold]
pub(crate) fn was_abandoned(core: &Core, plan: &Plan) {
    if let Some(meter) = &plan.meter {
        core.settings.metrics.command(meter, false, None);
    }
}

/// Its caller is told, and may come to terms with it; what is left behind is for somebody to look at.
#[cold]
fn log(context: &Context, plan: &Plan, error: &str, dead_letter: DeadLetterId) {
    let (command, id, handler) = (context.message().name(), context.id(), &plan.handler);
    tracing::error!(command, %id, %handler, error, %dead_letter, "a command became a dead letter");
}

/// What is left of a command when its handler will not be called any more.
pub(crate) struct After<'c> {
    /// Of the attempts that have failed.
    pub(crate) record: Option<Record>,
    /// The dead letter that was executed again.
    pub(crate) rerun: Option<&'c Letter>,
    /// The command, if it was kept.
    pub(crate) command: Option<&'c mut dyn Kept>,
}

impl After<'_> {
    /// Of one that was given to its handler, and that is that.
    pub(crate) const NOTHING: Self = Self { record: None, rerun: None, command: None };

    #[inline]
    fn succeeded(self, core: &Core) {
        if let Some(letter) = self.rerun {
            core.dead_letters.succeeded(letter.id);
        }
        if let Some(command) = self.command {
            command.done();
        }
    }

    fn failed(
        self,
        core: &Core,
        sent: &Sent,
        plan: &Plan,
        context: &Context,
    ) -> Option<DeadLetterId> {
        let (attempts, command) = (sent.attempts, self.command?);
        let failed = Failed { core, plan, context, attempts, record: self.record? };
        let buried = failed.bury_command(command, self.rerun);
        command.done();
        buried
    }
}

/// Resolves when the queue holds no more than it may.
pub(crate) type Debt<'a> = BoxFuture<'a, ()>;

/// What a command has come to, and the debt that it waits for.
pub(crate) type Concluded<'a, O, E> = (Reply<O, E>, Sent, Option<Debt<'a>>);

/// A root command whose effects are more than the queue holds waits until that is paid.
#[inline]
pub(crate) fn debt<'a>(core: &'a Core, sent: &Sent, context: &Context) -> Option<Debt<'a>> {
    context.used_scratch()?;
    let owes = sent.is_root && core.queue.has_debt() && core.work.is_dispatching();
    owes.then(|| -> BoxFuture<'a, ()> {
        let mut debtor = core.queue.debtor();
        Box::pin(poll_fn(move |task| core.queue.poll_paid(&mut debtor, task)))
    })
}

fn kind_of<E>(failure: Failure, plan: &Plan) -> CommandErrorKind<E> {
    let handler = &plan.handler;
    match failure {
        Failure::Refused(reason) => CommandErrorKind::Rejected {
            by: format!("a parameter of handler {handler}"),
            reason: reason.to_string(),
        },
        // Commands are not filtered.
        Failure::Filter { filter, message } => {
            CommandErrorKind::Rejected { by: format!("filter {filter}"), reason: message }
        }
        Failure::Rejected { by, reason } => {
            CommandErrorKind::Rejected { by: format!("middleware {by}"), reason }
        }
        Failure::RateLimited { by, retry_after } => {
            CommandErrorKind::RateLimited { by: by.into_owned(), retry_after }
        }
        Failure::Panicked(message) => CommandErrorKind::Panicked {
            message,
            handler: handler.name.to_string(),
            file: handler.file,
            line: handler.line,
        },
        Failure::TimedOut(late) => CommandErrorKind::TimedOut { after: late.after() },
        Failure::CircuitOpen { breaker, retry_after } => CommandErrorKind::CircuitOpen {
            handler: handler.name.to_string(),
            breaker: breaker.to_string(),
            retry_after,
        },
        Failure::BulkheadFull { size, room } => {
            CommandErrorKind::BulkheadFull { handler: handler.name.to_string(), size, room }
        }
        Failure::Cancelled(by) => CommandErrorKind::Cancelled(by),
    }
}

/// The text of an error whose own error may not be writable.
pub(crate) fn text_of<E: 'static>(error: &CommandError<E>, info: &MessageInfo) -> String {
    text_of_known(error, info, None)
}

/// The same, where the text of the handler's error was written before.
fn text_of_known<E: 'static>(
    error: &CommandError<E>,
    info: &MessageInfo,
    known: Option<&str>,
) -> String {
    struct Text<'e, E>(&'e CommandError<E>, &'e MessageInfo, Option<&'e str>);
    impl<E: 'static> fmt::Display for Text<'_, E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.describe(f, |error, f| {
                if let Some(known) = self.2 {
                    return f.write_str(known);
                }
                let text =
                    self.1.capabilities().error_text.and_then(|text| text(error as &dyn Any));
                f.write_str(text.as_deref().unwrap_or(std::any::type_name::<E>()))
            })
        }
    }
    text_of_users(|| Text(error, info, known).to_string())
}

fn kind_of_unsent<E>(why: NotFlushed) -> CommandErrorKind<E> {
    match why {
        NotFlushed::Overloaded(emitted) => CommandErrorKind::Overloaded { emitted },
        NotFlushed::TooDeep(chain) => CommandErrorKind::TooDeep { chain },
        NotFlushed::Closed => CommandErrorKind::ShuttingDown,
    }
}
