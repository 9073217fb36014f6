//! Collects every mistake of one macro call, so that the user sees all of them at once.

use std::fmt::Display;

use proc_macro2::TokenStream;
use quote::{ToTokens, quote};

/// The mistakes found so far.
#[derive(Default)]
pub(crate) struct Errors(Vec<syn::Error>);

impl Errors {
    /// A mistake, underlined from the first of `tokens` to the last.
    pub(crate) fn at(&mut self, tokens: impl ToTokens, message: impl Display) {
        self.push(syn::Error::new_spanned(tokens, message));
    }

    pub(crate) fn push(&mut self, error: syn::Error) {
        self.0.push(error);
    }

    /// The value of a step; its error is noted.
    pub(crate) fn keep<T>(&mut self, step: syn::Result<T>) -> Option<T> {
        step.map_err(|error| self.push(error)).ok()
    }

    /// An error that is all of them, if there are any.
    pub(crate) fn none(self) -> syn::Result<()> {
        let all = self.0.into_iter().reduce(|mut all, error| {
            all.combine(error);
            all
        });
        all.map_or(Ok(()), Err)
    }

    /// Runs the rules of one part. A part with a mistake gives nothing, so that nothing is expanded
    /// from it; other parts go on.
    pub(crate) fn section<T>(&mut self, rules: impl FnOnce(&mut Self) -> T) -> Option<T> {
        let mut found = Self::default();
        let value = rules(&mut found);
        let valid = found.0.is_empty();
        self.0.append(&mut found.0);
        valid.then_some(value)
    }

    /// What the macro gives back: the item as the user wrote it, so that code which names it still
    /// compiles, what could be expanded from it, and an error for each mistake.
    pub(crate) fn finish(self, item: impl ToTokens, expansion: impl ToTokens) -> TokenStream {
        let errors = self.0.iter().map(syn::Error::to_compile_error);
        quote!(#item #expansion #(#errors)*)
    }
}
