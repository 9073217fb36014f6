//! The future of `bus.execute(command)`: its options, and the steps of its flow, which
//! [`crate::bus`] tells in order.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, OnceLock};
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

use super::announce;
use super::options::{Head, Principal};
use super::origin::{Chain, Inherited};
use super::report::CommandReport;
use super::run::{Failure, Run};
use crate::context::{Context, Seed};
use crate::core::{AtWork, Core};
use crate::error::{CancelledBy, CommandError, CommandErrorKind};
use crate::event::queue::Refused;
use crate::handler::slot::Slot;
use crate::message::carrier::Moved;
use crate::message::{Command, MessageId, MessageInfo};
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::session::SessionId;

pub(crate) type Reply<O, E> = Result<O, CommandError<E>>;
type CommandSlot<C, O, E> = Slot<Moved<C>, Result<O, E>>;
/// A command that may run, and what its context is made of.
type Accepted<'a, C, O, E> = (Admitted<'a, C, O, E>, Seed);

pin_project! {
    /// The future of [`Bus::execute`](crate::Bus::execute). Options come before the `.await`.
    #[must_use = "a command is executed when its future is awaited"]
    pub struct Execute<'a, C, O, E> {
        pub(crate) core: &'a Core,
        pub(crate) command: Option<C>,
        pub(crate) call: Call<'a>,
        #[pin]
        pub(crate) stage: Stage<'a, C, O, E>,
    }
}

/// What is known of a command but its type.
pub(crate) struct Call<'a> {
    pub(crate) info: &'static MessageInfo,
    pub(crate) id: Option<MessageId>,
    inherited: Inherited,
    pub(crate) head: Option<Arc<Head>>,
    timeout: Option<Duration>,
    cancel_on: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>>,
    /// Is somebody interested in how long it takes?
    timed: bool,
    pub(crate) started: Option<Instant>,
    attempts: u32,
}

pin_project! {
    #[project = StageProj]
    pub(crate) enum Stage<'a, C, O, E> {
        New,
        Running { #[pin] run: Run<'a, Result<O, E>>, found: Admitted<'a, C, O, E> },
        Settling { reply: Option<Reply<O, E>>, debt: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>> },
        Done,
    }
}

/// A command with its handler, counted as being at work.
pub(crate) struct Admitted<'a, C, O, E> {
    plan: Found<'a, Plan>,
    slot: fn(&Plan) -> &CommandSlot<C, O, E>,
    _at_work: AtWork<'a>,
}

impl<'a, C: Command<Output = O, Error = E>, O, E> Execute<'a, C, O, E> {
    pub(crate) fn new(core: &'a Core, command: C, inherited: Inherited) -> Self {
        let call = Call {
            info: C::INFO,
            id: None,
            inherited,
            head: None,
            timeout: None,
            cancel_on: None,
            timed: false,
            started: None,
            attempts: 0,
        };
        Self {
            core,
            command: Some(command),
            call,
            stage: Stage::New,
        }
    }
}

/// Options.
impl<'a, C, O, E> Execute<'a, C, O, E> {
    /// Ends the call after this long, instead of the default of the handler, the command or the bus
    /// (30 s). Counts from the handler's first `Pending`; a handler that is ready at once is never
    /// timed. A zero ends every handler that is not.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.call.timeout = Some(timeout);
        self
    }

    /// Adds a header, which the handler reads with [`Context::header`](crate::Context::header).
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.call.head().headers.set(name.into(), value.into());
        self
    }

    /// Executes on behalf of a session: its id is on this command and on all that follows from it.
    pub fn session(mut self, session: impl Into<SessionId>) -> Self {
        self.call.head().session = Some(session.into());
        self
    }

    /// Executes on behalf of a principal; all that follows from the command inherits it.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.call.head().principal = Some(principal);
        self
    }

    /// Cancels the call when `signal` is ready: the handler's future is dropped, and the result is
    /// [`Cancelled`](CommandErrorKind::Cancelled). A signal that is ready before the handler has
    /// been called leaves the first step to the handler.
    pub fn cancel_on(mut self, signal: impl Future<Output = ()> + Send + 'a) -> Self {
        self.call.cancel_on = Some(Box::pin(signal));
        self
    }

    /// Resolves to a [`CommandReport`] with id, attempts and duration beside the result.
    pub fn detailed(mut self) -> Detailed<'a, C, O, E> {
        self.call.timed = true;
        Detailed { execute: self }
    }
}

impl Call<'_> {
    fn head(&mut self) -> &mut Head {
        Arc::make_mut(self.head.get_or_insert_default())
    }

    pub(crate) fn is_cancelled(&mut self, task: &mut task::Context<'_>) -> bool {
        self.cancel_on
            .as_mut()
            .is_some_and(|signal| signal.as_mut().poll(task).is_ready())
    }

    fn is_root(&self) -> bool {
        self.inherited.origin.is_none()
    }

    fn error<E>(&self, kind: CommandErrorKind<E>) -> CommandError<E> {
        let id = self.id.unwrap_or_else(|| MessageId::next(0));
        CommandError::new(self.info.name(), id, self.attempts, kind)
    }
}

