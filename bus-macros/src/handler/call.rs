//! The slot of a handler: what takes the message and a context, and calls the user's function.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;

use super::expand::message;
use super::model::{Form, Handler, Owner, Style};
use crate::expansion::local;

/// The names in the body, made once: see [`local`].
struct Locals {
    message: Ident,
    cx: Ident,
    this: Ident,
    reply: Ident,
    failure: Ident,
    again: Ident,
    params: Vec<Ident>,
}

impl Locals {
    fn of(handler: &Handler) -> Self {
        Self {
            message: local("message"),
            cx: local("cx"),
            this: local("this"),
            reply: local("reply"),
            failure: local("failure"),
            again: local("again"),
            params: (0..handler.params.len()).map(|i| local(&format!("p{i}"))).collect(),
        }
    }
}

pub(super) fn slot(handler: &Handler) -> TokenStream {
    let locals = Locals::of(handler);
    let body = body(handler, &locals);
    let Locals { message: carrier, cx, .. } = &locals;
    // A closure, as the compiler checks the signature of a function apart and reports it there. It
    // has the span of the function's name: there a future is reported that is not `Send`.
    let at_name = handler.ident.span();
    let call = match handler.style {
        Style::Async => quote_spanned! {at_name=>
            Future(|#carrier, #cx| __bus::running(async move { #body }))
        },
        Style::Plain => quote_spanned!(at_name=> Plain(|#carrier, #cx| { #body })),
        Style::Blocking => quote_spanned!(at_name=> Blocking(|#carrier, #cx| { #body })),
    };
    let message = message(handler);
    let at = handler.message.ty.span();
    let slot_of = match handler.message.form {
        Form::Slice => quote_spanned!(at=> __bus::BatchSlotOf),
        Form::Owned | Form::Ref => quote_spanned!(at=> __bus::SlotOf),
    };
    quote_spanned! {at=>
        static __SLOT: #slot_of<#message> = __bus::Slot::#call;
    }
}

fn body(handler: &Handler, locals: &Locals) -> TokenStream {
    let Locals { reply, params, .. } = locals;
    let cx = context(handler, locals);
    let (instance, function) = callee(handler, locals, &cx);
    let extractions = handler.params.iter().zip(params).map(|(ty, param)| {
        quote_spanned! {ty.span()=>
            let #param = <#ty as __bus::Param<'_>>::extract(#cx)?;
        }
    });
    let message = take(handler, locals);
    let wait = (handler.style == Style::Async).then(|| quote!(.await));
    let (failure, outcome) = (failure(handler, locals, &cx), outcome(handler, locals));
    quote! {
        #instance
        #(#extractions)*
        let #reply = #function(#message, #(#params),*)#wait;
        #failure
        __bus::Result::Ok(#outcome)
    }
}

/// The `&Context`. A future outlives its caller's, so it has a handle that lends one.
fn context(handler: &Handler, locals: &Locals) -> TokenStream {
    let cx = &locals.cx;
    if handler.style == Style::Async { quote!(#cx.get()) } else { quote!(#cx) }
}

/// What is called, and for a method the instance that it is called on.
fn callee(
    handler: &Handler,
    locals: &Locals,
    cx: &TokenStream,
) -> (Option<TokenStream>, TokenStream) {
    let (ident, this) = (&handler.ident, &locals.this);
    match &handler.owner {
        Owner::Free(_) => (None, quote!(#ident)),
        Owner::Service(ty) => {
            (Some(quote!(let #this = #cx.resource::<#ty>()?;)), quote!(#this.#ident))
        }
    }
}

/// The message, as the function wants it.
fn take(handler: &Handler, locals: &Locals) -> TokenStream {
    let (message, carrier) = (message(handler), &locals.message);
    let at = handler.message.ty.span();
    match handler.message.form {
        Form::Slice => quote_spanned!(at=> #carrier.events()),
        Form::Ref => quote_spanned!(at=> ::core::borrow::Borrow::<#message>::borrow(&#carrier)),
        Form::Owned => {
            let from = quote_spanned!(at=> __bus::Carrier<#message>);
            quote_spanned!(at=> <__Written as __bus::TakeFrom<#from>>::take(#carrier))
        }
    }
}

/// Notes what the error says of another attempt, while it has its own type.
fn failure(handler: &Handler, locals: &Locals, cx: &TokenStream) -> Option<TokenStream> {
    let Locals { reply, failure, again, .. } = locals;
    if !handler.reply.is_written {
        return None;
    }
    let at = handler.reply.span;
    let asked = quote_spanned!(at=> __bus::Reply::<__Reply>);
    Some(match &handler.retry_if {
        None => quote_spanned!(at=> #asked::note_class(&#reply, #cx);),
        Some(path) => {
            // At the path: a function of another signature is reported there.
            let ask = quote_spanned!(path.span()=> let #again: bool = #path(#failure););
            quote! {
                if let __bus::Option::Some(#failure) = #asked::failure_of(&#reply) {
                    #ask
                    #cx.note_class(__bus::tried_again(#again));
                }
            }
        }
    })
}

/// The reply, converted into what the kind of the message asks for. Keyed on the kind alone: when
/// that is unknown because of a first error, the compiler reports no second one here.
fn outcome(handler: &Handler, locals: &Locals) -> TokenStream {
    let (message, reply) = (message(handler), &locals.reply);
    let at = handler.message.ty.span();
    let conversion = match handler.message.form {
        Form::Slice => quote_spanned!(handler.reply.span=> __bus::IntoBatchOutcome),
        Form::Owned | Form::Ref => {
            let kind = quote_spanned! {at=> <#message as __bus::Message>::Kind};
            quote_spanned!(handler.reply.span=> __bus::IntoOutcome<#kind>)
        }
    };
    quote_spanned! {handler.reply.span=>
        <__Reply as #conversion>::into_outcome(#reply)
    }
}
