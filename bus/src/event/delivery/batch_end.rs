//! What has become of a batch: an outcome for each event, and which of them are given to the handler again.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use super::batch::Taken;
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::error::Error;
use crate::event::effects::{discard, flush};
use crate::handler::batch::BatchAnswer;
use crate::observe::What;
use crate::pipeline::attempts::Record;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::middleware::source::{LeftOut, Why};
use crate::pipeline::run::{drop_users, text_of_users};
use crate::probe::{self, Delays};
use crate::registry::plan::Plan;
use crate::resilience::ErrorClass;
use crate::resilience::dead_letters::FailedAttempt;
use crate::resilience::fault::Fault;

/// An event for which the handler has failed.
pub(super) struct FailedItem {
    error: String,
    /// `None`: it was rejected by a middleware, or nothing is known.
    record: Option<Record>,
    /// May it be given to the handler again, by what is known of its own error?
    is_transient: bool,
    /// Where the handler was called with it less often than with the others.
    calls: Option<u32>,
}

/// What has become of an event.
enum ItemOutcome {
    Well,
    Failed(FailedItem),
    /// It was dropped before the handler was called with it: its loss is told by the queue.
    Dropped,
}

/// In the order of the events.
pub(super) struct Outcome {
    items: Vec<ItemOutcome>,
    /// When the batch was begun, if that is measured.
    began: Option<Instant>,
}

impl Outcome {
    /// What was rejected has failed, whatever becomes of the others. `attempt`: the last call of the handler; `former`:
    /// what had failed before that went well.
    pub(super) fn of(
        core: &Core,
        context: &Context,
        attempt: u32,
        answer: Result<BatchAnswer, Failure>,
        (record, former): (Option<Record>, Option<Record>),
        left_out: LeftOut,
        taken: &[Taken<'_>],
    ) -> Self {
        let mut items: Vec<_> = taken.iter().map(|_| ItemOutcome::Well).collect();
        for (&at, why) in &left_out.places {
            items[at] = ItemOutcome::left_out(why, former.as_ref());
        }
        // In the order of the slice that the handler was given.
        let is_handled = |at: &usize| !left_out.places.contains_key(at);
        let handled: Vec<_> = (0..taken.len()).filter(is_handled).collect();
        match outcome(core, context, answer, handled.len()) {
            Ok(failed) => {
                for (at, error) in failed {
                    if let item @ ItemOutcome::Well = &mut items[handled[at]] {
                        *item = ItemOutcome::Failed(FailedItem::of(core, attempt, &error));
                    }
                    drop_users(error);
                }
            }
            Err(error) => {
                discard(core, context);
                let were_called = left_out.places.iter().filter(|(_, why)| why.calls() > Some(0));
                let were_called = were_called.map(|(at, why)| (*at, why.calls()));
                for (at, calls) in were_called.chain(handled.into_iter().map(|at| (at, None))) {
                    let (error, record) = (error.clone(), record.clone());
                    let failed = FailedItem { error, record, is_transient: false, calls };
                    items[at] = ItemOutcome::Failed(failed);
                }
            }
        }
        Self { items, began: context.began() }
    }
}

impl ItemOutcome {
    fn left_out(why: &Why, former: Option<&Record>) -> Self {
        let (error, record) = match why {
            Why::Rejected(reason) => (reason.clone(), None),
            // What it had failed with, the handler has given up on.
            Why::Dropped { calls: 0 } => return Self::Dropped,
            Why::Dropped { .. } => {
                let error = "it was dropped from the queue while it waited to be handled again";
                (error.to_owned(), former.cloned())
            }
        };
        Self::Failed(FailedItem { error, record, is_transient: false, calls: why.calls() })
    }
}

impl FailedItem {
    /// Of an error of its own.
    fn of(core: &Core, attempt: u32, error: &Error) -> Self {
        let class = error.class().unwrap_or(ErrorClass::Transient);
        let chain = text_of_users(|| error.chain());
        let at = core.settings.clock.system_time();
        let record = Record {
            fault: Fault::Class(class),
            error: text_of_users(|| error.to_string()),
            chain: chain.clone(),
            history: vec![FailedAttempt::new(attempt, at, chain.clone())],
        };
        let is_transient = class == ErrorClass::Transient;
        Self { error: chain, record: Some(record), is_transient, calls: None }
    }
}

/// Which of the events have failed, or why all of them have.
fn outcome(
    core: &Core,
    context: &Context,
    answer: Result<BatchAnswer, Failure>,
    handled: usize,
) -> Result<Vec<(usize, Error)>, String> {
    let answer = answer.map_err(|failure| failure.to_string())?;
    let outcome = answer.map_err(|error| {
        let text = text_of_users(|| error.chain());
        drop_users(error);
        text
    })?;
    if let Some((at, error)) = outcome.failed.iter().find(|(at, _)| *at >= handled) {
        let error = text_of_users(|| error.chain());
        return Err(format!("it says that event {at} of {handled} has failed: {error}"));
    }
    flush(core, context).map_err(|not_flushed| not_flushed.to_string())?;
    Ok(outcome.failed)
}

/// Those of the events that the handler has failed with are given to it again, as often as its policy says.
#[derive(Default)]
pub(super) struct Again<'a> {
    delays: Option<Delays>,
    /// How often the handler was called with them before.
    made: u32,
    /// When it was first, if that is measured.
    began: Option<Instant>,
    /// Of each event that is given to it again.
    histories: Vec<Vec<FailedAttempt>>,
    /// It has given up on these, and one that comes before them in their lane is given to it again: their
    /// letters come after that of the other, if there is to be one.
    held: Vec<GivenUp<'a>>,
}

