//! Rules for the signature of any function that the bus calls.

use syn::{Attribute, FnArg, GenericParam, PatType, Safety, Signature, Type};

use super::types;
use crate::diagnostic::Errors;

/// No words before `fn` but `async`: the bus calls the function as it is.
pub(crate) fn check_qualifiers(who: &str, sig: &Signature, errors: &mut Errors) {
    if let Some(constness) = &sig.constness {
        errors.at(constness, format!("{who} cannot be `const`: it runs when the bus calls it"));
    }
    if let Safety::Unsafe(unsafety) = &sig.safety {
        errors.at(
            unsafety,
            format!("{who} cannot be `unsafe`: the bus calls it and can promise nothing"),
        );
    }
    if let Some(abi) = &sig.abi {
        errors.at(abi, format!("{who} cannot be `extern`: the bus calls it as a Rust function"));
    }
    if let Some(variadic) = &sig.variadic {
        errors.at(
            variadic,
            format!("{who} cannot be variadic: the bus must know each of its parameters"),
        );
    }
}

/// The first type or const parameter. Lifetimes are no problem: the expansion elides them.
pub(crate) fn generic_parameter(sig: &Signature) -> Option<&GenericParam> {
    sig.generics.params.iter().find(|param| !matches!(param, GenericParam::Lifetime(_)))
}

/// The parameters without `self`.
pub(crate) fn typed_parameters(sig: &Signature) -> impl Iterator<Item = &PatType> {
    sig.inputs.iter().filter_map(|input| match input {
        FnArg::Typed(typed) => Some(typed),
        FnArg::Receiver(_) => None,
    })
}

/// A macro sees the signature before `#[cfg]` on a parameter has been decided.
pub(crate) fn check_parameter_attributes(sig: &Signature, errors: &mut Errors) {
    let attributes = sig.inputs.iter().flat_map(|input| match input {
        FnArg::Typed(typed) => &typed.attrs,
        FnArg::Receiver(receiver) => &receiver.attrs,
    });
    for attribute in attributes.filter(|attribute| is_conditional(attribute)) {
        errors.at(
            attribute,
            "a parameter cannot depend on `#[cfg]`: the attribute on the function is expanded \
             before it is decided\n\n\
             help: write the function twice, each with its own `#[cfg]`",
        );
    }
}

fn is_conditional(attribute: &Attribute) -> bool {
    attribute.path().is_ident("cfg") || attribute.path().is_ident("cfg_attr")
}

/// What is kept after the call must not borrow from it.
pub(crate) fn check_owned(what: &str, ty: &Type, sig: &Signature, errors: &mut Errors) {
    if let Some(borrow) = types::borrow_in(ty, &types::lifetimes_of(sig)) {
        errors.at(borrow, format!("{what} cannot borrow: own the data, or share it in an `Arc`"));
    }
}

/// The expansion names each type of the signature.
pub(crate) fn check_no_impl_trait(message: &str, ty: &Type, errors: &mut Errors) {
    if let Some(impl_trait) = types::impl_trait_in(ty) {
        errors.at(impl_trait, message);
    }
}
