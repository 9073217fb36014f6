//! What becomes of an (event, handler) pair: counted, announced, and told to who waits.

use std::sync::Arc;
use std::time::Instant;

use super::Delivery;
use crate::context::Context;
use crate::event::effects::{discard, flush};
use crate::event::losses::DropReason;
use crate::event::queue::{Intake, Parking};
use crate::message::kind::EventOutcome;
use crate::observe::{What, tap};
use crate::pipeline::announce;
use crate::pipeline::attempts::Record;
use crate::pipeline::burial::{self, EventAgain, Failed};
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::run::{drop_users, text_of_users};
use crate::probe;
use crate::registry::plan::Plan;
use crate::registry::table::Route;
use crate::resilience::dead_letters::{Buried, DeadLetterId, NotParked};
use crate::sync::Sharded;

impl Delivery<'_> {
    #[inline]
    pub(super) fn conclude(
        &self,
        plan: &Plan,
        context: &Context,
        answer: Result<EventOutcome, Failure>,
        attempts: u32,
        record: Option<Record>,
    ) {
        let failure = match answer {
            // A call that was never asked for its outbox has no effects.
            Ok(Ok(())) if context.used_scratch().is_none() => None,
            answer => self.failure(plan, context, answer),
        };
        match failure {
            None => {
                let (event, id, handler) = (context.message().name(), context.id(), &plan.handler);
                tracing::debug!(event, %id, %handler, attempts, "an event was handled");
                self.ended_well(plan, context.began(), attempts);
            }
            Some(error) => {
                discard(self.core, context);
                self.ended_badly(plan, context, &error, attempts, record);
            }
        }
    }

    /// What has gone wrong, in words. What was emitted is sent before that is known.
    #[inline(never)]
    fn failure(
        &self,
        plan: &Plan,
        context: &Context,
        answer: Result<EventOutcome, Failure>,
    ) -> Option<String> {
        match answer {
            Ok(Ok(())) => {
                let _acts = probe::acting(self.core, &plan.handler);
                flush(self.core, context).err().map(|unsent| unsent.to_string())
            }
            Ok(Err(error)) => {
                let text = text_of_users(|| error.chain());
                drop_users(error);
                Some(text)
            }
            Err(failure) => Some(failure.to_string()),
        }
    }

    /// Its handler has failed, and will not be called again.
    #[cold]
    pub(super) fn ended_badly(
        &self,
        plan: &Plan,
        context: &Context,
        error: &str,
        attempts: u32,
        record: Option<Record>,
    ) {
        let began = context.began();
        if self.is_of_no_interest(plan, began, error, attempts, record.as_ref()) {
            return;
        }
        let buried = self.item_ended_badly(plan, context, error, attempts, record);
        log(plan, context, error, buried);
    }

    /// Its handler has said so, and nothing is made of it.
    pub(super) fn is_of_no_interest(
        &self,
        plan: &Plan,
        began: Option<Instant>,
        error: &str,
        attempts: u32,
        record: Option<&Record>,
    ) -> bool {
        let is_discarded = record.is_some_and(Record::is_of_no_interest);
        if is_discarded {
            let (id, handler) = (self.envelope.id, &plan.handler);
            tracing::debug!(%id, %handler, error, "an event is discarded");
            self.core.counters.discarded.count(1);
            self.observe(|| What::Discarded { handler, error });
            self.ended_well(plan, began, attempts);
        }
        is_discarded
    }

    /// Failed: one of a batch, of which all that have failed are logged at once.
    pub(super) fn item_ended_badly(
        &self,
        plan: &Plan,
        context: &Context,
        error: &str,
        attempts: u32,
        record: Option<Record>,
    ) -> Option<DeadLetterId> {
        let core = self.core;
        let buried = record.and_then(|record| {
            let failed = Failed { core, plan, context, attempts, record };
            failed.bury_event(self.envelope, self.lane)
        });
        self.failed(plan, context, error, attempts);
        buried
    }

    #[inline]
    pub(super) fn ended_well(&self, plan: &Plan, began: Option<Instant>, attempts: u32) {
        self.observe(|| What::Handled { handler: &plan.handler, attempts, error: None });
        if !self.envelope.lifecycle {
            self.core.counters.processed.count(1);
            self.measure(plan, began, true);
        }
        if let Some(rerun) = &self.envelope.rerun {
            self.core.dead_letters.succeeded(rerun.letter.id);
            rerun.ended(Ok(()));
        }
    }

    /// A handler has failed for good: it is counted, and told to all whom it concerns.
    pub(super) fn failed(&self, plan: &Plan, context: &Context, error: &str, attempts: u32) {
        self.did_not_handle(plan, context.began(), error, attempts);
        let (core, handler) = (self.core, &plan.handler);
        announce::handler_failed(core, context, &handler.name, error, attempts);
        core.failures.note(context, handler, attempts, error.to_owned());
    }

    /// Its handler was at work when the bus ended, and has no answer. When it began is not known here.
    pub(super) fn was_cut_off(&self, plan: &Plan) {
        let counter = &self.core.counters.cut_off;
        self.ended_otherwise(counter, plan, None, "was cut off when the bus ended", 1);
    }

    /// The clock is read once, for all that is measured.
    #[inline]
    fn measure(&self, plan: &Plan, began: Option<Instant>, is_ok: bool) {
        let Some(meter) = &plan.meter else { return };
        let (core, published) = (self.core, self.envelope.published.get());
        let now = (began.is_some() || published.is_some()).then(|| core.settings.clock.now());
        let since = |then: Option<Instant>| Some(now?.saturating_duration_since(then?));
        core.settings.metrics.event(meter, is_ok, since(began), since(published));
    }

    fn did_not_handle(&self, plan: &Plan, began: Option<Instant>, error: &str, attempts: u32) {
        self.ended_otherwise(&self.core.counters.failed, plan, began, error, attempts);
    }

    pub(super) fn ended_otherwise(
        &self,
        counter: &Sharded,
        plan: &Plan,
        began: Option<Instant>,
        error: &str,
        attempts: u32,
    ) {
        let Self { envelope, share, .. } = self;
        self.observe(|| What::Handled { handler: &plan.handler, attempts, error: Some(error) });
        if !envelope.lifecycle {
            counter.count(1);
            self.measure(plan, began, false);
        }
        if let Some(share) = share {
            share.failed(Some(&plan.handler.name), error, attempts);
        }
        if let Some(rerun) = &envelope.rerun {
            rerun.ended(Err(error.to_owned()));
        }
    }

    /// Does the event have to follow one that the handler has given up on? Then it is kept behind that.
    /// Asked in the handler's turn.
    #[inline]
    pub(super) fn is_kept_behind(&self, plan: &Plan) -> bool {
        self.core.dead_letters.has_sequences() && self.park_behind(plan)
    }

    #[inline(never)]
    fn park_behind(&self, plan: &Plan) -> bool {
        let Self { core, envelope, lane, .. } = self;
        let keeps = plan.policy.as_ref().is_some_and(|policy| policy.dead_letters);
        let Some(lane) = lane.filter(|_| keeps && envelope.rerun.is_none()) else { return false };
        if core.dead_letters.is_behind(plan.id, lane).is_none() {
            return false;
        }
        let held = Held::new(core, self.seed(plan));
        let (event, again) = (Arc::clone(&envelope.event), Arc::new(EventAgain));
        let error = "was not called, as a dead letter comes before it".to_owned();
        let buried = burial::buried(core, plan, held.context(), event, again);
        let buried =
            Buried { lane: Some(lane), error: error.clone(), error_chain: error.clone(), ..buried };
        match core.dead_letters.park(core, buried) {
            Ok(dead_letter) => {
                let (event, id, handler) = (envelope.info.name(), envelope.id, &plan.handler);
                tracing::error!(event, %id, %handler, %dead_letter, "an event {error}");
                self.did_not_handle(plan, None, &error, 0);
            }
            Err(NotParked::Free) => return false,
            Err(NotParked::Full { limit }) => {
                core.losses.note_event(core, envelope, DropReason::TooManyParked);
                let error = format!("{error}, and {limit} others wait for that already");
                self.did_not_handle(plan, None, &error, 0);
            }
        }
        true
    }

    /// Nobody handles it.
    pub(super) fn unhandled(&self) {
        let is_alone = !self.envelope.lifecycle && !self.envelope.heard;
        if is_alone && self.envelope.rerun.is_none() {
            announce::unhandled(self.core, self.envelope);
        }
    }

    /// Who hears any event handles none in particular.
    pub(super) fn note_unheard(&self, route: &Route) {
        if route.only_any {
            self.unhandled();
        }
    }

    /// Some of its handlers did not get it.
    pub(super) fn not_handled(&self, parking: &Parking<'_>) {
        if parking.is_expired() { self.expired() } else { self.given_up() }
    }

    /// The event was queued for longer than its `ttl`, or some of its handlers have waited for so long.
    pub(super) fn expired(&self) {
        let Self { core, envelope, share, .. } = self;
        if let Some(share) = share {
            let ttl = envelope.info.ttl().unwrap_or_default();
            share.failed(None, &format!("it was queued for longer than its ttl of {ttl:?}"), 0);
        }
        core.queue.expired.count(1);
        core.losses.note_event(core, envelope, DropReason::Expired);
    }

    /// The event was dropped while handlers waited for their slots. It is counted already.
    fn given_up(&self) {
        if let Some(share) = self.share {
            share.failed(None, "it was dropped while it waited for a slot of a handler", 0);
        }
        let closed = self.core.queue.intake() == Intake::Closed;
        let why = if closed { DropReason::ShutDown } else { DropReason::QueueFull };
        self.core.losses.note_event(self.core, self.envelope, why);
    }

    /// Tells those who listen.
    #[inline]
    pub(super) fn observe<'w>(&self, what: impl FnOnce() -> What<'w>) {
        if self.core.observers.is_on() {
            tap::of_envelope(self.core, self.envelope, what());
        }
    }
}

fn log(plan: &Plan, context: &Context, error: &str, buried: Option<DeadLetterId>) {
    let handler = &plan.handler;
    tracing::error!(
        event = context.message().name(),
        event_id = %context.id(),
        handler = &*handler.name,
        at = format_args!("{}:{}", handler.file, handler.line),
        error,
        dead_letter = buried.map(tracing::field::display),
        "an event handler failed"
    );
}
