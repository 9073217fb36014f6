//! The call that this thread is running at the moment, if it is one of a bus's handlers.

use std::sync::Arc;

use super::cancel::WaitsInside;
use super::frame::with_current;
use crate::context::Context;
use crate::core::Core;
use crate::message::order::LaneId;
use crate::session::{Member, Scope};

/// The call, if it is one of this bus.
#[inline]
pub(crate) fn current_of<R>(core: &Core, look: impl FnOnce(Option<&Context>) -> R) -> R {
    with_current(|current| look(current.filter(|context| std::ptr::eq(context.core(), core))))
}

/// Does the handler run in this session, or in one inside of it?
pub(crate) fn is_inside(core: &Core, scope: &Arc<Scope>) -> bool {
    current_of(core, |current| {
        current.and_then(Context::scope).is_some_and(|inner| inner.is_within(scope))
    })
}

/// Enters a session: it may take no more, but for what follows from inside.
pub(crate) fn enter(core: &Core, scope: &Arc<Scope>) -> Option<Member> {
    if is_inside(core, scope) { Some(Member::follow(scope)) } else { Member::enter(scope) }
}

/// The lanes that the call holds, and that others wait for meanwhile.
pub(crate) fn lanes_held(core: &Core) -> Vec<LaneId> {
    current_of(core, |current| {
        let Some(current) = current else { return Vec::new() };
        let mut held = Vec::new();
        for (message, lanes) in current.scratch().cancel.lanes() {
            held.extend_from_slice(lanes);
            // In a batch each lane waits for all the others.
            if core.brings_together(message.group(), current.scope()) {
                held.push(message.group().all_lanes());
            }
        }
        held
    })
}

/// Says to the handler that it waits for others.
pub(crate) fn waits_inside(core: &Core) -> Option<WaitsInside> {
    current_of(core, |current| Some(WaitsInside::begin(&current?.scratch().cancel)))
}
