//! What a handler may take after its message.

use std::any::{TypeId, type_name};
use std::borrow::Cow;

use crate::context::Context;
use crate::message::{Event, MessageInfo};

/// A handler parameter after the message.
///
/// The bus provides `&Context`, `Bus`, `WeakBus`, `Session`, `Option<Session>`, `&Res<T>`, `Res<T>` and
/// `Emit<E>`. A type of your own
/// becomes a parameter by implementing this trait:
///
/// ```
/// use bus::{Context, Param, ParamError};
///
/// struct Tenant(String);
///
/// impl<'cx> Param<'cx> for Tenant {
///     fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
///         let name = cx.header("tenant").ok_or_else(|| ParamError::new("no header `tenant`"))?;
///         Ok(Tenant(name.to_owned()))
///     }
/// }
/// ```
///
/// A command whose parameter cannot be extracted ends with
/// [`CommandErrorKind::Rejected`](crate::CommandErrorKind::Rejected); its handler is not called.
#[diagnostic::on_unimplemented(
    message = "`{Self}` cannot be a handler parameter",
    label = "the bus does not know how to provide this",
    note = "after the message a handler may take `&Context`, `Bus`, `Session`, `Option<Session>`, `&Res<T>`, `Res<T>`, `Emit<E>`, or a type of yours that implements `bus::Param`",
    note = "a value of your own is injected as `&Res<T>`: provide it with `#[bus::resource]` or `Bus::builder().provide(value)`"
)]
pub trait Param<'cx>: Sized {
    /// Says what [`extract`](Self::extract) will need, so that it is missed when the bus is built
    /// and not when the first message comes.
    fn require(requirements: &mut Requirements) {
        let _ = requirements;
    }

    /// Makes the parameter for one call.
    ///
    /// # Errors
    /// When there is nothing to make it of; the handler is then not called.
    fn extract(cx: &'cx Context) -> Result<Self, ParamError>;
}

impl<'cx> Param<'cx> for &'cx Context {
    fn extract(cx: &'cx Context) -> Result<Self, ParamError> {
        Ok(cx)
    }
}

/// Why a handler parameter could not be made.
#[derive(Debug, Clone, thiserror::Error)]
#[error("{0}")]
pub struct ParamError(Cow<'static, str>);

impl ParamError {
    /// An error that says `reason`.
    pub fn new(reason: impl Into<Cow<'static, str>>) -> Self {
        Self(reason.into())
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn missing<T>() -> Self {
        Self::new(format!(
            "no `{}` was provided: write a `#[bus::resource]` function that returns one, or call `Bus::builder().provide(..)`",
            type_name::<T>()
        ))
    }
}

/// What handlers need, collected when the bus is built.
#[derive(Debug, Default)]
pub struct Requirements {
    pub(crate) resources: Vec<Requirement>,
    pub(crate) emits: Vec<&'static MessageInfo>,
}

/// A type that must have been provided.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Requirement {
    pub(crate) type_id: TypeId,
    pub(crate) type_name: &'static str,
}

impl Requirements {
    /// A resource of type `T` must have been provided.
    pub fn resource<T: 'static>(&mut self) {
        let requirement = Requirement { type_id: TypeId::of::<T>(), type_name: type_name::<T>() };
        self.resources.push(requirement);
    }

    /// The handler may emit events of type `E`: they are edges in the graph of
    /// [`Bus::describe`](crate::Bus::describe).
    pub fn emits<E: Event>(&mut self) {
        self.emits.push(E::INFO);
    }
}
