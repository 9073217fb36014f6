//! `bus.wait_for`: the next event that matches.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{self, Poll, ready};

use tokio::sync::oneshot;

use super::listeners::{Ear, Place};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::any::About;
use crate::message::{Event, Message};
use crate::pipeline::ambient;
use crate::pipeline::cancel::WaitsInside;
use crate::pipeline::failure::panic_text;
use crate::session::Scope;
use crate::sync::{Mutex, lock};

/// Why the event that was waited for will not come.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum WaitError {
    /// The bus was shut down, or the session has ended.
    #[error("no event {event} will come any more: the bus was shut down, or the session has ended")]
    Ended {
        /// The name of the event.
        event: &'static str,
    },
    /// The predicate panicked.
    #[error("the predicate of `wait_for` panicked at an event {event}: {message}")]
    PredicatePanicked {
        /// The name of the event.
        event: &'static str,
        /// What it said.
        message: String,
    },
}

/// The future of [`Bus::wait_for`](crate::Bus::wait_for). It listens from the moment it is made.
#[must_use = "it hears nothing once it is dropped"]
pub struct WaitFor<E> {
    found: oneshot::Receiver<Found<E>>,
    event: &'static str,
    core: Weak<Core>,
    place: Place,
    /// Of the handler that waits.
    waits: Option<WaitsInside>,
}

type Found<E> = Result<Arc<E>, WaitError>;

struct Waits<E, P> {
    matches: P,
    found: Mutex<Option<oneshot::Sender<Found<E>>>>,
}

impl<E: Event> WaitFor<E> {
    pub(super) fn new(
        core: &Core,
        session: Option<&Arc<Scope>>,
        matches: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> Self {
        let (sender, found) = oneshot::channel();
        let ear = Arc::new(Waits { matches, found: Mutex::new(Some(sender)) });
        let place = core.listen::<E>(ear, session);
        Self { found, event: E::INFO.name(), core: core.weak(), place, waits: None }
    }
}

impl<E: Message, P: Fn(&E) -> bool + Send + Sync> Ear for Waits<E, P> {
    fn hear(&self, event: &Envelope) -> bool {
        let Some(event) = About::envelope(event).typed::<E>() else { return true };
        let found = match catch_unwind(AssertUnwindSafe(|| (self.matches)(&event))) {
            Ok(false) => return true,
            Ok(true) => Ok(event),
            Err(panic) => Err(WaitError::PredicatePanicked {
                event: E::INFO.name(),
                message: panic_text(&*panic),
            }),
        };
        if let Some(sender) = lock(&self.found).take() {
            // Whoever waited may have stopped.
            let _ = sender.send(found);
        }
        false
    }

    fn end(&self) {
        let sender = lock(&self.found).take();
        drop(sender);
    }
}

impl<E> Future for WaitFor<E> {
    type Output = Result<Arc<E>, WaitError>;

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let polled = Pin::new(&mut self.found).poll(task);
        if polled.is_pending() && self.waits.is_none() {
            // A handler gives its slot back meanwhile: what it waits for may need it.
            self.waits = self.core.upgrade().and_then(|core| ambient::waits_inside(&core));
        }
        let found = ready!(polled);
        self.waits = None;
        Poll::Ready(found.unwrap_or(Err(WaitError::Ended { event: self.event })))
    }
}

impl<E> Drop for WaitFor<E> {
    fn drop(&mut self) {
        if let Some(core) = self.core.upgrade() {
            core.listeners.remove(self.place);
        }
    }
}

impl<E> fmt::Debug for WaitFor<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WaitFor({})", self.event)
    }
}
