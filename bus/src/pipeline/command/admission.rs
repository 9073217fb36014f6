//! Admission: from a command to its handler, unless it may not be executed now.

use std::sync::{Arc, OnceLock};

use super::request::{Request, Sent};
use crate::context::Seed;
use crate::core::{AtWork, Core};
use crate::error::{CommandError, CommandErrorKind};
use crate::handler::slot::Slot;
use crate::message::carrier::Moved;
use crate::message::keep::can_keep;
use crate::message::order::HeldLanes;
use crate::registry::listens::Own;
use crate::registry::plan::{Plan, SlotRef};
use crate::registry::table::Found;
use crate::session::{InSession, Member, Owned, Scope, SessionId};

pub(crate) type CommandSlot<C, O, E> = Slot<Moved<C>, Result<O, E>>;

/// A command that may run, counted as being at work: its handler, and the session it is in.
pub(crate) struct Accepted<'a> {
    pub(crate) plan: Found<'a, Plan>,
    at_work: AtWork<'a>,
    member: Option<Member>,
}

/// The same, ready to run: with what its context is made of, and what it keeps of its session.
pub(crate) struct Ready<'a> {
    pub(crate) plan: Found<'a, Plan>,
    pub(crate) at_work: AtWork<'a>,
    pub(crate) seed: Seed,
    pub(crate) session: Option<Box<InSession>>,
}

/// Finds the handler, unless the command may not be executed now.
#[inline]
pub(crate) fn look_up<'a>(
    core: &'a Core,
    call: &mut Request<'_>,
) -> Result<Accepted<'a>, Box<Refusal>> {
    // A dead letter has one.
    call.sent.name(core);
    // Counted first, whatever becomes of it: either the shutdown sees the count, or this sees the shutdown.
    let at_work = core.work.begin_command();
    let member = call.enter_session(core).map_err(|id| Box::new(Refusal::Closed(id)))?;
    let session = member.as_ref().map(Member::scope);
    let plan = admit(core, call, session)?;
    if call.timed || core.hears(Own::CommandResult, session) {
        call.sent.started = Some(core.settings.clock.now()).into();
    }
    Ok(Accepted { plan, at_work, member })
}

impl<'a> Accepted<'a> {
    /// Takes from the request what its context keeps. Inlined, so that it is made where it stays.
    #[inline(always)]
    pub(crate) fn ready(self, core: &Core, call: &mut Request<'_>) -> Ready<'a> {
        let Self { plan, at_work, member } = self;
        let began = core.settings.metrics.start(&*core.settings.clock).into();
        let origin = call.inherited.origin().cloned();
        let (is_root, lifecycle) = (origin.is_none(), origin.as_ref().is_some_and(|o| o.lifecycle));
        let scope = member.as_ref().map(|member| Arc::clone(member.scope()));
        let session = match member {
            None => None,
            Some(member) => in_session(member, &plan, is_root, lifecycle),
        };
        let attempts_before = call.rerun.as_ref().map_or(0, |letter| letter.attempts);
        // The last thing, so that it is made where it stays.
        let seed = Seed {
            id: call.sent.name(core),
            info: call.sent.info,
            began,
            attempt: attempts_before.saturating_add(1),
            attempts_before,
            lifecycle,
            timeout: call.timeout.or(plan.time.all),
            attempt_timeout: plan.time.attempt,
            deadline: call.inherited.deadline,
            origin,
            head: call.head.clone(),
            session: scope,
            cancel: call.inherited.cancel().cloned(),
            place: plan.policy.as_ref().and_then(|p| p.bulkhead.as_ref()).map(|_| plan.id),
            lanes: HeldLanes::None,
            follows: None,
            shared: OnceLock::new(),
        };
        Ready { plan, at_work, seed, session }
    }
}

/// Why a command is not executed.
pub(crate) enum Refusal {
    Closed(SessionId),
    ShuttingDown,
    NoHandler,
    TooDeep(Vec<&'static str>),
    /// The store keeps its dead letter, and its handler wants it whole.
    Kept {
        by: String,
        reason: String,
    },
}

#[cold]
pub(super) fn refused<E>(sent: &Sent, why: Refusal) -> CommandError<E> {
    sent.error(match why {
        Refusal::Closed(session_id) => CommandErrorKind::SessionClosed { session_id },
        Refusal::ShuttingDown => CommandErrorKind::ShuttingDown,
        Refusal::NoHandler => CommandErrorKind::NoHandler,
        Refusal::TooDeep(chain) => CommandErrorKind::TooDeep { chain },
        Refusal::Kept { by, reason } => CommandErrorKind::Rejected { by, reason },
    })
}

#[inline]
fn admit<'a>(
    core: &'a Core,
    call: &Request<'_>,
    session: Option<&Arc<Scope>>,
) -> Result<Found<'a, Plan>, Box<Refusal>> {
    if core.work.is_closing() && call.sent.is_root {
        return Err(Box::new(Refusal::ShuttingDown));
    }
    let info = call.sent.info;
    if let Some(origin) = call.inherited.origin()
        && let Some(chain) = origin.too_deep(info)
    {
        return Err(Box::new(Refusal::TooDeep(chain)));
    }
    let plan = core.command(info.type_id(), session);
    let plan = plan.ok_or_else(|| Box::new(Refusal::NoHandler))?;
    if call.rerun.is_some() && !can_keep(plan.takes, plan.message) {
        return Err(Box::new(kept(&plan)));
    }
    if let Some(origin) = call.inherited.origin() {
        core.saw(origin, info);
    }
    Ok(plan)
}

#[cold]
fn kept(plan: &Plan) -> Refusal {
    let name = plan.message.name();
    let reason = format!(
        "it takes `{name}` by value, and a dead letter is kept until it has succeeded: \
         derive `Clone` for it, or take `&{name}`",
    );
    Refusal::Kept { by: format!("handler {}", plan.handler), reason }
}

impl Request<'_> {
    #[inline]
    fn enter_session(&self, core: &Core) -> Result<Option<Member>, SessionId> {
        core.sessions.admit(self.head.as_deref(), self.inherited.origin().map(|origin| &**origin))
    }
}

/// A session ends the runs of its handlers, and what was executed through it.
#[inline(never)]
fn in_session(
    member: Member,
    plan: &Plan,
    is_root: bool,
    is_lifecycle: bool,
) -> Option<Box<InSession>> {
    let owner = plan.owner();
    let owner = owner.as_ref().or_else(|| is_root.then_some(member.scope()));
    let owned = owner.map(|owner| Owned::by(owner, is_lifecycle));
    InSession::new(Some(member), owned)
}

/// How its handler is called.
pub(crate) fn slot_of<C: 'static, O: 'static, E: 'static>(slot: &SlotRef) -> &CommandSlot<C, O, E> {
    let slot = slot.get().downcast_ref();
    // The plan was found under the `TypeId` of `C`, which says what `O` and `E` are.
    slot.unwrap_or_else(|| unreachable!("commands and their handlers are filed under one TypeId"))
}
