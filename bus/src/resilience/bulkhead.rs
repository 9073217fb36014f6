//! How many calls of a command's handler there may be at once, and how many may wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// How many calls of one handler may wait for their turn, where nothing else is said.
pub(crate) const WAITING_ROOM: usize = 1_000;

/// So many places, and a waiting room.
pub(crate) struct Bulkhead {
    places: Arc<Semaphore>,
    pub(crate) size: u32,
    pub(crate) room: usize,
    waiting: Arc<AtomicUsize>,
}

/// A place, for as long as it is held. It lies in the call, which must not grow: it is given back by
/// [`Bulkhead::leave`].
#[must_use]
#[derive(Debug)]
pub(crate) struct Place(());

/// Somebody in the waiting room.
pub(crate) struct Waiting(Arc<AtomicUsize>);

impl Bulkhead {
    pub(crate) fn new(size: u32, room: usize) -> Self {
        let places = usize::try_from(size).unwrap_or(Semaphore::MAX_PERMITS);
        let places = Arc::new(Semaphore::new(places.min(Semaphore::MAX_PERMITS)));
        Self { places, size, room, waiting: Arc::default() }
    }

    /// A place, if there is one and nobody waits for it.
    pub(crate) fn enter(&self) -> Option<Place> {
        self.places.try_acquire().ok().map(|permit| {
            permit.forget();
            Place(())
        })
    }

    pub(crate) fn leave(&self, _: Place) {
        self.places.add_permits(1);
    }

    /// A seat in the waiting room; `None` when all are taken.
    pub(crate) fn wait(&self) -> Option<Waiting> {
        // Counted first, and taken back when it was one too many: by the drop.
        let before = self.waiting.fetch_add(1, Ordering::Relaxed);
        let waiting = Waiting(Arc::clone(&self.waiting));
        (before < self.room).then_some(waiting)
    }

    /// Resolves with a place, first come first served. Cancel-safe: a place that was given and not
    /// fetched goes back.
    pub(crate) fn place(&self) -> impl Future<Output = Option<OwnedSemaphorePermit>> + use<> {
        let places = Arc::clone(&self.places);
        async move { places.acquire_owned().await.ok() }
    }

    /// Of a place that was waited for.
    pub(crate) fn take(permit: OwnedSemaphorePermit) -> Place {
        permit.forget();
        Place(())
    }
}

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}
