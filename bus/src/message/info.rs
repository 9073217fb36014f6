//! What the bus knows of a message type without an instance of it.

use std::any::{Any, TypeId, type_name};
use std::fmt;
use std::time::Duration;

use super::Message;
use super::kind::Kind;
use super::order::{Group, LaneId, Order};
use super::probe::{ToDebug, ToJson};
use super::validate::Invalid;
use crate::resilience::ErrorClass;
use crate::resilience::declared::{BreakerMeta, RetryMeta};

/// Everything that is known of a message type at compile time. One `const` per type.
pub struct MessageInfo {
    type_id: TypeId,
    type_name: fn() -> &'static str,
    is_command: bool,
    meta: MessageMeta,
    capabilities: Capabilities,
    hears: Option<Heard>,
}

/// Which events a handler of [`AnyEvent`](crate::AnyEvent) hears: those of a category, or all.
#[derive(Clone, Copy)]
pub(crate) struct Heard(Option<Category>);

impl Heard {
    pub(crate) fn is_any_of(self, category: Category) -> bool {
        self.0.is_none_or(|heard| heard == category)
    }
}

/// What the attribute says.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "named by generated code alone")]
pub struct MessageMeta {
    pub name: Name,
    pub category: Category,
    pub version: u32,
    pub timeout: Option<Duration>,
    pub attempt_timeout: Option<Duration>,
    pub retry: Option<RetryMeta>,
    pub circuit_breaker: Option<BreakerMeta>,
    pub order: Option<Order>,
    pub ttl: Option<Duration>,
    pub file: &'static str,
    pub line: u32,
}

/// The name of a message type. A generic type has one for each instance, which only
/// `std::any::type_name` can spell.
#[derive(Clone, Copy, Debug)]
pub enum Name {
    /// This.
    Is(&'static str),
    /// The type's own, with its arguments.
    OfType,
}

/// `kind = ..` of the attribute: what sort of command or event this is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Category {
    /// A command that creates.
    Create,
    /// A command that updates.
    Update,
    /// A command that deletes.
    Delete,
    /// Any other command: the default.
    Other,
    /// An event of the domain: the default.
    Domain,
    /// An event of the machinery, such as the bus's own lifecycle events.
    System,
    /// An event meant for other systems.
    Integration,
}

/// What can be done with a message type, found out where it is declared. A generic type can do what
/// its bounds promise.
#[derive(Clone, Copy)]
pub struct Capabilities {
    /// It is `Clone`: a handler can take it by value more than once.
    pub clone: bool,
    /// It is `Debug`.
    pub debug: bool,
    /// Writes a message for who debugs, if it is `Debug`, with the feature `testing`.
    #[doc(hidden)]
    pub debug_with: Option<ToDebug>,
    /// Clones a message into an `Option` of its type, if it is `Clone`.
    #[doc(hidden)]
    pub clone_into: Option<fn(&dyn Any, &mut dyn Any)>,
    /// Says what is wrong with a message, if it is [`Validate`](crate::Validate).
    #[doc(hidden)]
    pub validate: Option<fn(&dyn Any, &mut Invalid)>,
    /// Writes a message as JSON, if it is `serde::Serialize`, with the feature `json`.
    #[doc(hidden)]
    pub json: Option<ToJson>,
    /// The text of a command's error, when the error can be written.
    #[doc(hidden)]
    pub error_text: Option<fn(&dyn Any) -> Option<String>>,
    /// The class of a command's error, when the error's type is [`Classify`](crate::Classify).
    #[doc(hidden)]
    pub error_class: Option<fn(&dyn Any) -> ErrorClass>,
}

/// As it is written in the attribute: `domain`.
impl fmt::Display for Category {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Other => "other",
            Self::Domain => "domain",
            Self::System => "system",
            Self::Integration => "integration",
        })
    }
}

impl MessageInfo {
    #[doc(hidden)]
    #[must_use]
    pub const fn new<M: Message>(meta: MessageMeta, capabilities: Capabilities) -> Self {
        Self {
            type_id: TypeId::of::<M>(),
            type_name: type_name::<M>,
            is_command: <M::Kind as Kind<M>>::IS_COMMAND,
            meta,
            capabilities,
            hears: None,
        }
    }

