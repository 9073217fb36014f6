//! What each attribute can be told, once parsed.

use std::num::NonZeroU32;
use std::time::Duration;

use proc_macro2::{Ident, TokenStream};
use quote::{quote, quote_spanned};
use syn::spanned::Spanned;
use syn::{Expr, LitStr, Path, Type};

use super::argument::{Argument, Arguments};
use super::category::Category;
use super::part::Part;
use super::resilience::{BreakerArgs, RetryArgs, check_timeouts};
use crate::diagnostic::Errors;

/// A value whose key is needed again: a later rule may reject it there.
pub(crate) struct Keyed<T> {
    pub(crate) key: Ident,
    pub(crate) value: T,
}

/// Of `#[command]` and `#[event]`; what the latter does not know stays `None`.
#[derive(Default)]
pub(crate) struct MessageArgs {
    pub(crate) output: Option<Type>,
    pub(crate) error: Option<Type>,
    pub(crate) category: Option<Category>,
    pub(crate) name: Option<Keyed<String>>,
    pub(crate) version: Option<u32>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt_timeout: Option<Keyed<Duration>>,
    pub(crate) retry: Option<RetryArgs>,
    pub(crate) circuit_breaker: Option<BreakerArgs>,
    pub(crate) order_key: Option<Keyed<LitStr>>,
    /// The key, when it is there.
    pub(crate) ordered: Option<Ident>,
    pub(crate) stream: Option<String>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) root: Root,
}

/// Of `#[handler]`.
#[derive(Default)]
pub(crate) struct HandlerArgs {
    pub(crate) priority: Option<i32>,
    pub(crate) name: Option<String>,
    pub(crate) timeout: Option<Duration>,
    pub(crate) attempt_timeout: Option<Keyed<Duration>>,
    pub(crate) retry: Option<Keyed<RetryArgs>>,
    pub(crate) retry_if: Option<Keyed<Path>>,
    pub(crate) circuit_breaker: Option<BreakerArgs>,
    pub(crate) concurrency: Option<NonZeroU32>,
    pub(crate) batch: Option<Keyed<NonZeroU32>>,
    pub(crate) filter: Option<Keyed<Path>>,
    pub(crate) middleware: Vec<Expr>,
    /// The key, when it is there.
    pub(crate) blocking: Option<Ident>,
    /// The key, when it is there.
    pub(crate) manual: Option<Ident>,
    pub(crate) root: Root,
}

/// Of `#[filter]`.
#[derive(Default)]
pub(crate) struct FilterArgs {
    pub(crate) priority: Option<i32>,
    pub(crate) name: Option<String>,
    pub(crate) root: Root,
}

impl Arguments for FilterArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        match argument.name() {
            "priority" => self.priority = Some(argument.priority()?),
            "name" => self.name = Some(argument.text()?),
            _ => self.root = Root(Some(argument.path()?)),
        }
        Ok(())
    }
}

/// Of `#[middleware]` and `#[hook]`; what the latter does not know stays `None`.
#[derive(Default)]
pub(crate) struct AroundArgs {
    pub(crate) priority: Option<i32>,
    pub(crate) name: Option<String>,
    pub(crate) on: On,
    /// The key, when it is there.
    pub(crate) per_attempt: Option<Ident>,
    /// The key, when it is there.
    pub(crate) manual: Option<Ident>,
    pub(crate) root: Root,
}

/// Around the handlers of which messages.
#[derive(Default)]
pub(crate) enum On {
    #[default]
    All,
    Commands,
    Events,
    Message(Box<Type>),
}

impl Arguments for AroundArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        match argument.name() {
            "priority" => self.priority = Some(argument.priority()?),
            "name" => self.name = Some(argument.text()?),
            "on" => self.on = argument.on()?,
            "per_attempt" => self.per_attempt = Some(argument.flag()?),
            "manual" => self.manual = Some(argument.flag()?),
            _ => self.root = Root(Some(argument.path()?)),
        }
        Ok(())
    }
}

/// Of `#[handlers]` and `#[resource]`, which need to know nothing but where the runtime is.
#[derive(Default)]
pub(crate) struct RootArgs {
    pub(crate) root: Root,
}

/// Where the runtime crate is: `crate = path`, else `::bus`.
#[derive(Default)]
pub(crate) struct Root(Option<Path>);

impl Root {
    pub(crate) fn or(&self, other: &Self) -> Self {
        Self(self.0.as_ref().or(other.0.as_ref()).cloned())
    }

    /// The one place where the expansion names the crate. All of it has the span of what the user
    /// wrote, so that a crate which is not there is reported at its name.
    pub(crate) fn import(&self) -> TokenStream {
        match &self.0 {
            Some(path) => quote_spanned!(path.span()=> use #path::__private as __bus;),
            None => quote!(
                use ::bus::__private as __bus;
            ),
        }
    }
}

impl Arguments for MessageArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        match argument.name() {
            "output" => self.output = Some(argument.ty()?),
            "error" => self.error = Some(argument.ty()?),
            "kind" => self.category = Some(argument.category()?),
            "name" => self.name = Some(argument.keyed(argument.text()?)),
            "version" => self.version = Some(argument.version()?),
            "timeout" => self.timeout = Some(argument.duration()?),
            "attempt_timeout" => {
                self.attempt_timeout = Some(argument.keyed(argument.duration()?));
            }
            "retry" => self.retry = Some(argument.part(Part::Retry)?),
            "circuit_breaker" => {
                self.circuit_breaker = Some(argument.part(Part::CircuitBreaker)?);
            }
            "key" => self.order_key = Some(argument.keyed(argument.field()?)),
            "ordered" => self.ordered = Some(argument.flag()?),
            "stream" => self.stream = Some(argument.text()?),
            "ttl" => self.ttl = Some(argument.duration()?),
            _ => self.root = Root(Some(argument.path()?)),
        }
        Ok(())
    }

    fn check(&self, errors: &mut Errors) {
        check_timeouts(self.attempt_timeout.as_ref(), self.timeout, errors);
    }
}

impl Arguments for HandlerArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        match argument.name() {
            "priority" => self.priority = Some(argument.priority()?),
            "name" => self.name = Some(argument.text()?),
            "timeout" => self.timeout = Some(argument.duration()?),
            "attempt_timeout" => {
                self.attempt_timeout = Some(argument.keyed(argument.duration()?));
            }
            "retry" => self.retry = Some(argument.keyed(argument.part(Part::Retry)?)),
            "retry_if" => self.retry_if = Some(argument.keyed(argument.path()?)),
            "circuit_breaker" => {
                self.circuit_breaker = Some(argument.part(Part::CircuitBreaker)?);
            }
            "concurrency" => self.concurrency = Some(argument.concurrency()?),
            "batch" => self.batch = Some(argument.keyed(argument.batch()?)),
            "filter" => self.filter = Some(argument.keyed(argument.path()?)),
            "middleware" => self.middleware = argument.middleware()?,
            "blocking" => self.blocking = Some(argument.flag()?),
            "manual" => self.manual = Some(argument.flag()?),
            _ => self.root = Root(Some(argument.path()?)),
        }
        Ok(())
    }

    fn check(&self, errors: &mut Errors) {
        check_timeouts(self.attempt_timeout.as_ref(), self.timeout, errors);
    }
}

impl Arguments for RootArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        self.root = Root(Some(argument.path()?));
        Ok(())
    }
}
