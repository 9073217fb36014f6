//! An event, as a filter sees it.

use std::any::Any;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::{Event, MessageId, MessageInfo};
use crate::pipeline::options::{Head, Headers, Principal};
use crate::pipeline::origin::Origin;
use crate::session::{Scope, SessionId};

/// An event, as a filter sees it.
pub struct FilterView<'a> {
    core: &'a Core,
    info: &'static MessageInfo,
    id: MessageId,
    event: &'a dyn Any,
    head: Option<&'a Head>,
    scope: Option<&'a Arc<Scope>>,
    origin: Option<&'a Origin>,
}

impl<'a> FilterView<'a> {
    pub(super) fn of(core: &'a Core, event: &'a Envelope) -> Self {
        Self {
            head: event.head.as_deref(),
            origin: event.origin.as_deref(),
            ..Self::asked(core, event.info, event.id, &*event.event, event.scope())
        }
    }

    /// Of an event that is not sent, with nothing said beside it.
    pub(crate) fn asked(
        core: &'a Core,
        info: &'static MessageInfo,
        id: MessageId,
        event: &'a dyn Any,
        scope: Option<&'a Arc<Scope>>,
    ) -> Self {
        Self { core, info, id, event, head: None, scope, origin: None }
    }
}

impl FilterView<'_> {
    /// The event, if it is of type `E`.
    #[must_use]
    pub fn get<E: Event>(&self) -> Option<&E> {
        self.event.downcast_ref()
    }

    /// What is known of its type: the name, the category.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.info
    }

    /// The id that it will have.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.id
    }

    /// The headers that it is published with.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        self.head.map_or(Headers::NONE, |head| &head.headers)
    }

    /// The id of the session that it is published in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.scope.map_or(SessionId::BUS, |scope| scope.id.clone())
    }

    /// The id of its session and of those around it, innermost first; [`SessionId::BUS`] comes last.
    pub fn sessions(&self) -> impl Iterator<Item = &SessionId> {
        let chain = self.scope.into_iter().flat_map(|scope| scope.chain());
        chain.map(|scope| &scope.id).chain([const { &SessionId::BUS }])
    }

    /// On whose behalf it is published.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        let own = self.head.and_then(|head| head.principal.as_ref());
        own.or_else(|| self.origin.and_then(|origin| origin.principal.as_ref()))
    }

    /// Now, by the clock of the bus.
    #[must_use]
    pub fn now(&self) -> Instant {
        self.core.settings.clock.now()
    }
}

impl fmt::Debug for FilterView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilterView({} {})", self.info.name(), self.id)
    }
}
