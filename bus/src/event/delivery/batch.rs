//! A handler that takes batches, and the events that it takes together: those of which it fails are
//! given to it again, without the others.

use std::any::Any;
use std::pin::pin;
use std::sync::{Arc, OnceLock};

use super::Delivery;
use super::batch_end::{Again, Ended, GivenUp, Outcome};
use super::block::Item;
use super::drive::{drive, drive_around};
use super::never_begun::Waits;
use super::wayside::Wayside;
use crate::clock::MaybeInstant;
use crate::context::Seed;
use crate::core::Core;
use crate::event::completion::Completion;
use crate::event::order::Turn;
use crate::event::slots::Slot;
use crate::handler::batch::BatchAnswer;
use crate::handler::slot::Begun;
use crate::message::MessageId;
use crate::message::any::OneOf;
use crate::message::order::HeldLanes;
use crate::observe::What;
use crate::observe::spans;
use crate::pipeline::attempts::{Attempts, Start};
use crate::pipeline::frame::{Held, Lender};
use crate::pipeline::middleware::around::{Around, Through};
use crate::pipeline::middleware::source::{BatchSource, LeftOut};
use crate::probe;
use crate::registry::plan::{Batching, Plan};
use crate::registry::table::Found;
use crate::resilience::timer::sleep;
use crate::sync::{Mutex, lock};

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
    let waits = |one: &Taken<'a>| Waits::new(one.item.delivery, plan, &one.item.line.parking);
    let waits: Vec<_> = taken.iter().map(waits).collect();
    let mut slot = Slot::acquire_for_batch(core, plan, lifecycle, &mut taken).await;
    waits.into_iter().for_each(Waits::end);
    taken.retain(|taken| !taken.item.delivery.is_kept_behind(plan));
    let mut again = Again::default();
    while !taken.is_empty() {
        let before = (again.made(), again.held());
        let once = once(core, plan, batching, &taken, &mut slot, before);
        let Some((outcome, made)) = once.await else { return again.end(core, plan) };
        let ended = Ended { core, plan, taken, made };
        let Some((left, delay)) = ended.conclude(outcome, &mut again) else { return };
        taken = left;
        let held = again.held();
        let mut cut_off = CutOff { core, plan, taken: &taken, held, armed: true };
        sleep(core, delay).await;
        cut_off.armed = false;
    }
}

/// Gives the handler what is there, when it was `made` to take that so often before, and has given up on those
/// that are `held`. `None`: its events were dropped.
async fn once<'a>(
    core: &'a Core,
    plan: &'a Plan,
    batching: Batching,
    taken: &[Taken<'a>],
    slot: &mut Slot<'_>,
    (made, held): (u32, &[GivenUp<'a>]),
) -> Option<(Outcome, u32)> {
    let in_session = taken.first()?.item.delivery.in_session(plan);
    let events: Arc<[OneOf]> = taken.iter().map(|t| OneOf::of(t.item.delivery.envelope)).collect();
    // Whoever waits for one of the events waits for what the handler sends.
    let whole = Completion::of_all(taken.iter().filter_map(|taken| taken.item.delivery.share));
    let seed = seed(plan, taken, whole.as_ref(), made);
    for taken in taken {
        let (handler, attempt, batch) = (&plan.handler, seed.attempt, Some(seed.id));
        taken.item.delivery.observe(|| What::Handling { handler, attempt, batch });
    }
    let mut cut_off = CutOff { core, plan, taken, held, armed: true };
    let left_out = Arc::new(Mutex::new(LeftOut { calls: made, ..LeftOut::default() }));
    let wayside = Wayside::Batch(taken, &left_out);
    if plan.layers.is_some() {
        let held = Held::new(core, seed);
        let mut source = BatchSource::new(plan, batching, events, &left_out);
        let around = Around::new(core, plan, &held);
        let driven = drive_around(&around, &mut source, in_session, slot, wayside).await;
        cut_off.armed = false;
        let through = driven.ok()?;
        let left_out = std::mem::take(&mut *lock(&left_out));
        let Through { answer, attempts, record, former } = through;
        let context = held.context();
        let last = held.run_after(attempts.saturating_sub(1));
        let _acts = probe::acting(core, &plan.handler);
        let outcome = Outcome::of(core, context, last, answer, (record, former), left_out, taken);
        return Some((outcome, attempts));
    }
    let attempts = Attempts::<BatchAnswer>::new(core, Found::Built(plan), seed, in_session);
    let mut attempts = pin!(attempts);
    let calls = Calls { batching, events, left_out: &left_out };
    let driven = drive(attempts.as_mut(), calls, slot, None, wayside).await;
    cut_off.armed = false;
    let (answer, record) = (driven.ok()?, attempts.as_mut().take_record());
    let former = attempts.as_mut().take_former();
    let left_out = std::mem::take(&mut *lock(&left_out));
    let (context, made) = (attempts.context(), attempts.made());
    let last = context.attempt();
    let _acts = probe::acting(core, &plan.handler);
    let outcome = Outcome::of(core, context, last, answer, (record, former), left_out, taken);
    Some((outcome, made))
}

/// A handler and the events that it takes.
struct Calls<'t> {
    batching: Batching,
    events: Arc<[OneOf]>,
    left_out: &'t Mutex<LeftOut>,
}

impl Start<BatchAnswer> for Calls<'_> {
    fn message(&self) -> Option<&dyn Any> {
        None
    }
    fn start(&mut self, plan: &Plan, lender: &Lender<'_>) -> Begun<BatchAnswer> {
        let left = lock(self.left_out).call(&self.events);
        (self.batching.deliver)(plan.slot.get(), left.as_deref().unwrap_or(&self.events), lender)
    }
}

/// A batch has an id of its own. It follows from what all of its events follow from, if that is the
/// same.
fn seed(plan: &Plan, taken: &[Taken<'_>], whole: Option<&Arc<Completion>>, before: u32) -> Seed {
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
        began: core.settings.metrics.start(&*core.settings.clock).into(),
        attempts_before: envelope.attempts_before(),
        attempt: envelope.attempts_before().saturating_add(before).saturating_add(1),
        lifecycle: taken.iter().any(lifecycle),
        timeout: plan.time.all,
        attempt_timeout: plan.time.attempt,
        deadline: MaybeInstant::NONE,
        origin: origin.cloned(),
        head: None,
        session: envelope.scope().cloned(),
        cancel: None,
        place: None,
        follows: spans::all(taken.iter().map(|taken| taken.item.delivery.envelope.links.as_ref())),
        lanes: HeldLanes::all(taken.iter().filter_map(|taken| taken.item.line.turns.lane())),
        shared: OnceLock::new(),
    };
    if let Some(whole) = whole {
        seed.track(Arc::downgrade(whole));
    }
    seed
}

/// Notes the name of the handler if it is cut off with its events.
struct CutOff<'a, 't> {
    core: &'a Core,
    plan: &'a Plan,
    taken: &'t [Taken<'a>],
    held: &'t [GivenUp<'a>],
    armed: bool,
}

impl Drop for CutOff<'_, '_> {
    fn drop(&mut self) {
        if self.armed {
            let name = &self.plan.handler.name;
            // One for each event, as of the handlers that take one.
            let all = || self.taken.iter().chain(self.held.iter().map(|held| &held.taken));
            lock(&self.core.work.abandoned).extend(all().map(|_| name.to_string()));
            all().for_each(|taken| taken.item.delivery.was_cut_off(self.plan));
        }
    }
}
