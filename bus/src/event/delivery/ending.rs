//! What becomes of an (event, handler) pair: counted, announced, and told to who waits.

use super::Delivery;
use crate::context::Context;
use crate::event::effects::{discard, flush};
use crate::event::losses::DropReason;
use crate::event::queue::{Intake, Parking};
use crate::message::kind::EventOutcome;
use crate::pipeline::announce;
use crate::pipeline::failure::Failure;
use crate::pipeline::run::text_of_users;
use crate::registry::plan::Plan;
use crate::registry::table::Route;

impl Delivery<'_> {
    #[inline]
    pub(super) fn conclude(
        &self,
        plan: &Plan,
        context: &Context,
        answer: Result<EventOutcome, Failure>,
        attempts: u32,
    ) {
        let core = self.core;
        let failure = match answer {
            Ok(Ok(())) => flush(core, context).err().map(|not_flushed| not_flushed.to_string()),
            Ok(Err(error)) => Some(text_of_users(|| error.chain())),
            Err(failure) => Some(failure.to_string()),
        };
        match failure {
            None => self.ended_well(),
            Some(error) => {
                discard(core, context);
                log(plan, context, &error);
                self.failed(plan, context, &error, attempts);
            }
        }
    }

    pub(super) fn ended_well(&self) {
        if !self.envelope.lifecycle {
            self.core.counters.processed.add(1);
        }
    }

    /// A handler has failed for good: it is counted, and told to all whom it concerns.
    pub(super) fn failed(&self, plan: &Plan, context: &Context, error: &str, attempts: u32) {
        let Self { core, envelope, share, .. } = self;
        if !envelope.lifecycle {
            core.counters.failed.add(1);
        }
        let handler = &plan.handler;
        if let Some(share) = share {
            share.failed(Some(&handler.name), error, attempts);
        }
        announce::handler_failed(core, context, &handler.name, error, attempts);
        core.failures.note(context, handler, attempts, error.to_owned());
    }

    /// Nobody handles it.
    pub(super) fn unhandled(&self) {
        if !self.envelope.lifecycle && !self.envelope.heard {
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

fn log(plan: &Plan, context: &Context, error: &str) {
    let handler = &plan.handler;
    tracing::error!(
        event = context.message().name(),
        event_id = %context.id(),
        handler = &*handler.name,
        at = format_args!("{}:{}", handler.file, handler.line),
        error,
        "an event handler failed"
    );
}
