//! The dispatcher: one task that takes what is queued and starts it.
//!
//! Each event is a delivery: a future that runs its handlers. It is polled once here; what is ready
//! at once is done without a task. What is pending moves, as it is, to a task of its own: it holds up
//! nobody, and runs on any core.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::Poll;

use tokio::task::JoinSet;

use super::delivery;
use super::queue::Intake;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::pipeline::run::panic_text;

type Delivery = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Starts the dispatcher if it does not run and there is a runtime to run on; else events wait.
pub(crate) fn start(core: &Core) {
    if core.work.dispatching.load(Ordering::Acquire) {
        return;
    }
    let Some(runtime) = core.runtime.handle() else {
        return;
    };
    if !core.work.dispatching.swap(true, Ordering::AcqRel) {
        runtime.spawn(run(core.arc()));
    }
}

/// Runs until the queue is closed. A runtime may drop the task before it has ever been polled: what
/// notices that is made here, not inside.
fn run(core: Arc<Core>) -> impl Future<Output = ()> + Send {
    let gone = Gone(core);
    async move { dispatch(&gone.0).await }
}

async fn dispatch(core: &Arc<Core>) {
    let mut pending = JoinSet::new();
    let mut batch = Vec::with_capacity(core.settings.batch_size);
    while next_batch(core, &mut batch, &mut pending).await {
        let full = batch.len() >= core.settings.batch_size;
        let mut left = batch.len();
        for envelope in batch.drain(..) {
            if !wait_for_a_place(core, &mut pending, left).await {
                break;
            }
            begin(core, envelope, &mut pending).await;
            left -= 1;
        }
        // What the shutdown has kept from being started.
        core.queue.count_dropped(left as u64);
        if full {
            // There may be more for ever: let the other tasks of this thread have their turn.
            tokio::task::yield_now().await;
        }
    }
    finish(core, pending).await;
}

/// Waits for events, and meanwhile lets go of deliveries that have ended.
async fn next_batch(core: &Core, batch: &mut Vec<Envelope>, pending: &mut JoinSet<()>) -> bool {
    let mut take = pin!(core.queue.take(batch, core.settings.batch_size));
    poll_fn(|task| {
        while let Poll::Ready(Some(_)) = pending.poll_join_next(task) {}
        let more = take.as_mut().poll(task);
        if more.is_pending() && core.work.is_closing() {
            core.work.settled.notify_waiters();
        }
        more
    })
    .await
}

/// Waits while as many deliveries are pending as may be. Meanwhile what was taken and not started
/// counts as queued. `false`: the bus has given up.
async fn wait_for_a_place(core: &Core, pending: &mut JoinSet<()>, left: usize) -> bool {
    while pending.try_join_next().is_some() {}
    if pending.len() < core.settings.concurrency {
        return true;
    }
    core.queue.started_all_but(left);
    while pending.len() >= core.settings.concurrency {
        if !one_ends(core, pending).await {
            return false;
        }
    }
    true
}

/// Waits until a delivery has ended. `false`: the bus has given up on those that are left.
async fn one_ends(core: &Core, pending: &mut JoinSet<()>) -> bool {
    loop {
        let mut settled = pin!(core.work.settled.notified());
        settled.as_mut().enable();
        if core.work.abort.load(Ordering::SeqCst) {
            return false;
        }
        let ended = poll_fn(|task| match pending.poll_join_next(task) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending => settled.as_mut().poll(task).map(|()| false),
        });
        if ended.await {
            return true;
        }
    }
}

async fn begin(core: &Arc<Core>, envelope: Envelope, pending: &mut JoinSet<()>) {
    let mut delivery: Delivery = Box::pin(delivery::deliver(Arc::clone(core), envelope));
    // Handlers are kept from each other further in. What may still panic here is a destructor or a
    // `Display` of the user's, and that must not end the dispatcher.
    let first = poll_fn(|task| {
        Poll::Ready(catch_unwind(AssertUnwindSafe(|| delivery.as_mut().poll(task))))
    });
    match first.await {
        Ok(Poll::Ready(())) => {}
        Ok(Poll::Pending) => drop(pending.spawn(delivery)),
        Err(panic) => {
            core.counters.failed.add(1);
            tracing::error!(panic = panic_text(&*panic), "the delivery of an event panicked");
        }
    }
}

/// The queue is closed: the deliveries that are left end by themselves, or are cut off.
async fn finish(core: &Core, mut pending: JoinSet<()>) {
    while !pending.is_empty() && one_ends(core, &mut pending).await {}
    pending.shutdown().await;
}

/// The dispatcher's end, also when its runtime drops it: nobody would handle what is queued.
struct Gone(Arc<Core>);

impl Drop for Gone {
    fn drop(&mut self) {
        let core = &self.0;
        core.work.closing.store(true, Ordering::SeqCst);
        let left = core.queue.limit_intake(Intake::Closed);
        if let Some(first) = left.iter().find(|event| !event.lifecycle) {
            tracing::warn!(
                event = first.info.name(),
                count = left.len(),
                "the runtime of the bus has ended: queued events were dropped"
            );
        }
        core.work.ended.store(true, Ordering::SeqCst);
        core.work.settled.notify_waiters();
    }
}
