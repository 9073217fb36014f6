//! Handlers that are never begun, since the bus ended while one before them was at work, or while they waited to be
//! begun. Nobody else would say so.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use super::Delivery;
use crate::event::filter::KeptOut;
use crate::event::queue::Parking;
use crate::observe::What;
use crate::registry::plan::Plan;
use crate::sync::lock;

/// The handlers of the groups that have not begun, unless all have.
pub(super) struct NeverBegun<'a, D: Iterator<Item = (Delivery<'a>, &'a Parking<'a>)>> {
    /// Taken when it is dropped.
    deliveries: Option<D>,
    plans: &'a [Arc<Plan>],
    /// So many of them have begun.
    begun: &'a AtomicUsize,
}

impl<'a, D: Iterator<Item = (Delivery<'a>, &'a Parking<'a>)>> NeverBegun<'a, D> {
    pub(super) fn new(deliveries: D, plans: &'a [Arc<Plan>], begun: &'a AtomicUsize) -> Self {
        Self { deliveries: Some(deliveries), plans, begun }
    }

    /// The delivery has come to its end.
    pub(super) fn disarm(&mut self) {
        self.deliveries = None;
    }
}

impl<'a, D: Iterator<Item = (Delivery<'a>, &'a Parking<'a>)>> Drop for NeverBegun<'a, D> {
    fn drop(&mut self) {
        let rest = &self.plans[self.begun.load(Ordering::Relaxed)..];
        // What was dropped is lost as a whole, and that is told.
        let left = self.deliveries.take().into_iter().flatten();
        let left = left.filter(|(_, parking)| !parking.is_given_up());
        left.for_each(|(delivery, _)| rest.iter().for_each(|plan| delivery.was_never_begun(plan)));
    }
}

impl Delivery<'_> {
    /// Its handler does not get the event any more, unless its filter would have kept that from it.
    pub(super) fn was_never_begun(&self, plan: &Plan) {
        let asked = plan.filter.as_ref().map(|filter| filter.ask(self.core, self.envelope));
        if let Some(Err(KeptOut::Filtered { by })) = asked {
            let (by, handler, event) = (&*by, Some(&plan.handler), Some(&*self.envelope.event));
            return self.observe(|| What::Filtered { by, handler, event });
        }
        self.is_left(plan);
    }

    /// The same of one whose filter has let it pass.
    pub(super) fn is_left(&self, plan: &Plan) {
        lock(&self.core.work.not_begun).push(plan.handler.name.to_string());
        let counter = &self.core.counters.cut_off;
        self.ended_otherwise(counter, plan, None, "was not called before the bus ended", 0);
    }
}

/// A handler that waits until it can be called: for its turn, and for a slot.
pub(super) struct Waits<'a> {
    delivery: Delivery<'a>,
    plan: &'a Plan,
    parking: &'a Parking<'a>,
    has_come: bool,
}

impl<'a> Waits<'a> {
    pub(super) fn new(delivery: Delivery<'a>, plan: &'a Plan, parking: &'a Parking<'a>) -> Self {
        Self { delivery, plan, parking, has_come: false }
    }

    /// Its turn has come, or its event was dropped.
    pub(super) fn end(mut self) {
        self.has_come = true;
    }
}

impl Drop for Waits<'_> {
    fn drop(&mut self) {
        if !self.has_come && !self.parking.is_given_up() {
            self.delivery.is_left(self.plan);
        }
    }
}
