//! Which middleware wrap which handler, where, and in which order.

use std::any::Any;
use std::borrow::Cow;
use std::cmp::Reverse;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::Middleware;
use crate::handler::param::Requirements;
use crate::message::{Message, MessageInfo};
use crate::registry::plan::Plan;
use crate::registry::{HandlerId, HandlerInfo};

/// A middleware, and where it is put: what [`Builder::middleware`](crate::Builder::middleware) takes.
///
/// ```
/// use bus::{Bus, Layer, middleware};
/// # #[bus::event] struct Clicked;
///
/// let bus = Bus::builder()
///     .middleware(Layer::new(middleware::timing()).priority(100))
///     .middleware(Layer::new(middleware::logging()).on::<Clicked>().per_attempt())
///     .build()?;
/// # Ok::<(), bus::BuildError>(())
/// ```
#[derive(Clone)]
#[must_use = "a layer does nothing until it is given to a builder"]
pub struct Layer {
    pub(crate) middleware: Arc<dyn Middleware>,
    pub(crate) on: On,
    pub(crate) priority: i32,
    pub(crate) per_attempt: bool,
}

/// The handlers of which messages.
#[derive(Clone, Copy, Debug, Default)]
pub enum On {
    /// All, but the bus's own events.
    #[default]
    All,
    /// Of all commands.
    Commands,
    /// Of all events, but the bus's own.
    Events,
    /// Of one type.
    Message(&'static MessageInfo),
}

impl On {
    pub(crate) fn concerns(self, message: &MessageInfo) -> bool {
        match self {
            Self::All => !message.is_own(),
            Self::Commands => message.is_command(),
            Self::Events => !message.is_command() && !message.is_own(),
            Self::Message(only) => only.type_id() == message.type_id(),
        }
    }
}

impl Layer {
    /// Around all handlers, but those of the bus's own events; outside of their timeouts.
    pub fn new(middleware: impl Middleware) -> Self {
        Self::of(Arc::new(middleware))
    }

    pub(crate) fn of(middleware: Arc<dyn Middleware>) -> Self {
        Self { middleware, on: On::All, priority: 0, per_attempt: false }
    }

    /// That of a `#[middleware]` function.
    #[doc(hidden)]
    pub fn linked(middleware: impl Middleware, on: On, priority: i32, per_attempt: bool) -> Self {
        Self { middleware: Arc::new(middleware), on, priority, per_attempt }
    }

    /// What it will need, and who says so.
    pub(crate) fn require(&self) -> (String, Requirements) {
        let mut requirements = Requirements::default();
        let require = || self.middleware.require(&mut requirements);
        if catch_unwind(AssertUnwindSafe(require)).is_err() {
            tracing::error!(middleware = ?self, "a middleware panicked when it was asked what it needs");
        }
        (format!("middleware `{}`", name_of(&*self.middleware)), requirements)
    }

    /// Only around the handlers of commands.
    pub fn on_commands(mut self) -> Self {
        self.on = On::Commands;
        self
    }

    /// Only around the handlers of events, but the bus's own.
    pub fn on_events(mut self) -> Self {
        self.on = On::Events;
        self
    }

    /// Only around the handlers of one message.
    pub fn on<M: Message>(mut self) -> Self {
        self.on = On::Message(M::INFO);
        self
    }

    /// Higher is further outside: 0 unless it is said.
    pub fn priority(mut self, priority: i32) -> Self {
        self.priority = priority;
        self
    }

    /// Inside of the handler's timeout, as a part of each run of it, in place of around all of them.
    pub fn per_attempt(mut self) -> Self {
        self.per_attempt = true;
        self
    }

    /// Does it wrap the handlers of this message?
    pub(crate) fn concerns(&self, message: &MessageInfo) -> bool {
        let concerns = || self.middleware.concerns(message);
        self.on.concerns(message)
            && catch_unwind(AssertUnwindSafe(concerns)).unwrap_or_else(|_| {
                let middleware = &*name_of(&*self.middleware);
                tracing::error!(
                    middleware,
                    "a middleware panicked when it was asked what it concerns"
                );
                true
            })
    }
}

impl fmt::Debug for Layer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Layer")
            .field("middleware", &name_of(&*self.middleware))
            .field("on", &self.on)
            .field("priority", &self.priority)
            .field("per_attempt", &self.per_attempt)
            .finish()
    }
}

