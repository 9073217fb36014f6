//! The rules for resource functions. Whether the value can be shared, and the parameters be
//! injected, is left to the compiler.

use syn::{ReturnType, Signature, Type};

use super::model::{Returned, returned_result};
use crate::attribute::Attribute;
use crate::diagnostic::Errors;
use crate::item::signature::{
    check_no_impl_trait, check_owned, check_parameter_attributes, check_qualifiers,
    generic_parameter, typed_parameters,
};
use crate::item::{Function, types};

pub(super) fn resource(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    check_attributes(function, errors);
    if let Some(asyncness) = &sig.asyncness {
        errors.at(
            asyncness,
            "a resource function cannot be `async`: it runs while the bus is built, without a \
             runtime\n\n\
             help: make the value before, and give it to `Bus::builder().provide(value)`",
        );
    }
    if let Some(receiver) = sig.receiver() {
        errors.at(
            receiver,
            "a resource function is a free function: there is no instance to call it on yet\n\n\
             help: take what it needs as `&Res<T>`",
        );
    }
    check_qualifiers("a resource function", sig, errors);
    check_generics(sig, errors);
    check_parameter_attributes(sig, errors);
    for param in typed_parameters(sig) {
        check_no_impl_trait(
            "a parameter of a resource function has one concrete type: take `&Res<T>`",
            &param.ty,
            errors,
        );
    }
    check_returned(sig, errors);
}

fn check_attributes(function: &Function, errors: &mut Errors) {
    for written in &function.attrs {
        if Attribute::Resource.is(written) {
            errors.at(written, "`#[resource]` is given twice: remove one");
        } else if Attribute::Handler.is(written) {
            errors.at(
                written,
                "a function is a `#[handler]` or a `#[resource]`, not both: remove one",
            );
        }
    }
}

fn check_generics(sig: &Signature, errors: &mut Errors) {
    if let Some(param) = generic_parameter(sig) {
        errors.at(
            param,
            "a resource function cannot be generic: it makes a value of one concrete type\n\n\
             help: write a `#[resource]` function for each type",
        );
    } else if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, "a resource function needs no `where` clause: remove it");
    }
}

fn check_returned(sig: &Signature, errors: &mut Errors) {
    const NOTHING: &str = "a resource function returns the resource, and this one returns nothing";
    let returned = match &sig.output {
        ReturnType::Default => {
            let name = &sig.ident;
            errors.at(name, format!("{NOTHING}\n\nhelp: write `fn {name}() -> Store`"));
            return;
        }
        ReturnType::Type(_, returned) => returned,
    };
    check_no_impl_trait(
        "a resource is found by its type, which needs a name: `impl Trait` has none\n\n\
         help: return the type itself, or a `Box<dyn Trait + Send + Sync>`",
        returned,
        errors,
    );
    check_owned("a resource", returned, sig, errors);
    let resource = match returned_result(returned) {
        Returned::NoResult => returned,
        Returned::ResultOf { ty, .. } => ty,
        Returned::Bare => {
            errors.at(
                returned,
                "an alias hides what this `Result` holds\n\n\
                 help: write it out, as `Result<Store, Error>`",
            );
            return;
        }
    };
    if matches!(types::peel(resource), Type::Tuple(tuple) if tuple.elems.is_empty()) {
        errors.at(resource, NOTHING);
    }
}
