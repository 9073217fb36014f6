//! The policy of a handler: what is done about its failures. Decided once, for each (message, handler)
//! pair.

use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::RetryConfig;
use super::breaker::CircuitBreaker;
use super::budget::RetryBudget;
use super::bulkhead::{Bulkhead, WAITING_ROOM};
use super::class::ErrorClass;
use super::fault::Fault;
use super::said::{Breaker, Choice};
use crate::core::Settings;
use crate::message::keep::can_keep;
use crate::pipeline::ended::Ended;
use crate::pipeline::failure::panic_text;
use crate::registry::plan::Plan;

/// What is done about the failures of one handler. A handler of which nothing is said has none.
#[derive(Default)]
pub(crate) struct Policy {
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) retry: Option<RetryConfig>,
    /// When the attempts have failed, an event is handled again after these, one after the other.
    pub(crate) later: Vec<Duration>,
    pub(crate) budget: Option<RetryBudget>,
    pub(crate) breaker: Option<CircuitBreaker>,
    /// Of a command's handler; that of an event has slots.
    pub(crate) bulkhead: Option<Bulkhead>,
    pub(crate) dead_letters: bool,
    pub(crate) classify: Option<Classifier>,
}

impl Policy {
    /// What is said of the handler, and what the bus does where nothing is said. `None`: nothing.
    pub(crate) fn of(plan: &Plan, settings: &Settings) -> Option<Arc<Self>> {
        let said = &plan.said;
        let is_command = plan.message.is_command();
        // The bus's own events are not the user's traffic.
        let bus = settings.resilience.as_ref().filter(|_| !plan.message.is_own());
        let may_keep = plan.may_keep();
        let retry = match said.retry {
            Choice::On(retry) => Some(retry),
            Choice::Off => None,
            Choice::Open => bus.and_then(|bus| bus.retry),
        };
        let retry = retry.filter(|_| may_keep);
        let later = said.later.clone().or_else(|| Some(bus?.later.clone())).unwrap_or_default();
        let own = bus.and_then(|bus| Some(Breaker { name: None, config: bus.breaker? }));
        let breaker = match &said.breaker {
            Choice::On(breaker) => Some(breaker),
            Choice::Off => None,
            Choice::Open => own.as_ref(),
        };
        let makes = |breaker| settings.breakers.get(breaker, &plan.handler.name, &settings.clock);
        let places = plan.concurrency.filter(|_| is_command);
        let kept = retry.is_some() || bus.is_some_and(|bus| bus.dead_letters);
        let policy = Self {
            attempt_timeout: said.attempt_timeout.or_else(|| bus?.attempt_timeout),
            retry,
            later: if is_command { Vec::new() } else { later },
            budget: retry.map(|_| said.budget.clone().unwrap_or_else(|| settings.budget.clone())),
            breaker: breaker.and_then(makes),
            bulkhead: places.map(|size| Bulkhead::new(size, said.room.unwrap_or(WAITING_ROOM))),
            dead_letters: said.dead_letters.unwrap_or(kept) && may_keep,
            classify: settings.resilience.as_ref().and_then(|bus| bus.classify.clone()),
        };
        (!policy.is_idle()).then(|| Arc::new(policy))
    }

    /// Is there nothing that it does?
    fn is_idle(&self) -> bool {
        self.attempt_timeout.is_none()
            && self.retry.is_none()
            && self.later.is_empty()
            && self.breaker.is_none()
            && self.bulkhead.is_none()
            && !self.dead_letters
    }

    /// Has the message to be kept, for another attempt or for good?
    pub(crate) fn keeps(&self) -> bool {
        self.retry.is_some() || !self.later.is_empty() || self.dead_letters
    }

    pub(crate) fn is_dead_letter(&self, fault: Fault) -> bool {
        self.dead_letters && fault.is_buried()
    }
}

impl Plan {
    /// Can its message be kept, for another attempt? That of an event can: it is shared.
    pub(crate) fn may_keep(&self) -> bool {
        !self.message.is_command() || can_keep(self.takes, self.message)
    }
}

/// A user's function that classes errors.
#[derive(Clone)]
pub(crate) struct Classifier(Arc<Classify>);

type Classify = dyn Fn(&Ended<'_>) -> Option<ErrorClass> + Send + Sync;

impl Classifier {
    pub(crate) fn new(
        classify: impl Fn(&Ended<'_>) -> Option<ErrorClass> + Send + Sync + 'static,
    ) -> Self {
        Self(Arc::new(classify))
    }

    /// One that panics knows nothing.
    pub(super) fn ask(&self, ended: &Ended<'_>) -> Option<ErrorClass> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(ended))).unwrap_or_else(|panic| {
            tracing::error!(panic = panic_text(&*panic), "a classifier of errors panicked");
            None
        })
    }
}

impl fmt::Debug for Classifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Classifier")
    }
}
