//! The registration of a handler: a type that stands for it, the proof that its message has no
//! other, and the entry that the bus finds at start-up.

use std::num::NonZeroU32;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote, quote_spanned};
use syn::Expr;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::call;
use super::model::{Form, Handler, Owner};
use crate::attribute::Keyed;
use crate::expansion::{duration, local, place_of_function, type_of_function};
use crate::resilience;

pub(super) fn handler(handler: &Handler) -> TokenStream {
    let import = handler.root.import();
    let marker = matches!(handler.owner, Owner::Free(_)).then(|| marker(handler));
    let uniqueness = (!handler.manual).then(|| uniqueness(handler));
    let (aliases, filters) = (aliases(handler), filters(handler));
    let (batches, retries) = (batches(handler), retries(handler));
    let (require, slot, entry) = (require(handler), call::slot(handler), entry(handler));
    let handler_type = handler_type(handler);
    let submission = (!handler.manual).then(submission);
    quote! {
        #marker
        const _: () = {
            #import
            #aliases
            #uniqueness
            #filters
            #batches
            #retries
            #require
            #slot
            #entry
            #handler_type
            #submission
        };
    }
}

/// The message type. Everything about the message has this one span: see [`crate::expansion`].
pub(super) fn message(handler: &Handler) -> TokenStream {
    let at = handler.message.ty.span();
    match handler.message.form {
        Form::Owned => quote_spanned!(at=> <__Written as __bus::MessageOf>::Message),
        Form::Ref => quote_spanned!(at=> <__Written as __bus::MessageRef>::Message),
        Form::Slice => quote_spanned!(at=> <__Written as __bus::BatchItem>::Message),
    }
}

/// The type of the function's name.
fn marker(handler: &Handler) -> TokenStream {
    let Handler { ident, owner, .. } = handler;
    let vis = match owner {
        Owner::Free(vis) => Some(vis),
        Owner::Service(_) => None,
    };
    let name = ident.unraw();
    let doc = format!(
        " The handler [`{name}`](fn@{name}) as a type: what names it to `Builder::without`, \
         `Builder::configure` and `Bus::register`."
    );
    type_of_function(vis, ident, &doc)
}

/// A second handler of the same command makes the `_` ambiguous, across crates too. What it is
/// ambiguous between are types of the functions' names, for the compiler lists them; not the markers,
/// which may be private, and a private type is inferred in no other crate.
fn uniqueness(handler: &Handler) -> TokenStream {
    let (ident, message) = (&handler.ident, message(handler));
    let proof = quote_spanned! {handler.message.ty.span()=>
        impl __bus::HandledBy<#ident> for #message {}
        const _: () = __bus::a_command_has_exactly_one_handler::<#message, _>();
    };
    quote! {
        const _: () = {
            #[doc(hidden)]
            #[allow(non_camel_case_types, missing_debug_implementations, unreachable_pub)]
            pub struct #ident {}
            #proof
        };
    }
}

/// The user's types are named once, so that an error in one of them is reported once.
fn aliases(handler: &Handler) -> TokenStream {
    let (written, reply) = (&handler.message.ty, &handler.reply.ty);
    // What is asked of a reply that cannot fail, or whose error knows no class.
    let unclassed = handler.reply.is_written.then(|| {
        quote! {
            #[allow(unused_imports)]
            use __bus::Unclassed as _;
        }
    });
    quote! {
        #unclassed
        type __Written = #written;
        type __Reply = #reply;
    }
}

