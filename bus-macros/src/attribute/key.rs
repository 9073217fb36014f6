//! Which attribute knows which key, and what is said about a key that it does not know.

use std::fmt::Display;

use super::part::Part;
use super::{Attribute, listed, nearest::nearest};

/// A key, and an example of how it is written, for error messages.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
}

/// What takes keys: an attribute, or a [`Part`] of one.
pub(crate) trait TakesKeys: Copy + Display {
    fn keys(self) -> &'static [Key];

    /// Why `name` is no key here, of an argument of `attribute`.
    fn unknown(self, name: &str, attribute: Attribute) -> String;

    fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }

    fn names(self) -> impl Iterator<Item = &'static str> {
        self.keys().iter().map(|key| key.name)
    }

    fn misspelt(self, name: &str) -> String {
        match nearest(name, self.names()) {
            Some(meant) => format!("unknown argument `{name}`: did you mean `{meant}`?"),
            None => format!("unknown argument `{name}`"),
        }
    }
}

const OUTPUT: Key = Key { name: "output", usage: "output = User" };
const ERROR: Key = Key { name: "error", usage: "error = SignUpError" };
const COMMAND_KIND: Key = Key { name: "kind", usage: "kind = create" };
const EVENT_KIND: Key = Key { name: "kind", usage: "kind = domain" };
const NAME: Key = Key { name: "name", usage: "name = \"users.sign_up\"" };
const VERSION: Key = Key { name: "version", usage: "version = 2" };
const ORDER_KEY: Key = Key { name: "key", usage: "key = \"order_id\"" };
const ORDERED: Key = Key { name: "ordered", usage: "ordered" };
const STREAM: Key = Key { name: "stream", usage: "stream = \"orders\"" };
const TTL: Key = Key { name: "ttl", usage: "ttl = \"5m\"" };
const TIMEOUT: Key = Key { name: "timeout", usage: "timeout = \"5s\"" };
const ATTEMPT_TIMEOUT: Key = Key { name: "attempt_timeout", usage: "attempt_timeout = \"1s\"" };
const RETRY: Key = Key { name: "retry", usage: "retry(max_retries = 5)" };
const RETRY_IF: Key = Key { name: "retry_if", usage: "retry_if = is_transient" };
const CIRCUIT_BREAKER: Key =
    Key { name: "circuit_breaker", usage: "circuit_breaker(failure_threshold = 5)" };
const CONCURRENCY: Key = Key { name: "concurrency", usage: "concurrency = 4" };
const BATCH: Key = Key { name: "batch", usage: "batch = 100" };
const PRIORITY: Key = Key { name: "priority", usage: "priority = 5" };
const FILTER: Key = Key { name: "filter", usage: "filter = is_large" };
const MIDDLEWARE: Key = Key { name: "middleware", usage: "middleware = audit" };
const ON: Key = Key { name: "on", usage: "on = commands" };
const PER_ATTEMPT: Key = Key { name: "per_attempt", usage: "per_attempt" };
const BLOCKING: Key = Key { name: "blocking", usage: "blocking" };
const MANUAL: Key = Key { name: "manual", usage: "manual" };
const CRATE: Key = Key { name: "crate", usage: "crate = ::bus" };

impl TakesKeys for Attribute {
    fn keys(self) -> &'static [Key] {
        match self {
            Self::Command => &[
                OUTPUT,
                ERROR,
                COMMAND_KIND,
                NAME,
                VERSION,
                TIMEOUT,
                ATTEMPT_TIMEOUT,
                RETRY,
                CIRCUIT_BREAKER,
                CRATE,
            ],
            Self::Event => &[EVENT_KIND, NAME, VERSION, ORDER_KEY, ORDERED, STREAM, TTL, CRATE],
            Self::Handler => &[
                PRIORITY,
                NAME,
                TIMEOUT,
                ATTEMPT_TIMEOUT,
                CONCURRENCY,
                BATCH,
                RETRY,
                RETRY_IF,
                CIRCUIT_BREAKER,
                FILTER,
                MIDDLEWARE,
                BLOCKING,
                MANUAL,
                CRATE,
            ],
            Self::Filter => &[PRIORITY, NAME, CRATE],
            Self::Middleware => &[PRIORITY, NAME, ON, PER_ATTEMPT, MANUAL, CRATE],
            Self::Hook => &[PRIORITY, NAME, ON, CRATE],
            Self::Handlers | Self::Resource => &[CRATE],
        }
    }

    fn unknown(self, name: &str, _: Attribute) -> String {
        let of_handlers = Self::Handler.key(name).is_some();
        let mistake = match (self, name) {
            (Self::Event, "output" | "error") => {
                format!("an event has no reply: `{name}` belongs on `#[command]`")
            }
            // What else a handler takes is no business of its message.
            (Self::Event, _)
                if of_handlers && !matches!(name, "manual" | "priority" | "blocking") =>
            {
                format!("`{name}` belongs on the event's `#[handler]`s: each has its own")
            }
            (Self::Handlers, _) if of_handlers => {
                format!("`{name}` belongs on the `#[handler]` of a method, not on the `impl`")
            }
            _ => self
                .belongs_elsewhere(name)
                .or_else(|| self.belongs_in_a_part(name))
                .unwrap_or_else(|| self.misspelt(name)),
        };
        format!("{mistake}\n\nhelp: {self} takes {}", listed(self.names(), "and"))
    }
}

impl Attribute {
    fn belongs_elsewhere(self, name: &str) -> Option<String> {
        let owners: Vec<String> = Self::ALL
            .into_iter()
            // What a filter or a middleware takes, a handler does, and that is what is meant.
            .filter(|attribute| !attribute.is_around() || matches!(name, "on" | "per_attempt"))
            .filter(|attribute| attribute.key(name).is_some())
            .map(|attribute| attribute.to_string())
            .collect();
        let owners = (!owners.is_empty()).then(|| owners.join(" or "))?;
        Some(format!("`{name}` belongs on {owners}, not on {self}"))
    }

    /// `max_retries = 5` instead of `retry(max_retries = 5)`.
    fn belongs_in_a_part(self, name: &str) -> Option<String> {
        let part = Part::that_takes(name).filter(|part| self.key(part.name()).is_some())?;
        let usage = part.key(name)?.usage;
        Some(format!("`{name}` belongs in `{part}`: write `{}({usage})`", part.name()))
    }

    /// Is it for what stands around handlers?
    fn is_around(self) -> bool {
        matches!(self, Self::Filter | Self::Middleware | Self::Hook)
    }
}