/// An event that the handler is not called with any more.
pub(super) struct GivenUp<'a> {
    pub(super) taken: Taken<'a>,
    error: String,
    record: Option<Record>,
    attempts: u32,
    began: Option<Instant>,
}

impl<'a> Again<'a> {
    /// How often the handler was called with them before.
    pub(super) fn made(&self) -> u32 {
        self.made
    }

    /// Those that wait for such as are given to it again.
    pub(super) fn held(&self) -> &[GivenUp<'a>] {
        &self.held
    }

    /// It is given nothing again.
    pub(super) fn end(self, core: &Core, plan: &Plan) {
        self.held.into_iter().for_each(|held| held.end(core, plan));
    }

    /// After this long, if at all.
    fn next(&mut self, core: &Core, plan: &Plan) -> Option<Duration> {
        let policy = plan.policy.as_ref()?;
        let retry = policy.retry.as_ref()?;
        let delay = self.delays.get_or_insert_with(|| probe::delays(core, retry)).next()?;
        let now = core.settings.clock.now();
        // What would come after the end of time does not come.
        now.checked_add(delay)?;
        let allowed = policy.budget.as_ref().is_none_or(|budget| budget.withdraw(now));
        allowed.then_some(delay)
    }
}

/// A run that is over.
pub(super) struct Ended<'a> {
    pub(super) core: &'a Core,
    pub(super) plan: &'a Plan,
    pub(super) taken: Vec<Taken<'a>>,
    pub(super) made: u32,
}

