//! From the tokens between the parentheses of an attribute to typed arguments.
//!
//! [`key`] says which attribute knows which key, [`part`] which key has keys of its own, [`argument`] walks
//! through `key = value, ..`, [`value`] parses the values, [`arguments`] and [`resilience`] are the results.

mod argument;
mod arguments;
pub(crate) mod category;
pub(crate) mod duration;
mod jitter;
mod key;
pub(crate) mod nearest;
mod part;
mod resilience;
mod value;

use std::fmt;

pub(crate) use argument::parse;
pub(crate) use arguments::{
    AroundArgs, FilterArgs, HandlerArgs, Keyed, MessageArgs, On, Root, RootArgs,
};
pub(crate) use jitter::Jitter;
pub(crate) use resilience::{BreakerArgs, RetryArgs};

/// The attributes of this crate.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Attribute {
    Command,
    Event,
    Handler,
    Handlers,
    Resource,
    Filter,
    Middleware,
    Hook,
}

impl Attribute {
    pub(crate) const ALL: [Self; 8] = [
        Self::Command,
        Self::Event,
        Self::Handler,
        Self::Handlers,
        Self::Resource,
        Self::Filter,
        Self::Middleware,
        Self::Hook,
    ];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Command => "command",
            Self::Event => "event",
            Self::Handler => "handler",
            Self::Handlers => "handlers",
            Self::Resource => "resource",
            Self::Filter => "filter",
            Self::Middleware => "middleware",
            Self::Hook => "hook",
        }
    }

    /// Is this the attribute that the user wrote? It may be written with a path: `#[bus::event]`.
    pub(crate) fn is(self, written: &syn::Attribute) -> bool {
        written.path().segments.last().is_some_and(|last| last.ident == self.name())
    }
}

/// As the user writes it: `` `#[command]` ``.
impl fmt::Display for Attribute {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`#[{}]`", self.name())
    }
}

/// `a`, `b` and `c`: for the ends of sentences.
pub(crate) fn listed<'a>(words: impl IntoIterator<Item = &'a str>, last: &str) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, others)) => format!("{} {last} {end}", others.join(", ")),
    }
}
