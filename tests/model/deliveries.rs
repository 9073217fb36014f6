//! Which handlers an event reaches, how often, and in which order.

use std::collections::{BTreeMap, HashSet};

use super::history::{Event, Fate, History};
use super::log::{By, How};
use super::oracle::Case;
use super::scenario::{Kind, Strategy, Time};

/// Every handler of its type, once; or none at all, for an event that was not accepted or was
/// dropped; or some, for one that was dropped while the others waited for a slot. (That the dropped
/// ones are counted is a matter of the totals.)
pub(crate) fn each_event_reaches_each_handler_once(case: &mut Case<'_>) {
    let mut found = Vec::new();
    for run in case.history.runs.values() {
        match case.history.events.get(&run.event) {
            None => found.push(format!("event {} was never published, and was handled", run.event)),
            Some(event) if event.card != run.card => {
                found.push(format!("published was {:?}, handled was {:?}", event.card, run.card));
            }
            Some(_) => {}
        }
    }
    let cuts = case.cuts();
    for event in case.history.events.values() {
        look_at(&case.history, event, cuts, &mut found);
    }
    found.into_iter().for_each(|what| case.problem(what));
}

fn look_at(history: &History<'_>, event: &Event, cuts: bool, found: &mut Vec<String>) {
    let id = event.card.id;
    let told = match event.fate {
        Fate::Accepted { id: told, .. } => told,
        Fate::Scheduled { due_ms, taken_back: false } => {
            let early = history.runs_of(event).find(|run| run.began.1 < due_ms);
            found.extend(early.map(|run| {
                format!("event {id} was due at {due_ms} ms, and began at {} ms", run.began.1)
            }));
            None
        }
        _ if event.runs.is_empty() => return,
        _ => {
            return found
                .push(format!("event {id} was {:?}, and was handled all the same", event.fate));
        }
    };
    let ids: HashSet<_> = history.runs_of(event).filter_map(|run| run.id).chain(told).collect();
    if ids.len() > 1 {
        found.push(format!("event {id} has several message ids: {ids:?}"));
    }
    for index in 0..history.handlers_of(event.card).len() {
        let runs = history.runs_of(event).filter(|run| run.handler == index).count();
        if runs > 1 || (runs == 0 && !event.runs.is_empty() && !may_be_given_up(history, cuts)) {
            let name = history.name(event.card, index);
            found.push(format!("event {id} and handler {name}: expected 1 run, got {runs}"));
        }
    }
}

/// An event that has begun may be dropped while some of its handlers wait for a slot.
fn may_be_given_up(history: &History<'_>, cuts: bool) -> bool {
    cuts || history.scenario.settings.strategy == Strategy::DropOldest
}

/// How many events have begun and did not reach all of their handlers.
pub(crate) fn given_up(history: &History<'_>) -> usize {
    let is_partly = |event: &&Event| {
        let reached: HashSet<_> = history.runs_of(event).map(|run| run.handler).collect();
        !reached.is_empty() && reached.len() < history.handlers_of(event.card).len()
    };
    history.accepted().chain(history.scheduled()).filter(is_partly).count()
}

/// Effects are all or nothing.
pub(crate) fn what_was_emitted_together_is_queued_together(case: &mut Case<'_>) {
    if case.cuts() || case.history.scenario.settings.strategy == Strategy::DropOldest {
        // Some of them may have been dropped after they were queued.
        return;
    }
    let mut found = Vec::new();
    for run in case.history.ended(How::Succeeded) {
        let emitted = run.emitted.iter().map(|id| &case.history.events[id]);
        let (begun, not_begun): (Vec<_>, Vec<_>) = emitted
            .filter(|event| !case.history.handlers_of(event.card).is_empty())
            .partition(|event| !event.runs.is_empty());
        if !begun.is_empty() && !not_begun.is_empty() {
            found.push(format!(
                "of what handler {} emitted for event {}, {} events were handled and {} were not",
                case.history.name_of(run),
                run.event,
                begun.len(),
                not_begun.len()
            ));
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}

/// For one event, the runs of a higher priority have ended before those of a lower one begin.
pub(crate) fn a_group_waits_for_the_one_before(case: &mut Case<'_>) {
    let history = &case.history;
    let mut found = Vec::new();
    for event in history.events.values() {
        for later in history.runs_of(event) {
            for earlier in history.runs_of(event) {
                let before = history.priority(earlier) > history.priority(later);
                let ended = earlier.ended.map_or(usize::MAX, |(at, _, _)| at);
                if before && ended > later.began.0 {
                    found.push(format!(
                        "event {}: handler {} began (entry {}) before {} had ended (entry {ended})",
                        event.card.id,
                        history.name_of(later),
                        later.began.0,
                        history.name_of(earlier),
                    ));
                }
            }
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}

/// Those of a type: a batch is grouped by type. On one thread that is the order of all of them. On
/// several the log cannot know it, but for those that one task or one handler has published one
/// after another; and what waits for a slot gets it in order, but begins in a task of its own.
pub(crate) fn events_begin_in_the_order_in_which_they_were_accepted(case: &mut Case<'_>) {
    let waited = case.played.ended.numbers.is_none_or(|numbers| numbers.waited_for_slots > 0);
    if waited && case.time == Time::Real {
        return;
    }
    let mut queues: BTreeMap<(Option<By>, Kind), Vec<_>> = BTreeMap::new();
    for event in case.history.accepted() {
        let Fate::Accepted { at, .. } = event.fate else { continue };
        if event.card.lane().is_some() {
            // Those of its lane are looked at elsewhere; others do not wait for it.
            continue;
        }
        let by = (case.time == Time::Real).then_some(event.by);
        if let Some(first) = event.runs.first() {
            queues.entry((by, event.card.kind)).or_default().push((at, *first, event.card.id));
        }
    }
    let mut found = Vec::new();
    for queue in queues.values_mut() {
        queue.sort_unstable();
        for pair in queue.windows(2) {
            let [(_, former, one), (_, latter, other)] = pair else { continue };
            if former > latter {
                found.push(format!(
                    "event {one} was accepted before event {other}, but began after it \
                     (entries {former} and {latter})"
                ));
            }
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}
