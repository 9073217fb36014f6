//! One run of a handler that takes batches.

use std::collections::BTreeMap;
use std::mem;
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};

use super::Delivery;
use super::block::Item;
use super::pair::{drive, drive_around};
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::event::completion::Completion;
use crate::event::effects::{discard, flush};
use crate::event::order::Turn;
use crate::event::slots::Slot;
use crate::handler::batch::BatchAnswer;
use crate::message::MessageId;
use crate::message::any::OneOf;
use crate::message::order::HeldLanes;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::middleware::around::Around;
use crate::pipeline::middleware::source::{BatchSource, Rejected};
use crate::pipeline::run::{Run, text_of_users};
use crate::registry::plan::{Batching, Plan};
use crate::registry::table::Found;
use crate::sync::lock;

/// An event that the handler takes, and its place among those of its lane.
pub(in crate::event) struct Taken<'a> {
    pub(in crate::event) item: &'a Item<'a>,
    pub(in crate::event) turn: Turn<'a>,
}

/// Runs the handler with those that its filter lets pass, when it is their turn and there is a slot.
pub(super) async fn handle<'a>(plan: &'a Plan, batching: Batching, items: &'a [Item<'a>]) {
    let taken = items.iter().map(|item| Taken { item, turn: item.line.turns.of(plan) });
    // Those that are left out leave their places.
    let taken = taken
        .filter(|taken| !taken.item.line.parking.is_given_up() && taken.item.delivery.passes(plan));
    let mut taken: Vec<_> = taken.collect();
    let Some(first) = taken.first() else { return };
    let (core, lifecycle) = (first.item.delivery.core, first.item.delivery.envelope.lifecycle);
    let mut slot = Slot::acquire_for_batch(core, plan, lifecycle, &mut taken).await;
    let Some(first) = taken.first() else { return };
    let in_session = first.item.delivery.in_session(plan);
    let events: Arc<[OneOf]> = taken.iter().map(|t| OneOf::of(t.item.delivery.envelope)).collect();
    // Whoever waits for one of the events waits for what the handler sends.
    let whole = Completion::of_all(taken.iter().filter_map(|taken| taken.item.delivery.share));
    let seed = seed(plan, &taken, whole.as_ref());
    let mut cut_off = CutOff { core, plan, taken: &taken, armed: true };
    let rejected = Rejected::default();
    let (answer, attempts);
    let ended: Ended<'_>;
    let held;
    let mut place = pin!(None);
    if plan.layers.is_some() {
        held = Held::new(core, seed);
        let source = BatchSource::new(plan, batching, events, &rejected);
        let around = Around::new(core, plan, &held);
        (answer, attempts) = drive_around(&around, source, in_session, &mut slot).await;
        ended = Ended { core, plan, taken: &taken, context: held.context() };
    } else {
        place.set(Some(Run::<BatchAnswer>::new(core, Found::Built(plan), seed, in_session)));
        let Some(mut run) = place.as_mut().as_pin_mut() else { return };
        let begun = begin(run.as_mut(), batching, &events);
        (answer, attempts) = match begun {
            Some(answer) => (answer, 1),
            None => (drive(run.as_mut(), &mut slot, None).await, 1),
        };
        ended = Ended { core, plan, taken: &taken, context: run.into_ref().get_ref().context() };
    }
    cut_off.armed = false;
    let rejected = mem::take(&mut *lock(&rejected));
    ended.conclude(answer, rejected, attempts);
}

fn begin(
    run: Pin<&mut Run<'_, BatchAnswer>>,
    batching: Batching,
    events: &Arc<[OneOf]>,
) -> Option<Result<BatchAnswer, Failure>> {
    run.begin(
        events,
        |_| None,
        |events, plan, lender| (batching.deliver)(plan.slot.get(), events, lender),
    )
}

