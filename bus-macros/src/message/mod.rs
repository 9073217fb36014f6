//! `#[command]` and `#[event]`: the type under them is a message.

mod expand;
mod model;
mod order;
mod validate;

use proc_macro2::TokenStream;
use syn::{Data, DeriveInput};

use crate::attribute::{self, Attribute, MessageArgs};
use crate::diagnostic::Errors;
use crate::item::wrong_item;
use model::Message;

pub(crate) fn expand(attribute: Attribute, args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: MessageArgs = attribute::parse(attribute, args, &mut errors);
    let message = match syn::parse2::<DeriveInput>(item.clone()) {
        Ok(input) if !matches!(input.data, Data::Union(_)) => {
            validate::message(attribute, &input, &args, &mut errors)
                .map(|()| Message::new(attribute, input, args))
        }
        _ => {
            errors.push(wrong_item(attribute, &item));
            None
        }
    };
    // With wrong arguments it is still a message: its handlers and callers get no second error.
    let expansion = message.as_ref().map(expand::message);
    errors.finish(item, expansion)
}
