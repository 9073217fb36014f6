//! What is to be done when the queue's lock is released: all that runs foreign code.

use std::sync::Arc;
use std::task::Waker;

use super::{BoundedEventQueue, Crossing, State};
use crate::envelope::Envelope;
use crate::pipeline::cancel::Cancel;
use crate::sync::MutexGuard;

/// Is told what happens in the queue, outside its lock.
pub(crate) trait Witness: Send + Sync {
    /// A mark was crossed.
    fn crossed(&self, crossing: Crossing);
    /// An event was dropped to make room.
    fn dropped(&self, event: Envelope);
}

/// Collected under the lock, done after it. Most often there is nothing but the dispatcher to wake,
/// if that.
#[derive(Default)]
#[must_use]
pub(super) struct Then {
    pub(super) dispatcher: Option<Waker>,
    rest: Vec<Effect>,
}

enum Effect {
    Wake(Waker),
    Crossed(Crossing),
    Dropped(Envelope),
    /// An event was dropped while it waited for a slot.
    GiveUp(Arc<Cancel>),
    LetGo(#[allow(dead_code, reason = "is dropped")] Waker),
}

impl Then {
    pub(super) fn wake(&mut self, wakers: impl IntoIterator<Item = Waker>) {
        self.rest.extend(wakers.into_iter().map(Effect::Wake));
    }
    /// A waker that is not needed any more.
    pub(super) fn let_go(&mut self, waker: Option<Waker>) {
        self.rest.extend(waker.map(Effect::LetGo));
    }
    #[inline]
    pub(super) fn crossed(&mut self, crossing: Option<Crossing>) {
        self.rest.extend(crossing.map(Effect::Crossed));
    }
    pub(super) fn dropped(&mut self, event: Envelope) {
        self.rest.push(Effect::Dropped(event));
    }
    pub(super) fn give_up(&mut self, event: Arc<Cancel>) {
        self.rest.push(Effect::GiveUp(event));
    }
}

impl BoundedEventQueue {
    /// Lets go of the lock, then wakes and tells whom it concerns.
    #[inline]
    pub(super) fn release(&self, state: MutexGuard<'_, State>, then: Then) {
        drop(state);
        if let Some(dispatcher) = then.dispatcher {
            dispatcher.wake();
        }
        for effect in then.rest {
            match effect {
                Effect::Wake(waker) => waker.wake(),
                Effect::Crossed(crossing) => self.witness.crossed(crossing),
                Effect::Dropped(event) => self.witness.dropped(event),
                Effect::GiveUp(event) => event.fire(),
                Effect::LetGo(waker) => drop(waker),
            }
        }
    }
}
