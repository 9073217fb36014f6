//! The driver: the task that waits for the first to be due and publishes what is. Not there while
//! nothing is scheduled.

use std::future::{Future, poll_fn};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};

use super::timers::{Due, Next, What};
use crate::core::{AtWork, Core};
use crate::envelope::Envelope;
use crate::event::completion::{Completion, Share};
use crate::event::queue::Refused;
use crate::event::{DropReason, Outcome, dispatcher, effects};
use crate::message::MessageId;
use crate::observe::tap::Queued;
use crate::pipeline::announce;
use crate::pipeline::failure::panic_text;
use crate::probe;
use crate::resilience::timer::Timer;
use crate::session::Member;

/// Starts the driver if there is something to drive and a runtime to run on.
pub(crate) fn start(core: &Core) {
    if let Some(runtime) = core.runtime.handle()
        && core.timers.wants_driver()
    {
        let mut gone = Gone(Some(core.arc()));
        let drives = async move {
            if let Some(core) = &gone.0 {
                drive(core).await;
            }
            // It has said so itself, and there may be another one by now.
            drop(gone.0.take());
        };
        runtime.spawn(probe::task(core, drives));
    }
}

async fn drive(core: &Arc<Core>) {
    // What is put into the queue together: never more than it holds.
    let most = core.queue.config.batch_size.min(core.queue.config.capacity);
    loop {
        // Before it looks: what it takes out is at work from then on.
        let mut hand = Hand::new(core);
        match core.timers.next(core.settings.clock.now(), most) {
            Next::Nothing => return,
            Next::WaitUntil(at) => {
                drop(hand);
                wait(core, at).await;
            }
            Next::Due(due) => {
                hand.take(due);
                dispatcher::start(core);
                hand.publish().await;
            }
        }
    }
}

/// A timer may be unable to wait for longer. Then it is looked again.
const LONG: Duration = Duration::from_secs(30 * 24 * 3600);

/// Until then, or until another is the first, or for long.
async fn wait(core: &Core, until: Instant) {
    let mut timer = pin!(Timer::Unarmed);
    let mut changed = pin!(core.timers.changed.notified());
    let long = core.settings.clock.now().checked_add(LONG);
    let until = long.map_or(until, |long| long.min(until));
    poll_fn(|task| match changed.as_mut().poll(task) {
        Poll::Ready(()) => Poll::Ready(()),
        Poll::Pending => timer.as_mut().poll(core, task, || Some(until)),
    })
    .await;
}

/// What is due, on its way into the queue. Until then it is at work; what is dropped here is lost.
struct Hand<'a> {
    core: &'a Arc<Core>,
    events: Vec<Envelope>,
    _at_work: AtWork<'a>,
}

impl<'a> Hand<'a> {
    fn new(core: &'a Arc<Core>) -> Self {
        Self { core, events: Vec::new(), _at_work: core.work.begin_due() }
    }

    fn take(&mut self, all: Vec<Due>) {
        for due in all {
            // An event that is not published is dropped here, and its destructor is a user's code: it
            // must not stop the others.
            match catch_unwind(AssertUnwindSafe(|| envelope(self.core, due))) {
                Ok(event) => self.events.extend(event),
                Err(panic) => announce::panicked(&panic_text(&*panic)),
            }
        }
    }

    /// Puts it into the queue, when nobody waits for room.
    async fn publish(&mut self) {
        let core = self.core;
        while !self.events.is_empty() {
            let mut debtor = core.queue.debtor();
            poll_fn(|task| core.queue.poll_paid(&mut debtor, task)).await;
            let queued = Queued::all(core, &self.events);
            match core.queue.push_nested(mem::take(&mut self.events)) {
                Ok(()) => queued.iter().for_each(|queued| queued.tell(core, &Outcome::Queued)),
                Err((back, Refused::Ceiling { .. })) => self.events = back,
                Err((back, why)) => effects::lose(core, &back, why.into()),
            }
        }
    }
}

impl Drop for Hand<'_> {
    fn drop(&mut self) {
        effects::lose(self.core, &mem::take(&mut self.events), DropReason::RuntimeEnded);
    }
}

/// `None`: a filter keeps it out, or it recurs in a session that has ended.
fn envelope(core: &Arc<Core>, due: Due) -> Option<Envelope> {
    let What { id, info, event, origin, head, session } = due.what;
    let of_session = session.is_some();
    let member = session.and_then(|scope| Member::enter(&scope.upgrade()?));
    let (mut id, mut share) = (id, None);
    if let Some(number) = due.recurs {
        if of_session && member.is_none() {
            core.timers.remove(number);
            return None;
        }
        // Each time has an id of its own.
        id = MessageId::next(core.number);
        share = Some(Share::new(recur(core, number), id, info));
    }
    let mut event =
        Envelope { origin, head, session: member, share, ..Envelope::new(id, info, event) };
    effects::enters(core, &mut event).then_some(event)
}

/// When all that follows from it is done, it is due again.
fn recur(core: &Arc<Core>, number: u64) -> Arc<Completion> {
    let (whole, done) = Completion::new(None);
    if let Some(runtime) = core.runtime.handle() {
        let weak = Arc::downgrade(core);
        let again = async move {
            let _ = done.await;
            let Some(core) = weak.upgrade() else { return };
            if core.timers.again(number, &*core.settings.clock) {
                start(&core);
            }
        };
        runtime.spawn(probe::task(core, again));
    }
    whole
}

/// The driver was dropped with its runtime, or the clock, a user's code, has panicked in it.
struct Gone(Option<Arc<Core>>);

impl Drop for Gone {
    fn drop(&mut self) {
        self.0.iter().for_each(|core| core.timers.driver_is_gone());
    }
}
