//! A handler, as its expansion needs it.

use std::num::NonZeroU32;
use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{Expr, Path, ReturnType, Signature, Type, TypeReference, Visibility, parse_quote};

use crate::attribute::{BreakerArgs, HandlerArgs, Keyed, RetryArgs, Root};
use crate::item::signature::typed_parameters;
use crate::item::types;

pub(super) struct Handler {
    pub(super) ident: Ident,
    pub(super) owner: Owner,
    pub(super) style: Style,
    pub(super) message: Message,
    /// The types of the parameters after the message.
    pub(super) params: Vec<Type>,
    pub(super) reply: Reply,
    pub(super) name: String,
    pub(super) priority: i32,
    pub(super) timeout: Option<Duration>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) retry: Option<Keyed<RetryArgs>>,
    pub(super) retry_if: Option<Path>,
    pub(super) circuit_breaker: Option<BreakerArgs>,
    pub(super) concurrency: Option<NonZeroU32>,
    pub(super) batch: Option<Keyed<NonZeroU32>>,
    pub(super) filter: Option<Keyed<Path>>,
    /// Outermost first.
    pub(super) middleware: Vec<Expr>,
    pub(super) manual: bool,
    pub(super) root: Root,
}

/// Where the function is.
pub(super) enum Owner {
    /// Nowhere: it can be named, and a type of the same name stands for it.
    Free(Visibility),
    /// In the `impl` block of this type, whose instance is a resource.
    Service(Box<Type>),
}

/// How the function is called.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    Async,
    Plain,
    Blocking,
}

/// The first parameter.
pub(super) struct Message {
    /// `M` or `Arc<M>` as the user wrote it, the `M` of `&M`, the `Arc<M>` of `&[Arc<M>]`.
    pub(super) ty: Type,
    pub(super) form: Form,
}

/// How the handler takes its message.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    Owned,
    Ref,
    Slice,
}

/// What the function returns, and where to report that it does not fit.
pub(super) struct Reply {
    pub(super) ty: Type,
    /// Does it say that it returns something?
    pub(super) is_written: bool,
    pub(super) span: Span,
}

impl Handler {
    /// `None` when there is no message, which [`super::validate`] has reported.
    pub(super) fn new(sig: &Signature, owner: Owner, args: HandlerArgs) -> Option<Self> {
        let lifetimes = types::lifetimes_of(sig);
        let mut types = typed_parameters(sig).map(|param| owner.outside(&param.ty));
        let first = types.next()?;
        let (form, message) = form(&first);
        let message = Message { ty: message.clone(), form };
        let params = types.map(|mut ty| {
            types::elide(&mut ty, &lifetimes);
            ty
        });
        Some(Self {
            message,
            params: params.collect(),
            reply: Reply::of(sig, &owner),
            style: Style::of(sig, &args),
            name: args.name.unwrap_or_else(|| owner.name_of(&sig.ident)),
            priority: args.priority.unwrap_or(0),
            timeout: args.timeout,
            attempt_timeout: args.attempt_timeout.map(|timeout| timeout.value),
            retry: args.retry,
            retry_if: args.retry_if.map(|path| path.value),
            circuit_breaker: args.circuit_breaker,
            concurrency: args.concurrency,
            batch: args.batch,
            filter: args.filter,
            middleware: args.middleware,
            manual: args.manual.is_some(),
            root: args.root,
            ident: sig.ident.clone(),
            owner,
        })
    }
}

impl Owner {
    /// The type, as it is written outside of the `impl` block.
    fn outside(&self, ty: &Type) -> Type {
        let mut ty = ty.clone();
        if let Self::Service(self_ty) = self {
            types::name_self(&mut ty, self_ty);
        }
        ty
    }

    /// How the handler is called when the attribute gives no name.
    fn name_of(&self, function: &Ident) -> String {
        let function = function.unraw();
        match self {
            Self::Service(ty) => match types::last_segment(ty) {
                Some(service) => format!("{}::{function}", service.ident.unraw()),
                None => function.to_string(),
            },
            Self::Free(_) => function.to_string(),
        }
    }
}

impl Style {
    fn of(sig: &Signature, args: &HandlerArgs) -> Self {
        match (&sig.asyncness, &args.blocking) {
            (Some(_), _) => Self::Async,
            (None, Some(_)) => Self::Blocking,
            (None, None) => Self::Plain,
        }
    }
}

impl Reply {
    fn of(sig: &Signature, owner: &Owner) -> Self {
        match &sig.output {
            ReturnType::Default => {
                Self { ty: parse_quote!(()), is_written: false, span: sig.ident.span() }
            }
            ReturnType::Type(_, ty) => {
                Self { ty: owner.outside(ty), is_written: true, span: ty.span() }
            }
        }
    }
}

/// What the type of the first parameter says of the message.
pub(super) fn form(ty: &Type) -> (Form, &Type) {
    match written_message(ty) {
        (Some(_), Type::Slice(slice)) => (Form::Slice, types::peel(&slice.elem)),
        (Some(_), message) => (Form::Ref, message),
        (None, message) => (Form::Owned, message),
    }
}

/// The message in the type of the first parameter, and the reference that it is behind.
pub(super) fn written_message(ty: &Type) -> (Option<&TypeReference>, &Type) {
    match types::peel(ty) {
        Type::Reference(reference) => (Some(reference), types::peel(&reference.elem)),
        owned => (None, owned),
    }
}
