//! One (event, handler) pair.

use std::any::Any;
use std::pin::pin;
use std::sync::OnceLock;

use super::drive::{drive, drive_around};
use super::never_begun::Waits;
use super::wayside::Wayside;
use super::{Delivery, Line};
use crate::clock::MaybeInstant;
use crate::context::Seed;
use crate::event::filter::KeptOut;
use crate::event::slots::Slot;
use crate::handler::slot::Begun;
use crate::message::kind::{Deliver, EventOutcome};
use crate::message::order::HeldLanes;
use crate::observe::What;
use crate::pipeline::at_once;
use crate::pipeline::attempts::{Attempts, Start};
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::{Held, Lender};
use crate::pipeline::middleware::around::{Around, Through};
use crate::pipeline::middleware::source::EventSource;
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
        let mut session = self.in_session(plan);
        let held = Held::at_once(self.core, self.seed(plan));
        let mut calls = Calls { delivery: *self, deliver };
        let answer = at_once::run(self.core, plan, &held, session.as_deref_mut(), &mut calls);
        let answer = answer.map_err(|failure| *failure);
        self.conclude(plan, held.context(), answer, 1, None);
    }

    /// Runs one handler. Whatever becomes of it touches nobody else.
    pub(super) async fn handle(self, plan: &'a Plan, line: &'a Line<'a>) {
        let Some(deliver) = plan.deliver else { return };
        let mut turn = line.turns.of(plan);
        // What was dropped reaches no further handler.
        if line.parking.is_given_up() || !self.passes(plan) {
            return;
        }
        let waits = Waits::new(self, plan, &line.parking);
        let acquired = Slot::acquire(self, plan, &line.parking, &mut turn).await;
        waits.end();
        let Ok(mut slot) = acquired else { return };
        if self.is_kept_behind(plan) {
            return;
        }
        if plan.layers.is_some() {
            // What is around it may wait before the handler is called.
            turn.stay();
            return Box::pin(self.handle_around(plan, deliver, slot, line)).await;
        }
        let mut attempts = pin!(self.attempts(plan));
        let mut cut_off = CutOff { delivery: self, plan, armed: true };
        let (calls, wayside) = (Calls { delivery: self, deliver }, Wayside::One(line));
        let driven = drive(attempts.as_mut(), calls, &mut slot, Some(&mut turn), wayside).await;
        cut_off.armed = false;
        if let Ok(answer) = driven {
            let (made, record) = (attempts.made(), attempts.as_mut().take_record());
            self.conclude(plan, attempts.context(), answer, made, record);
        }
    }

    /// Runs one handler inside of its middleware.
    async fn handle_around(
        self,
        plan: &'a Plan,
        deliver: Deliver,
        mut slot: Slot<'_>,
        line: &'a Line<'a>,
    ) {
        let held = Held::new(self.core, self.seed(plan));
        let mut cut_off = CutOff { delivery: self, plan, armed: true };
        let mut source = EventSource::new(plan, deliver, &self.envelope.event);
        let around = Around::new(self.core, plan, &held);
        let in_session = self.in_session(plan);
        let driven =
            drive_around(&around, &mut source, in_session, &mut slot, Wayside::One(line)).await;
        cut_off.armed = false;
        if let Ok(Through { answer, attempts, record, .. }) = driven {
            self.conclude(plan, held.context(), answer, attempts, record);
        }
    }

    #[inline]
    fn attempts(&self, plan: &'a Plan) -> Attempts<'a, EventOutcome> {
        Attempts::new(self.core, Found::Built(plan), self.seed(plan), self.in_session(plan))
    }

    #[inline(always)]
    pub(super) fn seed(&self, plan: &Plan) -> Seed {
        let Self { core, envelope, share, .. } = self;
        let parent = envelope.origin.as_ref();
        let began = core.settings.metrics.start(&*core.settings.clock).into();
        let mut seed = Seed {
            id: envelope.id,
            info: envelope.info,
            began,
            attempts_before: envelope.attempts_before(),
            attempt: envelope.attempts_before().saturating_add(1),
            lifecycle: envelope.lifecycle || parent.is_some_and(|origin| origin.lifecycle),
            timeout: plan.time.all,
            attempt_timeout: plan.time.attempt,
            deadline: MaybeInstant::NONE,
            origin: envelope.origin.clone(),
            head: envelope.head.clone(),
            session: envelope.scope().cloned(),
            cancel: None,
            place: None,
            lanes: HeldLanes::one(self.lane),
            follows: envelope.links.clone(),
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
            Err(KeptOut::Filtered { by }) => {
                let (by, handler, event) = (&*by, Some(&plan.handler), Some(&*self.envelope.event));
                self.observe(|| What::Filtered { by, handler, event });
                false
            }
            Err(KeptOut::Panicked { filter, message }) => {
                let held = Held::new(self.core, self.seed(plan));
                let why = Failure::Filter { filter, message };
                self.conclude(plan, held.context(), Err(why), 0, None);
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

/// A handler and its event.
struct Calls<'a> {
    delivery: Delivery<'a>,
    deliver: Deliver,
}

impl Start<EventOutcome> for Calls<'_> {
    fn message(&self) -> Option<&dyn Any> {
        Some(&*self.delivery.envelope.event)
    }
    fn start(&mut self, plan: &Plan, lender: &Lender<'_>) -> Begun<EventOutcome> {
        (self.deliver)(plan.slot.get(), &self.delivery.envelope.event, lender)
    }
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
            self.delivery.was_cut_off(self.plan);
        }
    }
}
