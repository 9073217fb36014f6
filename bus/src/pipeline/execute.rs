//! The future of `bus.execute(command)`: its options and its stages. [`crate::bus`] tells its flow.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tracing::Span;

use super::admission::{self, Ready, Refusal, slot_of};
use super::announce;
use super::attempts::{Attempts, Start};
use super::burial::{self, Kept};
use super::conclusion::{self, After, Concluded, Debt};
use super::ended::Outcome;
use super::failure::Failure;
use super::frame::{Held, Lender};
use super::middleware::around::Around;
use super::middleware::source::{CommandOf, CommandSource};
use super::options::{Head, InScope, Principal};
use super::origin::{Inherited, Origin};
use super::report::Detailed;
use crate::clock::{MaybeDuration, MaybeInstant};
use crate::core::{AtWork, Core};
use crate::error::{CancelledBy, CommandError, CommandErrorKind};
use crate::handler::slot::{Begun, BoxFuture};
use crate::message::keep::Keep;
use crate::message::kind::Erased;
use crate::message::{Command, MessageId, MessageInfo};
use crate::observe::{What, spans, tap};
use crate::probe::Caller;
use crate::registry::plan::Plan;
use crate::resilience::dead_letters::{Again, Letter};
use crate::session::IntoSessionId;
#[cfg(doc)]
use crate::session::SessionId;

pub(crate) type Reply<O, E> = Result<O, CommandError<E>>;

pin_project! {
    /// The future of [`Bus::execute`](crate::Bus::execute). Options come before the `.await`.
    #[must_use = "a command is executed when its future is awaited"]
    pub struct Execute<'a, C, O, E> {
        pub(crate) core: &'a Core,
        pub(crate) command: Keep<C>,
        pub(crate) request: Request<'a>,
        #[pin]
        pub(crate) stage: Stage<'a, O, E>,
    }

    impl<C, O, E> PinnedDrop for Execute<'_, C, O, E> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            if this.stage.is_at_work() {
                if let StageProj::Running { attempts, .. } = this.stage.project() {
                    conclusion::was_abandoned(this.core, attempts.plan());
                }
                if this.core.observers.is_on() {
                    this.request.tell_abandoned(this.core);
                }
            }
            spans::abandoned(this.request.span.as_deref());
        }
    }
}

impl<O, E> Stage<'_, O, E> {
    /// Was it begun, and has not been answered?
    fn is_at_work(&self) -> bool {
        matches!(self, Self::Running { .. } | Self::Around { .. })
    }
}

/// What is asked for, beside the command.
pub(crate) struct Request<'a> {
    pub(crate) sent: Sent,
    pub(super) inherited: Inherited,
    pub(crate) head: Option<Arc<Head>>,
    pub(super) timeout: MaybeDuration,
    pub(super) cancel_on: Option<BoxFuture<'a, ()>>,
    /// Is somebody interested in how long it takes?
    pub(super) timed: bool,
    pub(crate) caller: Caller,
    /// It is a dead letter.
    pub(crate) rerun: Option<Box<Letter>>,
    pub(crate) span: Option<Box<Span>>,
}

/// What is known of a command that was sent, but its type.
#[derive(Clone, Copy)]
pub(crate) struct Sent {
    pub(crate) info: &'static MessageInfo,
    pub(crate) id: Option<MessageId>,
    pub(crate) started: MaybeInstant,
    pub(crate) attempts: u32,
    pub(super) is_root: bool,
}

pin_project! {
    #[project = StageProj]
    pub(crate) enum Stage<'a, O, E> {
        New,
        Running { #[pin] attempts: Attempts<'a, Result<O, E>>, at_work: AtWork<'a> },
        Around { inside: BoxFuture<'a, Concluded<'a, O, E>> },
        Settling { reply: Option<Reply<O, E>>, debt: Debt<'a> },
        Done,
    }
}

impl<'a, C: Command<Output = O, Error = E>, O, E> Execute<'a, C, O, E> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(core: &'a Core, command: C, inherited: Inherited) -> Self {
        let is_root = inherited.from.is_none();
        let sent =
            Sent { info: C::INFO, id: None, started: MaybeInstant::NONE, attempts: 0, is_root };
        let request = Request {
            sent,
            inherited,
            head: Head::here(core.settings.track_callers, None),
            timeout: MaybeDuration::NONE,
            cancel_on: None,
            timed: false,
            caller: Caller::default(),
            rerun: None,
            span: None,
        };
        Self { core, command: Keep::Once(command), request, stage: Stage::New }
    }
}

impl<'a, C, O, E> Execute<'a, C, O, E> {
    /// A dead letter, as itself.
    pub(crate) fn again(
        core: &'a Core,
        info: &'static MessageInfo,
        command: Arc<C>,
        head: Head,
        letter: Letter,
    ) -> Self {
        let (id, is_root) = (Some(letter.message_id), true);
        let sent = Sent { info, id, started: MaybeInstant::NONE, attempts: 0, is_root };
        let request = Request {
            sent,
            inherited: Inherited::default(),
            head: Some(Arc::new(head)),
            timeout: MaybeDuration::NONE,
            cancel_on: None,
            timed: false,
            caller: Caller::default(),
            rerun: Some(Box::new(letter)),
            span: None,
        };
        Self { core, command: Keep::Shares(command), request, stage: Stage::New }
    }
}

/// Options.
impl<'a, C, O, E> Execute<'a, C, O, E> {
    /// What a session says of it.
    pub(crate) fn with_head(mut self, head: Arc<Head>) -> Self {
        self.request.head = Some(head.in_place_of(self.request.head.as_ref()));
        self
    }

