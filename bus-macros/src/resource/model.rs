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
    pub(super) failure: Failure,
    pub(super) params: Vec<Type>,
    pub(super) root: Root,
}

/// How the function can fail.
pub(super) enum Failure {
    Never,
    /// With this type as the error of its `Result`.
    With(Box<Type>),
    /// With the error that an alias, such as `io::Result<T>`, hides.
    Hidden,
}

impl Resource {
    /// `None` when nothing is returned, which [`super::validate`] has reported.
    pub(super) fn new(sig: &Signature, args: RootArgs) -> Option<Self> {
        let ReturnType::Type(_, returned) = &sig.output else {
            return None;
        };
        let (ty, failure) = match returned_result(returned) {
            NoResult => (&**returned, Failure::Never),
            ResultOf { ty, error: Some(error) } => (ty, Failure::With(Box::new(error.clone()))),
            ResultOf { ty, error: None } => (ty, Failure::Hidden),
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
            failure,
            params: params.collect(),
            root: args.root,
        })
    }
}

/// Is the returned type a `Result`? A macro can only tell by the name.
pub(super) enum Returned<'a> {
    NoResult,
    /// `Result<T, E>`, or the `Result<T>` of an alias.
    ResultOf {
        ty: &'a Type,
        error: Option<&'a Type>,
    },
    /// `Result`, its arguments hidden by an alias.
    Bare,
}
use Returned::{Bare, NoResult, ResultOf};

pub(super) fn returned_result(returned: &Type) -> Returned<'_> {
    let Some(last) = types::last_segment(returned).filter(|last| last.ident == "Result") else {
        return NoResult;
    };
    let PathArguments::AngleBracketed(arguments) = &last.arguments else {
        return Bare;
    };
    let mut types = arguments.args.iter().filter_map(|argument| match argument {
        GenericArgument::Type(ty) => Some(ty),
        _ => None,
    });
    let Some(ty) = types.next() else { return Bare };
    ResultOf { ty, error: types.next() }
}
