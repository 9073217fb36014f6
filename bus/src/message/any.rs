//! What a handler takes that hears all events, or all of a category.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::info::{Capabilities, Category, MessageInfo, MessageMeta, Name};
use super::kind::{self, Erased};
use super::{Event, Message, MessageId};
use crate::context::Context;
use crate::envelope::Envelope;
use crate::session::{Scope, SessionId};

/// An event of any type: a handler that takes `&AnyEvent` hears all of them, one that takes
/// `&AnyEvent<category::Integration>` those of a category. For audit logs, and for bridges to other
/// systems.
///
/// Handlers are found by the exact type of their message; Rust's types have no bases that could be
/// registered for in their place. This is the one exception, and it is spelled out. The bus's own
/// events are not heard through it, and an event that nobody else handles is still
/// [unhandled](crate::UnhandledEvent).
///
/// ```standalone_crate
/// use bus::{AnyEvent, Bus, category, event, handler};
///
/// #[event(kind = integration)]
/// struct OrderPlaced { id: u64 }
/// #[event]
/// struct Rang;
///
/// #[handler(priority = -100)]
/// fn audit(event: &AnyEvent) {
///     println!("{} {} in {}", event.id(), event.name(), event.session_id());
/// }
///
/// #[handler]
/// fn forward(event: &AnyEvent<category::Integration>) {
///     if let Some(order) = event.get::<OrderPlaced>() {
///         println!("order {} goes out", order.id);
///     }
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let bus = Bus::from_registered()?;
///     bus.publish(OrderPlaced { id: 7 }).await?;
///     bus.publish(Rang).await?;
///     assert_eq!(bus.shutdown().await.completed, 3);
///     Ok(())
/// }
/// ```
pub struct AnyEvent<C = category::Every> {
    info: &'static MessageInfo,
    id: MessageId,
    session: SessionId,
    event: Erased,
    category: PhantomData<fn() -> C>,
}

impl<C> AnyEvent<C> {
    /// What is known of its type: version, where it is declared, what can be done with it.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.info
    }

    /// The stable name of its type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.info.name()
    }

    /// Its id.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// `kind = ..` of its type: domain, system or integration.
    #[must_use]
    pub fn kind(&self) -> Category {
        self.info.category()
    }

    /// The session that it was published in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> &SessionId {
        &self.session
    }

    /// The event, if it is of type `E`.
    #[must_use]
    pub fn get<E: Event>(&self) -> Option<&E> {
        self.event.downcast_ref()
    }

    /// The event, if it is of type `E`, to be kept.
    #[must_use]
    pub fn downcast<E: Event>(&self) -> Option<Arc<E>> {
        Arc::clone(&self.event).downcast().ok()
    }

    /// The event as JSON (feature `json`), if its type is `serde::Serialize` where it is declared.
    ///
    /// # Errors
    /// When it is not, or the type refuses.
    #[cfg(feature = "json")]
    pub fn json(&self) -> Result<serde_json::Value, JsonError> {
        let event = self.info.name();
        let Some(to_json) = self.info.capabilities().json else {
            return Err(JsonError::NotSerialize { event });
        };
        to_json(&*self.event).map_err(|error| JsonError::Refused { event, error })
    }
}

/// Why an event is not written as JSON: [`AnyEvent::json`].
#[cfg(feature = "json")]
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum JsonError {
    /// Its type cannot be.
    #[error("event {event} is not `serde::Serialize`: derive it, above `#[event]` or below")]
    NotSerialize {
        /// The name of the event.
        event: &'static str,
    },
    /// Its type has refused.
    #[error("event {event} cannot be written as JSON: {error}")]
    Refused {
        /// The name of the event.
        event: &'static str,
        /// Why.
        #[source]
        error: serde_json::Error,
    },
}

/// An event that has lost its type, and what is known of it.
#[allow(missing_debug_implementations, reason = "named by the bus alone")]
pub struct About<'a> {
    event: &'a Erased,
    info: &'static MessageInfo,
    id: MessageId,
    session: Option<&'a Arc<Scope>>,
}

