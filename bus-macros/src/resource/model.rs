//! A resource function, as its expansion needs it.

use proc_macro2::Ident;
use syn::{GenericArgument, PathArguments, ReturnType, Signature, Type};

use crate::attribute::{Root, RootArgs};
use crate::item::signature::typed_parameters;
use crate::item::types;

pub(super) struct Resource {
    pub(super) ident: Ident,
    /// What is provided.
    pub(super) ty: Type,
    /// It is in a `Result`.
    pub(super) fallible: bool,
    pub(super) params: Vec<Type>,
    pub(super) root: Root,
}

impl Resource {
    /// `None` when nothing is returned, which [`super::validate`] has reported.
    pub(super) fn new(sig: &Signature, args: RootArgs) -> Option<Self> {
        let ReturnType::Type(_, returned) = &sig.output else {
            return None;
        };
        let (ty, fallible) = match returned_result(returned) {
            NoResult => (&**returned, false),
            ResultOf(ty) => (ty, true),
            Bare => return None,
        };
        let lifetimes = types::lifetimes_of(sig);
        let params = typed_parameters(sig).map(|param| {
            let mut ty = (*param.ty).clone();
            types::elide(&mut ty, &lifetimes);
            ty
        });
        Some(Self {
            ident: sig.ident.clone(),
            ty: ty.clone(),
            fallible,
            params: params.collect(),
            root: args.root,
        })
    }
}

/// Is the returned type a `Result`? A macro can only tell by the name.
pub(super) enum Returned<'a> {
    NoResult,
    /// `Result<T, ..>`, with its `T`.
    ResultOf(&'a Type),
    /// `Result`, its arguments hidden by an alias.
    Bare,
}
pub(super) use Returned::{Bare, NoResult, ResultOf};

pub(super) fn returned_result(returned: &Type) -> Returned<'_> {
    let Some(last) = types::last_segment(returned).filter(|last| last.ident == "Result") else {
        return NoResult;
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Bare;
    };
    let ty = arguments.args.iter().find_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    ty.map_or(Bare, ResultOf)
}
