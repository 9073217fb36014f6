//! The delivery of an event, when it has left the queue: its handlers in priority groups, each on its
//! own.
//!
//! [`pair`] is one (event, handler) pair, [`ending`] what becomes of it. Where a handler takes batches,
//! the events that come together are delivered as a [`block`], and [`batch`] is one run of it.

mod batch;
mod batch_end;
mod block;
mod drive;
mod ending;
mod never_begun;
mod pair;
mod wayside;

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

pub(super) use self::batch::Taken;
pub(super) use self::block::{Block, is_same};
use self::never_begun::NeverBegun;
use super::completion::Share;
use super::group::{self, Aside};
use super::order::Turns;
use super::queue::Parking;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::order::LaneId;
use crate::registry::plan::Plan;

/// What there is to deliver.
pub(super) enum Work {
    One(Envelope),
    Block(Block),
}

/// What became of an event that might need no future.
pub(super) enum AtOnce {
    Delivered,
    /// Its handlers have to be driven.
    Drive(Envelope),
    /// It has a handler that takes batches.
    Gather(Envelope),
}

/// Lets an event that has left the queue be heard, unless it has expired.
pub(super) fn admit(core: &Core, mut envelope: Envelope) -> Option<Envelope> {
    if envelope.is_expired(core) {
        expire(core, envelope);
        return None;
    }
    if core.listeners.are_there() && envelope.rerun.is_none() {
        envelope.heard = core.listeners.tell(&envelope);
    }
    Some(envelope)
}

/// Delivers the event here and now if all its handlers are plain functions, or if there is none; else
/// gives it back.
pub(super) fn at_once(core: &Core, envelope: Envelope) -> AtOnce {
    let Some(mut envelope) = admit(core, envelope) else { return AtOnce::Delivered };
    let route = core.route(envelope.info, envelope.scope());
    match &route {
        Some(route) if route.has_batches => return AtOnce::Gather(envelope),
        Some(route) if !route.runs_at_once => return AtOnce::Drive(envelope),
        _ if is_behind(core, &envelope) || envelope.rerun.is_some() => {
            return AtOnce::Drive(envelope);
        }
        _ => {}
    }
    let share = envelope.share.take();
    let ending = core.work.delivering(envelope.lifecycle);
    let delivery = Delivery { core, envelope: &envelope, share: share.as_deref(), lane: None };
    match route {
        Some(route) => {
            delivery.note_unheard(&route);
            route.plans.iter().for_each(|plan| delivery.handle_at_once(plan));
        }
        None => delivery.unhandled(),
    }
    drop(ending);
    share.inspect(|share| share.settle());
    AtOnce::Delivered
}

/// Nobody handles it any more.
fn expire(core: &Core, mut envelope: Envelope) {
    let share = envelope.share.take();
    let ending = core.work.delivering(envelope.lifecycle);
    let delivery = Delivery { core, envelope: &envelope, share: share.as_deref(), lane: None };
    delivery.expired();
    drop(ending);
}

/// Does it have to wait for its turn?
#[inline]
fn is_behind(core: &Core, envelope: &Envelope) -> bool {
    envelope.info.lane(&*envelope.event).is_some_and(|lane| core.lanes.is_busy(lane))
}

/// Runs all handlers: group after group, concurrently inside a group.
pub(super) async fn deliver(core: Arc<Core>, work: Work) {
    match work {
        Work::One(envelope) => one(core, envelope).await,
        Work::Block(block) => Box::pin(block::deliver(core, block)).await,
    }
}

async fn one(core: Arc<Core>, mut envelope: Envelope) {
    // Dropped in this order: first it has ended, then those who wait for it are told.
    let share = envelope.share.take();
    let ending = core.work.delivering(envelope.lifecycle);
    run_handlers(&core, &envelope, share.as_deref()).await;
    drop(ending);
    share.inspect(|share| share.settle());
}

async fn run_handlers(core: &Core, envelope: &Envelope, share: Option<&Share>) {
    let Some(route) = core.route_of(envelope) else {
        // Its last handler was taken out just now.
        return Delivery { core, envelope, share, lane: None }.unhandled();
    };
    let turns = Turns::new(&core.lanes, envelope, &route.plans);
    let delivery = Delivery { core, envelope, share, lane: turns.lane() };
    delivery.note_unheard(&route);
    let aside = Aside::default();
    let parking = Parking::new(&core.queue, envelope.lifecycle);
    let line = Line { parking, turns, aside: &aside };
    let begun = AtomicUsize::new(0);
    let mut groups = pin!(async {
        let deliveries = std::iter::once((delivery, &line.parking));
        let mut rest = NeverBegun::new(deliveries, &route.plans, &begun);
        let groups = route.groups().map(|group| {
            begun.fetch_add(group.len(), Ordering::Relaxed);
            group.iter().map(|plan| &**plan)
        });
        let begin = |plan| {
            // In no lane there is nothing to wait for before it is called.
            if Plan::is_at_once(plan) && delivery.lane.is_none() && !line.parking.is_given_up() {
                delivery.handle_at_once(plan);
                return None;
            }
            Some(delivery.handle(plan, &line))
        };
        group::in_turn(groups, &aside, begin, || !line.parking.is_given_up()).await;
        rest.disarm();
        if line.parking.is_given_up() {
            delivery.not_handled(&line.parking);
        }
    });
    poll_fn(|task| {
        let polled = groups.as_mut().poll(task);
        // The first time, this was the dispatcher.
        line.parking.leave_hand();
        if polled.is_pending() {
            line.turns.stay(&route.plans[begun.load(Ordering::Relaxed)..]);
        }
        polled
    })
    .await;
}

/// For what its handlers may have to wait.
pub(super) struct Line<'a> {
    pub(super) parking: Parking<'a>,
    pub(super) turns: Turns<'a>,
    /// Who does not hold up the groups after its own.
    pub(super) aside: &'a Aside,
}

#[derive(Clone, Copy)]
pub(super) struct Delivery<'a> {
    pub(super) core: &'a Core,
    pub(super) envelope: &'a Envelope,
    /// Of those who wait for all that follows from the event.
    share: Option<&'a Share>,
    /// The lane that its handlers hold while they are pending.
    lane: Option<LaneId>,
}
