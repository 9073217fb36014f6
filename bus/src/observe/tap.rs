//! The taps: from what the bus knows where something happens to what its observers are told. Each is called
//! only when somebody listens.

use std::panic::Location;
use std::sync::Arc;

use super::happening::{Happening, Of};
use super::what::What;
use crate::context::Context;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::event::Outcome;
use crate::message::kind::Erased;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::options::{Head, InScope};
use crate::pipeline::origin::Origin;
use crate::resilience::dead_letters::DeadLetterData;
use crate::session::{Scope, SessionId};

fn happening<'a>(
    core: &'a Core,
    what: What<'a>,
    (info, id): (Option<&'static MessageInfo>, Option<MessageId>),
    origin: Option<&Origin>,
    session: Option<&'a SessionId>,
    lifecycle: bool,
) -> Happening<'a> {
    Happening {
        what,
        message: info,
        id,
        parent: origin.map(|origin| origin.id),
        correlation: origin.map(|origin| origin.correlation).or(id),
        session,
        at: core.settings.clock.now(),
        clock: Of(&*core.settings.clock),
        lifecycle: lifecycle || origin.is_some_and(|origin| origin.lifecycle),
        depth: origin.map_or(0, |origin| origin.depth.saturating_add(1)),
        sent_from: None,
    }
}

fn id_of(scope: &Arc<Scope>) -> &SessionId {
    &scope.id
}

/// To what a context belongs to.
#[cold]
pub(crate) fn of_context(core: &Core, context: &Context, what: What<'_>) {
    let message = (Some(context.message()), Some(context.id()));
    let (origin, session) = (context.origin(), context.scope().map(id_of));
    let told = happening(core, what, message, origin, session, context.is_lifecycle());
    let correlation = Some(context.correlation_id());
    core.observers.tell(&Happening { correlation, sent_from: context.sent_from(), ..told });
}

/// To an event.
#[cold]
pub(crate) fn of_envelope(core: &Core, envelope: &Envelope, what: What<'_>) {
    let message = (Some(envelope.info), Some(envelope.id));
    let (origin, session) = (envelope.origin.as_deref(), envelope.scope().map(id_of));
    let told = happening(core, what, message, origin, session, envelope.lifecycle);
    let kept = envelope.head.as_ref().and_then(|head| head.correlation);
    let correlation = kept.or(told.correlation);
    core.observers.tell(&Happening { correlation, sent_from: envelope.sent_from(), ..told });
}

/// To a message of which there is no context, or not any more: what is known is what its sender has said, and
/// what it inherits.
#[cold]
pub(crate) fn of_sent(
    core: &Core,
    (info, id): (&'static MessageInfo, Option<MessageId>),
    head: Option<&Head>,
    origin: Option<&Origin>,
    what: What<'_>,
) {
    let session = match head.and_then(|head| head.session.as_ref()) {
        Some(InScope::Named(id)) => Some(id),
        Some(InScope::Of(scope)) => Some(id_of(scope)),
        None => origin.and_then(|origin| origin.session.as_ref()).map(id_of),
    };
    let told = happening(core, what, (Some(info), id), origin, session, false);
    let correlation = head.and_then(|head| head.correlation).or(told.correlation);
    let sent_from = head.and_then(|head| head.sent_from);
    core.observers.tell(&Happening { correlation, sent_from, ..told });
}

/// To a dead letter.
#[cold]
pub(crate) fn of_letter(core: &Core, letter: &DeadLetterData, what: What<'_>) {
    let message = (Some(letter.info()), Some(letter.message_id));
    let told =
        happening(core, what, message, None, Some(&letter.session_id), letter.is_lifecycle());
    let (correlation, sent_from) = (Some(letter.correlation_id), letter.sent_from);
    let (parent, depth) = letter.parent().unzip();
    let depth = depth.unwrap_or_default();
    core.observers.tell(&Happening { parent, correlation, depth, sent_from, ..told });
}

/// To a session.
#[cold]
pub(crate) fn of_session(core: &Core, session: &Arc<Scope>, what: What<'_>) {
    core.observers.tell(&happening(core, what, (None, None), None, Some(&session.id), false));
}

/// To the bus itself.
#[cold]
pub(crate) fn of_bus(core: &Core, what: What<'_>) {
    core.observers.tell(&happening(core, what, (None, None), None, None, false));
}

/// What is left of an event when it is in the queue.
pub(crate) struct Queued {
    info: &'static MessageInfo,
    id: MessageId,
    event: Erased,
    origin: Option<Arc<Origin>>,
    session: Option<SessionId>,
    lifecycle: bool,
    sent_from: Option<&'static Location<'static>>,
}

impl Queued {
    /// Of an event that is about to be queued; `None` when nobody wants to know.
    #[inline]
    pub(crate) fn of(core: &Core, envelope: &Envelope) -> Option<Self> {
        if core.observers.is_on() { Some(Self::made(envelope)) } else { None }
    }

    /// Of several.
    #[inline]
    pub(crate) fn all(core: &Core, envelopes: &[Envelope]) -> Vec<Self> {
        if core.observers.is_on() { envelopes.iter().map(Self::made).collect() } else { Vec::new() }
    }

    #[cold]
    fn made(envelope: &Envelope) -> Self {
        Self {
            info: envelope.info,
            id: envelope.id,
            event: Arc::clone(&envelope.event),
            origin: envelope.origin.clone(),
            session: envelope.scope().map(|scope| scope.id.clone()),
            lifecycle: envelope.lifecycle,
            sent_from: envelope.sent_from(),
        }
    }

    /// It is queued.
    #[cold]
    pub(crate) fn tell(&self, core: &Core, outcome: &Outcome) {
        let Self { info, id, event, origin, session, lifecycle, sent_from } = self;
        let what = What::Published { event, outcome };
        let message = (Some(*info), Some(*id));
        let (origin, session) = (origin.as_deref(), session.as_ref());
        let told = happening(core, what, message, origin, session, *lifecycle);
        core.observers.tell(&Happening { sent_from: *sent_from, ..told });
    }
}
