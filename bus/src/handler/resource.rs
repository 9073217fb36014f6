//! Values that handlers share: provided once, injected as `&Res<T>` or `Res<T>`.

use std::any::Any;
use std::fmt;
use std::ops::Deref;
use std::sync::Arc;

use super::param::{Param, ParamError, Requirements};
use crate::context::Context;
use crate::error::Error;
use crate::registry::type_map::TypeMap;

/// A shared value: borrowed as `&Res<T>` (free), or kept as `Res<T>` (one `Arc` clone).
///
/// It is provided by a `#[resource]` function or by `Bus::builder().provide(value)`.
pub struct Res<T>(Arc<T>);

impl<T> Res<T> {
    /// The `Arc` inside.
    #[must_use]
    pub fn into_arc(self) -> Arc<T> {
        self.0
    }
}

impl<T> From<Arc<T>> for Res<T> {
    fn from(value: Arc<T>) -> Self {
        Self(value)
    }
}
impl<T> Clone for Res<T> {
    fn clone(&self) -> Self {
        Self(Arc::clone(&self.0))
    }
}
impl<T> Deref for Res<T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.0
    }
}
impl<T: fmt::Debug> fmt::Debug for Res<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

impl<'cx, T: Resource> Param<'cx> for &'cx Res<T> {
    fn require(requirements: &mut Requirements) {
        requirements.resource::<T>();
    }
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        cx.find_resource()
    }
}
impl<'cx, T: Resource> Param<'cx> for Res<T> {
    fn require(requirements: &mut Requirements) {
        requirements.resource::<T>();
    }
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        cx.resource::<T>()
    }
}

/// A resource that may be there or not: one that only sessions provide.
impl<'cx, T: Resource> Param<'cx> for Option<&'cx Res<T>> {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        Ok(cx.find_resource().ok())
    }
}
impl<'cx, T: Resource> Param<'cx> for Option<Res<T>> {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        Ok(cx.find_resource().ok().cloned())
    }
}

/// What can be provided: any value that threads may share.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a resource: handlers on several threads share it",
    label = "a resource is `Send + Sync + 'static`",
    note = "wrap what changes in a `Mutex` or an atomic, and own what is borrowed"
)]
pub trait Resource: Send + Sync + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Send + Sync + 'static> Resource for T {}

/// All resources of a bus, by type.
#[derive(Default)]
pub struct ResourceSet {
    /// Each is a `Res<T>` under the `TypeId` of `T`.
    by_type: TypeMap<Box<dyn Any + Send + Sync>>,
}

/// A resource on its way into the set.
pub struct Provided {
    pub(crate) type_id: std::any::TypeId,
    pub(crate) type_name: &'static str,
    value: Box<dyn Any + Send + Sync>,
}

impl Provided {
    /// Wraps a value.
    pub fn new<T: Resource>(value: T) -> Self {
        Self {
            type_id: std::any::TypeId::of::<T>(),
            type_name: std::any::type_name::<T>(),
            value: Box::new(Res(Arc::new(value))),
        }
    }
}

impl ResourceSet {
    pub(crate) fn insert(&mut self, provided: Provided) {
        self.by_type.insert(provided.type_id, provided.value);
    }

    pub(crate) fn contains(&self, type_id: std::any::TypeId) -> bool {
        self.by_type.contains_key(&type_id)
    }

    pub(crate) fn get<T: 'static>(&self) -> Option<&Res<T>> {
        self.by_type.get(&std::any::TypeId::of::<T>())?.downcast_ref()
    }
}

impl fmt::Debug for ResourceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ResourceSet({} resources)", self.by_type.len())
    }
}
impl fmt::Debug for Provided {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Provided({})", self.type_name)
    }
}

/// What a `#[resource]` function may take: other resources, and the bus held weakly.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a parameter of a `#[resource]` function",
    label = "not a resource",
    note = "a resource is made before the first message, of other resources: `&Res<T>`, `Res<T>`, or of a `WeakBus`"
)]
pub trait ResourceParam<'r>: Sized {
    /// Says what [`extract`](Self::extract) will need.
    fn require(requirements: &mut Requirements);
    /// Takes the parameter out of what has been made so far.
    ///
    /// # Errors
    /// When it is not there.
    fn extract(resources: &'r ResourceSet) -> Result<Self, Error>;
}
impl<'r, T: Resource> ResourceParam<'r> for &'r Res<T> {
    fn require(requirements: &mut Requirements) {
        requirements.resource::<T>();
    }
    fn extract(resources: &'r ResourceSet) -> Result<Self, Error> {
        Ok(resources.get::<T>().ok_or_else(ParamError::missing::<T>)?)
    }
}
impl<'r, T: Resource> ResourceParam<'r> for Res<T> {
    fn require(requirements: &mut Requirements) {
        requirements.resource::<T>();
    }
    fn extract(resources: &'r ResourceSet) -> Result<Self, Error> {
        <&Res<T> as ResourceParam<'_>>::extract(resources).cloned()
    }
}
