//! A call, as its middleware see it.

use std::any::Any;
use std::borrow::Cow;
use std::fmt;
use std::future::poll_fn;
use std::sync::Arc;
use std::time::Instant;

use super::answer::Inner;
use super::layers::{Installed, Layers};
use crate::context::Context;
use crate::message::{Command, Event, Message, MessageInfo};
use crate::pipeline::options::{Headers, Principal};
use crate::probe::Rest;
use crate::registry::{HandlerId, HandlerInfo};

/// The call of a handler, as its [`Middleware`](crate::Middleware) see it: what is asked for, and, when
/// `next` has run, what was answered.
pub struct Call<'c> {
    pub(super) context: &'c Context,
    pub(super) inner: &'c mut dyn Inner,
    pub(super) all: &'c Layers,
    /// Those of this place.
    layers: &'c [Arc<Installed>],
    /// The middleware that has it now.
    at: usize,
    /// The headers, where a middleware has changed them.
    headers: Option<Headers>,
    /// The outermost that calls it again when it has failed.
    retries_at: Option<usize>,
}

/// What is asked for.
impl<'c> Call<'c> {
    /// The message, if it is of type `M`. A command is gone when its handler has run: it belonged to
    /// that, unless it was [kept](Self::keep).
    #[must_use]
    pub fn get<M: Message>(&self) -> Option<&M> {
        self.inner.message()?.downcast_ref()
    }

    /// The events of a batch, if they are of type `E`: of a handler that takes several at once the call is
    /// that of all. Those that were dropped from the queue, while the handler waited to be called again, are not
    /// among them any more. Empty for others.
    #[must_use]
    pub fn batch<E: Event>(&self) -> Vec<&E> {
        let events = self.inner.events().into_iter();
        events.filter_map(|one| one.event.downcast_ref()).collect()
    }

    /// What is known of the type of the message: name, version, whether it is a command.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.context.message()
    }

    /// The handler that is called.
    #[must_use]
    pub fn handler(&self) -> &'c HandlerInfo {
        &self.all.handler
    }

    /// The id of the handler, which no other has.
    #[must_use]
    pub fn handler_id(&self) -> HandlerId {
        self.all.id
    }

    /// What the handler sees: ids, session, extensions, resources, the bus. Of an outer middleware it is
    /// that of the call: what is [inserted](Context::insert) there, each run of the handler finds, and
    /// what the last run has inserted is found here; what is [emitted](Context::emit) is sent if the
    /// call ends well.
    #[must_use]
    pub fn context(&self) -> &'c Context {
        self.context
    }

    /// The message, unless it was moved into the handler.
    pub(super) fn message(&self) -> Option<&dyn Any> {
        self.inner.message()
    }

    /// The events of a batch.
    pub(super) fn events(&self) -> impl Iterator<Item = &dyn Any> {
        self.inner.events().into_iter().map(|one| &*one.event as &dyn Any)
    }

    /// Now, by the clock of the bus.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.context.core().settings.clock.now()
    }

    /// On whose behalf the message was sent.
    #[must_use]
    pub fn principal(&self) -> Option<&'c Principal> {
        self.context.principal()
    }

    /// The headers that the handler will see.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        self.headers.as_ref().unwrap_or_else(|| self.context.headers())
    }

    /// One header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)
    }

    /// Sets a header: seen by the middleware after this one, and by the handler. Of a
    /// [`per_attempt`](crate::Layer::per_attempt) middleware it is fixed by the first run.
    pub fn set_header(&mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) {
        let headers = self.headers.get_or_insert_with(|| self.context.headers().clone());
        headers.set(name.into(), value.into());
    }

    /// Keeps the message, so that `next` can run more than once. `false`: it cannot, as this is a command
    /// whose handler takes it by value, and its type is not `Clone`. An event is always kept.
    #[must_use = "`false`: the handler can be called once only"]
    pub fn keep(&mut self) -> bool {
        self.inner.keep()
    }
}

impl<'c> Call<'c> {
    pub(super) fn new(
        context: &'c Context,
        all: &'c Layers,
        layers: &'c [Arc<Installed>],
        inner: &'c mut dyn Inner,
    ) -> Self {
        Self { context, inner, all, layers, at: 0, headers: None, retries_at: None }
    }

    pub(super) fn layers(&self) -> &'c [Arc<Installed>] {
        self.layers
    }

    /// What is not given an answer again has none.
    pub(super) fn forget(&mut self) {
        self.inner.answer().forget();
    }

    /// May the middleware that has it now call again what has failed? Not where the handler has retries of
    /// its own, nor within another that does so: retries of retries would multiply.
    pub(super) fn may_retry(&mut self) -> bool {
        let at = *self.retries_at.get_or_insert(self.at);
        !self.all.is_retried && at == self.at
    }

    /// The call in the hands of one of them; it returns to the former one.
    pub(super) fn at(&mut self, at: usize) -> At<'_, 'c> {
        let former = std::mem::replace(&mut self.at, at);
        At { call: self, former }
    }

    pub(super) async fn run_handler(&mut self) {
        let running = Running(self);
        // It has a probe of its own.
        let _rest = Rest::begin();
        poll_fn(|task| {
            let Call { inner, headers, .. } = &mut *running.0;
            inner.poll_run(headers.as_ref(), task)
        })
        .await;
    }

    /// What the handler handles: of one that hears any event, not what it is called for.
    pub(super) fn handles(&self) -> &'static MessageInfo {
        self.all.message
    }

    pub(super) fn name(&self) -> Cow<'static, str> {
        self.layers.get(self.at).map_or(Cow::Borrowed("?"), |layer| layer.name.clone())
    }

    pub(super) fn is_of<C: Command>(&self) -> bool {
        self.info().type_id() == C::INFO.type_id()
    }
}

/// A call in the hands of a middleware.
pub(super) struct At<'a, 'c> {
    call: &'a mut Call<'c>,
    former: usize,
}

impl At<'_, '_> {
    /// The middleware has returned, or panicked.
    pub(super) fn has_ended(&mut self, ended: Result<(), String>) {
        let failed = match ended {
            Err(panic) => format!("it panicked: {panic}"),
            Ok(()) if self.call.ended().is_none() => {
                "it has dropped or taken the answer, and given none".to_owned()
            }
            Ok(()) => return,
        };
        let _ = self.call.reject(failed);
    }
}

impl<'c> std::ops::Deref for At<'_, 'c> {
    type Target = Call<'c>;
    fn deref(&self) -> &Call<'c> {
        self.call
    }
}
impl std::ops::DerefMut for At<'_, '_> {
    fn deref_mut(&mut self) -> &mut Self::Target {
        self.call
    }
}
impl Drop for At<'_, '_> {
    fn drop(&mut self) {
        self.call.at = self.former;
    }
}

/// Ends the run when its future is dropped. One that has ended has nothing to end.
struct Running<'a, 'c>(&'a mut Call<'c>);

impl Drop for Running<'_, '_> {
    fn drop(&mut self) {
        self.0.inner.stop();
    }
}

impl fmt::Debug for Call<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Call({} by {})", self.info().name(), self.handler())
    }
}
