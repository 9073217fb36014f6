//! The places of one event's handlers in its lane.

use std::future::poll_fn;
use std::sync::Arc;

use super::Lanes;
use crate::envelope::Envelope;
use crate::message::order::LaneId;
use crate::registry::contract::HandlerId;
use crate::registry::plan::Plan;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

/// An event's place in its lane, if it takes one. Left when dropped.
///
/// All handlers of an event run in one task, so that what is kept here needs no lock.
pub(crate) struct Turns<'a> {
    lanes: &'a Lanes,
    envelope: &'a Envelope,
    /// Its lane, and its number.
    lane: Option<(LaneId, u64)>,
    /// Have all of its handlers that have not ended taken their places?
    entered: AtomicBool,
    /// How many places are not left yet.
    places: AtomicUsize,
}

/// The place of one handler. Left when dropped.
pub(crate) struct Turn<'t> {
    turns: &'t Turns<'t>,
    handler: HandlerId,
    has_place: bool,
}

impl<'a> Turns<'a> {
    /// Behind those who are in the lane already.
    pub(crate) fn new(lanes: &'a Lanes, envelope: &'a Envelope, plans: &[Arc<Plan>]) -> Self {
        let lane = envelope.info.lane(&*envelope.event).map(|lane| (lane, lanes.next()));
        let (entered, places) = (AtomicBool::new(false), AtomicUsize::new(0));
        let turns = Self { lanes, envelope, lane, entered, places };
        if turns.lane.is_some_and(|(lane, _)| lanes.is_busy(lane)) {
            turns.enter_all(plans);
        }
        turns
    }

    pub(crate) fn lane(&self) -> Option<LaneId> {
        self.lane.map(|(lane, _)| lane)
    }

    /// The dispatcher turns to the next event: those of the handlers that have not begun take their
    /// places. The others have.
    pub(crate) fn stay(&self, not_begun: &[Arc<Plan>]) {
        if self.lane.is_some() && !self.entered.load(Ordering::Relaxed) {
            self.enter_all(not_begun);
        }
    }

    /// That of one handler.
    pub(crate) fn of(&'a self, plan: &Plan) -> Turn<'a> {
        let has_place = self.lane.is_some() && self.entered.load(Ordering::Relaxed);
        Turn { turns: self, handler: plan.id, has_place }
    }

    /// These handlers do not begin any more: they leave their places. Those that have begun keep theirs
    /// until they have ended.
    pub(crate) fn leave(&self, not_begun: &[Arc<Plan>]) {
        not_begun.iter().for_each(|plan| drop(self.of(plan)));
    }

    fn enter_all(&self, plans: &[Arc<Plan>]) {
        self.enter(plans.iter().map(|plan| plan.id));
        self.entered.store(true, Ordering::Relaxed);
    }

    fn enter(&self, handlers: impl Iterator<Item = HandlerId>) {
        if let Some((lane, event)) = self.lane {
            let type_id = self.envelope.info.type_id();
            let taken = self.lanes.enter(lane, event, type_id, handlers);
            self.places.fetch_add(taken, Ordering::Relaxed);
        }
    }
}

impl Drop for Turns<'_> {
    fn drop(&mut self) {
        if self.places.load(Ordering::Relaxed) > 0
            && let Some((lane, event)) = self.lane
        {
            self.lanes.leave_all(lane, event);
        }
    }
}

impl Turn<'_> {
    pub(crate) fn lane(&self) -> Option<LaneId> {
        self.turns.lane()
    }

    /// Is nobody before it?
    pub(crate) fn is_first(&self) -> bool {
        let Some((lane, event)) = self.turns.lane.filter(|_| self.has_place) else { return true };
        self.turns.lanes.is_first(lane, event, self.handler)
    }

    /// The handler is pending: it takes its place, if it has none.
    pub(crate) fn stay(&mut self) {
        if self.turns.lane.is_some() && !self.has_place {
            self.turns.enter(std::iter::once(self.handler));
            self.has_place = true;
        }
    }

    /// Resolves when it is its turn. Cancel-safe: it keeps its place.
    pub(crate) async fn come(&self) {
        if let Some((lane, event)) = self.turns.lane.filter(|_| self.has_place) {
            let lanes = self.turns.lanes;
            poll_fn(|task| lanes.poll(lane, event, self.handler, task.waker())).await;
        }
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        if let Some((lane, event)) = self.turns.lane.filter(|_| self.has_place) {
            self.turns.lanes.leave(lane, event, self.handler);
            self.turns.places.fetch_sub(1, Ordering::Relaxed);
        }
    }
}
