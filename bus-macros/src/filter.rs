//! `#[filter]` on a function: it is asked before every event.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::attribute::{self, Attribute, FilterArgs};
use crate::diagnostic::Errors;
use crate::expansion::place_of_function;
use crate::item::signature::{check_parameter_attributes, check_qualifiers, generic_parameter};
use crate::item::{Function, function};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: FilterArgs = attribute::parse(Attribute::Filter, args, &mut errors);
    let registration = function(Attribute::Filter, &item, &mut errors).and_then(|function| {
        errors.section(|errors| validate(&function, errors))?;
        Some(entry(&function, &args))
    });
    errors.finish(item, registration)
}

/// The types are left to the compiler, which knows aliases: it is told what it should be.
fn validate(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    for written in &function.attrs {
        if Attribute::Filter.is(written) {
            errors.at(written, "`#[filter]` is given twice: remove one");
        }
    }
    if let Some(asyncness) = &sig.asyncness {
        errors.at(
            asyncness,
            "a filter cannot be `async`: it is asked in `try_publish`, which never waits\n\n\
             help: look up before what it has to know, and let it read that",
        );
    }
    if let Some(receiver) = sig.receiver() {
        errors.at(
            receiver,
            "a filter is a free function: there is no instance to call it on\n\n\
             help: implement `EventFilter` for the type, and give the instance to \
             `Bus::builder().filter(..)`",
        );
    }
    if let Some(param) = generic_parameter(sig) {
        errors.at(
            param,
            "a filter cannot be generic: it is asked for events of all types\n\n\
             help: `event.get::<E>()` is the event, if it is of type `E`",
        );
    }
    check_qualifiers("a filter", sig, errors);
    check_parameter_attributes(sig, errors);
}

fn entry(function: &Function, args: &FilterArgs) -> TokenStream {
    let (import, ident) = (args.root.import(), &function.sig.ident);
    let name = args.name.clone().unwrap_or_else(|| ident.unraw().to_string());
    let (place, priority) = (place_of_function(ident), args.priority.unwrap_or(0));
    // At the parameters: a function of another signature is reported there, not at the attribute.
    let accepts = quote_spanned!(function.sig.inputs.span()=> #ident);
    quote! {
        const _: () = {
            #import
            __bus::inventory::submit! {
                __bus::FilterEntry {
                    filter: __bus::FilterFn { name: #name, accepts: #accepts },
                    #place
                    priority: #priority,
                }
            }
        };
    }
}
