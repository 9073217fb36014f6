//! Cooperative cancellation: a flag, and whom to wake.
//!
//! A handler's future is dropped when its call is cancelled, and needs no flag for that. The flag is
//! for what drops do not reach: blocking handlers, and tasks that a handler has spawned.

use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;

use tokio::sync::Notify;

/// Fires once. A cancelled parent cancels its children.
#[derive(Debug, Default)]
pub(crate) struct Cancel {
    fired: AtomicBool,
    wake: Notify,
    parent: Option<Arc<Cancel>>,
}

impl Cancel {
    pub(crate) fn child_of(parent: Option<Arc<Cancel>>) -> Self {
        Self { parent, ..Self::default() }
    }

    pub(crate) fn fire(&self) {
        self.fired.store(true, Ordering::Release);
        self.wake.notify_waiters();
    }

    pub(crate) fn is_fired(&self) -> bool {
        self.fired.load(Ordering::Acquire)
            || self.parent.as_ref().is_some_and(|parent| parent.is_fired())
    }

    /// Resolves when this or an ancestor has fired. Cancel-safe.
    pub(crate) async fn fired(&self) {
        let chain = std::iter::successors(Some(self), |cancel| cancel.parent.as_deref());
        let mut any: Vec<_> = chain.map(|cancel| Box::pin(cancel.fired_here())).collect();
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
