//! The future of `bus.execute(command)`: its options and its stages. [`crate::bus`] tells its flow.

use std::any::Any;
use std::borrow::{Borrow as _, Cow};
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;
use tracing::Span;

use super::admission::{Admitted, Ready};
use super::announce;
use super::attempts::{Attempts, Start};
use super::conclusion::{self, After, Concluded};
use super::failure::Failure;
use super::frame::{Held, Lender};
use super::middleware::around::Around;
use super::middleware::source::CommandSource;
use super::options::{Head, InScope, Principal};
use super::origin::{Inherited, Origin};
use super::report::Detailed;
use super::run::Run;
use crate::clock::{MaybeDuration, MaybeInstant};
use crate::core::Core;
use crate::error::{CancelledBy, CommandError, CommandErrorKind};
use crate::handler::slot::BoxFuture;
use crate::message::carrier::Moved;
use crate::message::keep::Keep;
use crate::message::{Command, MessageId, MessageInfo};
use crate::observe::{What, spans, tap};
use crate::probe::Caller;
use crate::registry::plan::Plan;
use crate::resilience::dead_letters::Letter;
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
        pub(crate) stage: Stage<'a, C, O, E>,
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

impl<C, O, E> Stage<'_, C, O, E> {
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
    pub(crate) enum Stage<'a, C, O, E> {
        New,
        Running { #[pin] attempts: Attempts<'a, Result<O, E>>, found: Admitted<'a, C, O, E> },
        Around { inside: BoxFuture<'a, Concluded<'a, O, E>> },
        Settling { reply: Option<Reply<O, E>>, debt: BoxFuture<'a, ()> },
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

/// A command and its handler.
pub(crate) struct Calls<'c, 'a, C, O, E> {
    pub(crate) command: &'c mut Keep<C>,
    pub(crate) found: &'c Admitted<'a, C, O, E>,
}

impl<C, O, E> Start<Result<O, E>> for Calls<'_, '_, C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    #[inline]
    fn start(
        &mut self,
        run: Pin<&mut Run<'_, Result<O, E>>>,
    ) -> Option<Result<Result<O, E>, Failure>> {
        let command = self.command.next();
        let Some(command) = command else { unreachable!("what is called again was kept") };
        let begin = |command, plan: &Plan, lender: &Lender<'_>| {
            self.found.slot(plan).begin(command, lender)
        };
        run.begin(command, message_of, begin)
    }
}

#[inline]
pub(super) fn message_of<C: 'static>(command: &Moved<C>) -> Option<&dyn Any> {
    let command: &C = command.borrow();
    Some(command)
}

/// The flow of a command whose handler stands inside of middleware.
pub(crate) fn around<'a, C, O, E>(
    core: &'a Core,
    request: &mut Request<'a>,
    ready: Ready<'a, C, O, E>,
    command: Keep<C>,
) -> BoxFuture<'a, Concluded<'a, O, E>>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    let (mut sent, mut cancel_on) = (request.sent, request.cancel_on.take());
    let rerun = request.rerun.take();
    Box::pin(async move {
        let Ready { plan, mut found, seed, session } = ready;
        let held = Held::new(core, seed);
        let context = held.context();
        let mut unanswered = Unanswered { core, plan: &plan, armed: true };
        announce::started(core, context, &sent, &plan.handler, || command.get());
        let source = CommandSource::new(&plan, &found, command);
        let cancelled = |task: &mut task::Context<'_>| match &mut cancel_on {
            None => Poll::Pending,
            Some(signal) => {
                signal.as_mut().poll(task).map(|()| Failure::Cancelled(CancelledBy::Caller))
            }
        };
        let around = Around::new(core, &plan, &held);
        let through = around.run(source, session, cancelled).await;
        unanswered.armed = false;
        sent.attempts = through.attempts;
        let mut command = through.source.into_command();
        let after =
            After { record: through.record, rerun: rerun.as_deref(), command: &mut command };
        let reply = conclusion::conclude(core, &sent, &plan, context, through.answer, after);
        if reply.is_ok() {
            found.has_succeeded();
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
    /// Of a command that is not executed, to those who listen.
    #[inline]
    pub(crate) fn tell_refused<E: 'static>(&self, core: &Core, refused: &CommandError<E>) {
        if core.observers.is_on() {
            let Sent { info, id, .. } = self.sent;
            let why = conclusion::text_of(refused, info);
            self.tell(core, (info, id), What::Rejected { why: &why });
        }
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
