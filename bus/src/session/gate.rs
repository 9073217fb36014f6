//! The gate of a session: how many are inside, and whether more may enter, in one word.

use std::task::{Context, Poll, Waker};

use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::sync::{Mutex, lock};

const CLOSED: usize = 1;
const ONE: usize = 2;

/// Whoever enters either is seen by the one who closes and waits, or sees that it is closed: the
/// count and the flag are one word.
pub(crate) struct Gate {
    word: AtomicUsize,
    /// Who waits until nobody is inside. One at most: the end of the session.
    waits: Mutex<Option<Waker>>,
}

impl Gate {
    pub(crate) fn new() -> Self {
        Self { word: AtomicUsize::new(0), waits: Mutex::new(None) }
    }

    /// `false`: it is closed.
    #[must_use]
    pub(crate) fn enter(&self) -> bool {
        let open = |word| if word & CLOSED == 0 { Some(word + ONE) } else { None };
        self.word.fetch_update(Ordering::SeqCst, Ordering::SeqCst, open).is_ok()
    }

    /// For what follows from something that is inside: that may enter until it is over.
    pub(crate) fn follow(&self) {
        self.word.fetch_add(ONE, Ordering::SeqCst);
    }

    pub(crate) fn leave(&self) {
        if self.word.fetch_sub(ONE, Ordering::SeqCst) == ONE | CLOSED {
            let waker = lock(&self.waits).take();
            // Foreign code: woken outside the lock.
            waker.into_iter().for_each(Waker::wake);
        }
    }

    /// `false`: it was closed already.
    pub(crate) fn close(&self) -> bool {
        self.word.fetch_or(CLOSED, Ordering::SeqCst) & CLOSED == 0
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.word.load(Ordering::SeqCst) & CLOSED != 0
    }

    /// How many are inside.
    pub(crate) fn inside(&self) -> usize {
        self.word.load(Ordering::SeqCst) / ONE
    }

    /// Ready when nobody is inside of a gate that is closed. For one waiter.
    pub(crate) fn poll_empty(&self, task: &Context<'_>) -> Poll<()> {
        if self.inside() == 0 {
            return Poll::Ready(());
        }
        let former = lock(&self.waits).replace(task.waker().clone());
        drop(former);
        // Looked at again: who left before the waker lay there has woken nobody.
        if self.inside() == 0 { Poll::Ready(()) } else { Poll::Pending }
    }
}

#[cfg(all(test, bus_loom))]
mod models {
    //! The end of a session against what is dispatched in it, under all interleavings.

    use std::future::poll_fn;

    use loom::future::block_on;
    use loom::sync::Arc;
    use loom::sync::atomic::{AtomicBool, Ordering};
    use loom::thread;

    use super::Gate;

    /// A call that enters, works, and lets something follow from it; and the end of the session.
    #[test]
    fn the_end_waits_for_all_that_has_entered_and_for_what_follows() {
        loom::model(|| {
            let gate = Arc::new(Gate::new());
            let unregistered = Arc::new(AtomicBool::new(false));
            let call = {
                let (gate, unregistered) = (Arc::clone(&gate), Arc::clone(&unregistered));
                thread::spawn(move || {
                    if !gate.enter() {
                        return false;
                    }
                    gate.follow();
                    gate.leave();
                    let seen = unregistered.load(Ordering::SeqCst);
                    assert!(!seen, "the session was unregistered under a call of its own");
                    gate.leave();
                    true
                })
            };
            assert!(gate.close());
            block_on(poll_fn(|task| gate.poll_empty(task)));
            unregistered.store(true, Ordering::SeqCst);
            call.join().expect("no panic");
            assert_eq!(gate.inside(), 0);
            assert!(!gate.enter(), "a closed session was entered");
        });
    }

    #[test]
    fn the_last_of_two_wakes_the_end() {
        loom::model(|| {
            let gate = Arc::new(Gate::new());
            let calls = [(); 2].map(|()| {
                assert!(gate.enter());
                let gate = Arc::clone(&gate);
                thread::spawn(move || gate.leave())
            });
            assert!(gate.close() && !gate.close());
            block_on(poll_fn(|task| gate.poll_empty(task)));
            assert_eq!(gate.inside(), 0);
            calls.into_iter().for_each(|call| call.join().expect("no panic"));
        });
    }
}
