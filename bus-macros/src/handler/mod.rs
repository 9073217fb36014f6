//! `#[handler]` on a free function. Methods come in through [`crate::handlers`].

mod call;
mod expand;
mod model;
mod validate;

use proc_macro2::TokenStream;
use syn::{Signature, Type};

use crate::attribute::{self, Attribute, HandlerArgs};
use crate::diagnostic::Errors;
use crate::item::{Function, function};
use model::{Handler, Owner};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: HandlerArgs = attribute::parse(Attribute::Handler, args, &mut errors);
    let registration = function(Attribute::Handler, &item, &mut errors)
        .and_then(|function| free(function, args, &mut errors));
    errors.finish(item, registration)
}

fn free(function: Function, args: HandlerArgs, errors: &mut Errors) -> Option<TokenStream> {
    errors.section(|errors| validate::free(&function, &args, errors))?;
    let handler = Handler::new(&function.sig, Owner::Free(function.vis), args)?;
    Some(expand::handler(&handler))
}

/// The registration of a method of `self_ty`; it stands behind the `impl` block.
pub(crate) fn method(
    self_ty: &Type,
    sig: &Signature,
    args: HandlerArgs,
    errors: &mut Errors,
) -> Option<TokenStream> {
    errors.section(|errors| validate::method(sig, &args, errors))?;
    let handler = Handler::new(sig, Owner::Service(Box::new(self_ty.clone())), args)?;
    Some(expand::handler(&handler))
}
