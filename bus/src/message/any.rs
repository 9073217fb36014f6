//! What a handler takes that hears all events, or all of a category.

use std::fmt;
use std::marker::PhantomData;
use std::sync::Arc;

use super::info::{Capabilities, Category, MessageInfo, MessageMeta, Name};
use super::kind::{self, Erased};
use super::{Event, Message};
use crate::context::Context;

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
/// use bus::{AnyEvent, Bus, Context, category, event, handler};
///
/// #[event(kind = integration)]
/// struct OrderPlaced { id: u64 }
/// #[event]
/// struct Rang;
///
/// #[handler(priority = -100)]
/// fn audit(event: &AnyEvent, cx: &Context) {
///     println!("{} {}", cx.id(), event.info().name());
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
    event: Erased,
    category: PhantomData<fn() -> C>,
}

impl<C> AnyEvent<C> {
    /// What is known of its type: the name, the category.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.info
    }

    /// The event, if it is of type `E`.
    #[must_use]
    pub fn get<E: Event>(&self) -> Option<&E> {
        self.event.downcast_ref()
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
            order: None,
            ttl: None,
            file: file!(),
            line: line!(),
        },
        Capabilities {
            clone: false,
            debug: true,
            clone_into: None,
            validate: None,
            error_text: None,
        },
    )
    .hearing(C::CATEGORY);

    fn of_any(event: &Erased, context: &Context) -> Option<Arc<Self>> {
        let (info, event) = (context.message(), Arc::clone(event));
        Some(Arc::new(Self { info, event, category: PhantomData }))
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
