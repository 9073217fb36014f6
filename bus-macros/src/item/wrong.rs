//! An attribute on an item that it does not go on: what is said, and where.

use proc_macro2::{Span, TokenStream};
use syn::Item;
use syn::spanned::Spanned;

use crate::attribute::Attribute;

/// The mistake "`attribute` does not go on `item`".
pub(crate) fn wrong_item(attribute: Attribute, item: &TokenStream) -> syn::Error {
    let (what, at) = match syn::parse2::<Item>(item.clone()) {
        Ok(item) => describe(&item),
        // Not ours to explain: the compiler parses the item again and says what is wrong.
        Err(error) => return error,
    };
    let mut message = format!("{attribute} goes on {}, not on {what}", place(attribute));
    if let Some(help) = help(attribute, what) {
        message = format!("{message}\n\nhelp: {help}");
    }
    syn::Error::new(at, message)
}

fn place(attribute: Attribute) -> &'static str {
    match attribute {
        Attribute::Command | Attribute::Event => "a struct or an enum",
        Attribute::Handler => "a function",
        Attribute::Handlers => "the `impl` block of a type",
        Attribute::Resource => "a function that makes the resource",
        Attribute::Filter => "a function that says whether an event enters",
        Attribute::Middleware => "an `async fn` that wraps the calls of handlers",
        Attribute::Hook => "a function that is told of the runs of handlers",
    }
}

fn help(attribute: Attribute, what: &str) -> Option<&'static str> {
    Some(match (attribute, what) {
        (Attribute::Command | Attribute::Event, "a function") => {
            "the function that handles a message is a `#[handler]`"
        }
        (Attribute::Command | Attribute::Event, "a union") => {
            "put the union into a struct, and the attribute on that"
        }
        (Attribute::Command | Attribute::Event, "a type alias") => {
            "put it on the type that the alias stands for"
        }
        (Attribute::Handler, "a struct" | "an enum") => {
            "a message is declared with `#[command]` or `#[event]`"
        }
        (Attribute::Handler, "an `impl` block") => {
            "write `#[handlers]` here, and `#[handler]` on the methods"
        }
        (Attribute::Handlers, "a function") => "a function is a `#[handler]`",
        (Attribute::Handlers, "a module") => {
            "free functions need none of it: write `#[handler]` on each"
        }
        (Attribute::Handlers, "a trait") => {
            "write `#[handlers]` on the `impl` of the type that has the instance"
        }
        (Attribute::Resource, "a struct" | "an enum" | "a static") => {
            "write a function that returns the value: `#[resource] fn store() -> Store`"
        }
        (Attribute::Middleware, "a struct" | "an enum" | "an `impl` block") => {
            "a middleware that has a state implements `Middleware`, and is given to \
             `Bus::builder().middleware(..)`"
        }
        (Attribute::Hook, "a struct" | "an enum" | "an `impl` block") => {
            "a hook that has a state implements `Hook`, and is given to `Bus::builder().hook(..)`"
        }
        (Attribute::Filter, "a struct" | "an enum") => {
            "a filter that has a state implements `EventFilter`, and is given to \
             `Bus::builder().filter(..)`"
        }
        _ => return None,
    })
}

/// What the item is, and its name's place, or its first word's when it has no name.
fn describe(item: &Item) -> (&'static str, Span) {
    match item {
        Item::Const(item) => ("a constant", item.ident.span()),
        Item::Enum(item) => ("an enum", item.ident.span()),
        Item::ExternCrate(item) => ("an `extern crate`", item.ident.span()),
        Item::Fn(item) => ("a function", item.sig.ident.span()),
        Item::ForeignMod(item) => ("an `extern` block", item.abi.span()),
        Item::Impl(item) => ("an `impl` block", item.impl_token.span),
        Item::Macro(item) => ("a macro", item.mac.path.span()),
        Item::Mod(item) => ("a module", item.ident.span()),
        Item::Static(item) => ("a static", item.ident.span()),
        Item::Struct(item) => ("a struct", item.ident.span()),
        Item::Trait(item) => ("a trait", item.ident.span()),
        Item::TraitAlias(item) => ("a trait alias", item.ident.span()),
        Item::Type(item) => ("a type alias", item.ident.span()),
        Item::Union(item) => ("a union", item.ident.span()),
        Item::Use(item) => ("a `use`", item.use_token.span),
        other => ("this", other.span()),
    }
}
