//! The item under an attribute: what it is, and the rules that all functions share.

mod function;
pub(crate) mod signature;
pub(crate) mod types;
mod wrong;

use proc_macro2::TokenStream;

use crate::attribute::Attribute;
use crate::diagnostic::Errors;

pub(crate) use function::Function;
pub(crate) use wrong::wrong_item;

/// The function under `attribute`; anything else is noted as a mistake.
pub(crate) fn function(
    attribute: Attribute,
    item: &TokenStream,
    errors: &mut Errors,
) -> Option<Function> {
    let Ok(function) = syn::parse2::<Function>(item.clone()) else {
        errors.push(wrong_item(attribute, item));
        return None;
    };
    if !function.has_body {
        errors.at(
            &function.sig,
            format!(
                "{attribute} goes on a function with a body\n\n\
                 help: put it on the function that does the work, not on its declaration"
            ),
        );
        return None;
    }
    Some(function)
}