/// What can be given to a builder: a middleware, or a [`Layer`] that says where it is put.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a middleware",
    label = "expected a type that implements `bus::Middleware`, or a `bus::Layer` of one",
    note = "implement it with `#[bus::async_trait]`, or write `#[bus::middleware] async fn name(call: &mut Call<'_>, next: Next) -> Handled` and give `name {{}}`"
)]
pub trait IntoLayer {
    /// The layer.
    fn into_layer(self) -> Layer;
}
impl IntoLayer for Layer {
    fn into_layer(self) -> Layer {
        self
    }
}
#[diagnostic::do_not_recommend]
impl<M: Middleware> IntoLayer for M {
    fn into_layer(self) -> Layer {
        self.placed()
    }
}

/// What `#[handler(middleware = ..)]` may name.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be the middleware of a handler",
    label = "expected the name of a `#[middleware]` function",
    note = "or name a type that is `bus::Middleware + Default`; one that takes arguments is made in place: `middleware = rate_limit(Rate::per_second(5))`"
)]
pub trait OwnLayer {
    /// A new one.
    fn own_layer() -> Layer;
}
#[diagnostic::do_not_recommend]
impl<M: Middleware + Default> OwnLayer for M {
    fn own_layer() -> Layer {
        M::default().placed()
    }
}

/// The middleware of one handler, outermost first.
pub(crate) struct Layers {
    pub(crate) message: &'static MessageInfo,
    pub(crate) handler: HandlerInfo,
    pub(crate) id: HandlerId,
    pub(crate) outer: Vec<Arc<Installed>>,
    pub(crate) per_attempt: Vec<Arc<Installed>>,
    /// Retries have been declared, or said on the builder.
    pub(super) is_retried: bool,
    skipped: AtomicU64,
}

/// A middleware of a handler.
pub(crate) struct Installed {
    pub(crate) name: Cow<'static, str>,
    pub(crate) middleware: Arc<dyn Middleware>,
}

impl Layers {
    /// Those of the bus that concern the message, and the handler's own.
    pub(crate) fn of(plan: &Plan, bus: &[Layer]) -> Option<Arc<Self>> {
        let bus = bus.iter().filter(|layer| layer.concerns(plan.message));
        let mut all: Vec<&Layer> = bus.chain(&plan.own_layers).collect();
        // Stable: equals stay in their order, and a handler's own are the innermost of theirs.
        all.sort_by_key(|layer| Reverse(layer.priority));
        if all.is_empty() {
            return None;
        }
        let (mut outer, mut per_attempt) = (Vec::new(), Vec::new());
        for layer in all {
            let middleware = Arc::clone(&layer.middleware);
            let installed = Installed { name: name_of(&*middleware), middleware };
            let place = if layer.per_attempt { &mut per_attempt } else { &mut outer };
            place.push(Arc::new(installed));
        }
        let (message, handler, id) = (plan.message, plan.handler.clone(), plan.id);
        let skipped = AtomicU64::new(0);
        let is_retried = plan.policy.as_ref().is_some_and(|policy| policy.retry.is_some());
        Some(Arc::new(Self { message, handler, id, outer, per_attempt, is_retried, skipped }))
    }

    pub(super) fn skip(&self) {
        self.skipped.fetch_add(1, Ordering::Relaxed);
    }

    pub(crate) fn skipped(&self) -> u64 {
        self.skipped.load(Ordering::Relaxed)
    }

    /// Their names, outermost first.
    pub(crate) fn names(&self) -> impl Iterator<Item = String> {
        let all = self.outer.iter().chain(&self.per_attempt);
        all.map(|layer| layer.name.clone().into_owned())
    }
}

/// Its name is written by a user too.
pub(crate) fn name_of(middleware: &dyn Middleware) -> Cow<'static, str> {
    catch_unwind(AssertUnwindSafe(|| middleware.name())).unwrap_or(Cow::Borrowed("a middleware"))
}

/// What a handler's own middleware is made of: named by generated code alone.
pub type MakeLayer = fn() -> Layer;

const _: () = {
    const fn shared<T: Send + Sync + Any>() {}
    shared::<Layer>();
};
