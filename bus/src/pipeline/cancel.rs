//! Cooperative cancellation: a flag, and whom to wake. It goes from a call down to those it makes.
//!
//! A handler's future is dropped when its call is cancelled, and needs no flag for that. The flag is
//! for what drops do not reach: blocking handlers, and tasks that a handler has spawned.
//!
//! Up the same chain goes that a call waits for the handlers of other events: whatever slots the
//! calls around it hold, those handlers may need them.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

use crate::message::MessageInfo;
use crate::message::order::{HeldLanes, LaneId};
use crate::probe::Rest;
use crate::registry::HandlerId;

/// Fires once. A cancelled parent cancels its children.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    fired: AtomicBool,
    wake: Notify,
    /// How many futures of this call, and of those it has made, wait for handlers of other events.
    waits: AtomicUsize,
    parent: Option<Arc<Cancel>>,
    /// The lanes that the call holds, if it is the handler of an ordered event.
    lanes: HeldLanes,
    /// Whose lanes these are.
    message: Option<&'static MessageInfo>,
    /// The handler that holds a place in its bulkhead for the call.
    place: Option<HandlerId>,
}

impl Cancel {
    pub(crate) fn child_of(parent: Option<Arc<Cancel>>) -> Self {
        Self { parent, ..Self::default() }
    }

    /// Of another attempt of the same call.
    pub(crate) fn another(&self) -> Self {
        let (parent, lanes) = (self.parent.clone(), self.lanes.clone());
        Self { parent, lanes, message: self.message, place: self.place, ..Self::default() }
    }

    /// Of a call of this message, that holds lanes, or a place in the bulkhead of its handler.
    pub(crate) fn holding(
        self,
        lanes: HeldLanes,
        message: &'static MessageInfo,
        place: Option<HandlerId>,
    ) -> Self {
        Self { lanes, message: Some(message), place, ..self }
    }

    /// Does this call, or one that it was made in, hold a place in the bulkhead of the handler?
    pub(crate) fn is_of(&self, handler: HandlerId) -> bool {
        self.chain().any(|call| call.place == Some(handler))
    }

    /// The lanes that this call holds, and those that it was made in, by their messages.
    pub(crate) fn lanes(&self) -> impl Iterator<Item = (&'static MessageInfo, &[LaneId])> {
        let of_calls = self.chain().filter_map(|call| Some((call.message?, call.lanes.as_slice())));
        of_calls.filter(|(_, lanes)| !lanes.is_empty())
    }

    pub(crate) fn fire(&self) {
        self.fired.store(true, Ordering::Release);
        self.wake.notify_waiters();
    }

    pub(crate) fn is_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
            || self.parent.as_ref().is_some_and(|parent| parent.is_fired())
    }

    pub(crate) fn waits_inside(&self) -> bool {
        self.waits.load(Ordering::Relaxed) > 0
    }

    fn chain(&self) -> impl Iterator<Item = &Cancel> {
        std::iter::successors(Some(self), |cancel| cancel.parent.as_deref())
    }

    /// Resolves when this or an ancestor has fired. Cancel-safe.
    pub(crate) async fn fired(&self) {
        let mut any: Vec<_> = self.chain().map(|cancel| Box::pin(cancel.fired_here())).collect();
        poll_fn(|task| {
            let fired = any.iter_mut().any(|cancel| cancel.as_mut().poll(task).is_ready());
            if fired { Poll::Ready(()) } else { Poll::Pending }
        })
        .await;
    }

    async fn fired_here(&self) {
        let mut wake = pin!(self.wake.notified());
        // Listen first, then look: a `fire` between the two is not missed.
        wake.as_mut().enable();
        if !self.fired.load(Ordering::Acquire) {
            wake.await;
        }
    }
}

/// A future of a call that waits for the handlers of other events.
pub(crate) struct WaitsInside {
    call: Arc<Cancel>,
    _rest: Rest,
}

impl WaitsInside {
    pub(crate) fn begin(call: &Arc<Cancel>) -> Self {
        for call in call.chain() {
            call.waits.fetch_add(1, Ordering::Relaxed);
        }
        Self { call: Arc::clone(call), _rest: Rest::begin() }
    }
}

impl Drop for WaitsInside {
    fn drop(&mut self) {
        for call in self.call.chain() {
            call.waits.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Cancel;
    use std::sync::Arc;

    #[tokio::test]
    async fn a_parent_cancels_its_children_and_not_the_other_way_round() {
        let parent = Arc::new(Cancel::default());
        let child = Arc::new(Cancel::child_of(Some(Arc::clone(&parent))));
        let sibling = Cancel::child_of(Some(Arc::clone(&parent)));
        sibling.fire();
        assert!(!parent.is_fired() && !child.is_fired(), "a child fired its parent");
        let waiting = tokio::spawn({
            let child = Arc::clone(&child);
            async move { child.fired().await }
        });
        parent.fire();
        waiting.await.unwrap();
        assert!(child.is_fired());
    }
}