    /// Ends the call after this long, instead of the default of the handler, the command or the bus
    /// (30 s). Counts from the handler's first `Pending`; a handler that is ready at once is never
    /// timed. A zero ends every handler that is not.
    pub fn timeout(mut self, timeout: Duration) -> Self {
        self.request.timeout = Some(timeout).into();
        self
    }

    /// Adds a header, which the handler reads with [`Context::header`](crate::Context::header).
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.request.head().headers.set(name.into(), value.into());
        self
    }

    /// Executes in the session of this id, which must be open, instead of in the one that the handler
    /// around this runs in. [`SessionId::BUS`] is outside all sessions.
    pub fn session(mut self, session: impl IntoSessionId) -> Self {
        self.request.head().session = Some(InScope::Named(session.into()));
        self
    }

    /// Executes on behalf of a principal; all that follows from the command inherits it.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.request.head().principal = Some(principal);
        self
    }

    /// Cancels the call when `signal` is ready: the handler's future is dropped, and the result is
    /// [`Cancelled`](CommandErrorKind::Cancelled). A signal that is ready before the handler has
    /// been called leaves the first step to the handler.
    pub fn cancel_on(mut self, signal: impl Future<Output = ()> + Send + 'a) -> Self {
        self.request.cancel_on = Some(Box::pin(signal));
        self
    }

    /// Resolves to a [`CommandReport`](crate::CommandReport) with id, attempts and duration beside the result.
    pub fn detailed(mut self) -> Detailed<'a, C, O, E> {
        self.request.timed = true;
        Detailed::new(self)
    }
}

/// A command of whatever type, that its handler is called with.
pub(crate) trait Called<O, E>: Start<Result<O, E>> + Kept
where
    Result<O, E>: Outcome,
{
    /// Sees to it that there can be as many attempts as the handler's policy may make.
    fn keep(&mut self, plan: &Plan);
    /// The command, for a handler that stands inside of middleware.
    fn apart(&mut self, plan: &Plan) -> Box<dyn CommandOf<O, E>>;
}

/// Such a command, of one type.
pub(crate) struct Calls<'c, C, O, E> {
    command: &'c mut Keep<C>,
    reply: PhantomData<fn() -> Result<O, E>>,
}

impl<'c, C, O, E> Calls<'c, C, O, E> {
    pub(crate) fn of(command: &'c mut Keep<C>) -> Self {
        Self { command, reply: PhantomData }
    }
}

impl<C, O, E> Called<O, E> for Calls<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn keep(&mut self, plan: &Plan) {
        if plan.keeps(self.command) {
            self.command.keep(plan.takes, plan.message);
        }
    }
    fn apart(&mut self, plan: &Plan) -> Box<dyn CommandOf<O, E>> {
        let command = std::mem::replace(self.command, Keep::Gone);
        Box::new(CommandSource::<C, O, E>::new(plan, command))
    }
}

impl<C, O, E> Start<Result<O, E>> for Calls<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn message(&self) -> Option<&dyn Any> {
        self.command.get().map(|command| command as &dyn Any)
    }
    fn start(&mut self, plan: &Plan, lender: &Lender<'_>) -> Begun<Result<O, E>> {
        match self.command.next() {
            Some(command) => slot_of::<C, O, E>(&plan.slot).begin(command, lender),
            None => unreachable!("what is called again was kept"),
        }
    }
}

impl<C, O, E> Kept for Calls<'_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn take(&mut self) -> Option<(Erased, Arc<dyn Again>)> {
        burial::take::<C, O, E>(self.command)
    }
    fn done(&mut self) {
        self.command.done();
    }
}

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

impl Request<'_> {
    pub(crate) fn origin(&self) -> Option<&Arc<Origin>> {
        self.inherited.origin()
    }

    fn head(&mut self) -> &mut Head {
        Arc::make_mut(self.head.get_or_insert_default())
    }

    pub(crate) fn is_cancelled(&mut self, task: &mut task::Context<'_>) -> bool {
        self.cancel_on.as_mut().is_some_and(|signal| signal.as_mut().poll(task).is_ready())
    }
}

impl Request<'_> {
    /// Of a command that is not executed: told to those who listen.
    #[cold]
    pub(crate) fn refused<E: 'static>(&self, core: &Core, why: Refusal) -> CommandError<E> {
        let refused = admission::refused(&self.sent, why);
        if core.observers.is_on() {
            let Sent { info, id, .. } = self.sent;
            let why = conclusion::text_of(&refused, info);
            self.tell(core, (info, id), What::Rejected { why: &why });
        }
        refused
    }

    /// Of one that nobody waits for any more.
    #[cold]
    fn tell_abandoned(&self, core: &Core) {
        let Sent { info, id, .. } = self.sent;
        self.tell(core, (info, id), What::Abandoned);
    }

    fn tell(&self, core: &Core, of: (&'static MessageInfo, Option<MessageId>), what: What<'_>) {
        tap::of_sent(core, of, self.head.as_deref(), self.origin().map(|origin| &**origin), what);
    }
}

impl Sent {
    /// Its id, made now unless it has one.
    #[inline]
    pub(crate) fn name(&mut self, core: &Core) -> MessageId {
        *self.id.get_or_insert_with(|| MessageId::next(core.number))
    }

    pub(super) fn error<E>(&self, kind: CommandErrorKind<E>) -> CommandError<E> {
        let id = self.id.unwrap_or_else(|| MessageId::next(0));
        CommandError::new(self.info.name(), id, self.attempts, kind)
    }
}

impl<C, O, E> fmt::Debug for Execute<'_, C, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Execute({})", self.request.sent.info.name())
    }
}
