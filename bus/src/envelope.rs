//! An event on its way through the queue, its type forgotten.

use std::panic::Location;
use std::sync::Arc;

use crate::clock::MaybeInstant;
use crate::core::Core;
use crate::event::completion::Share;
use crate::message::kind::Erased;
use crate::message::{MessageId, MessageInfo};
use crate::observe::spans::Links;
use crate::pipeline::burial::Rerun;
use crate::pipeline::options::Head;
use crate::pipeline::origin::Origin;
use crate::session::{Member, Scope, SessionId};

/// All that the dispatcher needs to deliver an event.
pub(crate) struct Envelope {
    pub(crate) id: MessageId,
    pub(crate) info: &'static MessageInfo,
    pub(crate) event: Erased,
    /// The message whose handler sent it.
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) head: Option<Arc<Head>>,
    /// The session that it is in flight in.
    pub(crate) session: Option<Member>,
    /// If somebody waits for all that follows from it.
    pub(crate) share: Option<Box<Share>>,
    /// When, if that is measured.
    pub(crate) published: MaybeInstant,
    /// When it is not to be handled any more. Set when it is queued.
    pub(crate) expires: MaybeInstant,
    /// Has somebody heard it who listens to its type?
    pub(crate) heard: bool,
    /// The bus's own, not the user's traffic.
    pub(crate) lifecycle: bool,
    /// A dead letter, for the one handler that has given up on it.
    pub(crate) rerun: Option<Box<Rerun>>,
    /// The span that the spans of its handlers follow from.
    pub(crate) links: Option<Links>,
}

impl Envelope {
    /// An event that nobody says anything about.
    #[inline]
    pub(crate) fn new(id: MessageId, info: &'static MessageInfo, event: Erased) -> Self {
        Self {
            id,
            info,
            event,
            origin: None,
            head: None,
            session: None,
            share: None,
            published: MaybeInstant::NONE,
            expires: MaybeInstant::NONE,
            heard: false,
            lifecycle: false,
            rerun: None,
            links: None,
        }
    }

    /// How often its handler was called before, if it is a dead letter.
    pub(crate) fn attempts_before(&self) -> u32 {
        self.rerun.as_ref().map_or(0, |rerun| rerun.letter.attempts)
    }

    /// An event that a handler sends: whoever waits for what the handler was called for, waits for
    /// this too.
    pub(crate) fn child(
        origin: &Arc<Origin>,
        info: &'static MessageInfo,
        event: Erased,
        head: Option<Arc<Head>>,
        session: Option<Member>,
    ) -> Self {
        let id = MessageId::next(origin.id.bus());
        let share = Share::of_child(origin, id, info, &*event);
        let origin = Some(Arc::clone(origin));
        Self { origin, head, session, share, ..Self::new(id, info, event) }
    }

    /// Where it was sent, if that is known.
    pub(crate) fn sent_from(&self) -> Option<&'static Location<'static>> {
        self.head.as_ref().and_then(|head| head.sent_from)
    }

    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.session.as_ref().map(Member::scope)
    }

    /// The id of its session; [`SessionId::BUS`] outside sessions.
    pub(crate) fn session_id(&self) -> SessionId {
        self.scope().map_or(SessionId::BUS, |scope| scope.id.clone())
    }

    /// Was it queued for too long?
    #[inline]
    pub(crate) fn is_expired(&self, core: &Core) -> bool {
        self.expires.get().is_some_and(|expires| expires <= core.settings.clock.now())
    }

    /// It was never queued, and whoever sent it knows.
    pub(crate) fn withdraw(&mut self) {
        self.share.take().inspect(|share| share.settle());
    }
}
