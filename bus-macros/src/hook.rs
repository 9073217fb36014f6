//! `#[hook]` on a function: it is called before or after each run of a handler.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::attribute::{self, AroundArgs, Attribute};
use crate::diagnostic::Errors;
use crate::expansion::place_of_function;
use crate::item::signature::{
    check_parameter_attributes, check_qualifiers, generic_parameter, typed_parameters,
};
use crate::item::{Function, function};
use crate::middleware::on;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: AroundArgs = attribute::parse(Attribute::Hook, args, &mut errors);
    let registration = function(Attribute::Hook, &item, &mut errors).and_then(|function| {
        errors.section(|errors| validate(&function, errors))?;
        Some(entry(&function, &args))
    });
    errors.finish(item, registration)
}

fn validate(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    for written in &function.attrs {
        if Attribute::Hook.is(written) {
            errors.at(written, "`#[hook]` is given twice: remove one");
        }
    }
    if let Some(asyncness) = &sig.asyncness {
        errors.at(
            asyncness,
            "a hook cannot be `async`: no call waits for it\n\n\
             help: what has to wait is a `#[middleware]`",
        );
    }
    if let Some(receiver) = sig.receiver() {
        errors.at(
            receiver,
            "a hook is a free function: there is no instance to call it on\n\n\
             help: implement `Hook` for the type, and give the instance to \
             `Bus::builder().hook(..)`",
        );
    } else if !matches!(typed_parameters(sig).count(), 1 | 2) {
        let name = &sig.ident;
        errors.at(
            name,
            format!(
                "hook `{name}` is called before a handler, with the call, or after it, with how it \
                 has ended\n\n\
                 help: write `fn {name}(call: &HookCall<'_>)` or \
                 `fn {name}(call: &HookCall<'_>, ended: &Ended<'_>)`"
            ),
        );
    }
    if let Some(param) = generic_parameter(sig) {
        errors.at(
            param,
            "a hook cannot be generic: it is called for messages of all types\n\n\
             help: `call.get::<M>()` is the message, if it is of type `M`",
        );
    }
    check_qualifiers("a hook", sig, errors);
    check_parameter_attributes(sig, errors);
}

fn entry(function: &Function, args: &AroundArgs) -> TokenStream {
    let (import, ident) = (args.root.import(), &function.sig.ident);
    let name = args.name.clone().unwrap_or_else(|| ident.unraw().to_string());
    let (place, priority, on) =
        (place_of_function(ident), args.priority.unwrap_or(0), on(&args.on));
    // At the parameters: a function of another signature is reported there, not at the attribute.
    let told = quote_spanned!(function.sig.inputs.span()=> #ident);
    let tells = if typed_parameters(&function.sig).count() == 1 {
        quote!(Before(#told))
    } else {
        quote!(After(#told))
    };
    quote! {
        const _: () = {
            #import
            __bus::inventory::submit! {
                __bus::AroundEntry::<__bus::MakeHook> {
                    make: || __bus::Arc::new(__bus::HookFn {
                        name: #name,
                        on: #on,
                        tells: __bus::Tells::#tells,
                    }),
                    name: #name,
                    #place
                    priority: #priority,
                }
            }
        };
    }
}
