//! What is said of retries, breakers and the like, and makes no sense.

use std::collections::BTreeMap;
use std::time::Duration;

use super::breaker::BadSetting;
use super::said::{Breaker, Choice};
use super::{Jitter, Resilience, RetryConfig};
use crate::core::Settings;
use crate::registry::plan::Plan;
use crate::registry::problem::WiringProblem;

impl RetryConfig {
    /// What no retry can be.
    pub(crate) fn problems(&self) -> Vec<BadSetting> {
        let (initial, most, base) = (self.initial_delay, self.max_delay, self.exponential_base);
        let spread = match self.jitter {
            Jitter::Spread(part) => part,
            _ => 0.0,
        };
        let checks = [
            (
                self.max_retries == 0,
                "max_retries",
                "0".to_owned(),
                "at least 1: leave the retry out for none",
            ),
            (initial > most, "initial_delay", format!("{initial:?}"), "at most the `max_delay`"),
            (
                !(base.is_finite() && base >= 1.0),
                "exponential_base",
                base.to_string(),
                "at least 1, and finite",
            ),
            (
                !(0.0..=1.0).contains(&spread),
                "jitter",
                format!("Spread({spread})"),
                "a spread from 0 to 1",
            ),
        ];
        checks.into_iter().filter(|check| check.0).map(|(_, s, v, range)| (s, v, range)).collect()
    }
}

impl Resilience {
    pub(crate) fn problems(&self) -> Vec<BadSetting> {
        let retry = self.retry.iter().flat_map(RetryConfig::problems);
        let breaker = self.breaker.iter().flat_map(|breaker| breaker.problems());
        let attempt = zero("attempt_timeout", self.attempt_timeout);
        let later = self.later.iter().filter_map(|delay| zero("delayed_retries", Some(*delay)));
        retry.chain(breaker).chain(self.budget.problems()).chain(attempt).chain(later).collect()
    }
}

fn zero(setting: &'static str, time: Option<Duration>) -> Option<BadSetting> {
    let is_zero = time == Some(Duration::ZERO);
    is_zero.then(|| (setting, "0 s".to_owned(), "longer than that"))
}

/// What is said of a handler and cannot be.
pub(crate) fn problems_of(plan: &Plan, settings: &Settings) -> Vec<WiringProblem> {
    let said = &plan.said;
    let mut problems = Vec::new();
    problems.extend(said.retry.on().iter().flat_map(|retry| retry.problems()));
    problems.extend(said.breaker.on().iter().flat_map(|breaker| breaker.config.problems()));
    problems.extend(said.budget.iter().flat_map(|budget| budget.problems()));
    problems.extend(zero("attempt_timeout", said.attempt_timeout));
    let later = said.later.iter().flatten();
    problems.extend(later.filter_map(|delay| zero("delayed_retries", Some(*delay))));
    let is_command = plan.message.is_command();
    let of_bus = if is_command { settings.command_timeout } else { settings.event_timeout };
    if let (Some(one), Some(all)) = (said.attempt_timeout, plan.timeout.get().or(of_bus))
        && one > all
    {
        let range = "at most the timeout of all attempts";
        problems.push(("attempt_timeout", format!("{one:?} where that is {all:?}"), range));
    }
    if said.room.is_some() && !(is_command && plan.concurrency.is_some()) {
        let range = "left out: it is for commands whose handler has a `concurrency`";
        problems.push(("waiting_room", "given".to_owned(), range));
    }
    let problem = |(setting, value, range): BadSetting| {
        let value = format!("{value} for the handler {}", plan.handler);
        WiringProblem::BadSetting { setting, value, range }
    };
    let mut problems: Vec<_> = problems.into_iter().map(problem).collect();
    if plan.may_keep() {
        return problems;
    }
    let wants =
        [(said.retry.on().is_some(), "retry"), (said.dead_letters == Some(true), "dead_letters")];
    for (_, what) in wants.into_iter().filter(|(wants, _)| *wants) {
        problems.push(WiringProblem::CannotBeKept {
            what,
            handler: plan.handler.clone(),
            command: plan.message.name(),
            short: plan.message.short_name(),
        });
    }
    problems
}

/// Those who share a breaker want the same of it.
pub(crate) fn problems_of_breakers<'p>(
    plans: impl Iterator<Item = &'p Plan>,
) -> Vec<WiringProblem> {
    let mut first_of: BTreeMap<&str, (&Plan, &Breaker)> = BTreeMap::new();
    let mut problems = Vec::new();
    for plan in plans {
        let Choice::On(breaker) = &plan.said.breaker else { continue };
        let Some(name) = &breaker.name else { continue };
        let (first, its) = first_of.entry(name).or_insert((plan, breaker));
        if its.config != breaker.config {
            problems.push(WiringProblem::SharedBreaker {
                name: name.clone(),
                first: first.handler.clone(),
                second: plan.handler.clone(),
            });
        }
    }
    problems
}

/// Where the bus is resilient, and a handler cannot be.
pub(crate) fn note_of(plan: &Plan, settings: &Settings) -> Option<String> {
    let bus = settings.resilience.as_ref()?;
    let is_left_out = !plan.may_keep() && plan.said.retry == Choice::Open && bus.retry.is_some();
    is_left_out.then(|| {
        let (handler, short) = (&plan.handler, plan.message.short_name());
        format!(
            "handler {handler} is not called again when it fails, and keeps no dead letters: it takes \
             {short} by value; let it take `&{short}`, or derive `Clone` for that"
        )
    })
}
