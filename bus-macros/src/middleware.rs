//! `#[middleware]` on an `async fn`: a type of its name that wraps handlers, and its registration.

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::Type;
use syn::ext::IdentExt;
use syn::spanned::Spanned;

use crate::attribute::{self, AroundArgs, Attribute, On};
use crate::diagnostic::Errors;
use crate::expansion::{local, place_of_function, type_of_function};
use crate::item::signature::{
    check_no_impl_trait, check_parameter_attributes, check_qualifiers, generic_parameter,
    typed_parameters,
};
use crate::item::{Function, function, types};

pub(crate) fn expand(args: TokenStream, item: TokenStream) -> TokenStream {
    let mut errors = Errors::default();
    let args: AroundArgs = attribute::parse(Attribute::Middleware, args, &mut errors);
    let registration = function(Attribute::Middleware, &item, &mut errors).and_then(|function| {
        errors.section(|errors| validate(&function, errors))?;
        Some(register(&function, &args))
    });
    errors.finish(item, registration)
}

/// What can be seen in the signature. The types are left to the compiler, which knows aliases.
fn validate(function: &Function, errors: &mut Errors) {
    let sig = &function.sig;
    for written in &function.attrs {
        if Attribute::Middleware.is(written) {
            errors.at(written, "`#[middleware]` is given twice: remove one");
        }
    }
    if sig.asyncness.is_none() {
        errors.at(
            sig.fn_token,
            "a middleware is an `async fn`: it waits for what comes after it\n\n\
             help: what needs no future is a `#[hook]`, which is called before or after a handler",
        );
    }
    if let Some(receiver) = sig.receiver() {
        errors.at(
            receiver,
            "a middleware is a free function: there is no instance to call it on\n\n\
             help: take what it needs as `&Res<T>`, or implement `Middleware` for the type and give \
             the instance to `Bus::builder().middleware(..)`",
        );
    } else if typed_parameters(sig).count() < 2 {
        let name = &sig.ident;
        errors.at(
            name,
            format!(
                "middleware `{name}` does not take what it wraps\n\n\
                 help: write `async fn {name}(call: &mut Call<'_>, next: Next) -> Handled`"
            ),
        );
    }
    if let Some(param) = generic_parameter(sig) {
        errors.at(
            param,
            "a middleware cannot be generic: it wraps handlers of all types\n\n\
             help: `call.get::<M>()` is the message, if it is of type `M`",
        );
    }
    for param in typed_parameters(sig).skip(2) {
        check_no_impl_trait(
            "a middleware parameter has one concrete type, not `impl Trait`",
            &param.ty,
            errors,
        );
    }
    check_qualifiers("a middleware", sig, errors);
    check_parameter_attributes(sig, errors);
}

fn register(function: &Function, args: &AroundArgs) -> TokenStream {
    let ident = &function.sig.ident;
    let import = args.root.import();
    let name = ident.unraw().to_string();
    let doc = format!(
        " The middleware [`{name}`](fn@{name}) as a type: what names it to `#[handler(middleware = \
         {name})]`, and as `{name} {{}}` to `Builder::middleware`."
    );
    let marker = type_of_function(Some(&function.vis), ident, &doc);
    let implementation = implementation(function, args, &name);
    let submission = args.manual.is_none().then(|| submission(ident, &name));
    quote! {
        #marker
        const _: () = {
            #import
            #implementation
            #submission
        };
    }
}

fn implementation(function: &Function, args: &AroundArgs, name: &str) -> TokenStream {
    let ident = &function.sig.ident;
    let params = params(function);
    let (call, next, requirements) = (local("call"), local("next"), local("requirements"));
    let names: Vec<_> = (0..params.len()).map(|i| local(&format!("p{i}"))).collect();
    let extractions = params.iter().zip(&names).map(|(ty, name)| {
        let why = local("why");
        quote_spanned! {ty.span()=>
            let #name = match <#ty as __bus::Param<'_>>::extract(#call.context()) {
                __bus::Result::Ok(#name) => #name,
                __bus::Result::Err(#why) => return #call.reject(#why),
            };
        }
    });
    let requires = params.iter().map(|ty| {
        quote_spanned! {ty.span()=>
            <#ty as __bus::Param<'_>>::require(#requirements);
        }
    });
    // At the parameters, and at what is returned: one of another type is reported there.
    let handled =
        quote_spanned!(function.sig.inputs.span()=> #ident(#call, #next, #(#names),*).await);
    let body =
        quote_spanned!(ident.span()=> __bus::Box::pin(async move { #(#extractions)* #handled }));
    let shown = args.name.as_deref().unwrap_or(name);
    let (on, priority) = (on(&args.on), args.priority.unwrap_or(0));
    let per_attempt = args.per_attempt.is_some();
    quote! {
        #[automatically_derived]
        impl ::core::default::Default for #ident {
            fn default() -> Self {
                #ident {}
            }
        }
        #[automatically_derived]
        impl __bus::Middleware for #ident {
            fn handle<'s, 'a, 'c, 'f>(
                &'s self,
                #call: &'a mut __bus::Call<'c>,
                #next: __bus::Next,
            ) -> __bus::BoxFuture<'f, __bus::Handled>
            where
                's: 'f,
                'a: 'f,
                'c: 'f,
            {
                #body
            }
            fn require(&self, #requirements: &mut __bus::Requirements) {
                #(#requires)*
            }
            fn name(&self) -> ::std::borrow::Cow<'static, str> {
                ::std::borrow::Cow::Borrowed(#shown)
            }
            fn placed(self) -> __bus::Layer {
                __bus::Layer::linked(self, #on, #priority, #per_attempt)
            }
        }
    }
}

/// The types of the parameters after the call and `next`.
fn params(function: &Function) -> Vec<Type> {
    let lifetimes = types::lifetimes_of(&function.sig);
    let params = typed_parameters(&function.sig).skip(2).map(|param| {
        let mut ty = (*param.ty).clone();
        types::elide(&mut ty, &lifetimes);
        ty
    });
    params.collect()
}

fn submission(ident: &Ident, name: &str) -> TokenStream {
    let place = place_of_function(ident);
    quote! {
        __bus::inventory::submit! {
            __bus::AroundEntry::<__bus::MakeLayer> {
                make: <#ident as __bus::OwnLayer>::own_layer,
                name: #name,
                #place
                priority: 0,
            }
        }
    }
}

/// Around the handlers of which messages.
pub(crate) fn on(on: &On) -> TokenStream {
    match on {
        On::All => quote!(__bus::On::All),
        On::Commands => quote!(__bus::On::Commands),
        On::Events => quote!(__bus::On::Events),
        On::Message(ty) => {
            quote_spanned!(ty.span()=> __bus::On::Message(<#ty as __bus::Message>::INFO))
        }
    }
}
