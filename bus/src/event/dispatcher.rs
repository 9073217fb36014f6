//! The dispatcher: one task that takes what is queued and starts it.
//!
//! Each event is a delivery: a future that runs its handlers. It is polled once here; what is ready
//! at once is done, in a cell that is used again for the next. What is pending moves, in its cell,
//! to a task of its own: it holds up nobody, and runs on any core.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{self, Poll};
use std::time::Instant;

use tokio::task::coop;

use super::delivery::{self, AtOnce, Block, Work, deliver, is_same};
use super::driven::Driven;
use super::losses::DropReason;
use super::queue::{Batch, Intake, Take};
use super::schedule;
use super::shutdown::stop_timers;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::pipeline::announce;
use crate::pipeline::failure::panic_text;
use crate::probe;
use crate::resilience::timer::Timer;

/// Starts the dispatcher if it does not run and there is a runtime to run on; else events wait.
#[inline]
pub(crate) fn start(core: &Core) {
    if core.work.dispatching.load(Ordering::Acquire) {
        return;
    }
    let Some(runtime) = core.runtime.handle() else {
        return;
    };
    if !core.work.dispatching.swap(true, Ordering::AcqRel) {
        runtime.spawn(probe::task(core, run(core.arc())));
        // What was scheduled where there was no runtime.
        schedule::start(core);
    }
}

/// Runs until the queue is closed. A runtime may drop the task before it has ever been polled: what
/// notices that is made here, not inside.
fn run(core: Arc<Core>) -> impl Future<Output = ()> + Send {
    let gone = Gone(core);
    async move { dispatch(&gone.0).await }
}

async fn dispatch(core: &Arc<Core>) {
    let mut driven = Driven::default();
    let mut in_hand = InHand { core, batch: Batch::default() };
    let batch = &mut in_hand.batch;
    let mut spare = None;
    while next_batch(core, batch, &mut driven).await {
        while let Some(envelope) = next_event(core, batch).await {
            let Some(work) = at_once(core, batch, envelope) else { continue };
            let mut cell = spare.take().unwrap_or_else(|| Cell(Box::pin(None)));
            cell.0.set(Some(deliver(Arc::clone(core), work)));
            spare = begin(core, cell, &mut driven).await;
        }
    }
    {
        let (mut ended, mut abort) = (pin!(driven.ended()), pin!(core.work.abort.fired()));
        poll_fn(|task| match ended.as_mut().poll(task) {
            Poll::Ready(()) => Poll::Ready(()),
            Poll::Pending => abort.as_mut().poll(task),
        })
        .await;
    }
    driven.end(core).await;
}

/// Waits for events, and meanwhile lets go of deliveries that have ended. `false`: nothing comes
/// any more.
async fn next_batch(core: &Core, batch: &mut Batch, driven: &mut Driven) -> bool {
    let mut linger = Linger::default();
    poll_fn(|task| {
        driven.let_go();
        let mut patient = true;
        loop {
            // The bus's own events are taken when there are slots for them: they wait for no other.
            let own = core.own_slots.available_permits();
            match core.queue.take(batch, task.waker(), own, patient) {
                Take::Taken => return Poll::Ready(true),
                Take::Closed => return Poll::Ready(false),
                Take::Wait(None) => return Poll::Pending,
                Take::Wait(Some(until)) => {
                    task::ready!(linger.poll(core, task, until));
                    patient = false;
                }
            }
        }
    })
    .await
}

/// The timer of `batch_timeout`; none is armed while nothing is queued.
#[derive(Default)]
struct Linger {
    until: Option<Instant>,
    timer: Option<Pin<Box<Timer>>>,
}

impl Linger {
    fn poll(&mut self, core: &Core, task: &mut task::Context<'_>, until: Instant) -> Poll<()> {
        if self.until != Some(until) {
            self.until = Some(until);
            self.timer = Some(Box::pin(Timer::Unarmed));
        }
        let Some(timer) = &mut self.timer else { return Poll::Ready(()) };
        // Where nothing tells the time, nobody is made to wait.
        let polled = timer.as_mut().poll(core, task, || Some(until));
        if timer.is_endless() { Poll::Ready(()) } else { polled }
    }
}

