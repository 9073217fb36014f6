//! What the attributes submit at link time. Built in `const` contexts by generated code, which alone
//! names what is public here; [`HandlerType`] is the exception.
#![allow(missing_docs)]

use std::any::Any;
use std::fmt;
use std::num::NonZeroU32;
use std::sync::Arc;
use std::time::Duration;

use crate::error::Error;
use crate::event::filter::FilterFn;
use crate::handler::batch::BatchSlotOf;
use crate::handler::param::Requirements;
use crate::handler::resource::{Provided, Resource, ResourceSet};
use crate::handler::slot::{Slot, SlotOf};
use crate::message::kind::{self, Deliver, DeliverBatch, Kind};
use crate::message::{Message, MessageInfo};
use crate::pipeline::hook::Hook;
use crate::pipeline::middleware::layers::MakeLayer;
use crate::resilience::declared::{BreakerMeta, RetryMeta};

/// A message type.
#[derive(Debug)]
pub struct MessageEntry(pub(crate) &'static MessageInfo);

impl MessageEntry {
    #[must_use]
    pub const fn of<M: Message>() -> Self {
        Self(M::INFO)
    }
}

/// A handler function.
pub struct HandlerEntry {
    pub(crate) meta: HandlerMeta,
    pub(crate) message: &'static MessageInfo,
    pub(crate) require: fn(&mut Requirements),
    /// A `SlotOf<M>`, with `M` the message.
    pub(crate) slot: &'static (dyn Any + Send + Sync),
    pub(crate) deliver: Option<Deliver>,
    pub(crate) deliver_batch: Option<DeliverBatch>,
    pub(crate) is_plain: bool,
}

/// What the attribute says of a handler, and where it stands.
#[derive(Clone, Copy, Debug)]
pub struct HandlerMeta {
    pub name: &'static str,
    pub module: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
    pub priority: i32,
    pub timeout: Option<Duration>,
    pub attempt_timeout: Option<Duration>,
    pub retry: Option<RetryMeta>,
    pub circuit_breaker: Option<BreakerMeta>,
    pub concurrency: Option<NonZeroU32>,
    pub batch: Option<NonZeroU32>,
    pub filter: Option<FilterFn>,
    /// The middleware of this handler alone.
    pub middleware: &'static [MakeLayer],
    /// Does it take the message as `&M` or `Arc<M>`? Then it can be called again without a clone.
    pub borrows: bool,
    pub manual: bool,
}

impl HandlerEntry {
    #[must_use]
    pub const fn new<M: Message>(
        meta: HandlerMeta,
        slot: &'static SlotOf<M>,
        require: fn(&mut Requirements),
    ) -> Self {
        let deliver = <M::Kind as Kind<M>>::DELIVER;
        let is_plain = matches!(slot, Slot::Plain(_));
        Self { meta, message: M::INFO, require, slot, deliver, deliver_batch: None, is_plain }
    }

    /// That of a handler that takes batches.
    #[must_use]
    pub const fn batch<M: Message>(
        meta: HandlerMeta,
        slot: &'static BatchSlotOf<M>,
        require: fn(&mut Requirements),
    ) -> Self {
        let deliver_batch: DeliverBatch = kind::deliver_batch::<M>;
        let deliver_batch = Some(deliver_batch);
        // It may have to wait for the turns of its events.
        let is_plain = matches!(slot, Slot::Plain(_));
        Self { meta, message: M::INFO, require, slot, deliver: None, deliver_batch, is_plain }
    }
}

impl fmt::Debug for HandlerEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.meta.fmt(f)
    }
}

/// A handler that is found without being named.
#[derive(Debug)]
pub struct Registered(pub &'static HandlerEntry);

/// A `#[handler] fn f` as a type: what `.register::<f>()`, `.without::<f>()` and `.configure::<f>()`
/// are given.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not a handler",
    label = "expected the name of a `#[handler]` function",
    note = "a free `#[bus::handler] fn f` makes a type `f` of the same name and visibility; import it with the function"
)]
pub trait HandlerType {
    #[doc(hidden)]
    const ENTRY: &'static HandlerEntry;
}

/// A `#[resource]` function.
pub struct ResourceEntry {
    pub(crate) meta: ResourceMeta,
    pub(crate) type_id: std::any::TypeId,
    pub(crate) type_name: fn() -> &'static str,
    pub(crate) require: fn(&mut Requirements),
    pub(crate) make: fn(&ResourceSet) -> Result<Provided, Error>,
}

/// Where a `#[resource]` function stands.
#[derive(Clone, Copy, Debug)]
pub struct ResourceMeta {
    pub name: &'static str,
    pub module: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
}

impl ResourceEntry {
    #[must_use]
    pub const fn new<T: Resource>(
        meta: ResourceMeta,
        require: fn(&mut Requirements),
        make: fn(&ResourceSet) -> Result<Provided, Error>,
    ) -> Self {
        Self {
            meta,
            type_id: std::any::TypeId::of::<T>(),
            type_name: std::any::type_name::<T>,
            require,
            make,
        }
    }
}

impl fmt::Debug for ResourceEntry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.meta.fmt(f)
    }
}

/// A resource that is found without being named.
#[derive(Debug)]
pub struct RegisteredResource(pub &'static ResourceEntry);

/// A `#[filter]` function.
#[derive(Debug)]
pub struct FilterEntry {
    pub filter: FilterFn,
    pub module: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
    pub priority: i32,
}

/// A `#[middleware]` function, or a `#[hook]` one.
pub struct AroundEntry<T> {
    pub make: T,
    pub name: &'static str,
    pub module: &'static str,
    pub file: &'static str,
    pub line: u32,
    pub column: u32,
    pub priority: i32,
}

/// Makes the hook of a `#[hook]` function.
pub type MakeHook = fn() -> Arc<dyn Hook>;

impl<T> fmt::Debug for AroundEntry<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at {}:{}", self.name, self.file, self.line)
    }
}

inventory::collect!(AroundEntry<MakeHook>);
inventory::collect!(AroundEntry<MakeLayer>);
inventory::collect!(FilterEntry);
inventory::collect!(MessageEntry);
inventory::collect!(Registered);
inventory::collect!(RegisteredResource);