/// Finds the handler, unless the command may not be executed now.
pub(crate) fn look_up<'a, C, O, E>(
    core: &'a Core,
    call: &mut Call<'_>,
) -> Result<Accepted<'a, C, O, E>, CommandError<E>>
where
    C: Send + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    let id = *call.id.insert(MessageId::next(core.number));
    if call.timed || core.listens().command_result {
        call.started = Some(core.settings.clock.now());
    }
    let (plan, at_work) = match admit(core, call) {
        Ok(admitted) => admitted,
        Err(Refusal::ShuttingDown) => return Err(call.error(CommandErrorKind::ShuttingDown)),
        Err(Refusal::NoHandler) => return Err(call.error(CommandErrorKind::NoHandler)),
        Err(Refusal::TooDeep(chain)) => return Err(call.error(CommandErrorKind::TooDeep { chain })),
    };
    call.attempts = 1;
    let inherited = std::mem::take(&mut call.inherited.deadline);
    let seed = Seed {
        id,
        info: call.info,
        attempt: 1,
        lifecycle: call
            .inherited
            .origin
            .as_ref()
            .is_some_and(|origin| origin.lifecycle),
        timeout: call
            .timeout
            .or(plan.timeout)
            .or(core.settings.command_timeout),
        deadline: inherited,
        origin: call.inherited.origin.clone(),
        head: call.head.clone(),
        cancel: call.inherited.cancel.take(),
        shared: OnceLock::new(),
    };
    Ok((
        Admitted {
            plan,
            slot: slot_of::<C, O, E>,
            _at_work: at_work,
        },
        seed,
    ))
}

enum Refusal {
    ShuttingDown,
    NoHandler,
    TooDeep(Vec<&'static str>),
}

fn admit<'a>(core: &'a Core, call: &Call<'_>) -> Result<(Found<'a, Plan>, AtWork<'a>), Refusal> {
    // Counted first: either the shutdown sees the count, or this sees the shutdown.
    let at_work = core.work.begin_command();
    if core.work.is_closing() && call.is_root() {
        return Err(Refusal::ShuttingDown);
    }
    if let Some(chain) = call
        .inherited
        .origin
        .as_ref()
        .and_then(|o| o.too_deep(call.info))
    {
        return Err(Refusal::TooDeep(chain));
    }
    let plan = core
        .command(call.info.type_id())
        .ok_or(Refusal::NoHandler)?;
    Ok((plan, at_work))
}

fn slot_of<C: 'static, O: 'static, E: 'static>(plan: &Plan) -> &CommandSlot<C, O, E> {
    let slot = plan.slot.get().downcast_ref();
    // The plan was found under the `TypeId` of `C`, which says what `O` and `E` are.
    slot.unwrap_or_else(|| unreachable!("commands and their handlers are filed under one TypeId"))
}

impl<C, O, E> Admitted<'_, C, O, E> {
    pub(crate) fn slot(&self) -> &CommandSlot<C, O, E> {
        (self.slot)(&self.plan)
    }
}

impl<'a, C, O, E> Stage<'a, C, O, E> {
    /// A root command whose effects are more than the queue holds waits until that is paid.
    pub(crate) fn settling(
        core: &'a Core,
        call: &Call<'_>,
        (reply, effects): (Reply<O, E>, bool),
    ) -> Self {
        let owes = effects && call.is_root() && core.queue.has_debt();
        let debt: Option<Pin<Box<dyn Future<Output = ()> + Send + 'a>>> =
            if owes && core.work.is_dispatching() {
                Some(Box::pin(core.queue.paid()))
            } else {
                None
            };
        Self::Settling {
            reply: Some(reply),
            debt,
        }
    }
}

pub(crate) fn cancel<O>(run: Pin<&mut Run<'_, O>>) -> Result<O, Failure> {
    run.cancel();
    Err(Failure::Cancelled(CancelledBy::Caller))
}

/// Sends or discards what was emitted, announces the result, and says whether there were effects.
pub(crate) fn conclude<C, O, E: 'static>(
    core: &Core,
    call: &Call<'_>,
    admitted: &Admitted<'_, C, O, E>,
    context: &Context,
    answer: Result<Result<O, E>, Failure>,
) -> (Reply<O, E>, bool) {
    let reply = match answer {
        Ok(Ok(output)) => match flush(core, context) {
            Ok(()) => Ok(output),
            Err(kind) => Err(call.error(kind.into_kind())),
        },
        Ok(Err(error)) => {
            discard(core, context);
            Err(call.error(CommandErrorKind::Handler(error)))
        }
        Err(failure) => {
            discard(core, context);
            Err(call.error(kind_of(failure, &admitted.plan)))
        }
    };
    announce::result(core, context, call, || {
        reply.as_ref().err().map(|error| text_of(error, call.info))
    });
    (reply, context.used_scratch().is_some())
}

