//! The way out: what an attempt has come to, and whether that was the last.

use std::pin::Pin;
use std::time::Instant;

use super::trouble::Last;
use super::{Attempts, Phase, Step, Wait, trouble_of};
use crate::context::Context;
use crate::event::effects;
use crate::observe::{What, tap};
use crate::pipeline::ended::Outcome;
use crate::pipeline::failure::Failure;
use crate::registry::plan::Plan;
use crate::resilience::ErrorClass;
use crate::resilience::breaker::Verdict;
use crate::resilience::fault::Fault;
use crate::resilience::timer::Timer;

impl<'a, O: Outcome> Attempts<'a, O> {
    /// The answer, if it is the last.
    #[inline]
    pub(super) fn settle(
        mut self: Pin<&mut Self>,
        answer: Result<O, Failure>,
    ) -> Option<Result<O, Failure>> {
        let this = self.as_mut().project();
        let (core, plan) = (this.run.core(), this.run.plan());
        let Some(policy) = &plan.policy else { return Some(answer) };
        let answer = match (answer, &this.trouble) {
            (Err(failure), Some(trouble)) => Err(trouble.whose(failure)),
            (answer, _) => answer,
        };
        let fault = Fault::of(policy, this.run.context(), &answer);
        if fault.is_none()
            && let Some(trouble) = this.trouble
        {
            // What was wrong before is not what may become of it now.
            trouble.former = trouble.record.take();
        }
        if let Some(place) = this.held.place.take()
            && let Some(bulkhead) = &policy.bulkhead
        {
            bulkhead.leave(place);
        }
        let counts = policy.budget.as_ref().filter(|_| *this.made == 1 && policy.retry.is_some());
        if this.held.ticket.is_none() && counts.is_none() && fault.is_none() {
            *this.phase = Phase::Ended;
            return Some(answer);
        }
        // Read once, for all that keeps the time.
        let now = core.settings.clock.now();
        if let Some(budget) = counts {
            budget.deposit(now);
        }
        let took = this.held.begun.take().map(|begun| now.saturating_duration_since(begun));
        if let (Some(ticket), Some(breaker)) = (this.held.ticket.take(), &policy.breaker) {
            match verdict(fault) {
                Some(verdict) => breaker.ended(ticket, verdict, took, || now),
                None => breaker.release(ticket),
            }
        }
        match fault {
            None => {
                *this.phase = Phase::Ended;
                Some(answer)
            }
            Some(fault) => self.failed(answer, fault, now),
        }
    }

    #[inline(never)]
    fn failed(
        self: Pin<&mut Self>,
        answer: Result<O, Failure>,
        fault: Fault,
        now: Instant,
    ) -> Option<Result<O, Failure>> {
        let this = self.project();
        let (core, plan, context) = (this.run.core(), this.run.plan(), this.run.context());
        let Some(policy) = &plan.policy else { return Some(answer) };
        let trouble = trouble_of(this.trouble, context);
        let step = trouble.next(policy, context, fault, now);
        if std::mem::take(&mut trouble.is_broke) {
            core.counters.over_budget.count(1);
            tracing::warn!(
                message_name = context.message().name(),
                id = %context.id(),
                handler = %plan.handler,
                "a retry is not made: the retry budget is used up; `retry_budget` sets another"
            );
        }
        let error = trouble.note(core, context, &answer, fault);
        let after = match step {
            Step::Over => {
                *this.phase = Phase::Ended;
                return Some(answer);
            }
            Step::Again(after) | Step::Later(after) => after,
        };
        tell(plan, context, step, error);
        if core.observers.is_on() {
            let (handler, attempt, delayed) =
                (&plan.handler, context.attempt(), matches!(step, Step::Later(_)));
            let what = What::Retrying { handler, attempt, after, error, delayed };
            tap::of_context(core, context, what);
        }
        trouble.without_slot = matches!(step, Step::Later(_));
        let until = now.checked_add(after);
        trouble.wait = Wait::Time { timer: Box::pin(Timer::Unarmed), until };
        trouble.last = Last(Some(answer));
        effects::discard(core, context);
        *this.phase = Phase::Waiting;
        None
    }
}

/// What the breaker is told. A handler that could say no was there to say it.
fn verdict(fault: Option<Fault>) -> Option<Verdict> {
    match fault {
        Some(fault) if fault.is_transient() => Some(Verdict::Failed),
        Some(
            Fault::Class(ErrorClass::Deferred(_))
            | Fault::Panicked
            | Fault::NotCalled
            | Fault::Other,
        ) => None,
        None | Some(_) => Some(Verdict::Ok),
    }
}

fn tell(plan: &Plan, context: &Context, step: Step, error: &str) {
    let (message_name, id, attempt) = (context.message().name(), context.id(), context.attempt());
    let handler = &plan.handler;
    match step {
        Step::Later(_) => {
            tracing::warn!(message_name, %id, %handler, attempt, error, "a handler failed: {step}");
        }
        _ => {
            tracing::info!(message_name, %id, %handler, attempt, error, "a handler failed: {step}");
        }
    }
}
