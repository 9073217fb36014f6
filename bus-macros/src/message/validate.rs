//! The rules for messages.

use syn::{DeriveInput, GenericParam};

use super::model::is_generic;
use super::order;
use crate::attribute::{Attribute, MessageArgs};
use crate::diagnostic::Errors;

/// `None` when nothing can be expanded from the type.
pub(super) fn message(
    attribute: Attribute,
    input: &DeriveInput,
    args: &MessageArgs,
    errors: &mut Errors,
) -> Option<()> {
    if let Some(name) = &args.name
        && is_generic(&input.generics)
    {
        errors.at(
            &name.key,
            format!(
                "`name` on a generic type: all instances of `{}` would share it\n\n\
                 help: leave it out, and each instance has the name of its type",
                input.ident
            ),
        );
    }
    order::check(input, args, errors);
    errors.section(|errors| {
        check_attributes(attribute, input, errors);
        check_owned(attribute, input, errors);
    })
}

/// One type, one kind: the attribute that is expanded first sees the other one below it.
fn check_attributes(attribute: Attribute, input: &DeriveInput, errors: &mut Errors) {
    for written in &input.attrs {
        if attribute.is(written) {
            errors.at(written, format!("{attribute} is given twice: remove one"));
        } else if Attribute::Command.is(written) || Attribute::Event.is(written) {
            errors.at(
                written,
                format!(
                    "`{}` is a command or an event, not both: remove one attribute\n\n\
                     help: a command asks one handler to act, an event tells many what happened",
                    input.ident
                ),
            );
        }
    }
}

fn check_owned(attribute: Attribute, input: &DeriveInput, errors: &mut Errors) {
    for param in &input.generics.params {
        if let GenericParam::Lifetime(lifetime) = param {
            errors.at(
                lifetime,
                format!(
                    "a message cannot borrow, as it may outlive its sender: {attribute} needs a \
                     type that owns its data or shares it in an `Arc`"
                ),
            );
        }
    }
}
