//! Events of one type that come together, where a handler takes batches: they go through the priority
//! groups together. Each has its own outcome, and its own place among what is queued and ordered.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use super::never_begun::NeverBegun;
use super::{Delivery, Line, batch};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::event::completion::Share;
use crate::event::group::{self, Aside};
use crate::event::order::Turns;
use crate::event::queue::Parking;
use crate::registry::plan::{Batching, Plan};
use crate::registry::table::Route;
use crate::session::Scope;

/// At least one event.
pub(in crate::event) type Block = Vec<Envelope>;

/// Do both have the same handlers? They lie in one queue: either both are the bus's own, or none is.
pub(in crate::event) fn is_same(a: &Envelope, b: &Envelope) -> bool {
    let scope = |envelope: &Envelope| envelope.scope().map(Arc::as_ptr);
    let is_rerun = a.rerun.is_some() || b.rerun.is_some();
    !is_rerun
        && a.info.type_id() == b.info.type_id()
        && scope(a).map(<*const Scope>::addr) == scope(b).map(<*const Scope>::addr)
}

/// One of them, on its way.
pub(in crate::event) struct Item<'a> {
    pub(in crate::event) delivery: Delivery<'a>,
    pub(in crate::event) line: Line<'a>,
}

pub(super) async fn deliver(core: Arc<Core>, mut block: Block) {
    // Dropped in this order: first they have ended, then those who wait for them are told.
    let shares: Vec<_> = block.iter_mut().map(|envelope| envelope.share.take()).collect();
    let endings: Vec<_> =
        block.iter().map(|envelope| core.work.delivering(envelope.lifecycle)).collect();
    run_handlers(&core, &block, &shares).await;
    drop(endings);
    shares.iter().flatten().for_each(|share| share.settle());
}

async fn run_handlers(core: &Core, block: &Block, shares: &[Option<Box<Share>>]) {
    let Some(first) = block.first() else { return };
    let Some(route) = core.route_of(first) else {
        let all = block.iter().zip(shares);
        return all.for_each(|(envelope, share)| {
            Delivery { core, envelope, share: share.as_deref(), lane: None }.unhandled();
        });
    };
    let all = block.iter().zip(shares);
    let aside = Aside::default();
    let items = all.map(|(envelope, share)| item(core, envelope, share.as_deref(), &route, &aside));
    let items: Vec<_> = items.collect();
    let mut groups = pin!(async {
        let (begun, mut gone) = (AtomicUsize::new(0), vec![false; items.len()]);
        let deliveries = items.iter().map(|item| (item.delivery, &item.line.parking));
        let mut rest = NeverBegun::new(deliveries, &route.plans, &begun);
        let mut note_gone = || {
            let not_begun = &route.plans[begun.load(Ordering::Relaxed)..];
            for (item, gone) in items.iter().zip(&mut gone) {
                if item.line.parking.is_given_up() && !*gone {
                    *gone = true;
                    // The others of the block, and all behind it, do not wait for it.
                    item.line.turns.leave(not_begun);
                    item.delivery.not_handled(&item.line.parking);
                }
            }
        };
        let groups = route.groups().map(|group| {
            begun.fetch_add(group.len(), Ordering::Relaxed);
            group.iter().flat_map(|plan| parts(plan, &items))
        });
        group::in_turn(
            groups,
            &aside,
            |part| Some(part.run()),
            || {
                note_gone();
                true
            },
        )
        .await;
        rest.disarm();
        note_gone();
    });
    poll_fn(|task| {
        let polled: Poll<()> = groups.as_mut().poll(task);
        // The first time, this was the dispatcher.
        items.iter().for_each(|item| item.line.parking.leave_hand());
        polled
    })
    .await;
}

/// All its handlers take their places at once: there are more events behind it here.
fn item<'a>(
    core: &'a Core,
    envelope: &'a Envelope,
    share: Option<&'a Share>,
    route: &Route,
    aside: &'a Aside,
) -> Item<'a> {
    let turns = Turns::new(&core.lanes, envelope, &route.plans);
    turns.stay(&route.plans);
    let delivery = Delivery { core, envelope, share, lane: turns.lane() };
    delivery.note_unheard(route);
    let parking = Parking::new(&core.queue, envelope.lifecycle);
    Item { delivery, line: Line { parking, turns, aside } }
}

/// What one handler has to do.
enum Part<'a> {
    One(&'a Plan, &'a Item<'a>),
    Batch(&'a Plan, Batching, &'a [Item<'a>]),
}

fn parts<'a>(plan: &'a Plan, items: &'a [Item<'a>]) -> impl Iterator<Item = Part<'a>> {
    let batches = plan.batch.into_iter().flat_map(move |batching| {
        items.chunks(batching.size.get()).map(move |items| Part::Batch(plan, batching, items))
    });
    let alone = items.iter().filter(|_| plan.batch.is_none());
    let alone = alone.map(move |item| Part::One(plan, item));
    batches.chain(alone)
}

impl Part<'_> {
    async fn run(self) {
        match self {
            Part::One(plan, item) => item.delivery.handle(plan, &item.line).await,
            Part::Batch(plan, batching, items) => {
                Box::pin(batch::handle(plan, batching, items)).await;
            }
        }
    }
}
