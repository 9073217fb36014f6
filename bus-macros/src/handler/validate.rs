//! The rules for handlers that can be seen in the signature. What depends on types (is the first
//! parameter a message, can the others be injected, does the reply fit) is left to the compiler,
//! which knows about aliases.

use syn::{FnArg, ReceiverKind, ReturnType, Signature, Type};

use super::model::{Form, form, written_message};
use crate::attribute::{Attribute, HandlerArgs};
use crate::diagnostic::Errors;
use crate::item::Function;
use crate::item::signature::{
    check_no_impl_trait, check_owned, check_parameter_attributes, check_qualifiers,
    generic_parameter, typed_parameters,
};
use crate::item::types::{last_segment, peel};

/// Rules for a function that stands alone.
pub(super) fn free(function: &Function, args: &HandlerArgs, errors: &mut Errors) {
    for written in &function.attrs {
        if Attribute::Handler.is(written) {
            errors.at(
                written,
                "`#[handler]` is given twice: remove one\n\n\
                 help: the message type says whether it handles a command or an event",
            );
        } else if Attribute::Resource.is(written) {
            errors.at(
                written,
                "a function is a `#[handler]` or a `#[resource]`, not both: remove one",
            );
        }
    }
    if let Some(receiver) = function.sig.receiver() {
        errors.at(
            receiver,
            "`#[handler]` on a method needs `#[handlers]` on the `impl` block\n\n\
             help: it tells the bus which instance to call: \
             `#[handlers] impl Service { #[handler] async fn .. }`",
        );
    }
    common(&function.sig, args, errors);
}

/// Rules for a method in a `#[handlers]` block.
pub(super) fn method(sig: &Signature, args: &HandlerArgs, errors: &mut Errors) {
    check_receiver(sig, errors);
    if let Some(manual) = &args.manual {
        errors.at(
            manual,
            "`manual` needs a free function: `register::<f>()` names it, and nothing can name a \
             method so",
        );
    }
    common(sig, args, errors);
}

fn check_receiver(sig: &Signature, errors: &mut Errors) {
    let wrong = match sig.inputs.first() {
        Some(FnArg::Receiver(receiver)) => match &receiver.kind {
            ReceiverKind::Reference(_, _, None) => return,
            ReceiverKind::Reference(_, _, Some(_)) => {
                "a handler takes `&self`: several messages may be handled at the same time\n\n\
                 help: put what changes in a `Mutex` or an atomic"
            }
            _ => "a handler takes `&self`: its messages share one instance, a resource of the bus",
        },
        _ => {
            return errors.at(
                &sig.ident,
                format!(
                    "handler `{}` takes no `&self`\n\n\
                     help: a handler that needs no instance is a free function",
                    sig.ident
                ),
            );
        }
    };
    errors.at(&sig.inputs[0], wrong);
}

fn common(sig: &Signature, args: &HandlerArgs, errors: &mut Errors) {
    check_qualifiers("a handler", sig, errors);
    check_generics(sig, errors);
    check_parameter_attributes(sig, errors);
    check_message(sig, args, errors);
    for param in typed_parameters(sig).skip(1) {
        check_no_static(&param.ty, errors);
        check_no_impl_trait(
            "a handler parameter has one concrete type, not `impl Trait`",
            &param.ty,
            errors,
        );
    }
    check_reply(sig, errors);
    check_retry_if(sig, args, errors);
    if let (Some(blocking), Some(_)) = (&args.blocking, &sig.asyncness) {
        errors.at(
            blocking,
            "`blocking` is for a plain `fn`, which then runs on a thread where it may block: \
             remove `async` or `blocking`",
        );
    }
}

fn check_generics(sig: &Signature, errors: &mut Errors) {
    if let Some(param) = generic_parameter(sig) {
        errors.at(
            param,
            format!(
                "a registered handler cannot be generic: the registry needs one concrete message\n\n\
                 help: write a `#[handler]` for each concrete type, and let it call `{}`",
                sig.ident
            ),
        );
    } else if let Some(clause) = &sig.generics.where_clause {
        errors.at(clause, "a handler is not generic, so it needs no `where` clause: remove it");
    }
}