impl<'a> Ended<'a> {
    /// Those that are given to the handler again, and when.
    pub(super) fn conclude(
        self,
        outcome: Outcome,
        again: &mut Again<'a>,
    ) -> Option<(Vec<Taken<'a>>, Duration)> {
        let may = self.may_be_called_again(&outcome);
        // Of the first call: what is measured is all attempts together.
        if again.made == 0 {
            again.began = outcome.began;
        }
        let began = again.began;
        let Self { core, plan, taken, made } = self;
        again.made += made;
        let mut histories = std::mem::take(&mut again.histories).into_iter();
        let delay = if may.contains(&true) { again.next(core, plan) } else { None };
        let (mut left, mut failures) = (Vec::new(), Vec::new());
        for ((taken, failed), may) in taken.into_iter().zip(outcome.items).zip(may) {
            let mut history = histories.next().unwrap_or_default();
            let FailedItem { error, mut record, calls, .. } = match failed {
                ItemOutcome::Failed(failed) => failed,
                ItemOutcome::Well => {
                    taken.item.delivery.ended_well(plan, began, again.made);
                    continue;
                }
                ItemOutcome::Dropped => continue,
            };
            history.extend(record.iter_mut().flat_map(|record| record.history.drain(..)));
            if may && let Some(after) = delay {
                tell_again(plan, &taken, again.made, after, &error);
                again.histories.push(history);
                left.push(taken);
                continue;
            }
            if let Some(record) = &mut record {
                record.history = history;
            }
            let attempts = calls.unwrap_or(again.made);
            failures.push(GivenUp { taken, error, record, attempts, began });
        }
        failures.retain(|failed| !failed.is_of_no_interest(plan, began));
        // Those that have waited come after those of their lane that are given up now.
        failures.append(&mut again.held);
        let lanes: HashSet<_> = left.iter().filter_map(|taken| taken.turn.lane()).collect();
        let waits = |failed: &mut GivenUp<'_>| {
            keeps(plan, failed.record.as_ref())
                && failed.taken.turn.lane().is_some_and(|lane| lanes.contains(&lane))
        };
        again.held = failures.extract_if(.., waits).collect();
        tell(plan, &left, delay);
        log(plan, &failures, left.len());
        failures.into_iter().for_each(|failed| failed.end(core, plan));
        Some((left, delay?))
    }

    /// In the order of the events: those that have failed, and may be given to the handler again. What comes
    /// after one that becomes a dead letter does not overtake it.
    fn may_be_called_again(&self, outcome: &Outcome) -> Vec<bool> {
        let mut given_up = HashSet::new();
        let all = self.taken.iter().zip(&outcome.items);
        let may = all.map(|(taken, failed)| {
            let ItemOutcome::Failed(failed) = failed else { return false };
            let lane = taken.turn.lane().filter(|_| keeps(self.plan, failed.record.as_ref()));
            let may = failed.is_transient && lane.is_none_or(|lane| !given_up.contains(&lane));
            given_up.extend(lane.filter(|_| !may));
            may
        });
        may.collect()
    }
}

/// Is a dead letter made of it?
fn keeps(plan: &Plan, record: Option<&Record>) -> bool {
    let policy = plan.policy.as_ref().zip(record);
    policy.is_some_and(|(policy, record)| policy.is_dead_letter(record.fault))
}

impl GivenUp<'_> {
    fn is_of_no_interest(&self, plan: &Plan, began: Option<Instant>) -> bool {
        let (delivery, record) = (&self.taken.item.delivery, self.record.as_ref());
        delivery.is_of_no_interest(plan, began, &self.error, self.attempts, record)
    }

    fn end(self, core: &Core, plan: &Plan) {
        let Self { taken, error, record, attempts, began } = self;
        let delivery = &taken.item.delivery;
        let seed = Seed { began: began.into(), ..delivery.seed(plan) };
        let held = Held::new(core, seed);
        delivery.item_ended_badly(plan, held.context(), &error, attempts, record);
    }
}

/// Those that are given to the handler again.
fn tell(plan: &Plan, left: &[Taken<'_>], delay: Option<Duration>) {
    let (Some(first), Some(delay)) = (left.first(), delay) else { return };
    let (message_name, handler) = (first.item.delivery.envelope.info.name(), &plan.handler);
    tracing::info!(message_name, %handler, again = left.len(), "a batch handler failed: again in {delay:?}");
}

fn tell_again(plan: &Plan, taken: &Taken<'_>, attempt: u32, after: Duration, error: &str) {
    let (handler, delayed) = (&plan.handler, false);
    let what = || What::Retrying { handler, attempt, after, error, delayed };
    taken.item.delivery.observe(what);
}

/// Once, however many have failed.
fn log(plan: &Plan, failures: &[GivenUp<'_>], again: usize) {
    let Some(GivenUp { taken, error, .. }) = failures.first() else { return };
    let handler = &plan.handler;
    tracing::error!(
        event = taken.item.delivery.envelope.info.name(),
        handler = &*handler.name,
        at = format_args!("{}:{}", handler.file, handler.line),
        failed = failures.len(),
        again,
        error,
        "a batch handler failed"
    );
}
