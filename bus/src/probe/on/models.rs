//! Settling under all interleavings that loom finds, on the code itself: what was woken counts until it is done.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Poll, Waker};

use loom::future::block_on;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

use super::task::Task;
use super::tracker::Tracker;
use crate::sync::{Mutex, lock};

/// What one task waits for, and another gives.
struct Gate(Mutex<(bool, Option<Waker>)>);

impl Gate {
    fn new() -> Arc<Self> {
        Arc::new(Self(Mutex::new((false, None))))
    }

    fn open(&self) {
        let waker = {
            let mut gate = lock(&self.0);
            gate.0 = true;
            gate.1.take()
        };
        waker.into_iter().for_each(Waker::wake);
    }

    fn opened(&self) -> impl Future<Output = ()> {
        poll_fn(|task| {
            let mut gate = lock(&self.0);
            if gate.0 {
                return Poll::Ready(());
            }
            gate.1 = Some(task.waker().clone());
            Poll::Pending
        })
    }
}

/// Two tasks of one bus: one waits for what the other does. Each counts when it is done.
fn pair(
    tracker: &Arc<Tracker>,
    done: &Arc<AtomicUsize>,
) -> (impl Future<Output = ()> + use<>, impl Future<Output = ()> + use<>) {
    let gate = Gate::new();
    let (opened, first, second) = (Arc::clone(&gate), Arc::clone(done), Arc::clone(done));
    let waits = Task::of(Some(tracker), async move {
        opened.opened().await;
        first.fetch_add(1, Ordering::SeqCst);
    });
    let opens = Task::of(Some(tracker), async move {
        gate.open();
        second.fetch_add(1, Ordering::SeqCst);
    });
    (waits, opens)
}

/// Polls it once more whenever it is pending, though nobody has woken it: as a `select!` around it does.
async fn polled_for_nothing(future: impl Future<Output = ()>) {
    let mut future = pin!(future);
    poll_fn(|task| match future.as_mut().poll(task) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => future.as_mut().poll(task),
    })
    .await;
}

/// What follows from a task that ends is counted before the task is not.
#[test]
fn at_rest_is_when_all_that_was_woken_is_done() {
    loom::model(|| {
        let tracker = Tracker::new(None);
        let done = Arc::new(AtomicUsize::new(0));
        let (waits, opens) = pair(&tracker, &done);
        let threads = [
            thread::spawn(move || block_on(polled_for_nothing(waits))),
            thread::spawn(move || block_on(opens)),
        ];
        if tracker.is_at_rest() {
            assert_eq!(done.load(Ordering::SeqCst), 2, "at rest, and a task is not done");
        }
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(tracker.pending().2, 0, "all is done, and something counts");
    });
}

/// A wake-up that is not made would be a deadlock here, which loom reports. What tokio's `Notify` does inside is one
/// step to loom.
#[test]
fn who_waits_for_rest_is_told_of_it() {
    // Three threads that wait for each other: with no bound it takes minutes.
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(3);
    model.check(|| {
        let tracker = Tracker::new(None);
        let done = Arc::new(AtomicUsize::new(0));
        let (waits, opens) = pair(&tracker, &done);
        let threads =
            [thread::spawn(move || block_on(waits)), thread::spawn(move || block_on(opens))];
        block_on(tracker.rest());
        assert_eq!(done.load(Ordering::SeqCst), 2, "there was rest before all was done");
        threads.into_iter().for_each(|thread| thread.join().expect("no panic"));
    });
}

/// A task that is dropped while it is woken counts once until then, and not any more.
#[test]
fn a_task_that_is_dropped_while_it_is_woken_is_counted_once() {
    loom::model(|| {
        let tracker = Tracker::new(None);
        let other = Task::of(Some(&tracker), async {});
        let (waits, opens) = pair(&tracker, &Arc::new(AtomicUsize::new(0)));
        let opens = thread::spawn(move || block_on(opens));
        let dropped = thread::spawn(move || {
            let mut waits = Box::pin(waits);
            block_on(poll_fn(|task| {
                let _ = waits.as_mut().poll(task);
                Poll::Ready(())
            }));
        });
        [opens, dropped].into_iter().for_each(|thread| thread.join().expect("no panic"));
        assert_eq!(tracker.pending().2, 1, "the one that was never polled is runnable");
        drop(other);
        assert!(tracker.is_at_rest());
    });
}