fn check_message(sig: &Signature, args: &HandlerArgs, errors: &mut Errors) {
    let Some(first) = typed_parameters(sig).next() else {
        let (name, this) = (&sig.ident, if sig.receiver().is_some() { "&self, " } else { "" });
        errors.at(
            name,
            format!(
                "handler `{name}` takes no message\n\n\
                 help: its first parameter is the command or event that it handles: \
                 `fn {name}({this}command: MyCommand)`"
            ),
        );
        return;
    };
    let (reference, message) = written_message(&first.ty);
    if let Some(injected) = injected(message).filter(|_| typed_parameters(sig).count() > 1) {
        errors.at(
            &first.ty,
            format!(
                "the first parameter of a handler is the message: move the `{injected}` behind it"
            ),
        );
        return;
    }
    check_no_static(&first.ty, errors);
    check_batch(&first.ty, args, errors);
    if let Some(reference) = reference.filter(|reference| reference.mutability.is_some()) {
        errors.at(
            reference,
            "a message cannot be changed in place: take it by value, as `&T` or as `Arc<T>`",
        );
    }
    if let Type::Slice(slice) = message {
        return check_owned("a message", &slice.elem, sig, errors);
    }
    if let Type::ImplTrait(impl_trait) = message {
        errors.at(impl_trait, "a handler handles one concrete message type, not `impl Trait`");
    } else {
        check_owned("a message", message, sig, errors);
    }
}

/// A slice and `batch` go together.
fn check_batch(first: &Type, args: &HandlerArgs, errors: &mut Errors) {
    match (form(first).0, &args.batch) {
        (Form::Slice, None) => errors.at(
            first,
            "a handler of several events says how many it takes at most: `#[handler(batch = 100)]`",
        ),
        (Form::Owned | Form::Ref, Some(batch)) => {
            errors.at(
                &batch.key,
                "`batch` is for a handler of several events, which takes them as a slice: \
                 `events: &[Arc<MyEvent>]`",
            );
        }
        _ => {}
    }
}

/// The name of what the bus injects, if the type is written as one of these. A message type may bear
/// such a name; then it is the only parameter, or written with another.
fn injected(ty: &Type) -> Option<String> {
    let segment = last_segment(ty)?;
    let name = segment.ident.to_string();
    let has_arguments = !segment.arguments.is_none();
    let is_injected = match &*name {
        "Res" | "Emit" => has_arguments,
        "Context" | "Bus" | "WeakBus" => !has_arguments,
        _ => false,
    };
    is_injected.then_some(name)
}

fn check_no_static(ty: &Type, errors: &mut Errors) {
    if let Type::Reference(reference) = peel(ty)
        && let Some(lifetime) = reference.lifetime.as_ref().filter(|l| l.ident == "static")
    {
        errors.at(lifetime, "a handler borrows for the time of its call: remove `'static`");
    }
}

fn check_reply(sig: &Signature, errors: &mut Errors) {
    if let ReturnType::Type(_, reply) = &sig.output {
        check_no_impl_trait(
            "the bus needs the name of the reply, not `impl Trait`\n\n\
             help: write `async fn .. -> Result<Output, Error>`",
            reply,
            errors,
        );
        check_owned("a reply", reply, sig, errors);
    }
}

/// What never fails is never tried again. Other types that are no `Result` are left to the compiler.
fn check_retry_if(sig: &Signature, args: &HandlerArgs, errors: &mut Errors) {
    let Some(retry_if) = &args.retry_if else { return };
    let returned = match &sig.output {
        ReturnType::Default => "returns nothing",
        ReturnType::Type(_, reply) => match peel(reply) {
            Type::Tuple(tuple) if tuple.elems.is_empty() => "returns nothing",
            reply if last_segment(reply).is_some_and(|last| last.ident == "BatchOutcome") => {
                "returns a `BatchOutcome` alone"
            }
            _ => return,
        },
    };
    let result =
        if returned.contains("BatchOutcome") { "Result<BatchOutcome, E>" } else { "Result<(), E>" };
    errors.at(
        &retry_if.key,
        format!(
            "`retry_if` is asked about the error of the handler, and this one {returned}\n\n\
             help: return `{result}`, or leave `retry_if` out"
        ),
    );
}
