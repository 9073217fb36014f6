//! The delivery of one event: its handlers in priority groups, each on its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use super::completion::Share;
use super::effects::{discard, flush};
use super::filter::KeptOut;
use super::group;
use super::losses::DropReason;
use super::order::{Turn, Turns};
use super::queue::{Intake, Parking};
use super::slots::Slot;
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::kind::{Deliver, EventOutcome};
use crate::message::order::LaneId;
use crate::pipeline::announce;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::middleware::around::Around;
use crate::pipeline::middleware::source::EventSource;
use crate::pipeline::run::{Run, text_of_users};
use crate::registry::plan::Plan;
use crate::registry::table::{Found, Route};
use crate::session::{InSession, Owned};
use crate::sync::lock;

/// Delivers the event here and now if all its handlers are plain functions, or if there is none; else
/// gives it back.
pub(crate) fn deliver_at_once(core: &Core, mut envelope: Envelope) -> Result<(), Envelope> {
    if envelope.is_expired(core) {
        expire(core, envelope);
        return Ok(());
    }
    if core.listeners.are_there() {
        envelope.heard = core.listeners.tell(&envelope);
    }
    let route = core.route(envelope.info, envelope.scope());
    if route.as_ref().is_some_and(|route| !route.runs_at_once) || is_behind(core, &envelope) {
        return Err(envelope);
    }
    let share = envelope.share.take();
    let ending = core.work.delivering();
    let delivery = Delivery { core, envelope: &envelope, share: share.as_deref(), lane: None };
    match route {
        Some(route) => {
            delivery.note_unheard(&route);
            route.plans.iter().for_each(|plan| delivery.handle_at_once(plan));
        }
        None if envelope.lifecycle || envelope.heard => {}
        None => announce::unhandled(core, &envelope),
    }
    drop(ending);
    share.inspect(|share| share.settle());
    Ok(())
}

/// Nobody handles it any more.
fn expire(core: &Core, mut envelope: Envelope) {
    let share = envelope.share.take();
    let ending = core.work.delivering();
    let delivery = Delivery { core, envelope: &envelope, share: share.as_deref(), lane: None };
    delivery.expired();
    drop(ending);
}

/// Does it have to wait for its turn?
#[inline]
fn is_behind(core: &Core, envelope: &Envelope) -> bool {
    envelope.info.lane(&*envelope.event).is_some_and(|lane| core.lanes.is_busy(lane))
}

/// Runs all handlers of the event: group after group, concurrently inside a group.
pub(crate) async fn deliver(core: Arc<Core>, mut envelope: Envelope) {
    // Dropped in this order: first it has ended, then those who wait for it are told.
    let share = envelope.share.take();
    let ending = core.work.delivering();
    run_handlers(&core, &envelope, share.as_deref()).await;
    drop(ending);
    share.inspect(|share| share.settle());
}

async fn run_handlers(core: &Core, envelope: &Envelope, share: Option<&Share>) {
    let Some(route) = core.route(envelope.info, envelope.scope()) else {
        // Its last handler was taken out just now.
        if !envelope.lifecycle && !envelope.heard {
            announce::unhandled(core, envelope);
        }
        return;
    };
    let turns = Turns::new(&core.lanes, envelope, &route.plans);
    let delivery = Delivery { core, envelope, share, lane: turns.lane() };
    delivery.note_unheard(&route);
    let line = Line { parking: Parking::new(&core.queue, envelope.lifecycle), turns };
    let begun = AtomicUsize::new(0);
    let mut groups = pin!(async {
        for group in route.groups() {
            begun.fetch_add(group.len(), Ordering::Relaxed);
            group::all(group.iter().map(|plan| delivery.handle(plan, &line))).await;
            if line.parking.is_given_up() {
                return if line.parking.is_expired() {
                    delivery.expired()
                } else {
                    delivery.given_up()
                };
            }
        }
    });
    poll_fn(|task| {
        let polled = groups.as_mut().poll(task);
        // The first time, this was the dispatcher.
        line.parking.leave_hand();
        if polled.is_pending() {
            line.turns.stay(&route.plans[begun.load(Ordering::Relaxed)..]);
        }
        polled
    })
    .await;
}

/// For what its handlers may have to wait.
struct Line<'a> {
    parking: Parking<'a>,
    turns: Turns<'a>,
}

