//! The handle of a session.

use std::fmt;
use std::future::Future;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio::task::JoinHandle;

use super::id::{SessionId, SessionName};
use super::opening::SessionBuilder;
use super::report::SessionReport;
use super::scope::Scope;
use super::{callbacks, end, task};
use crate::bus::Bus;
use crate::context::Context;
use crate::core::Core;
use crate::error::{PublishError, SessionError};
use crate::event::publish::{self, Publish, Published};
use crate::handler::param::{Param, ParamError};
use crate::handler::resource::{Res, Resource};
use crate::message::{Command, Event, Message};
use crate::message_bus::MessageBus;
use crate::observe::Explanation;
use crate::pipeline::ambient;
use crate::pipeline::command::execute::Execute;
use crate::pipeline::options::{Head, InScope};
use crate::sync::lock;

/// A session: a scope with an id, handlers of its own, and guaranteed clean-up.
///
/// What is executed and published through it is handled by its own handlers and by those around it:
/// of the session it was opened in, and of the bus. A command goes to the innermost handler; an event
/// to all of them, by priority.
///
/// This handle does not own: the session ends with its [`SessionGuard`](crate::SessionGuard), or when
/// it is [closed](Self::close). Handlers take it as a parameter, `Session` or `Option<Session>`.
#[derive(Clone)]
pub struct Session {
    bus: Bus,
    scope: Arc<Scope>,
    /// Of all that is sent through this handle, unless that says more. Made when first needed.
    head: OnceLock<Arc<Head>>,
}

impl Session {
    pub(crate) fn new(bus: Bus, scope: Arc<Scope>) -> Self {
        Self { bus, scope, head: OnceLock::new() }
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> &SessionId {
        &self.scope.id
    }

    /// Who would get this message if it were sent in this session: as [`Bus::explain`].
    #[must_use]
    pub fn explain<M: Message>(&self, message: &M) -> Explanation {
        Explanation::of(self.bus.core(), Some(&self.scope), message)
    }

    /// The session around it.
    #[must_use]
    pub fn parent(&self) -> Option<Session> {
        let parent = self.scope.parent.as_ref()?;
        Some(Session::new(self.bus.clone(), Arc::clone(parent)))
    }

    /// The bus.
    #[must_use]
    pub fn bus(&self) -> &Bus {
        &self.bus
    }

    /// How long it has been open, or was.
    #[must_use]
    pub fn age(&self) -> Duration {
        let report = lock(&self.scope.state).report.as_ref().map(|report| report.duration);
        let now = self.bus.core().settings.clock.now();
        report.unwrap_or_else(|| now.saturating_duration_since(self.scope.opened))
    }

    /// Does it take no more, as it is closed or about to be?
    #[must_use]
    pub fn is_closed(&self) -> bool {
        self.scope.inside.is_closed()
    }

    /// As [`Bus::execute`], in this session.
    #[track_caller]
    pub fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Execute::new(self.bus.core(), command, self.bus.inherited()).with_head(self.head())
    }