/// The next event to start, when there is a slot for a handler that will be pending. Meanwhile the
/// batch counts as queued. `None`: the batch has been started, or dropped, to the last.
async fn next_event(core: &Core, batch: &mut Batch) -> Option<Envelope> {
    // There may be more for ever: let the other tasks of this thread have their turn.
    if !coop::has_budget_remaining() {
        core.queue.put_down();
    }
    coop::consume_budget().await;
    if let Some(own) = batch.own.pop_front() {
        core.queue.put_down();
        return Some(own);
    }
    while core.slots.available_permits() == 0 && !core.work.abort.is_fired() {
        core.queue.put_down();
        // In line with those who wait for a slot; what is free after that is nobody's.
        let mut free = pin!(core.slots.acquire());
        let mut abort = pin!(core.work.abort.fired());
        poll_fn(|task| match free.as_mut().poll(task) {
            Poll::Ready(_) => Poll::Ready(()),
            Poll::Pending => abort.as_mut().poll(task),
        })
        .await;
    }
    core.queue.start_next(batch)
}

/// Delivers an event that needs no future. Else what there is to drive: the event, or all those of its
/// type that come together, where a handler takes batches.
fn at_once(core: &Core, batch: &mut Batch, envelope: Envelope) -> Option<Work> {
    // As in `begin`: a destructor of the user's.
    let delivered = catch_unwind(AssertUnwindSafe(|| delivery::at_once(core, envelope)));
    match delivered {
        Ok(AtOnce::Delivered) => None,
        Ok(AtOnce::Drive(envelope)) => Some(Work::One(envelope)),
        Ok(AtOnce::Gather(envelope)) => Some(Work::Block(gather(core, batch, envelope))),
        Err(panic) => {
            announce::panicked(&panic_text(&*panic));
            None
        }
    }
}

/// The event, and those that come with it.
fn gather(core: &Core, batch: &mut Batch, first: Envelope) -> Block {
    let mut block = vec![first];
    while let Some(next) = next_like(core, batch, &block[0]) {
        // A listener's predicate is a user's code, but kept from us; a destructor is not.
        let admitted = catch_unwind(AssertUnwindSafe(|| delivery::admit(core, next)));
        block.extend(admitted.ok().flatten());
    }
    block
}

fn next_like(core: &Core, batch: &mut Batch, first: &Envelope) -> Option<Envelope> {
    if first.lifecycle {
        return batch.own.pop_front_if(|next| is_same(first, next));
    }
    core.queue.start_more(batch, |next| is_same(first, next))
}

/// Polls a delivery once. If it is done, its cell is given back.
async fn begin<F: Future<Output = ()> + Send + 'static>(
    core: &Arc<Core>,
    mut cell: Cell<F>,
    driven: &mut Driven,
) -> Option<Cell<F>> {
    // A destructor of the user's may panic, and must not end the dispatcher.
    let first = poll_fn(|task| {
        Poll::Ready(catch_unwind(AssertUnwindSafe(|| Pin::new(&mut cell).poll(task))))
    });
    match first.await {
        Ok(Poll::Ready(())) => return Some(cell),
        Ok(Poll::Pending) => driven.spawn(core, cell),
        Err(panic) => {
            announce::panicked(&panic_text(&*panic));
            drop(catch_unwind(AssertUnwindSafe(|| drop(cell))));
        }
    }
    None
}

/// A place for a delivery, to be used again. Empty when it is done.
struct Cell<F>(Pin<Box<Option<F>>>);

impl<F: Future<Output = ()>> Future for Cell<F> {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        if let Some(delivery) = self.0.as_mut().as_pin_mut() {
            task::ready!(delivery.poll(task));
            self.0.set(None);
        }
        Poll::Ready(())
    }
}

/// What was taken and not started is lost when a runtime drops the dispatcher.
struct InHand<'c> {
    core: &'c Core,
    batch: Batch,
}

impl Drop for InHand<'_> {
    fn drop(&mut self) {
        for event in self.core.queue.abandon(&mut self.batch) {
            self.core.losses.note_event(self.core, &event, DropReason::RuntimeEnded);
        }
    }
}

/// The dispatcher's end, also when its runtime drops it: nobody would handle what is queued.
struct Gone(Arc<Core>);

impl Drop for Gone {
    fn drop(&mut self) {
        let core = &self.0;
        core.work.close();
        // Nobody else says so: a shutdown has closed them before.
        let not_due = stop_timers(core, DropReason::RuntimeEnded);
        core.queue.count_lost(not_due);
        let left = core.queue.limit_intake(Intake::Closed);
        let users = left.iter().filter(|event| !event.lifecycle);
        users.for_each(|event| core.losses.note_event(core, event, DropReason::RuntimeEnded));
        core.losses.flush(core);
        core.listeners.end();
        core.work.ended.store(true, Ordering::SeqCst);
        core.work.changed.notify_waiters();
    }
}
