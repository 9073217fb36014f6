//! Fragments that several expansions share.
//!
//! # Spans
//!
//! Generated code names the runtime by one import, `use ::bus::__private as __bus`, so that a wrong crate name
//! is one error. A path that depends on a type of the user is quoted with that type's span,
//! *first token included*: then the compiler's errors about it read as the user's own code, and the
//! same error from two places of the expansion, being the same text at the same span, is shown once.
//!
//! Paths are absolute or begin with `__bus`: the user may have a `Result` or a `Box` of their own.

use std::time::Duration;

use proc_macro2::{Ident, Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::Visibility;

/// A local of the expansion. Its span keeps it apart from the user's names, so it has to be made
/// once and interpolated: the same text in a fragment with another span is another variable.
pub(crate) fn local(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

/// The fields that say where a type is declared. `line!()` is the line of its own span.
pub(crate) fn place(name: &Ident) -> TokenStream {
    let at = name.span();
    let (file, line) = (quote_spanned!(at=> ::core::file!()), quote_spanned!(at=> ::core::line!()));
    quote!(file: #file, line: #line,)
}

/// As [`place`], for a function, of which one line may have many.
pub(crate) fn place_of_function(name: &Ident) -> TokenStream {
    let place = place(name);
    let column = quote_spanned!(name.span()=> ::core::column!());
    quote!(module: ::core::module_path!(), #place column: #column,)
}

/// A type of a function's name: with braces, so that it takes no name among the values. At the
/// function's name: a module or a type of that name is reported there.
pub(crate) fn type_of_function(vis: Option<&Visibility>, ident: &Ident, doc: &str) -> TokenStream {
    quote_spanned! {ident.span()=>
        #[doc = #doc]
        #[allow(
            non_camel_case_types,
            dead_code,
            unreachable_pub,
            missing_debug_implementations,
            missing_copy_implementations,
            clippy::empty_structs_with_brackets
        )]
        #vis struct #ident {}
    }
}

/// An optional duration as a constant.
pub(crate) fn duration(duration: Option<Duration>) -> TokenStream {
    match duration {
        None => quote!(__bus::Option::None),
        Some(duration) => {
            let (secs, nanos) = (duration.as_secs(), duration.subsec_nanos());
            quote! {
                __bus::Option::Some(__bus::Duration::new(#secs, #nanos))
            }
        }
    }
}
