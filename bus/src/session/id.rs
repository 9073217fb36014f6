//! The identity of a session.

use std::fmt;
use std::sync::Arc;

/// Names a session. What is sent through a session, and by handlers on its behalf, carries its id.
#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SessionId(Repr);

#[derive(Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
enum Repr {
    Bus,
    Named(Arc<str>),
}

impl SessionId {
    /// The id of what is outside all sessions, written "BUS".
    pub const BUS: SessionId = SessionId(Repr::Bus);

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        match &self.0 {
            Repr::Bus => "BUS",
            Repr::Named(name) => name,
        }
    }
}

impl<S: AsRef<str>> From<S> for SessionId {
    /// The text "BUS" is [`SessionId::BUS`].
    fn from(name: S) -> Self {
        match name.as_ref() {
            "BUS" => Self::BUS,
            name => Self(Repr::Named(name.into())),
        }
    }
}

impl From<&SessionId> for SessionId {
    fn from(id: &SessionId) -> Self {
        id.clone()
    }
}

impl fmt::Display for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl fmt::Debug for SessionId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

/// What a new session may be named by: text, a [`SessionId`], or `None` for an id that the bus makes.
#[diagnostic::on_unimplemented(
    message = "a session cannot be named by `{Self}`",
    label = "expected text, a `SessionId`, or `None`",
    note = "`bus.session(\"job-123\")` names it, `bus.session(None)` lets the bus make an id"
)]
pub trait SessionName {
    /// The id, unless the bus shall make one.
    fn into_session_id(self) -> Option<SessionId>;
}

impl SessionName for &str {
    fn into_session_id(self) -> Option<SessionId> {
        Some(self.into())
    }
}
impl SessionName for String {
    fn into_session_id(self) -> Option<SessionId> {
        Some(self.into())
    }
}
impl SessionName for &String {
    fn into_session_id(self) -> Option<SessionId> {
        Some(self.into())
    }
}
impl SessionName for SessionId {
    fn into_session_id(self) -> Option<SessionId> {
        Some(self)
    }
}
impl SessionName for &SessionId {
    fn into_session_id(self) -> Option<SessionId> {
        Some(self.clone())
    }
}
impl SessionName for Option<SessionId> {
    fn into_session_id(self) -> Option<SessionId> {
        self
    }
}

/// What names a session that is there: whatever a [`SessionId`] is made of.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not the id of a session",
    label = "expected text or a `SessionId`",
    note = "a handle has the verbs: `session.execute(command)`, `session.publish(event)`; its id is `session.id()`, and `SessionId::BUS` is outside all sessions"
)]
pub trait IntoSessionId: Into<SessionId> {}
#[diagnostic::do_not_recommend]
impl<I: Into<SessionId>> IntoSessionId for I {}

#[cfg(test)]
mod tests {
    use super::{SessionId, SessionName};

    #[test]
    fn the_text_bus_is_the_bus_itself() {
        assert_eq!(SessionId::from("BUS"), SessionId::BUS);
        assert_eq!(SessionId::from("job-1").as_str(), "job-1");
        assert_ne!(SessionId::from("bus"), SessionId::BUS);
    }

    #[test]
    fn a_session_is_named_by_text_or_by_nobody() {
        let id = Some(SessionId::from("a"));
        assert_eq!("a".into_session_id(), id);
        assert_eq!(String::from("a").into_session_id(), id);
        assert_eq!(id.clone().into_session_id(), id);
        assert_eq!(None.into_session_id(), None);
    }
}