#[derive(Clone, Copy)]
pub(super) struct Delivery<'a> {
    pub(super) core: &'a Core,
    pub(super) envelope: &'a Envelope,
    /// Of those who wait for all that follows from the event.
    share: Option<&'a Share>,
    /// The lane that its handlers hold while they are pending.
    lane: Option<LaneId>,
}

impl<'a> Delivery<'a> {
    /// Who hears any event handles none in particular.
    fn note_unheard(&self, route: &Route) {
        if route.only_any && !self.envelope.heard {
            announce::unhandled(self.core, self.envelope);
        }
    }

    /// Runs a handler that is a plain function, without a future.
    #[inline]
    fn handle_at_once(&self, plan: &'a Plan) {
        let Some(deliver) = plan.deliver else { return };
        if !self.passes(plan) {
            return;
        }
        let mut run = pin!(self.run(plan));
        if let Some(answer) = self.begin(run.as_mut(), deliver) {
            self.conclude(plan, run.context(), answer, 1);
        }
    }

    /// Runs one handler. Whatever becomes of it touches nobody else.
    async fn handle(self, plan: &'a Plan, line: &'a Line<'a>) {
        let Some(deliver) = plan.deliver else { return };
        let mut turn = line.turns.of(plan);
        if !self.passes(plan) {
            return;
        }
        let acquired = Slot::acquire(self, plan, &line.parking, &mut turn).await;
        let Ok(mut slot) = acquired else { return };
        if plan.layers.is_some() {
            // What is around it may wait before the handler is called.
            turn.stay();
            return Box::pin(self.handle_around(plan, deliver, slot)).await;
        }
        let mut run = pin!(self.run(plan));
        let mut cut_off = CutOff { delivery: self, plan, armed: true };
        let answer = match self.begin(run.as_mut(), deliver) {
            Some(answer) => answer,
            None => drive(run.as_mut(), &mut slot, &mut turn).await,
        };
        cut_off.armed = false;
        self.conclude(plan, run.context(), answer, 1);
    }

    /// Runs one handler inside of its middleware.
    async fn handle_around(self, plan: &'a Plan, deliver: Deliver, mut slot: Slot<'_>) {
        let held = Held::new(self.core, self.seed(plan));
        let mut cut_off = CutOff { delivery: self, plan, armed: true };
        let source = EventSource::new(plan, deliver, &self.envelope.event);
        let around = Around::new(self.core, plan, &held);
        let mut inside = pin!(around.run(source, self.in_session(plan), |_| Poll::Pending));
        let (answer, attempts) = loop {
            let ended = poll_fn(|task| match inside.as_mut().poll(task) {
                Poll::Pending if around.waits_inside() => Poll::Ready(None),
                polled => polled.map(Some),
            });
            if let Some(ended) = ended.await {
                break ended;
            }
            slot.release();
            woken().await;
            slot.take_again().await;
        };
        cut_off.armed = false;
        self.conclude(plan, held.context(), answer, attempts);
    }

