//! `impl Message`, and the entry that lets the bus know the type at start-up.

use proc_macro2::TokenStream;
use quote::{ToTokens, format_ident, quote};
use syn::{Generics, parse_quote};

use super::model::{Kind, Message, Name, Reply};
use crate::expansion::{duration, place};

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
            const INFO: &'static __bus::__private::MessageInfo = {
                // What a probe falls back to when the type has not the trait that it asks for.
                #[allow(unused_imports)]
                use __bus::__private::probe::{NotClone as _, NotDebug as _, NotText as _};
                &__bus::__private::MessageInfo::new::<Self>(#meta, #capabilities)
            };
        }
    }
}

/// The generics with the bounds without which no instance could be a message.
fn shareable(generics: &Generics) -> Generics {
    let mut generics = generics.clone();
    for param in generics.type_params_mut() {
        param.bounds.push(parse_quote!(__bus::__private::Send));
        param.bounds.push(parse_quote!(__bus::__private::Sync));
        param.bounds.push(parse_quote!('static));
    }
    generics
}

fn kind(message: &Message) -> TokenStream {
    match &message.kind {
        Kind::Event => quote!(__bus::__private::kind::Event),
        Kind::Command(reply) => {
            let output = reply
                .output
                .as_ref()
                .map_or_else(|| quote!(()), ToTokens::to_token_stream);
            let error = error(reply);
            quote!(__bus::__private::kind::Command<#output, #error>)
        }
    }
}

fn error(reply: &Reply) -> TokenStream {
    reply
        .error
        .as_ref()
        .map_or_else(|| quote!(__bus::Error), ToTokens::to_token_stream)
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
    quote! {
        __bus::__private::MessageMeta {
            name: __bus::__private::Name::#name,
            category: __bus::__private::Category::#category,
            version: #version,
            timeout: #timeout,
            #place
        }
    }
}

/// What else the type can do. The question has to be asked here, where the type is written.
fn capabilities(message: &Message) -> TokenStream {
    let error = match &message.kind {
        Kind::Event => quote!(()),
        Kind::Command(reply) => error(reply),
    };
    quote! {
        __bus::__private::Capabilities {
            clone: __bus::__private::probe::Probe::<Self>::CLONE,
            debug: __bus::__private::probe::Probe::<Self>::DEBUG,
            error_text: __bus::__private::probe::Probe::<#error>::TEXT,
        }
    }
}

/// A declared command without a handler is found at start-up. The instances of a generic type are
/// only known where they are used.
fn entry(message: &Message) -> Option<TokenStream> {
    let ident = &message.ident;
    (!message.is_generic()).then(|| {
        quote! {
            __bus::__private::inventory::submit! {
                __bus::__private::MessageEntry::of::<#ident>()
            }
        }
    })
}
