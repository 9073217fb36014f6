//! Admission: from a command to its handler, unless it may not be executed now.

use std::sync::{Arc, OnceLock};

use super::execute::Request;
use crate::context::Seed;
use crate::core::{AtWork, Core};
use crate::error::{CommandError, CommandErrorKind};
use crate::handler::slot::Slot;
use crate::message::carrier::Moved;
use crate::message::keep::can_keep;
use crate::message::order::HeldLanes;
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::session::{InSession, Member, Owned, Scope, SessionId};

pub(super) type CommandSlot<C, O, E> = Slot<Moved<C>, Result<O, E>>;

/// A command that may run: its handler, what its context is made of, and its session.
pub(crate) struct Accepted<'a, C, O, E> {
    pub(crate) plan: Found<'a, Plan>,
    pub(crate) found: Admitted<'a, C, O, E>,
    pub(crate) seed: Seed,
    pub(crate) session: Option<Box<InSession>>,
}

/// A command, counted as being at work, and how its handler is called.
pub(crate) struct Admitted<'a, C, O, E> {
    slot: fn(&Plan) -> &CommandSlot<C, O, E>,
    at_work: AtWork<'a>,
}

impl<C, O, E> Admitted<'_, C, O, E> {
    /// It has ended, and not failed.
    #[inline]
    pub(crate) fn has_succeeded(&mut self) {
        self.at_work.has_succeeded();
    }

    pub(crate) fn slot<'p>(&self, plan: &'p Plan) -> &'p CommandSlot<C, O, E> {
        (self.slot)(plan)
    }
}

/// Finds the handler, unless the command may not be executed now.
pub(crate) fn look_up<'a, C, O, E>(
    core: &'a Core,
    call: &mut Request<'_>,
) -> Result<Accepted<'a, C, O, E>, CommandError<E>>
where
    C: Send + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    // A dead letter has one.
    let id = call.sent.name(core);
    // Counted first, whatever becomes of it: either the shutdown sees the count, or this sees the shutdown.
    let at_work = core.work.begin_command();
    let member = match call.enter_session(core) {
        Ok(member) => member,
        Err(session_id) => {
            return Err(call.sent.error(CommandErrorKind::SessionClosed { session_id }));
        }
    };
    let session = member.as_ref().map(Member::scope);
    let plan = match admit(core, call, session) {
        Ok(plan) => plan,
        Err(Refusal::ShuttingDown) => return Err(call.sent.error(CommandErrorKind::ShuttingDown)),
        Err(Refusal::NoHandler) => return Err(call.sent.error(CommandErrorKind::NoHandler)),
        Err(Refusal::TooDeep(chain)) => {
            return Err(call.sent.error(CommandErrorKind::TooDeep { chain }));
        }
        Err(Refusal::Kept { by, reason }) => {
            return Err(call.sent.error(CommandErrorKind::Rejected { by, reason }));
        }
    };
    if call.timed || core.listens(session).command_result {
        call.sent.started = Some(core.settings.clock.now());
    }
    let inherited = std::mem::take(&mut call.inherited.deadline);
    let seed = Seed {
        id,
        info: call.sent.info,
        began: core.settings.metrics.start(&*core.settings.clock),
        attempt: call.rerun.as_ref().map_or(1, |letter| letter.attempts.saturating_add(1)),
        lifecycle: call.inherited.origin.as_ref().is_some_and(|origin| origin.lifecycle),
        timeout: call.timeout.or(plan.timeout).or(core.settings.command_timeout),
        attempt_timeout: plan.policy.as_ref().and_then(|policy| policy.attempt_timeout),
        deadline: inherited,
        origin: call.inherited.origin.clone(),
        head: call.head.clone(),
        session: session.cloned(),
        cancel: call.inherited.cancel.take(),
        place: plan.policy.as_ref().and_then(|p| p.bulkhead.as_ref()).map(|_| plan.id),
        lanes: HeldLanes::None,
        follows: None,
        shared: OnceLock::new(),
    };
    let session = member.and_then(|member| in_session(member, &plan, &seed));
    let found = Admitted { slot: slot_of::<C, O, E>, at_work };
    Ok(Accepted { plan, found, seed, session })
}

enum Refusal {
    ShuttingDown,
    NoHandler,
    TooDeep(Vec<&'static str>),
    /// The store keeps its dead letter, and its handler wants it whole.
    Kept {
        by: String,
        reason: String,
    },
}

#[inline]
fn admit<'a>(
    core: &'a Core,
    call: &Request<'_>,
    session: Option<&Arc<Scope>>,
) -> Result<Found<'a, Plan>, Refusal> {
    if core.work.is_closing() && call.sent.is_root {
        return Err(Refusal::ShuttingDown);
    }
    if let Some(chain) = call.inherited.origin.as_ref().and_then(|o| o.too_deep(call.sent.info)) {
        return Err(Refusal::TooDeep(chain));
    }
    let plan = core.command(call.sent.info.type_id(), session).ok_or(Refusal::NoHandler)?;
    if call.rerun.is_some() && !can_keep(plan.takes, plan.message) {
        return Err(kept(&plan));
    }
    if let Some(origin) = &call.inherited.origin {
        core.saw(origin, call.sent.info);
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
        core.sessions.admit(self.head.as_deref(), self.inherited.origin.as_deref())
    }
}

/// A session ends the runs of its handlers, and what was executed through it.
fn in_session(member: Member, plan: &Plan, seed: &Seed) -> Option<Box<InSession>> {
    let owner = plan.owner();
    let is_root = seed.origin.is_none();
    let owner = owner.as_ref().or_else(|| is_root.then_some(member.scope()));
    let owned = owner.map(|owner| Owned::by(owner, seed.lifecycle));
    InSession::new(Some(member), owned)
}

fn slot_of<C: 'static, O: 'static, E: 'static>(plan: &Plan) -> &CommandSlot<C, O, E> {
    let slot = plan.slot.get().downcast_ref();
    // The plan was found under the `TypeId` of `C`, which says what `O` and `E` are.
    slot.unwrap_or_else(|| unreachable!("commands and their handlers are filed under one TypeId"))
}
