//! The numbers of the bus and of its report, against the log.

use std::collections::{BTreeMap, HashSet};

use super::deliveries::given_up;
use super::history::{Fate, Run};
use super::log::How;
use super::oracle::Case;
use super::refusals::{CEILING, ceiling_not_near};
use super::runs::was_not_flushed;
use super::scenario::{Ending, Time};

pub(crate) fn the_numbers_add_up(case: &mut Case<'_>) {
    let Some(numbers) = case.played.ended.numbers else { return };
    let history = &case.history;
    // What was scheduled, and was not due at the end, was never accepted.
    let not_due = case.played.ended.farewell.as_ref().map_or(0, |farewell| farewell.not_due);
    let scheduled = (history.scheduled().count() as u64).checked_sub(not_due);
    let Some(scheduled) = scheduled else {
        return case.problem(format!("{not_due} events are said to be not due: so many are none"));
    };
    let accepted = history.accepted().count() as u64 + scheduled;
    let begun = history.events.values().filter(|event| !event.runs.is_empty()).count() as u64;
    let (runs, both) = (history.runs.len() as u64, given_up(history) as u64);
    let refused = |fate: &Fate| matches!(fate, Fate::Refused { .. });
    let refused = history.events.values().filter(|event| refused(&event.fate)).count() as u64;
    let told_dropped: u64 = history.accepted().map(|event| dropped(&event.fate)).sum();
    let succeeded = history.ended(How::Succeeded).count() as u64;
    let failed = history.ended(How::Failed).chain(history.ended(How::Panicked)).count() as u64;
    let cut = history.ended(How::Cut).count() as u64;
    let farewell = case.played.ended.farewell.clone();
    let abandoned = farewell.map_or(0, |farewell| farewell.abandoned.len() as u64);

    // Emitted by a run that succeeded, and not accepted: the only ones that nobody was told of.
    let Some(lost) = accepted.checked_sub(numbers.published) else {
        return case
            .problem(format!("published: expected at most {accepted}, got {}", numbers.published));
    };
    case.equal("refused", refused, numbers.rejected);
    // `lost` is in what was accepted and in what was dropped.
    // An event that was dropped when it had begun for some of its handlers is both.
    let accounted = begun + numbers.unhandled + numbers.dropped;
    let least = if case.cuts() { accepted } else { accepted + both };
    if !(least..=accepted + both).contains(&accounted) {
        return case.problem(format!(
            "events that were delivered, unhandled or dropped: expected {accepted} (and {both} \
             twice), got {accounted}"
        ));
    }
    case.equal("runs that ended well, failed or were cut off", runs, {
        numbers.processed + numbers.failed + abandoned
    });
    if cut < abandoned {
        case.problem(format!("{abandoned} runs are said to be cut off, but only {cut} were"));
    }
    let not_flushed = (numbers.failed + abandoned).checked_sub(failed + cut);
    let Some(not_flushed) = not_flushed else {
        return case.problem(format!(
            "failed or cut off: expected at least {}, got {} and {abandoned}",
            failed + cut,
            numbers.failed
        ));
    };
    case.equal("runs that ended well", succeeded - not_flushed.min(succeeded), numbers.processed);
    // What is due in the middle of the end may find the queue closed.
    if !case.cuts() || scheduled == 0 {
        the_lost_ones_are_effects(case, lost, not_flushed);
    }
    let least = told_dropped + lost;
    if !case.cuts() {
        case.equal("dropped, all in all", least, numbers.dropped);
    } else if numbers.dropped < least {
        case.problem(format!("dropped: expected at least {least}, got {}", numbers.dropped));
    }
}

fn dropped(fate: &Fate) -> u64 {
    if let Fate::Accepted { dropped, .. } = fate { *dropped as u64 } else { 0 }
}