    #[inline]
    fn run(&self, plan: &'a Plan) -> Run<'a, EventOutcome> {
        Run::new(self.core, Found::Built(plan), self.seed(plan), self.in_session(plan))
    }

    #[inline]
    fn begin(
        &self,
        run: Pin<&mut Run<'_, EventOutcome>>,
        deliver: Deliver,
    ) -> Option<Result<EventOutcome, Failure>> {
        run.begin(
            &self.envelope.event,
            |event| Some(&***event),
            |event, plan, lender| deliver(plan.slot.get(), event, lender),
        )
    }

    #[inline]
    fn seed(&self, plan: &Plan) -> Seed {
        let Self { core, envelope, share, .. } = self;
        let parent = envelope.origin.as_ref();
        let mut seed = Seed {
            id: envelope.id,
            info: envelope.info,
            attempt: 1,
            lifecycle: envelope.lifecycle || parent.is_some_and(|origin| origin.lifecycle),
            timeout: plan.timeout.or(core.settings.event_timeout),
            deadline: None,
            origin: envelope.origin.clone(),
            head: envelope.head.clone(),
            session: envelope.scope().cloned(),
            cancel: None,
            lane: self.lane,
            shared: OnceLock::new(),
        };
        if let Some(share) = share {
            seed.track(share.weak());
        }
        seed
    }

    /// Does the handler's filter let it be called? One that panics is a failure of the handler.
    #[inline]
    fn passes(&self, plan: &Plan) -> bool {
        let Some(filter) = &plan.filter else { return true };
        match filter.ask(self.core, self.envelope) {
            Ok(()) => true,
            Err(KeptOut::Filtered { .. }) => false,
            Err(KeptOut::Panicked { filter, message }) => {
                let held = Held::new(self.core, self.seed(plan));
                let why = Failure::Filter { filter, message };
                self.conclude(plan, held.context(), Err(why), 0);
                false
            }
        }
    }

    /// The handler of a session ends with it.
    #[inline]
    fn in_session(&self, plan: &Plan) -> Option<Box<InSession>> {
        let owner = plan.owner()?;
        InSession::new(None, Some(Owned::by(&owner, self.envelope.lifecycle)))
    }

    #[inline]
    fn conclude(
        &self,
        plan: &Plan,
        context: &Context,
        answer: Result<EventOutcome, Failure>,
        attempts: u32,
    ) {
        let Self { core, envelope, share, .. } = self;
        let failure = match answer {
            Ok(Ok(())) => flush(core, context).err().map(|not_flushed| not_flushed.to_string()),
            Ok(Err(error)) => Some(text_of_users(|| error.chain())),
            Err(failure) => Some(failure.to_string()),
        };
        let Some(error) = failure else {
            if !envelope.lifecycle {
                core.counters.processed.add(1);
            }
            return;
        };
        discard(core, context);
        if !envelope.lifecycle {
            core.counters.failed.add(1);
        }
        let handler = &plan.handler;
        tracing::error!(
            event = context.message().name(),
            event_id = %context.id(),
            handler = &*handler.name,
            at = format_args!("{}:{}", handler.file, handler.line),
            error,
            "an event handler failed"
        );
        if let Some(share) = share {
            share.failed(Some(&handler.name), &error, attempts);
        }
        announce::handler_failed(core, context, &handler.name, &error, attempts);
        core.failures.note(context, handler, attempts, error);
    }

    /// The event was queued for longer than its `ttl`, or some of its handlers have waited for so long.
    fn expired(&self) {
        let Self { core, envelope, share, .. } = self;
        if let Some(share) = share {
            let ttl = envelope.info.ttl().unwrap_or_default();
            share.failed(None, &format!("it was queued for longer than its ttl of {ttl:?}"), 0);
        }
        core.queue.expired.add(1);
        core.losses.note(core, envelope.info, 1, DropReason::Expired);
    }

    /// The event was dropped while handlers waited for their slots. It is counted already.
    fn given_up(&self) {
        if let Some(share) = self.share {
            share.failed(None, "it was dropped while it waited for a slot of a handler", 0);
        }
        let closed = self.core.queue.intake() == Intake::Closed;
        let why = if closed { DropReason::ShutDown } else { DropReason::QueueFull };
        self.core.losses.note(self.core, self.envelope.info, 1, why);
    }
}

/// Drives a handler on. While it waits for what follows from events of its own, it needs no slot,
/// and those may need it.
async fn drive(
    mut run: Pin<&mut Run<'_, EventOutcome>>,
    slot: &mut Slot<'_>,
    turn: &mut Turn<'_>,
) -> Result<EventOutcome, Failure> {
    loop {
        let answer = poll_fn(|task| {
            let polled = run.as_mut().poll(task);
            if polled.is_pending() {
                turn.stay();
                if run.context().waits_inside() {
                    return Poll::Ready(None);
                }
            }
            polled.map(Some)
        });
        if let Some(answer) = answer.await {
            return answer;
        }
        slot.release();
        woken().await;
        let mut taken = pin!(slot.take_again());
        let late = poll_fn(|task| match taken.as_mut().poll(task) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => run.as_mut().poll_end(task).map(Some),
        });
        if let Some(failure) = late.await {
            return Err(failure);
        }
    }
}

/// Resolves at the next wake-up of this task. The run has left its waker with whom it waits for.
async fn woken() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// Notes the name of a handler that is cut off, by the shutdown or by the end of its runtime.
struct CutOff<'a> {
    delivery: Delivery<'a>,
    plan: &'a Plan,
    armed: bool,
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        if self.armed {
            let name = &self.plan.handler.name;
            lock(&self.delivery.core.work.abandoned).push(name.to_string());
            if let Some(share) = self.delivery.share {
                share.failed(Some(name), "was cut off when the bus ended", 1);
            }
        }
    }
}
