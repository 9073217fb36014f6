//! An event, as a filter sees it.

use std::any::Any;
use std::fmt;
use std::time::Instant;

use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::{Event, MessageId, MessageInfo};
use crate::pipeline::options::{Headers, Principal};
use crate::session::SessionId;

/// An event, as a filter sees it.
pub struct FilterView<'a> {
    pub(super) event: &'a Envelope,
    pub(super) core: &'a Core,
}

impl FilterView<'_> {
    /// The event, if it is of type `E`.
    #[must_use]
    pub fn get<E: Event>(&self) -> Option<&E> {
        let event: &dyn Any = &*self.event.event;
        event.downcast_ref()
    }

    /// What is known of its type: the name, the category.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.event.info
    }

    /// The id that it will have.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.event.id
    }

    /// The headers that it is published with.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        self.event.head.as_ref().map_or(Headers::NONE, |head| &head.headers)
    }

    /// The id of the session that it is published in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.event.session_id()
    }

    /// The id of its session and of those around it, innermost first; [`SessionId::BUS`] comes last.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        let chain = self.event.scope().into_iter().flat_map(|scope| scope.chain());
        chain.map(|scope| &scope.id).chain([const { &SessionId::BUS }])
    }

    /// On whose behalf it is published.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        let own = self.event.head.as_ref().and_then(|head| head.principal.as_ref());
        own.or_else(|| self.event.origin.as_ref().and_then(|origin| origin.principal.as_ref()))
    }

    /// Now, by the clock of the bus.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.core.settings.clock.now()
    }
}

impl fmt::Debug for FilterView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilterView({} {})", self.event.info.name(), self.event.id)
    }
}