/// `runs` runs have emitted the `lost` events together.
fn the_lost_ones_are_effects(case: &mut Case<'_>, lost: u64, runs: u64) {
    if lost == 0 && runs == 0 {
        return;
    }
    // Which runs is not known, so all sums are formed that there may be.
    let mut sums = HashSet::from([(0, 0)]);
    for run in case.history.ended(How::Succeeded).filter(|run| was_not_flushed(&case.history, run))
    {
        let emitted = run.emitted.len() as u64;
        let succeeded = |run: &&Run| matches!(run.ended, Some((_, _, How::Succeeded)));
        let n = case.history.batch_of(run.began.0).filter(succeeded).count() as u64;
        let more: Vec<_> = sums.iter().map(|(runs, events)| (runs + n, events + emitted)).collect();
        sums.extend(more.into_iter().filter(|(r, e)| *r <= runs && *e <= lost));
    }
    if !sums.contains(&(runs, lost)) {
        case.problem(format!(
            "{runs} runs failed since their effects were not queued, and {lost} events were lost: \
             no such runs are in the log"
        ));
    }
    if !case.cuts()
        && let Some(why_not) = ceiling_not_near(case)
    {
        case.problem(format!("{lost} effects were lost, though {why_not}"));
    }
}

pub(crate) fn the_report_says_what_was_cut_off(case: &mut Case<'_>) {
    let ended = case.played.ended.clone();
    let (Some(numbers), Some(farewell)) = (ended.numbers, ended.farewell) else { return };
    case.equal("the report's completed", numbers.processed, farewell.completed);
    case.equal("the report's failed", numbers.failed, farewell.failed);
    let dropped = numbers.dropped - ended.dropped_before;
    // On several threads, some may have been dropped between the look and the shutdown.
    if case.time == Time::Virtual || farewell.dropped > dropped {
        case.equal("the report's dropped", dropped, farewell.dropped);
    }
    case.equal("the report's commands left", 0, farewell.commands_left);
    if !case.cuts() && !farewell.abandoned.is_empty() {
        case.problem(format!("all had time, and {:?} were cut off", farewell.abandoned));
    }
    let timeout = case.history.scenario.event_timeout_ms();
    // By name: the runs that were cut, and those of them that were not out of time.
    let mut cut: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for run in case.history.ended(How::Cut) {
        let (all, early) = cut.entry(case.history.name_of(run)).or_default();
        *all += 1;
        *early += usize::from(timeout.is_none_or(|timeout| span(run) < timeout));
    }
    for name in &farewell.abandoned {
        cut.entry(name.clone()).or_default();
    }
    for (name, (all, early)) in cut {
        let got = farewell.abandoned.iter().filter(|abandoned| **abandoned == name).count();
        if !(early..=all).contains(&got) {
            case.problem(format!(
                "{early} runs of {name} were cut off, and {} timed out or were cut off in their \
                 last moment: the report names it {got} times",
                all - early
            ));
        }
    }
    if let Ending::Midway { drain_ms, grace_ms, .. } = case.history.scenario.ending
        && case.time == Time::Virtual
        && farewell.took_ms > drain_ms + 2 * grace_ms + 1
    {
        case.problem(format!("the shutdown took {} ms", farewell.took_ms));
    }
}

fn span(run: &Run) -> u64 {
    run.ended.map_or(0, |(_, ended, _)| ended - run.began.1)
}

pub(crate) fn nothing_is_left(case: &mut Case<'_>) {
    let Some(numbers) = case.played.ended.numbers else { return };
    let most = case.history.scenario.settings.capacity * (CEILING + 1);
    // What has begun and has to wait for a slot has no place left over there.
    let most = most + usize::try_from(numbers.waited_for_slots).unwrap_or(usize::MAX);
    if numbers.largest_queue > most {
        let got = numbers.largest_queue;
        case.problem(format!("the most that were ever queued: expected at most {most}, got {got}"));
    }
    case.equal("queued at the end", 0, numbers.queued as u64);
    case.equal("debt at the end", 0, numbers.debt as u64);
    case.equal("events in flight at the end", 0, numbers.events_in_flight);
    case.equal("commands in flight at the end", 0, numbers.commands_in_flight);
}