fn kind_of<E>(failure: Failure, plan: &Plan) -> CommandErrorKind<E> {
    let handler = &plan.handler;
    match failure {
        Failure::Refused(reason) => CommandErrorKind::Rejected {
            by: format!("a parameter of handler {handler}"),
            reason: reason.to_string(),
        },
        Failure::Panicked(message) => CommandErrorKind::Panicked {
            message,
            handler: handler.name.to_string(),
            file: handler.file,
            line: handler.line,
        },
        Failure::TimedOut(after) => CommandErrorKind::TimedOut { after },
        Failure::Cancelled(by) => CommandErrorKind::Cancelled(by),
    }
}

/// The text of an error whose own error may not be writable.
fn text_of<E: 'static>(error: &CommandError<E>, info: &MessageInfo) -> String {
    struct Text<'e, E>(&'e CommandError<E>, &'e MessageInfo);
    impl<E: 'static> fmt::Display for Text<'_, E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.describe(f, |error, f| {
                let text = self
                    .1
                    .capabilities()
                    .error_text
                    .and_then(|text| text(error as &dyn Any));
                f.write_str(text.as_deref().unwrap_or(std::any::type_name::<E>()))
            })
        }
    }
    Text(error, info).to_string()
}

/// Why the effects of a handler that succeeded could not be queued.
#[derive(Debug)]
pub(crate) enum NotFlushed {
    Overloaded(usize),
    TooDeep(Vec<&'static str>),
    Closed,
}

impl NotFlushed {
    fn into_kind<E>(self) -> CommandErrorKind<E> {
        match self {
            Self::Overloaded(emitted) => CommandErrorKind::Overloaded { emitted },
            Self::TooDeep(chain) => CommandErrorKind::TooDeep { chain },
            Self::Closed => CommandErrorKind::ShuttingDown,
        }
    }
}

impl fmt::Display for NotFlushed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Overloaded(n) => write!(
                f,
                "the {n} events it emitted could not be queued: too many are waiting"
            ),
            Self::TooDeep(chain) => Chain(chain).fmt(f),
            Self::Closed => {
                f.write_str("the events it emitted could not be queued: the bus is closed")
            }
        }
    }
}

/// Queues what a handler has emitted: all of it or nothing.
pub(crate) fn flush(core: &Core, context: &Context) -> Result<(), NotFlushed> {
    let Some(scratch) = context.used_scratch() else {
        return Ok(());
    };
    let events = scratch.outbox.take(core.weak_for(scratch));
    let Some(first) = events.first() else {
        return Ok(());
    };
    let (info, n) = (first.info, events.len());
    if let Some(chain) = scratch.origin.too_deep(info) {
        core.lost(info, n, "messages cause one another without end");
        return Err(NotFlushed::TooDeep(chain));
    }
    core.enqueue_nested(events).map_err(|refused| {
        core.lost(info, n, &refused.to_string());
        match refused {
            Refused::Full { .. } | Refused::Ceiling { .. } => NotFlushed::Overloaded(n),
            Refused::TooDeep => {
                NotFlushed::TooDeep(scratch.origin.too_deep(info).unwrap_or_default())
            }
            Refused::ShuttingDown | Refused::Closed => NotFlushed::Closed,
        }
    })
}

/// A handler that failed has emitted nothing.
pub(crate) fn discard(core: &Core, context: &Context) {
    if let Some(scratch) = context.used_scratch() {
        scratch.outbox.discard(core.weak_for(scratch));
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

impl<C: Send + 'static, O: Send + 'static, E: Send + 'static> Future for Detailed<'_, C, O, E> {
    type Output = CommandReport<O, E>;
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let mut execute = self.project().execute;
        let result = task::ready!(execute.as_mut().poll(task));
        let execute = execute.project();
        let now = execute.core.settings.clock.now();
        let call = execute.call;
        let duration = call
            .started
            .map_or(Duration::ZERO, |at| now.saturating_duration_since(at));
        let metadata = call
            .head
            .take()
            .map(|head| head.headers.clone())
            .unwrap_or_default();
        let command_id = call.id.unwrap_or_else(|| MessageId::next(0));
        Poll::Ready(CommandReport::new(
            command_id,
            result,
            call.attempts,
            duration,
            metadata,
        ))
    }
}

impl<C, O, E> fmt::Debug for Execute<'_, C, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Execute({})", self.call.info.name())
    }
}
impl<C, O, E> fmt::Debug for Detailed<'_, C, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.execute.fmt(f)
    }
}
