//! What a handler sees of the dispatch it runs in.
//!
//! [`seed`] is what a context is made of, [`inside`] what the pipeline asks of it, [`owned`] one that may outlive
//! its handler, [`class`] what is noted of a failure. What it can do with the bus (execute, publish, emit) stands with the verbs, in [`crate::message_bus`].

mod class;
mod inside;
mod owned;
mod seed;

use std::any::{Any, TypeId};
use std::fmt;
use std::panic::Location;
use std::sync::{Arc, OnceLock};
use std::task::Poll;
use std::time::{Duration, Instant};

use class::ClassCell;
pub use owned::OwnedContext;
pub(crate) use seed::{Scratch, Seed};

use crate::clock::OnceInstant;
use crate::handler::param::ParamError;
use crate::handler::resource::{Res, Resource};
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::frame::CoreRef;
use crate::pipeline::options::{Headers, Principal};
use crate::pipeline::traceparent::TraceParent;
use crate::resilience::timer;
use crate::session::SessionId;
use crate::sync::{lock, shared};

shared! {
    /// What a handler sees of one dispatch: ids, session, principal, headers, deadline, cancellation,
    /// attempt, and the bus.
    ///
    /// Take it as `&Context` after the message. What must outlive the handler, in a spawned task, takes
    /// an [`OwnedContext`].
    pub struct Context {
        core: CoreRef,
        seed: Seed,
        /// Fixed when first asked for, so that a handler that is ready at once reads no clock.
        deadline: OnceInstant,
        /// The headers, where a middleware inside of the run has changed them.
        headers: OnceLock<Box<Headers>>,
        class: ClassCell,
    }
}

impl Context {
    #[inline]
    pub(crate) fn new(core: CoreRef, seed: Seed) -> Self {
        let (deadline, headers) = (OnceInstant::default(), OnceLock::new());
        Self { core, seed, deadline, headers, class: ClassCell::default() }
    }

