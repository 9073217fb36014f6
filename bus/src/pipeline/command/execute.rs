//! The future of `bus.execute(command)`: its options and its stages. [`crate::bus`] tells its flow.

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use pin_project_lite::pin_project;

use super::Reply;
use super::conclusion::{self, Concluded, Debt};
use super::report::Detailed;
use super::request::{Request, Sent};
use crate::clock::{MaybeDuration, MaybeInstant};
use crate::core::{AtWork, Core};
use crate::handler::slot::BoxFuture;
use crate::message::keep::Keep;
use crate::message::{Command, MessageInfo};
use crate::observe::spans;
use crate::pipeline::attempts::Attempts;
use crate::pipeline::options::{Head, InScope, Principal};
use crate::pipeline::origin::Inherited;
use crate::probe::Caller;
use crate::resilience::dead_letters::Letter;
use crate::session::IntoSessionId;
#[cfg(doc)]
use crate::{error::CommandErrorKind, session::SessionId};

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

impl<C, O, E> fmt::Debug for Execute<'_, C, O, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Execute({})", self.request.sent.info.name())
    }
}
