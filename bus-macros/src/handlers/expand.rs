//! What stands behind the block for each of its handlers.

use proc_macro2::TokenStream;
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::model::Method;

/// The registration of a method, under the conditions of the method.
pub(super) fn method(method: &Method, registration: &TokenStream) -> TokenStream {
    let (conditions, marker) = (&method.conditions, method.marker.path());
    let import = quote_spanned!(marker.span()=> use #marker as _;);
    quote! {
        #(#conditions)*
        #registration
        // The attribute is gone from the method: without this its import would be unused.
        #(#conditions)*
        const _: () = {
            #[allow(unused_imports)]
            #import
        };
    }
}