/// Only a handler of events can have a filter, and only the compiler knows what the message is. It
/// reports at the type that has to implement the trait: that one stands at the key, and those that
/// depend on the message stand, as everywhere, at the message.
fn filters(handler: &Handler) -> Option<TokenStream> {
    let filter = handler.filter.as_ref()?;
    let message = message(handler);
    let kind = quote_spanned! {handler.message.ty.span()=> <#message as __bus::Message>::Kind};
    Some(quote_spanned! {filter.key.span()=>
        const _: () = <__bus::Filter as __bus::FiltersEvents<#kind, #message>>::CHECK;
    })
}

/// As [`filters`], for `batch`.
fn batches(handler: &Handler) -> Option<TokenStream> {
    let batch = handler.batch.as_ref()?;
    let message = message(handler);
    let kind = quote_spanned! {handler.message.ty.span()=> <#message as __bus::Message>::Kind};
    Some(quote_spanned! {batch.key.span()=>
        const _: () = <__bus::Batching as __bus::BatchesEvents<#kind, #message>>::CHECK;
    })
}

/// As [`filters`], for `retry`: a command that is moved into its handler must be `Clone`.
fn retries(handler: &Handler) -> Option<TokenStream> {
    let retry = handler.retry.as_ref().filter(|_| handler.message.form == Form::Owned)?;
    let (message, at) = (message(handler), handler.message.ty.span());
    let kind = quote_spanned!(at=> <#message as __bus::Message>::Kind);
    let written = quote_spanned!(at=> __Written);
    Some(quote_spanned! {retry.key.span()=>
        const _: () = <__bus::Retry as __bus::Retries<#kind, #written>>::CHECK;
    })
}

/// What must have been provided, asked at start-up.
fn require(handler: &Handler) -> TokenStream {
    let requirements = local("requirements");
    let instance = match &handler.owner {
        Owner::Free(_) => None,
        Owner::Service(ty) => Some(quote_spanned!(ty.span()=> #requirements.resource::<#ty>();)),
    };
    let params = handler.params.iter().map(|ty| {
        quote_spanned! {ty.span()=>
            <#ty as __bus::Param<'_>>::require(#requirements);
        }
    });
    quote! {
        fn __require(#requirements: &mut __bus::Requirements) {
            #instance
            #(#params)*
        }
    }
}

fn entry(handler: &Handler) -> TokenStream {
    let (message, meta) = (message(handler), meta(handler));
    // The whole call, as its arguments have types that depend on the message.
    let at = handler.message.ty.span();
    let new = match handler.message.form {
        Form::Slice => quote_spanned!(at=> __bus::HandlerEntry::batch),
        Form::Owned | Form::Ref => quote_spanned!(at=> __bus::HandlerEntry::new),
    };
    let entry = quote_spanned!(at=> #new::<#message>(#meta, &__SLOT, __require));
    quote! {
        static __ENTRY: __bus::HandlerEntry = #entry;
    }
}

fn meta(handler: &Handler) -> TokenStream {
    let Handler { ident, name, priority, manual, .. } = handler;
    let (place, timeout) = (place_of_function(ident), duration(handler.timeout));
    let attempt_timeout = duration(handler.attempt_timeout);
    let retry = resilience::retry(handler.retry.as_ref().map(|retry| &retry.value));
    let circuit_breaker = resilience::circuit_breaker(handler.circuit_breaker.as_ref());
    let concurrency = count(handler.concurrency);
    let batch = count(handler.batch.as_ref().map(|batch| batch.value));
    let (filter, middleware) = (filter(handler), middleware(handler));
    let borrows = borrows(handler);
    quote! {
        __bus::HandlerMeta {
            name: #name,
            #place
            priority: #priority,
            timeout: #timeout,
            attempt_timeout: #attempt_timeout,
            retry: #retry,
            circuit_breaker: #circuit_breaker,
            concurrency: #concurrency,
            batch: #batch,
            filter: #filter,
            middleware: #middleware,
            borrows: #borrows,
            manual: #manual,
        }
    }
}

/// Can it be called again with the same message, which is not moved into it? Of one that is not behind a
/// `&` only the compiler knows whether it is an `Arc`.
fn borrows(handler: &Handler) -> TokenStream {
    match handler.message.form {
        Form::Ref => quote!(true),
        Form::Slice => quote!(false),
        Form::Owned => {
            quote_spanned!(handler.message.ty.span()=> <__Written as __bus::MessageOf>::SHARES)
        }
    }
}

/// An optional count as a constant.
fn count(count: Option<NonZeroU32>) -> TokenStream {
    match count {
        None => quote!(__bus::Option::None),
        Some(count) => {
            let n = count.get();
            quote!(__bus::NonZeroU32::new(#n))
        }
    }
}

/// The function, at its path: one with another signature is reported there.
fn filter(handler: &Handler) -> TokenStream {
    let Some(Keyed { value: path, .. }) = &handler.filter else {
        return quote!(__bus::Option::None);
    };
    let written = path.to_token_stream().to_string().replace(' ', "");
    let accepts = quote_spanned!(path.span()=> #path);
    quote! {
        __bus::Option::Some(__bus::FilterFn { name: #written, accepts: #accepts })
    }
}

/// What makes the middleware of this handler. A path names a type: that of a `#[middleware]` function has
/// its name.
fn middleware(handler: &Handler) -> TokenStream {
    let make = handler.middleware.iter().map(|written| match written {
        Expr::Path(path) => quote_spanned!(path.span()=> <#path as __bus::OwnLayer>::own_layer),
        made => quote_spanned!(made.span()=> || __bus::IntoLayer::into_layer(#made)),
    });
    quote!(&[#(#make),*])
}

/// From the marker to the entry, for those who name the handler.
fn handler_type(handler: &Handler) -> Option<TokenStream> {
    let ident = &handler.ident;
    matches!(handler.owner, Owner::Free(_)).then(|| {
        quote! {
            impl __bus::HandlerType for #ident {
                const ENTRY: &'static __bus::HandlerEntry = &__ENTRY;
            }
        }
    })
}

fn submission() -> TokenStream {
    quote! {
        __bus::inventory::submit! { __bus::Registered(&__ENTRY) }
    }
}
