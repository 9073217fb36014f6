//! A handler, as its expansion needs it.

use std::time::Duration;

use proc_macro2::{Ident, Span};
use syn::ext::IdentExt;
use syn::spanned::Spanned;
use syn::{ReturnType, Signature, Type, TypeReference, Visibility, parse_quote};

use crate::attribute::{HandlerArgs, Root};
use crate::item::signature::typed_parameters;
use crate::item::{Function, types};

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

/// The first parameter: `M` or `Arc<M>` as the user wrote it, or the `M` of `&M`.
pub(super) struct Message {
    pub(super) ty: Type,
    pub(super) by_ref: bool,
}

/// What the function returns, and where to report that it does not fit.
pub(super) struct Reply {
    pub(super) ty: Type,
    pub(super) span: Span,
}

impl Handler {
    /// `None` when there is no message, which [`super::validate`] has reported.
    pub(super) fn free(function: Function, args: HandlerArgs) -> Option<Self> {
        let name = function.sig.ident.unraw().to_string();
        Self::new(&function.sig, Owner::Free(function.vis), name, args, |ty| {
            ty
        })
    }

    /// As [`free`](Self::free), for a method of `self_ty`.
    pub(super) fn method(self_ty: &Type, sig: &Signature, args: HandlerArgs) -> Option<Self> {
        let method = sig.ident.unraw();
        let name = match types::last_segment(self_ty) {
            Some(service) => format!("{}::{method}", service.ident.unraw()),
            None => method.to_string(),
        };
        Self::new(
            sig,
            Owner::Service(Box::new(self_ty.clone())),
            name,
            args,
            |mut ty| {
                types::name_self(&mut ty, self_ty);
                ty
            },
        )
    }

    fn new(
        sig: &Signature,
        owner: Owner,
        name: String,
        args: HandlerArgs,
        outside: impl Fn(Type) -> Type,
    ) -> Option<Self> {
        let lifetimes = types::lifetimes_of(sig);
        let mut typed = typed_parameters(sig).map(|param| outside((*param.ty).clone()));
        let first = typed.next()?;
        let (reference, message) = written_message(&first);
        let params = typed.map(|mut ty| {
            types::elide(&mut ty, &lifetimes);
            ty
        });
        let reply = match &sig.output {
            ReturnType::Default => Reply {
                ty: parse_quote!(()),
                span: sig.ident.span(),
            },
            ReturnType::Type(_, ty) => Reply {
                ty: outside((**ty).clone()),
                span: ty.span(),
            },
        };
        let style = match (&sig.asyncness, &args.blocking) {
            (Some(_), _) => Style::Async,
            (None, Some(_)) => Style::Blocking,
            (None, None) => Style::Plain,
        };
        Some(Self {
            ident: sig.ident.clone(),
            owner,
            style,
            message: Message {
                ty: message.clone(),
                by_ref: reference.is_some(),
            },
            params: params.collect(),
            reply,
            name: args.name.unwrap_or(name),
            priority: args.priority.unwrap_or(0),
            timeout: args.timeout,
            manual: args.manual.is_some(),
            root: args.root,
        })
    }
}

/// The message in the type of the first parameter, and the reference that it is behind.
pub(super) fn written_message(ty: &Type) -> (Option<&TypeReference>, &Type) {
    match types::peel(ty) {
        Type::Reference(reference) => (Some(reference), types::peel(&reference.elem)),
        owned => (None, owned),
    }
}
