//! An `impl` block, with the `#[handler]` attributes taken out of it: on a method they would be
//! expanded by themselves, and miss the instance.

use proc_macro2::TokenStream;
use quote::ToTokens;
use syn::{Attribute as Written, ImplItem, ItemImpl, ItemTrait, Meta, Signature, TraitItem};

use crate::attribute::Attribute;

pub(super) struct Service {
    /// Without the `#[handler]`s.
    pub(super) block: ItemImpl,
    pub(super) methods: Vec<Method>,
}

/// A method that was marked `#[handler]`.
pub(super) struct Method {
    pub(super) marker: Written,
    /// Further `#[handler]`s on the same method: one too many each.
    pub(super) doubled: Vec<Written>,
    /// The conditions under which the method exists; so does its registration.
    pub(super) conditions: Vec<Written>,
    pub(super) sig: Signature,
}

impl Service {
    pub(super) fn new(mut block: ItemImpl) -> Self {
        let methods = block.items.iter_mut().filter_map(Method::take_from).collect();
        Self { block, methods }
    }
}

impl Method {
    fn take_from(item: &mut ImplItem) -> Option<Self> {
        let ImplItem::Fn(function) = item else {
            return None;
        };
        let mut markers = take_markers(&mut function.attrs).into_iter();
        let marker = markers.next()?;
        let is_condition = |written: &&Written| written.path().is_ident("cfg");
        Some(Self {
            marker,
            doubled: markers.collect(),
            conditions: function.attrs.iter().filter(is_condition).cloned().collect(),
            sig: function.sig.clone(),
        })
    }

    /// What stands between the parentheses of `#[handler(..)]`.
    pub(super) fn arguments(&self) -> syn::Result<TokenStream> {
        match &self.marker.meta {
            Meta::Path(_) => Ok(TokenStream::new()),
            Meta::List(list) => Ok(list.tokens.clone()),
            Meta::NameValue(wrong) => Err(syn::Error::new_spanned(
                wrong,
                "arguments stand in parentheses: `#[handler(priority = 5)]`",
            )),
        }
    }
}

fn take_markers(attrs: &mut Vec<Written>) -> Vec<Written> {
    attrs.extract_if(.., |written| Attribute::Handler.is(written)).collect()
}

/// The item under a misplaced `#[handlers]`. A trait too has methods whose `#[handler]`s would be
/// reported once more.
pub(super) fn without_handlers(item: TokenStream) -> TokenStream {
    let Ok(mut item) = syn::parse2::<ItemTrait>(item.clone()) else {
        return item;
    };
    for member in &mut item.items {
        if let TraitItem::Fn(function) = member {
            take_markers(&mut function.attrs);
        }
    }
    item.into_token_stream()
}
