//! Which attribute knows which key, and what is said about a key that it does not know.

use super::{Attribute, listed, nearest::nearest};

/// A key, and an example of how it is written, for error messages.
pub(crate) struct Key {
    pub(crate) name: &'static str,
    pub(crate) usage: &'static str,
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

impl Attribute {
    pub(crate) fn keys(self) -> &'static [Key] {
        match self {
            Self::Command => &[OUTPUT, ERROR, COMMAND_KIND, NAME, VERSION, TIMEOUT, CRATE],
            Self::Event => &[EVENT_KIND, NAME, VERSION, ORDER_KEY, ORDERED, STREAM, TTL, CRATE],
            Self::Handler => &[
                PRIORITY,
                NAME,
                TIMEOUT,
                CONCURRENCY,
                BATCH,
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

    pub(crate) fn key(self, name: &str) -> Option<&'static Key> {
        self.keys().iter().find(|key| key.name == name)
    }

    /// Why `name` is no key of this attribute.
    pub(crate) fn unknown(self, name: &str) -> String {
        let mistake = match (self, name) {
            (Self::Event, "output" | "error") => {
                format!("an event has no reply: `{name}` belongs on `#[command]`")
            }
            (Self::Event, "timeout" | "concurrency" | "batch" | "filter" | "middleware") => {
                format!("`{name}` belongs on the event's `#[handler]`s: each has its own")
            }
            // Nor does it belong on the command's `#[handler]`.
            (Self::Command, "concurrency") => {
                "`concurrency` limits a handler of events; a command runs in its caller's task: \
                 remove it"
                    .to_owned()
            }
            (
                Self::Handlers,
                "priority" | "name" | "timeout" | "concurrency" | "batch" | "filter" | "middleware"
                | "blocking" | "manual",
            ) => {
                format!("`{name}` belongs on the `#[handler]` of a method, not on the `impl`")
            }
            _ => self.belongs_elsewhere(name).unwrap_or_else(|| self.misspelt(name)),
        };
        format!("{mistake}\n\nhelp: {self} takes {}", listed(self.names(), "and"))
    }

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

    /// Is it for what stands around handlers?
    fn is_around(self) -> bool {
        matches!(self, Self::Filter | Self::Middleware | Self::Hook)
    }

    fn misspelt(self, name: &str) -> String {
        match nearest(name, self.names()) {
            Some(meant) => format!("unknown argument `{name}`: did you mean `{meant}`?"),
            None => format!("unknown argument `{name}`"),
        }
    }

    pub(crate) fn names(self) -> impl Iterator<Item = &'static str> {
        self.keys().iter().map(|key| key.name)
    }
}
