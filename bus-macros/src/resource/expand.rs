//! The entry of a resource: what it needs, and how it is made.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use super::model::{Failure, Resource};
use crate::expansion::{local, place_of_function};

pub(super) fn resource(resource: &Resource) -> TokenStream {
    let import = resource.root.import();
    let (require, entry) = (require(resource), entry(resource));
    quote! {
        const _: () = {
            #import
            #require
            #entry
            __bus::inventory::submit! {
                __bus::RegisteredResource(&__ENTRY)
            }
        };
    }
}

/// What has to be made before it.
fn require(resource: &Resource) -> TokenStream {
    let requirements = local("requirements");
    let params = resource.params.iter().map(|ty| {
        quote_spanned! {ty.span()=>
            <#ty as __bus::ResourceParam<'_>>::require(#requirements);
        }
    });
    quote! {
        fn __require(#requirements: &mut __bus::Requirements) { #(#params)* }
    }
}

fn entry(resource: &Resource) -> TokenStream {
    let Resource { ident, ty, .. } = resource;
    let (name, place) = (ident.unraw().to_string(), place_of_function(ident));
    let new = quote_spanned!(ty.span()=> __bus::ResourceEntry::new::<#ty>);
    let make = make(resource);
    quote! {
        static __ENTRY: __bus::ResourceEntry = #new(
            __bus::ResourceMeta {
                name: #name,
                #place
            },
            __require,
            #make,
        );
    }
}

/// The closure that calls the function with what has been made so far.
fn make(resource: &Resource) -> TokenStream {
    let Resource { ident, ty, params, .. } = resource;
    let (resources, value) = (local("resources"), local("value"));
    let names: Vec<_> = (0..params.len()).map(|i| local(&format!("p{i}"))).collect();
    let extractions = params.iter().zip(&names).map(|(ty, name)| {
        quote_spanned! {ty.span()=>
            let #name = <#ty as __bus::ResourceParam<'_>>::extract(#resources)?;
        }
    });
    let unwrap = unwrap(resource, &value);
    let provided = quote_spanned!(ty.span()=> __bus::Provided::new::<#ty>);
    quote! {
        |#resources| {
            #(#extractions)*
            let #value = #ident(#(#names),*);
            #unwrap
            __bus::Result::Ok(#provided(#value))
        }
    }
}

/// Takes the value out of its `Result`, or returns the error as one of ours. A `match`, as with
/// `map_err` and `?` an error that does not convert would be reported twice.
fn unwrap(resource: &Resource, value: &Ident) -> Option<TokenStream> {
    let into_error = match &resource.failure {
        Failure::Never => return None,
        Failure::With(ty) => quote_spanned! {ty.span()=>
            <#ty as __bus::IntoError<__bus::Error>>::into_error
        },
        Failure::Hidden => quote!(__bus::IntoError::<__bus::Error>::into_error),
    };
    let error = local("error");
    Some(quote! {
        let #value = match #value {
            __bus::Result::Ok(#value) => #value,
            __bus::Result::Err(#error) => {
                return __bus::Result::Err(#into_error(#error));
            }
        };
    })
}
