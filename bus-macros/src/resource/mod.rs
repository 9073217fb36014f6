//! `#[resource]` on a function: the value that it returns is there for all handlers.

mod expand;
mod model;
mod validate;

use proc_macro2::TokenStream;

use crate::attribute::{self, Attribute, RootArgs};
use crate::diagnostic::Errors;
use crate::item::{Function, function};
use model::Resource;

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: RootArgs = attribute::parse(Attribute::Resource, args, &mut errors);
    let registration = function(Attribute::Resource, &item, &mut errors)
        .and_then(|function| register(&function, args, &mut errors));
    errors.finish(item, registration)
}

fn register(function: &Function, args: RootArgs, errors: &mut Errors) -> Option<TokenStream> {
    errors.section(|errors| validate::resource(function, errors))?;
    let resource = Resource::new(&function.sig, args)?;
    Some(expand::resource(&resource))
}
