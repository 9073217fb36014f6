//! The rules for the block; those for its methods are the rules for handlers.

use syn::Type;

use super::model::{Method, Service};
use crate::diagnostic::Errors;
use crate::item::types::peel;

pub(super) fn service(service: &Service, errors: &mut Errors) {
    let block = &service.block;
    if let Some((implemented, _)) = &block.trait_ {
        errors.at(
            implemented,
            "`#[handlers]` goes on the `impl` block of a type, not on that of a trait\n\n\
             help: move the handlers into a block of their own, `impl Service { .. }`",
        );
        return;
    }
    if let Some(param) = block.generics.params.first() {
        errors.at(
            param,
            "`#[handlers]` needs one concrete type, as the instance is a resource of the bus\n\n\
             help: write the `impl` for a type without parameters, such as `impl Service<Db>`",
        );
    } else if let Some(clause) = &block.generics.where_clause {
        errors.at(clause, "`#[handlers]` needs one concrete type: remove the `where` clause");
    }
    if !matches!(peel(&block.self_ty), Type::Path(_)) {
        errors.at(&block.self_ty, "`#[handlers]` needs a struct or an enum that has a name");
    }
    if service.methods.is_empty() {
        errors.at(
            &block.self_ty,
            "no method here is a `#[handler]`\n\n\
             help: write `#[handler]` on each method that handles a message",
        );
    }
}

pub(super) fn attributes(method: &Method, errors: &mut Errors) {
    for written in &method.doubled {
        errors.at(written, "`#[handler]` is given twice: remove one");
    }
}