/// An event of a batch, which has lost its type, and what is known of it.
#[derive(Clone)]
#[allow(missing_debug_implementations, reason = "named by the bus alone")]
pub struct OneOf {
    pub(crate) event: Erased,
    pub(crate) info: &'static MessageInfo,
    pub(crate) id: MessageId,
    pub(crate) session: Option<Arc<Scope>>,
}

impl OneOf {
    pub(crate) fn of(envelope: &Envelope) -> Self {
        let (event, session) = (Arc::clone(&envelope.event), envelope.scope().cloned());
        Self { event, info: envelope.info, id: envelope.id, session }
    }
}

impl<'a> About<'a> {
    pub(crate) fn one_of(one: &'a OneOf) -> Self {
        let OneOf { event, info, id, session } = one;
        Self { event, info, id: *id, session: session.as_ref() }
    }

    pub(crate) fn envelope(envelope: &'a Envelope) -> Self {
        let Envelope { event, info, id, .. } = envelope;
        Self { event, info, id: *id, session: envelope.scope() }
    }

    pub(crate) fn in_context(event: &'a Erased, context: &'a Context) -> Self {
        let (info, id, session) = (context.message(), context.id(), context.scope());
        Self { event, info, id, session }
    }

    /// As what a handler takes.
    #[inline]
    pub(crate) fn typed<M: Message>(&self) -> Option<Arc<M>> {
        Arc::clone(self.event).downcast::<M>().ok().or_else(|| M::of_any(self))
    }
}

impl<C: category::Hears> Message for AnyEvent<C> {
    type Kind = kind::Event;
    const INFO: &'static MessageInfo = &MessageInfo::new::<Self>(
        MessageMeta {
            name: Name::OfType,
            category: Category::System,
            version: 1,
            timeout: None,
            attempt_timeout: None,
            retry: None,
            circuit_breaker: None,
            order: None,
            ttl: None,
            file: file!(),
            line: line!(),
        },
        Capabilities {
            clone: false,
            debug: true,
            debug_with: None,
            clone_into: None,
            validate: None,
            error_text: None,
            error_class: None,
            json: None,
        },
    )
    .hearing(C::CATEGORY);

    fn of_any(about: &About<'_>) -> Option<Arc<Self>> {
        let (info, id, event) = (about.info, about.id, Arc::clone(about.event));
        let session = about.session.map_or(SessionId::BUS, |scope| scope.id.clone());
        Some(Arc::new(Self { info, id, session, event, category: PhantomData }))
    }
}

impl<C> fmt::Debug for AnyEvent<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "AnyEvent({})", self.info.name())
    }
}

/// Which events an [`AnyEvent`](crate::AnyEvent) hears.
pub mod category {
    use crate::message::info::Category;

    mod sealed {
        pub trait Sealed {}
    }

    /// A choice of categories: [`Every`], [`Domain`], [`System`] or [`Integration`].
    #[diagnostic::on_unimplemented(
        message = "`{Self}` is no category of events",
        label = "expected `Domain`, `System`, `Integration` or `Every` of `bus::category`",
        note = "to hear one type of event, take it: `event: &{Self}`"
    )]
    pub trait Hears: sealed::Sealed + Send + Sync + 'static {
        #[doc(hidden)]
        const CATEGORY: Option<Category>;
    }

    /// All events.
    #[derive(Debug, Clone, Copy)]
    pub enum Every {}
    /// `#[event(kind = domain)]`, the default.
    #[derive(Debug, Clone, Copy)]
    pub enum Domain {}
    /// `#[event(kind = system)]`, but not those of the bus.
    #[derive(Debug, Clone, Copy)]
    pub enum System {}
    /// `#[event(kind = integration)]`.
    #[derive(Debug, Clone, Copy)]
    pub enum Integration {}

    impl sealed::Sealed for Every {}
    impl sealed::Sealed for Domain {}
    impl sealed::Sealed for System {}
    impl sealed::Sealed for Integration {}

    impl Hears for Every {
        const CATEGORY: Option<Category> = None;
    }
    impl Hears for Domain {
        const CATEGORY: Option<Category> = Some(Category::Domain);
    }
    impl Hears for System {
        const CATEGORY: Option<Category> = Some(Category::System);
    }
    impl Hears for Integration {
        const CATEGORY: Option<Category> = Some(Category::Integration);
    }
}
