//! A function, as far as a macro that leaves it unchanged needs to know it.

use proc_macro2::TokenTree;
use syn::parse::{Parse, ParseStream};
use syn::{Attribute, Signature, Token, Visibility};

/// Everything but the body, which is only looked at by the compiler: it may be long, and use syntax
/// that is newer than our parser.
pub(crate) struct Function {
    pub(crate) attrs: Vec<Attribute>,
    pub(crate) vis: Visibility,
    pub(crate) sig: Signature,
    pub(crate) has_body: bool,
}

impl Parse for Function {
    fn parse(input: ParseStream<'_>) -> syn::Result<Self> {
        let (attrs, vis) = (input.call(Attribute::parse_outer)?, input.parse()?);
        let sig = input.parse()?;
        let has_body = input.parse::<Option<Token![;]>>()?.is_none();
        if has_body {
            let _body: TokenTree = input.parse()?;
        }
        Ok(Self { attrs, vis, sig, has_body })
    }
}