    /// As [`Bus::publish`], in this session.
    #[track_caller]
    pub fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Publish::new(self.bus.core(), event, self.bus.origin()).with_head(self.head())
    }

    /// As [`Bus::try_publish`], in this session.
    ///
    /// # Errors
    /// As there, and when the session is closed.
    #[track_caller]
    pub fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        let origin = self.bus.origin();
        publish::try_publish(self.bus.core(), event, origin, Some(self.head()))
    }

    /// A session inside this one. What runs there is handled by its handlers, then by those of this
    /// one, then by the bus's; it ends when this one does, if not before.
    pub fn session(&self, name: impl SessionName) -> SessionBuilder {
        SessionBuilder::new(self.bus.clone(), name.into_session_id(), Some(Arc::clone(&self.scope)))
    }

    /// Runs a task that ends with the session: it is dropped at its next await then. Gives its
    /// output, or `None` if it was ended. What the task sends is in the session if it is sent through
    /// a handle of that: a task is no handler, so nothing is inherited.
    ///
    /// # Errors
    /// When the session is closed, or there is no runtime.
    pub fn spawn<F>(&self, future: F) -> Result<JoinHandle<Option<F::Output>>, SessionError>
    where
        F: Future<Output: Send> + Send + 'static,
    {
        task::spawn(self.bus.core(), &self.scope, future)
    }

    /// Runs `callback` when the session ends, after all that ran in it and before its end is
    /// announced. The last that was registered runs first. The session takes no messages by then; the
    /// bus does.
    ///
    /// # Errors
    /// When the session ends already: gives the error, and `callback` is dropped.
    pub fn on_close<F, Fut>(&self, callback: F) -> Result<(), SessionError>
    where
        F: FnOnce() -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let callback: callbacks::Callback = Box::new(move || Box::pin(callback()));
        let refused = lock(&self.scope.state).on_close.push(callback).err();
        // With what it has captured: not under the lock.
        refused.map_or(Ok(()), |_| Err(self.closed()))
    }

    /// Resolves when the session ends what is its own: for handlers and tasks that would like to
    /// know. Cancel-safe.
    pub async fn cancelled(&self) {
        self.scope.cancel(false).fired().await;
    }

    /// Ends the session: takes no more, lets what is in flight in it finish (with a limit), ends its
    /// tasks and what is left of its handlers, runs the [`on_close`](Self::on_close) callbacks,
    /// announces the end ([`SessionEndEvent`](crate::SessionEndEvent)) to its own handlers too, and
    /// unregisters them. Closing it again waits for the same end.
    ///
    /// Inside a handler that runs in the session, and in its callbacks, it does not wait: the session
    /// ends when they have. A task of the session that awaits this is ended by it.
    ///
    /// # Cancel safety
    /// Once it was polled, the session ends, whether this is awaited to its end or not.
    pub async fn close(&self) -> SessionReport {
        self.close_with(None).await
    }

    /// As [`close`](Self::close), for an error, which is told in the
    /// [`SessionEndEvent`](crate::SessionEndEvent), unless another was given before.
    pub fn fail<E: fmt::Display>(
        &self,
        error: E,
    ) -> impl Future<Output = SessionReport> + Send + use<'_, E> {
        self.close_with(Some(error.to_string()))
    }

    /// As [`close`](Self::close), without waiting: for plain functions and destructors.
    pub fn close_in_background(&self) {
        end::begin(&self.scope, None);
    }

    async fn close_with(&self, error: Option<String>) -> SessionReport {
        end::begin(&self.scope, error);
        let core = self.bus.core();
        if ambient::is_inside(core, &self.scope) || callbacks::is_inside(&self.scope) {
            let mut report = SessionReport::new(self.id().clone(), self.age());
            report.is_deferred = true;
            return report;
        }
        // Inside another handler, its slot is given back meanwhile.
        let _waits = ambient::waits_inside(core);
        end::ended(&self.scope).await
    }

    /// The resource of type `T`: of this session, of those around it, or of the bus.
    ///
    /// # Errors
    /// When none was provided.
    pub fn resource<T: Resource>(&self) -> Result<Res<T>, ParamError> {
        match self.scope.resource::<T>() {
            Some(found) => Ok(found.clone()),
            None => self.bus.resource(),
        }
    }

    pub(crate) fn scope(&self) -> &Arc<Scope> {
        &self.scope
    }

    pub(super) fn closed(&self) -> SessionError {
        SessionError::SessionClosed { session_id: self.id().clone() }
    }

    fn head(&self) -> Arc<Head> {
        let head = self.head.get_or_init(|| {
            let session = Some(InScope::Of(Arc::clone(&self.scope)));
            Arc::new(Head { session, ..Head::default() })
        });
        Arc::clone(head)
    }
}

impl MessageBus for Session {
    #[track_caller]
    fn execute<C, O, E>(&self, command: C) -> Execute<'_, C, O, E>
    where
        C: Command<Output = O, Error = E>,
    {
        Session::execute(self, command)
    }
    #[track_caller]
    fn publish<E: Event>(&self, event: E) -> Publish<'_, E> {
        Session::publish(self, event)
    }
    #[track_caller]
    fn try_publish<E: Event>(&self, event: E) -> Result<Published, PublishError<E>> {
        Session::try_publish(self, event)
    }
}

impl<'cx> Param<'cx> for Session {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        let outside = "the handler takes a `Session`, and its message was sent outside sessions: take `Option<Session>`";
        cx.session().ok_or_else(|| ParamError::new(outside))
    }
}

impl<'cx> Param<'cx> for Option<Session> {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        Ok(cx.session())
    }
}

impl Session {
    pub(crate) fn core(&self) -> &Core {
        self.bus.core()
    }
}

impl fmt::Debug for Session {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Session({})", self.scope.id)
    }
}
