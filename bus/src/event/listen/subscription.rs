//! `bus.subscribe`: events in a buffer of one's own.

use std::collections::VecDeque;
use std::fmt;
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{self, Poll, Waker};

use super::listeners::{Ear, Place};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::any::About;
use crate::message::{Event, Message};
use crate::probe::Rest;
use crate::session::Scope;
use crate::sync::{Mutex, lock};

/// How many events a subscription keeps, if it is not told otherwise.
const KEPT: usize = 1000;

/// Events as they leave the queue, from now on: [`Bus::subscribe`](crate::Bus::subscribe). Dropping it
/// ends it.
///
/// It keeps at most 1 000 events that were not received yet ([`keep`](Self::keep) sets another
/// number). When it is full, it lets go of the oldest, and counts it as [`missed`](Self::missed):
/// one who listens slowly holds up nobody.
#[must_use = "it hears nothing once it is dropped"]
pub struct Subscription<E> {
    buffer: Arc<Buffer<E>>,
    core: Weak<Core>,
    place: Place,
    /// While its stream is pending.
    #[cfg(feature = "stream")]
    rest: Option<Rest>,
}

struct Buffer<E>(Mutex<State<E>>);

struct State<E> {
    events: VecDeque<Arc<E>>,
    most: usize,
    missed: u64,
    waker: Option<Waker>,
    ended: bool,
}

impl<E: Event> Subscription<E> {
    pub(super) fn new(core: &Core, session: Option<&Arc<Scope>>) -> Self {
        let buffer = Arc::new(Buffer(Mutex::new(State {
            events: VecDeque::new(),
            most: KEPT,
            missed: 0,
            waker: None,
            ended: false,
        })));
        let ear: Arc<Buffer<E>> = Arc::clone(&buffer);
        let place = core.listen::<E>(ear, session);
        Self {
            buffer,
            core: core.weak(),
            place,
            #[cfg(feature = "stream")]
            rest: None,
        }
    }
}

impl<E> Subscription<E> {
    /// Keeps at most so many events that were not received yet; at least one.
    pub fn keep(self, events: usize) -> Self {
        let mut state = lock(&self.buffer.0);
        state.most = events.max(1);
        let dropped = state.make_room(0);
        drop(state);
        drop(dropped);
        self
    }

    /// The next event. `None` when there will be none any more: the bus was shut down, or the session
    /// has ended.
    ///
    /// # Cancel safety
    /// Dropping the future loses no event.
    pub async fn recv(&mut self) -> Option<Arc<E>> {
        let _rest = Rest::begin();
        poll_fn(|task| self.poll_recv(task)).await
    }

    /// The next event, if one is there.
    pub fn try_recv(&mut self) -> Option<Arc<E>> {
        lock(&self.buffer.0).events.pop_front()
    }

    /// How many events were let go of, as nobody has received them in time.
    #[must_use]
    pub fn missed(&self) -> u64 {
        lock(&self.buffer.0).missed
    }

    /// How many events are there to be received.
    #[must_use]
    pub fn len(&self) -> usize {
        lock(&self.buffer.0).events.len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn poll_recv(&self, task: &task::Context<'_>) -> Poll<Option<Arc<E>>> {
        let mut state = lock(&self.buffer.0);
        if let Some(event) = state.events.pop_front() {
            return Poll::Ready(Some(event));
        }
        if state.ended {
            return Poll::Ready(None);
        }
        let former = state.waker.replace(task.waker().clone());
        drop(state);
        // A waker's destructor is foreign code.
        drop(former);
        Poll::Pending
    }
}

impl<E> State<E> {
    /// Lets go of the oldest, so that there is room for so many more.
    fn make_room(&mut self, for_more: usize) -> Vec<Arc<E>> {
        let too_many = (self.events.len() + for_more).saturating_sub(self.most);
        self.missed += too_many as u64;
        self.events.drain(..too_many).collect()
    }
}

impl<E: Message> Ear for Buffer<E> {
    fn hear(&self, event: &Envelope) -> bool {
        let Some(event) = About::envelope(event).typed::<E>() else { return true };
        let mut state = lock(&self.0);
        let dropped = state.make_room(1);
        state.events.push_back(event);
        let (waker, is_first_miss) = (state.waker.take(), state.missed == dropped.len() as u64);
        drop(state);
        waker.into_iter().for_each(Waker::wake);
        if is_first_miss && !dropped.is_empty() {
            tracing::warn!(event = E::INFO.name(), "a subscription misses events");
        }
        true
    }

    fn end(&self) {
        let mut state = lock(&self.0);
        state.ended = true;
        let waker = state.waker.take();
        drop(state);
        waker.into_iter().for_each(Waker::wake);
    }
}

/// Feature `stream`: the same as [`recv`](Subscription::recv).
#[cfg(feature = "stream")]
impl<E> futures_core::Stream for Subscription<E> {
    type Item = Arc<E>;

    fn poll_next(
        mut self: std::pin::Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Option<Arc<E>>> {
        let polled = self.poll_recv(task);
        match &polled {
            Poll::Ready(_) => self.rest = None,
            // Of whoever polls it now.
            Poll::Pending => self.rest = Some(Rest::begin()),
        }
        polled
    }
}

impl<E> Drop for Subscription<E> {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.listeners.remove(self.place);
        }
    }
}

impl<E> fmt::Debug for Subscription<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (event, state) = (std::any::type_name::<E>(), lock(&self.buffer.0));
        let (len, missed) = (state.events.len(), state.missed);
        f.debug_struct("Subscription")
            .field("event", &event)
            .field("len", &len)
            .field("missed", &missed)
            .finish_non_exhaustive()
    }
}