    /// The id of the message being handled.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.seed.id
    }

    /// The id of the message that started the conversation: the same for all that follows from one
    /// root call.
    #[must_use]
    pub fn correlation_id(&self) -> MessageId {
        self.seed.correlation_id()
    }

    /// The id of the message whose handler sent this one; `None` for a root call.
    #[must_use]
    pub fn causation_id(&self) -> Option<MessageId> {
        self.seed.origin.as_ref().map(|origin| origin.id)
    }

    /// The id of the session this runs in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.scope().map_or(SessionId::BUS, |scope| scope.id.clone())
    }

    /// On whose behalf this runs.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        self.seed.principal()
    }

    /// The headers the message was sent with. They are not inherited.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        if let Some(changed) = self.headers.get() {
            return changed;
        }
        self.seed.head.as_ref().map_or(Headers::NONE, |head| &head.headers)
    }

    /// One header.
    #[must_use]
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers().get(name)
    }

    /// What an outgoing request carries on as its header `traceparent`: the trace of this message, with the
    /// message as the span that makes the request. `None` where neither this message nor one that it follows
    /// from was sent with a header `traceparent` that could be read.
    ///
    /// ```standalone_crate
    /// # use bus::{Bus, Context, command, handler};
    /// #[command(output = String)]
    /// struct Ask;
    ///
    /// #[handler]
    /// async fn ask(_: Ask, cx: &Context) -> bus::Result<String> {
    ///     Ok(cx.traceparent().map(|parent| parent.to_string()).unwrap_or_default())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// # let bus = Bus::from_registered()?;
    /// let came = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    /// let goes = bus.execute(Ask).header("traceparent", came).await?;
    /// assert_eq!(goes[..36], came[..36]); // the same trace
    /// assert_ne!(goes[36..52], came[36..52]); // another span
    /// # Ok(())
    /// # }
    /// ```
    #[must_use]
    pub fn traceparent(&self) -> Option<TraceParent> {
        self.look_at_trace(|trace| trace.at(self.id()))
    }

    /// What goes with [`traceparent`](Self::traceparent) as the header `tracestate`: the members that came, of
    /// which the longest and the last are left out where all are longer than 512 characters. `None` too if
    /// what came is no such list.
    #[must_use]
    pub fn tracestate(&self) -> Option<String> {
        self.look_at_trace(|trace| trace.state().map(str::to_owned)).flatten()
    }

    /// Where in the source this message was executed, published or emitted: with
    /// [`Builder::track_callers`](crate::Builder::track_callers), else `None`. A batch has no such place.
    #[must_use]
    pub fn sent_from(&self) -> Option<&'static Location<'static>> {
        self.seed.head.as_ref().and_then(|head| head.sent_from)
    }

    /// Which call of the handler this is, from 1; 0 around all of them, in an outer middleware.
    #[must_use]
    pub fn attempt(&self) -> u32 {
        self.seed.attempt
    }

    /// What is known of the type of the message.
    #[must_use]
    pub fn message(&self) -> &'static MessageInfo {
        self.seed.info
    }

    /// When this call will be ended: its timeout from now on, if it was not fixed before, or the
    /// deadline of the caller if that is earlier.
    #[must_use]
    pub fn deadline(&self) -> Option<Instant> {
        self.deadline.get_or_init(|| {
            // The timeout is that of a run. One that is too long for the clock is none.
            let timeout = self.seed.time().filter(|_| self.seed.attempt > 0);
            let own = timeout.and_then(|t| self.core().settings.clock.now().checked_add(t));
            match (own, self.seed.deadline.get()) {
                (Some(own), Some(callers)) => Some(own.min(callers)),
                (own, callers) => own.or(callers),
            }
        })
    }

    /// Now, by the clock of the bus: in a test, what the test says.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.core().settings.clock.now()
    }

    /// Waits so long, by the clock of the bus. Where there is no timer it does not wait.
    ///
    /// # Cancel safety
    /// Dropping the future ends the wait.
    pub async fn sleep(&self, time: Duration) {
        timer::sleep(self.core(), time).await;
    }

    /// Has the call ended early (dropped, timed out, cancelled), or is its session or the bus ending
    /// and past its time to finish? For work that outlives its handler's future: blocking handlers and
    /// spawned tasks.
    #[must_use]
    pub fn is_cancelled(&self) -> bool {
        self.scratch().cancel.is_fired()
            || self.core().cancel.is_fired()
            || self.scope().is_some_and(|scope| scope.is_cancelled(self.is_lifecycle()))
    }

    /// Resolves when [`is_cancelled`](Self::is_cancelled) is true. Cancel-safe.
    pub async fn cancelled(&self) {
        let mut call = std::pin::pin!(self.scratch().cancel.fired());
        let mut bus = std::pin::pin!(self.core().cancel.fired());
        let session = self.scope().map(|scope| scope.cancel(self.is_lifecycle()));
        let mut session = session.map(|cancel| Box::pin(cancel.fired()));
        std::future::poll_fn(|task| {
            let ended = call.as_mut().poll(task).is_ready()
                || bus.as_mut().poll(task).is_ready()
                || session.as_mut().is_some_and(|session| session.as_mut().poll(task).is_ready());
            if ended { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    /// Is the bus shutting down? Handlers may finish, publish and execute meanwhile; one that would go
    /// on for long should come to its end now, and is [cancelled](Self::is_cancelled) when the drain
    /// is over.
    #[must_use]
    pub fn is_shutting_down(&self) -> bool {
        self.core().work.shutting_down.is_fired()
    }

    /// Resolves when [`is_shutting_down`](Self::is_shutting_down) is true. Cancel-safe.
    pub async fn shutting_down(&self) {
        self.core().work.shutting_down.fired().await;
    }

    /// Keeps a value for the rest of this call, one of each type; returns the former one.
    pub fn insert<T: Send + Sync + 'static>(&self, value: T) -> Option<Arc<T>> {
        let mut extensions = lock(&self.scratch().extensions);
        let value: Arc<dyn Any + Send + Sync> = Arc::new(value);
        let id = TypeId::of::<T>();
        if let Some((_, old)) = extensions.iter_mut().find(|(key, _)| *key == id) {
            return std::mem::replace(old, value).downcast().ok();
        }
        extensions.push((id, value));
        None
    }

    /// The value of type `T` that was [`insert`](Self::insert)ed.
    #[must_use]
    pub fn get<T: Send + Sync + 'static>(&self) -> Option<Arc<T>> {
        let extensions = lock(&self.seed.shared.get()?.extensions);
        let (_, value) = extensions.iter().find(|(key, _)| *key == TypeId::of::<T>())?;
        Arc::clone(value).downcast().ok()
    }

    /// The resource of type `T`: of the session, if it was provided there, else of the bus.
    ///
    /// # Errors
    /// When none was provided.
    pub fn resource<T: Resource>(&self) -> Result<Res<T>, ParamError> {
        self.find_resource().cloned()
    }

    /// A context that may outlive the handler.
    #[must_use]
    pub fn to_owned(&self) -> OwnedContext {
        OwnedContext::of(self)
    }
}

impl fmt::Debug for Context {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Context")
            .field("message", &self.seed.info.name())
            .field("id", &self.id())
            .field("correlation_id", &self.correlation_id())
            .field("session", &self.session_id())
            .field("attempt", &self.attempt())
            .finish_non_exhaustive()
    }
}
