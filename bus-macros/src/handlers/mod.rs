//! `#[handlers]` on an `impl` block: its `#[handler]` methods are called on an instance that is a
//! resource of the bus.

mod expand;
mod model;
mod validate;

use proc_macro2::TokenStream;
use syn::ItemImpl;

use crate::attribute::{self, Attribute, HandlerArgs, RootArgs};
use crate::diagnostic::Errors;
use crate::handler;
use crate::item::wrong_item;
use model::{Method, Service};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: RootArgs = attribute::parse(Attribute::Handlers, args, &mut errors);
    let Ok(block) = syn::parse2::<ItemImpl>(item.clone()) else {
        errors.push(wrong_item(Attribute::Handlers, &item));
        return errors.finish(model::without_handlers(item), TokenStream::new());
    };
    let service = Service::new(block);
    let registrations = errors.section(|errors| validate::service(&service, errors)).map(|()| {
        let register = |method| registration(&service, method, &args, &mut errors);
        service.methods.iter().filter_map(register).collect::<TokenStream>()
    });
    errors.finish(&service.block, registrations)
}

/// One method. A mistake in it does not keep the others from being registered.
fn registration(
    service: &Service,
    method: &Method,
    outer: &RootArgs,
    errors: &mut Errors,
) -> Option<TokenStream> {
    validate::attributes(method, errors);
    let tokens = errors.keep(method.arguments())?;
    let mut args: HandlerArgs = attribute::parse(Attribute::Handler, tokens, errors);
    args.root = args.root.or(&outer.root);
    let handler = handler::method(&service.block.self_ty, &method.sig, args, errors)?;
    Some(expand::method(method, &handler))
}
