//! A message type, as its expansion needs it.

use std::time::Duration;

use proc_macro2::Ident;
use syn::ext::IdentExt;
use syn::{DeriveInput, GenericParam, Generics, Type};

use super::order::Order;
use crate::attribute::category::Category;
use crate::attribute::{Attribute, BreakerArgs, MessageArgs, RetryArgs, Root};

pub(super) struct Message {
    pub(super) ident: Ident,
    pub(super) generics: Generics,
    pub(super) kind: Kind,
    pub(super) name: Name,
    pub(super) category: Category,
    pub(super) version: u32,
    pub(super) timeout: Option<Duration>,
    pub(super) attempt_timeout: Option<Duration>,
    pub(super) retry: Option<RetryArgs>,
    pub(super) circuit_breaker: Option<BreakerArgs>,
    pub(super) order: Option<Order>,
    pub(super) ttl: Option<Duration>,
    pub(super) root: Root,
}

pub(super) enum Kind {
    Command(Box<Reply>),
    Event,
}

/// What a command is answered with; `None` is the default type.
pub(super) struct Reply {
    pub(super) output: Option<Type>,
    pub(super) error: Option<Type>,
}

/// How the message is called.
pub(super) enum Name {
    /// As the attribute says.
    Given(String),
    /// By the path of its type, of which this is the last segment.
    Path(String),
    /// By its type with the arguments, which only the compiler can spell.
    OfType,
}

impl Message {
    pub(super) fn new(attribute: Attribute, input: DeriveInput, args: MessageArgs) -> Self {
        let order = Order::of(&input, &args);
        let kind = match attribute {
            Attribute::Event => Kind::Event,
            _ => Kind::Command(Box::new(Reply { output: args.output, error: args.error })),
        };
        let name = match args.name {
            _ if is_generic(&input.generics) => Name::OfType,
            Some(name) => Name::Given(name.value),
            None => Name::Path(input.ident.unraw().to_string()),
        };
        Self {
            kind,
            name,
            category: args.category.unwrap_or_else(|| Category::default_of(attribute)),
            version: args.version.unwrap_or(1),
            timeout: args.timeout,
            attempt_timeout: args.attempt_timeout.map(|timeout| timeout.value),
            retry: args.retry,
            circuit_breaker: args.circuit_breaker,
            order,
            ttl: args.ttl,
            root: args.root,
            ident: input.ident,
            generics: input.generics,
        }
    }

    pub(super) fn is_generic(&self) -> bool {
        is_generic(&self.generics)
    }
}

/// Stands for many types, each of which is a message.
pub(super) fn is_generic(generics: &Generics) -> bool {
    generics.params.iter().any(|param| !matches!(param, GenericParam::Lifetime(_)))
}
