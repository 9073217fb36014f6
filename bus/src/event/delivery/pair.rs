//! One (event, handler) pair.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::OnceLock;
use std::task::Poll;

use super::{Delivery, Line};
use crate::context::Seed;
use crate::event::filter::KeptOut;
use crate::event::order::Turn;
use crate::event::slots::Slot;
use crate::message::kind::{Deliver, EventOutcome};
use crate::message::order::HeldLanes;
use crate::pipeline::ended::Outcome;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::middleware::around::Around;
use crate::pipeline::middleware::source::{EventSource, Source};
use crate::pipeline::run::Run;
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::session::{InSession, Owned};
use crate::sync::lock;

impl<'a> Delivery<'a> {
    /// Runs a handler that is a plain function, without a future.
    #[inline]
    pub(super) fn handle_at_once(&self, plan: &'a Plan) {
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
    pub(super) async fn handle(self, plan: &'a Plan, line: &'a Line<'a>) {
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
            None => drive(run.as_mut(), &mut slot, Some(&mut turn)).await,
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
        let in_session = self.in_session(plan);
        let (answer, attempts) = drive_around(&around, source, in_session, &mut slot).await;
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
    pub(super) fn seed(&self, plan: &Plan) -> Seed {
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
            lanes: HeldLanes::one(self.lane),
            shared: OnceLock::new(),
        };
        if let Some(share) = share {
            seed.track(share.weak());
        }
        seed
    }

    /// Does the handler's filter let it be called? One that panics is a failure of the handler.
    #[inline]
    pub(super) fn passes(&self, plan: &Plan) -> bool {
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
    pub(super) fn in_session(&self, plan: &Plan) -> Option<Box<InSession>> {
        let owner = plan.owner()?;
        InSession::new(None, Some(Owned::by(&owner, self.envelope.lifecycle)))
    }
}

/// Drives a handler on. While it waits for what follows from events of its own, it needs no slot,
/// and those may need it.
pub(super) async fn drive<O: Outcome>(
    mut run: Pin<&mut Run<'_, O>>,
    slot: &mut Slot<'_>,
    mut turn: Option<&mut Turn<'_>>,
) -> Result<O, Failure> {
    loop {
        let answer = poll_fn(|task| {
            let polled = run.as_mut().poll(task);
            if polled.is_pending() {
                if let Some(turn) = &mut turn {
                    turn.stay();
                }
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

/// As [`drive`], a handler inside of its middleware.
pub(super) async fn drive_around<S: Source>(
    around: &Around<'_>,
    source: S,
    session: Option<Box<InSession>>,
    slot: &mut Slot<'_>,
) -> (Result<S::Outcome, Failure>, u32) {
    let mut inside = pin!(around.run(source, session, |_| Poll::Pending));
    loop {
        let ended = poll_fn(|task| match inside.as_mut().poll(task) {
            Poll::Pending if around.waits_inside() => Poll::Ready(None),
            polled => polled.map(Some),
        });
        if let Some(ended) = ended.await {
            return ended;
        }
        slot.release();
        woken().await;
        slot.take_again().await;
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
