//! The driver: the task that waits for the first to be due and publishes what is. Not there while
//! nothing is scheduled.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::{Arc, Weak};
use std::task::Poll;
use std::time::Instant;

use super::timers::{Entry, Next};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::event::completion::{Completion, Share};
use crate::event::queue::Refused;
use crate::event::{DropReason, dispatcher, effects};
use crate::message::MessageId;
use crate::resilience::timer::Timer;
use crate::session::Member;

/// Starts the driver if there is something to drive and a runtime to run on.
pub(crate) fn start(core: &Core) {
    if let Some(runtime) = core.runtime.handle()
        && core.timers.wants_driver()
    {
        let mut gone = Gone(Some(core.arc()));
        runtime.spawn(async move {
            if let Some(core) = &gone.0 {
                drive(core).await;
            }
            // It has said so itself, and there may be another one by now.
            drop(gone.0.take());
        });
    }
}

async fn drive(core: &Arc<Core>) {
    // What is put into the queue together: never more than it holds.
    let most = core.queue.config.batch_size.min(core.queue.config.capacity);
    loop {
        match core.timers.next(core.settings.clock.now(), most) {
            Next::Nothing => return,
            Next::WaitUntil(at) => wait(core, at).await,
            Next::Due(due) => publish(core, due).await,
        }
    }
}

/// Until then, or until another is the first.
async fn wait(core: &Core, until: Instant) {
    let mut timer = pin!(Timer::Unarmed);
    let mut changed = pin!(core.timers.changed.notified());
    poll_fn(|task| match changed.as_mut().poll(task) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => timer.as_mut().poll(core, task, || Some(until)),
    })
    .await;
}

/// Puts what is due into the queue, when nobody waits for room.
async fn publish(core: &Arc<Core>, due: Vec<(u64, Instant, Entry)>) {
    let mut events = Vec::with_capacity(due.len());
    for (number, at, entry) in due {
        let Some(mut event) = envelope(core, &entry) else { continue };
        if entry.again.is_some() {
            recur(core, &mut event, number, at, entry);
        }
        if effects::enters(core, &mut event) {
            events.push(event);
        }
    }
    dispatcher::start(core);
    while !events.is_empty() {
        let mut debtor = core.queue.debtor();
        poll_fn(|task| core.queue.poll_paid(&mut debtor, task)).await;
        match core.queue.push_nested(events) {
            Ok(()) => return,
            Err((back, Refused::Ceiling { .. })) => events = back,
            Err((back, why)) => {
                back.iter().for_each(|event| core.lost(event.info, 1, DropReason::from(why)));
                return;
            }
        }
    }
}

/// `None`: it recurs in a session that has ended.
fn envelope(core: &Core, entry: &Entry) -> Option<Envelope> {
    let scope = entry.session.as_ref().map(Weak::upgrade);
    let member = scope.and_then(|scope| Member::enter(&scope?));
    if entry.again.is_some() && entry.session.is_some() && member.is_none() {
        return None;
    }
    // Each time has an id of its own.
    let id = if entry.again.is_some() { MessageId::next(core.number) } else { entry.id };
    Some(Envelope {
        id,
        info: entry.info,
        event: Arc::clone(&entry.event),
        origin: entry.origin.clone(),
        head: entry.head.clone(),
        session: member,
        share: None,
        expires: None,
        heard: false,
        lifecycle: false,
        rerun: None,
    })
}

/// When all that follows from it is done, it is due again.
fn recur(core: &Arc<Core>, event: &mut Envelope, number: u64, at: Instant, entry: Entry) {
    let (whole, done) = Completion::new(None);
    event.share = Some(Share::new(whole, event.id, event.info));
    core.timers.work(number, at, entry);
    let Some(runtime) = core.runtime.handle() else { return };
    let core = Arc::downgrade(core);
    runtime.spawn(async move {
        let _ = done.await;
        let Some(core) = core.upgrade() else { return };
        if core.timers.again(number, &*core.settings.clock) {
            start(&core);
        }
    });
}

/// The driver was dropped with its runtime.
struct Gone(Option<Arc<Core>>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.iter().for_each(|core| core.timers.driver_is_gone());
    }
}
