//! What a caller may say about one message: headers, session, principal.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt;
use std::panic::Location;
use std::sync::Arc;

use super::traceparent::Trace;
use crate::message::MessageId;
use crate::session::{Scope, SessionId};
use crate::sync::shared;

/// The string headers of a message, in the order they were set; setting one again replaces it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Headers(Vec<(Cow<'static, str>, String)>);

impl Headers {
    /// The value of a header.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.iter().find(|(key, _)| *key == name).map(|(_, value)| value)
    }

    /// All headers.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (&**name, &**value))
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn set(&mut self, name: Cow<'static, str>, value: String) {
        match self.0.iter_mut().find(|(key, _)| *key == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
    }

    pub(crate) const NONE: &'static Headers = &Headers(Vec::new());
}

/// On whose behalf a message is sent: an identifier and the roles it has. Children inherit it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Principal(Arc<(String, BTreeSet<String>)>);

impl Principal {
    /// A principal without roles.
    pub fn new(id: impl Into<String>) -> Self {
        Self(Arc::new((id.into(), BTreeSet::new())))
    }

    /// The same principal with one more role.
    #[must_use]
    pub fn with_role(mut self, role: impl Into<String>) -> Self {
        Arc::make_mut(&mut self.0).1.insert(role.into());
        self
    }

    /// Who it is.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.0.0
    }

    /// Has it this role?
    #[must_use]
    pub fn has_role(&self, role: &str) -> bool {
        self.0.1.contains(role)
    }

    /// Its roles, sorted.
    pub fn roles(&self) -> impl Iterator<Item = &str> {
        self.0.1.iter().map(String::as_str)
    }
}

shared! {
    /// What the caller said, beside the message. Absent when nothing was said.
    #[derive(Debug, Clone, Default)]
    pub(crate) struct Head {
        pub(crate) headers: Headers,
        pub(crate) session: Option<InScope>,
        pub(crate) principal: Option<Principal>,
        /// Where it was sent, if that is asked for.
        pub(crate) sent_from: Option<&'static Location<'static>>,
        /// The trace that a dead letter had inherited, from what is gone when it is run again.
        pub(crate) trace: Option<Arc<Trace>>,
        /// The root of all that a dead letter belongs to, which it had inherited as well.
        pub(crate) correlation: Option<MessageId>,
    }
}

impl Head {
    /// What is said of a message, sent from where the first of those is called who track their callers.
    #[inline]
    #[track_caller]
    pub(crate) fn here(is_tracked: bool, head: Option<Arc<Self>>) -> Option<Arc<Self>> {
        if is_tracked { Some(Self::sent_from(head, Location::caller())) } else { head }
    }

    #[cold]
    fn sent_from(head: Option<Arc<Self>>, at: &'static Location<'static>) -> Arc<Self> {
        let mut head = head.unwrap_or_default();
        Arc::make_mut(&mut head).sent_from = Some(at);
        head
    }

    /// In place of another, which knows where the message was sent.
    pub(crate) fn in_place_of(mut self: Arc<Self>, other: Option<&Arc<Self>>) -> Arc<Self> {
        if let Some(at) = other.and_then(|other| other.sent_from) {
            Arc::make_mut(&mut self).sent_from = Some(at);
        }
        self
    }

    /// Names the session no more, which it would keep alive.
    pub(crate) fn out_of_session(mut self: Arc<Self>) -> Arc<Self> {
        if self.session.is_some() {
            Arc::make_mut(&mut self).session = None;
        }
        self
    }
}

/// The session of a message that does not just inherit one.
#[derive(Clone)]
pub(crate) enum InScope {
    /// Named by its caller.
    Named(SessionId),
    /// Sent through it.
    Of(Arc<Scope>),
}

impl fmt::Debug for InScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(id) => id.fmt(f),
            Self::Of(scope) => scope.id.fmt(f),
        }
    }
}
