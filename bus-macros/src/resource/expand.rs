//! The entry of a resource: what it needs, and how it is made.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::Resource;
use crate::expansion::{local, place};

pub(super) fn resource(resource: &Resource) -> TokenStream {
    let import = resource.root.import();
    let (require, entry) = (require(resource), entry(resource));
    quote! {
        const _: () = {
            #import
            #require
            #entry
            __bus::__private::inventory::submit! {
                __bus::__private::RegisteredResource(&__ENTRY)
            }
        };
    }
}

/// What has to be made before it.
fn require(resource: &Resource) -> TokenStream {
    let requirements = local("requirements");
    let params = resource.params.iter().map(|ty| {
        quote_spanned! {ty.span()=>
            <#ty as __bus::__private::ResourceParam<'_>>::require(#requirements);
        }
    });
    quote! {
        fn __require(#requirements: &mut __bus::Requirements) { #(#params)* }
    }
}

fn entry(resource: &Resource) -> TokenStream {
    let Resource { ident, ty, .. } = resource;
    let (name, place) = (ident.unraw().to_string(), place(ident));
    let column = quote_spanned!(ident.span()=> ::core::column!());
    let new = quote_spanned!(ty.span()=> __bus::__private::ResourceEntry::new::<#ty>);
    let make = make(resource);
    quote! {
        static __ENTRY: __bus::__private::ResourceEntry = #new(
            __bus::__private::ResourceMeta {
                name: #name,
                module: ::core::module_path!(),
                #place
                column: #column,
            },
            __require,
            #make,
        );
    }
}

/// The closure that calls the function with what has been made so far.
fn make(resource: &Resource) -> TokenStream {
    let Resource {
        ident,
        ty,
        params,
        fallible,
        ..
    } = resource;
    let resources = local("resources");
    let names: Vec<_> = (0..params.len()).map(|i| local(&format!("p{i}"))).collect();
    let extractions = params.iter().zip(&names).map(|(ty, name)| {
        quote_spanned! {ty.span()=>
            let #name = <#ty as __bus::__private::ResourceParam<'_>>::extract(#resources)?;
        }
    });
    let at = ty.span();
    let convert = fallible.then(|| {
        quote_spanned! {at=>
            .map_err(__bus::__private::IntoError::<__bus::Error>::into_error)?
        }
    });
    let provided = quote_spanned!(at=> __bus::__private::Provided::new::<#ty>);
    quote! {
        |#resources| {
            #(#extractions)*
            __bus::__private::Result::Ok(#provided(#ident(#(#names),*)#convert))
        }
    }
}
