//! `impl Message`, and the entry that lets the bus know the type at start-up.

use proc_macro2::{Span, TokenStream};
use quote::{ToTokens, format_ident, quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Generics, parse_quote};

use super::model::{Kind, Message, Name, Reply};
use super::order::{Key, Order};
use crate::expansion::{duration, place};
use crate::resilience;

pub(super) fn message(message: &Message) -> TokenStream {
    let import = message.root.import();
    let (implementation, entry) = (implementation(message), entry(message));
    quote! {
        const _: () = {
            #import
            #implementation
            #entry
        };
    }
}

fn implementation(message: &Message) -> TokenStream {
    let ident = &message.ident;
    let generics = shareable(&message.generics);
    let (impl_generics, type_generics, where_clause) = generics.split_for_impl();
    let (kind, meta, capabilities) = (kind(message), meta(message), capabilities(message));
    quote! {
        #[automatically_derived]
        impl #impl_generics __bus::Message for #ident #type_generics #where_clause {
            type Kind = #kind;
            const INFO: &'static __bus::MessageInfo = {
                // What a probe falls back to when the type has not the trait that it asks for.
                #[allow(unused_imports)]
                use __bus::probe::{
                    NotClassify as _, NotClone as _, NotDebug as _, NotJson as _, NotText as _,
                    NotValidate as _,
                };
                &__bus::MessageInfo::new::<Self>(#meta, #capabilities)
            };
        }
    }
}

/// The generics with the bounds without which no instance could be a message.
fn shareable(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(__bus::Send));
        param.bounds.push(parse_quote!(__bus::Sync));
        param.bounds.push(parse_quote!('static));
    }
    generics
}

fn kind(message: &Message) -> TokenStream {
    match &message.kind {
        Kind::Event => quote!(__bus::kind::Event),
        Kind::Command(reply) => {
            let at = reply.output.as_ref().map_or_else(Span::call_site, Spanned::span);
            let output =
                reply.output.as_ref().map_or_else(|| quote!(()), ToTokens::to_token_stream);
            let error = error(reply);
            // At the output: one that cannot be sent is reported there.
            quote_spanned!(at=> __bus::kind::Command<#output, #error>)
        }
    }
}

fn error(reply: &Reply) -> TokenStream {
    reply.error.as_ref().map_or_else(|| quote!(__bus::Error), ToTokens::to_token_stream)
}

fn meta(message: &Message) -> TokenStream {
    let name = match &message.name {
        Name::OfType => quote!(OfType),
        Name::Given(name) => quote!(Is(#name)),
        Name::Path(last) => quote!(Is(::core::concat!(::core::module_path!(), "::", #last))),
    };
    let category = format_ident!("{}", message.category.variant);
    let version = message.version;
    let (timeout, place) = (duration(message.timeout), place(&message.ident));
    let attempt_timeout = duration(message.attempt_timeout);
    let retry = resilience::retry(message.retry.as_ref());
    let circuit_breaker = resilience::circuit_breaker(message.circuit_breaker.as_ref());
    let (order, ttl) = (order(message.order.as_ref()), duration(message.ttl));
    quote! {
        __bus::MessageMeta {
            name: __bus::Name::#name,
            category: __bus::Category::#category,
            version: #version,
            timeout: #timeout,
            attempt_timeout: #attempt_timeout,
            retry: #retry,
            circuit_breaker: #circuit_breaker,
            order: #order,
            ttl: #ttl,
            #place
        }
    }
}

/// The lane that an event takes.
fn order(order: Option<&Order>) -> TokenStream {
    let Some(order) = order else { return quote!(__bus::Option::None) };
    let stream = match &order.stream {
        None => quote!(None),
        Some(stream) => quote!(Some(#stream)),
    };
    let key = match &order.key {
        None => quote!(__bus::Option::None),
        Some(Key { written, field, ty }) => {
            // At the name of the field: a type that cannot be a key is reported there.
            let key = quote_spanned! {written.span()=>
                __bus::LaneKey::of::<#ty>(
                    #written,
                    |event| __bus::field(event, |event: &Self| &event.#field),
                )
            };
            quote!(__bus::Option::Some(#key))
        }
    };
    quote! {
        __bus::Option::Some(__bus::Order { stream: __bus::Option::#stream, key: #key })
    }
}

/// What else the type can do. The question has to be asked here, where the type is written.
fn capabilities(message: &Message) -> TokenStream {
    let error = match &message.kind {
        Kind::Event => quote!(()),
        Kind::Command(reply) => error(reply),
    };
    quote! {
        __bus::Capabilities {
            clone: __bus::probe::Probe::<Self>::CLONE,
            debug: __bus::probe::Probe::<Self>::DEBUG,
            debug_with: __bus::probe::Probe::<Self>::DEBUG_WITH,
            clone_into: __bus::probe::Probe::<Self>::CLONE_INTO,
            validate: __bus::probe::Probe::<Self>::VALIDATE,
            json: __bus::probe::Probe::<Self>::JSON,
            error_text: __bus::probe::Probe::<#error>::TEXT,
            error_class: __bus::probe::Probe::<#error>::CLASS,
        }
    }
}

/// A declared command without a handler is found at start-up. The instances of a generic type are
/// only known where they are used.
fn entry(message: &Message) -> Option<TokenStream> {
    let ident = &message.ident;
    (!message.is_generic()).then(|| {
        quote! {
            __bus::inventory::submit! {
                __bus::MessageEntry::of::<#ident>()
            }
        }
    })
}