/// A batch has an id of its own. It follows from what all of its events follow from, if that is the
/// same.
fn seed(plan: &Plan, taken: &[Taken<'_>], whole: Option<&Arc<Completion>>) -> Seed {
    let Delivery { core, envelope, .. } = taken[0].item.delivery;
    let origins = || taken.iter().map(|taken| taken.item.delivery.envelope.origin.as_ref());
    let origin = envelope.origin.as_ref().filter(|origin| {
        origins().all(|other| other.is_some_and(|other| Arc::ptr_eq(origin, other)))
    });
    let lifecycle = |taken: &Taken<'_>| {
        let envelope = taken.item.delivery.envelope;
        envelope.lifecycle || envelope.origin.as_ref().is_some_and(|origin| origin.lifecycle)
    };
    let mut seed = Seed {
        id: MessageId::next(core.number),
        info: envelope.info,
        attempt: 1,
        lifecycle: taken.iter().any(lifecycle),
        timeout: plan.timeout.or(core.settings.event_timeout),
        deadline: None,
        origin: origin.cloned(),
        head: None,
        session: envelope.scope().cloned(),
        cancel: None,
        lanes: HeldLanes::all(taken.iter().filter_map(|taken| taken.item.line.turns.lane())),
        shared: OnceLock::new(),
    };
    if let Some(whole) = whole {
        seed.track(Arc::downgrade(whole));
    }
    seed
}

/// A run that is over.
struct Ended<'a> {
    core: &'a Core,
    plan: &'a Plan,
    taken: &'a [Taken<'a>],
    context: &'a Context,
}

impl Ended<'_> {
    /// What was rejected has failed, whatever becomes of the others.
    fn conclude(
        &self,
        answer: Result<BatchAnswer, Failure>,
        rejected: BTreeMap<usize, String>,
        attempts: u32,
    ) {
        let mut errors: Vec<Option<String>> = vec![None; self.taken.len()];
        for (at, reason) in rejected {
            errors[at] = Some(reason);
        }
        // In the order of the slice that the handler was given.
        let mut handled: Vec<_> = errors.iter_mut().filter(|error| error.is_none()).collect();
        match self.outcome(answer, handled.len()) {
            Ok(failed) => {
                for (at, error) in failed {
                    handled[at].get_or_insert(error);
                }
            }
            Err(all) => {
                discard(self.core, self.context);
                handled.into_iter().for_each(|error| *error = Some(all.clone()));
            }
        }
        self.log(&errors);
        for (taken, error) in self.taken.iter().zip(errors) {
            let delivery = &taken.item.delivery;
            let Some(error) = error else {
                delivery.ended_well();
                continue;
            };
            let held = Held::new(self.core, delivery.seed(self.plan));
            delivery.failed(self.plan, held.context(), &error, attempts);
        }
    }

    /// Which of the events have failed, or why all of them have.
    fn outcome(
        &self,
        answer: Result<BatchAnswer, Failure>,
        handled: usize,
    ) -> Result<Vec<(usize, String)>, String> {
        let answer = answer.map_err(|failure| failure.to_string())?;
        let outcome = answer.map_err(|error| text_of_users(|| error.chain()))?;
        let failed = outcome.failed.iter();
        let failed = failed.map(|(at, error)| (*at, text_of_users(|| error.chain())));
        let failed: Vec<_> = failed.collect();
        if let Some((at, error)) = failed.iter().find(|(at, _)| *at >= handled) {
            return Err(format!("it says that event {at} of {handled} has failed: {error}"));
        }
        flush(self.core, self.context).map_err(|not_flushed| not_flushed.to_string())?;
        Ok(failed)
    }

    /// Once, however many have failed.
    fn log(&self, errors: &[Option<String>]) {
        let Some(error) = errors.iter().flatten().next() else { return };
        let failed = errors.iter().flatten().count();
        let handler = &self.plan.handler;
        tracing::error!(
            event = self.context.message().name(),
            handler = &*handler.name,
            at = format_args!("{}:{}", handler.file, handler.line),
            events = self.taken.len(),
            failed,
            error,
            "a batch handler failed"
        );
    }
}

/// Notes the name of the handler if it is cut off with its events.
struct CutOff<'a> {
    core: &'a Core,
    plan: &'a Plan,
    taken: &'a [Taken<'a>],
    armed: bool,
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        if self.armed {
            let name = &self.plan.handler.name;
            // One for each event, as of the handlers that take one.
            let all = self.taken.iter().map(|_| name.to_string());
            lock(&self.core.work.abandoned).extend(all);
            for share in self.taken.iter().filter_map(|taken| taken.item.delivery.share) {
                share.failed(Some(name), "was cut off when the bus ended", 1);
            }
        }
    }
}