    /// Its handlers hear other events.
    pub(super) const fn hearing(self, category: Option<Category>) -> Self {
        Self { hears: Some(Heard(category)), ..self }
    }

    pub(crate) fn hears(&self) -> Option<Heard> {
        self.hears
    }

    /// Is it an event of the bus's own, such as [`CommandResultEvent`](crate::CommandResultEvent)?
    #[must_use]
    pub fn is_own(&self) -> bool {
        self.name().starts_with("bus::message::lifecycle::")
    }

    /// The stable name: `name = ".."` of the attribute, else the full path of the type.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.meta.name {
            Name::Is(name) => name,
            Name::OfType => (self.type_name)(),
        }
    }

    /// The last segment of the type's path, for sentences: `SignUp`, `Put<u64>`.
    #[must_use]
    pub fn short_name(&self) -> &'static str {
        let full = (self.type_name)();
        let end = full.find('<').unwrap_or(full.len());
        full[..end].rfind("::").map_or(full, |at| &full[at + 2..])
    }

    /// The module of the type.
    pub(crate) fn module(&self) -> &'static str {
        let full = (self.type_name)();
        let end = full.find('<').unwrap_or(full.len());
        full[..end].rfind("::").map_or("", |at| &full[..at])
    }

    /// Is it a command? Else it is an event.
    #[must_use]
    pub fn is_command(&self) -> bool {
        self.is_command
    }

    /// `kind = ..` of the attribute.
    #[must_use]
    pub fn category(&self) -> Category {
        self.meta.category
    }

    /// `version = ..` of the attribute, 1 when left out.
    #[must_use]
    pub fn version(&self) -> u32 {
        self.meta.version
    }

    /// `timeout = ".."` of the attribute.
    #[must_use]
    pub fn timeout(&self) -> Option<Duration> {
        self.meta.timeout
    }

    /// `attempt_timeout = ".."` of the attribute: how long one attempt may take.
    #[must_use]
    pub fn attempt_timeout(&self) -> Option<Duration> {
        self.meta.attempt_timeout
    }

    /// `retry(..)` of the attribute.
    pub(crate) fn retry(&self) -> Option<&RetryMeta> {
        self.meta.retry.as_ref()
    }

    /// `circuit_breaker(..)` of the attribute.
    pub(crate) fn circuit_breaker(&self) -> Option<&BreakerMeta> {
        self.meta.circuit_breaker.as_ref()
    }

    /// In which order its events are handled, as the attribute says it: `ordered`,
    /// `key = "order_id"`, `stream = "orders"`. `None`: they are started in the order in which they
    /// were published.
    #[must_use]
    pub fn order(&self) -> Option<String> {
        self.meta.order.map(|order| order.to_string())
    }

    /// `ttl = ".."` of the attribute: how long an event may be queued.
    #[must_use]
    pub fn ttl(&self) -> Option<Duration> {
        self.meta.ttl
    }

    pub(crate) fn lanes(&self) -> Option<&Order> {
        self.meta.order.as_ref()
    }

    /// The lane of an event of this type, if it has to follow others.
    #[inline]
    pub(crate) fn lane(&self, event: &dyn Any) -> Option<LaneId> {
        Some(self.meta.order.as_ref()?.lane(self.type_id, event))
    }

    /// With what it is brought together in a batch.
    #[inline]
    pub(crate) fn group(&self) -> Group {
        self.meta.order.as_ref().map_or(Group::Type(self.type_id), |o| o.group(self.type_id))
    }

    /// Where the type is declared: file and line.
    #[must_use]
    pub fn place(&self) -> (&'static str, u32) {
        (self.meta.file, self.meta.line)
    }

    /// What can be done with it.
    #[must_use]
    pub fn capabilities(&self) -> &Capabilities {
        &self.capabilities
    }

    pub(crate) fn type_id(&self) -> TypeId {
        self.type_id
    }
}

impl fmt::Debug for MessageInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MessageInfo")
            .field("name", &self.name())
            .field("version", &self.version())
            .field("category", &self.category())
            .finish_non_exhaustive()
    }
}

impl fmt::Debug for Capabilities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capabilities")
            .field("clone", &self.clone)
            .field("debug", &self.debug)
            .field("json", &self.json.is_some())
            .field("error_text", &self.error_text.is_some())
            .field("error_class", &self.error_class.is_some())
            .finish()
    }
}
