//! The order inside of lanes.

use std::collections::BTreeMap;

use super::history::{Event, Fate, History, Run};
use super::log::By;
use super::oracle::Case;
use super::scenario::{Kind, Time};

type Lane = (Kind, u64);

/// A handler ends with an event before it begins the next of the lane, unless both are in one batch.
pub(crate) fn runs_of_a_handler_in_a_lane_do_not_overlap(case: &mut Case<'_>) {
    let history = &case.history;
    let mut found = Vec::new();
    let mut last: BTreeMap<(Kind, usize, Lane), &Run> = BTreeMap::new();
    for run in history.runs.values() {
        let Some(lane) = run.card.lane() else { continue };
        let Some(former) = last.insert((run.card.kind, run.handler, lane), run) else { continue };
        if !is_over(former, run) && !is_one_batch(former, run) {
            found.push(both(history, former, run, "began while", "was at work in their lane"));
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}

/// Events of one lane are handled in the order in which they were accepted: by each handler, and where
/// they are of two types, by all of them.
pub(crate) fn events_of_a_lane_keep_their_order(case: &mut Case<'_>) {
    let history = &case.history;
    let mut lanes: BTreeMap<(Option<By>, Lane), Vec<(_, &Event)>> = BTreeMap::new();
    for event in history.accepted() {
        let (Fate::Accepted { at, .. }, Some(lane)) = (&event.fate, event.card.lane()) else {
            continue;
        };
        // On several threads, only one who publishes knows in which order.
        let by = (case.time == Time::Real).then_some(event.by);
        lanes.entry((by, lane)).or_default().push((*at, event));
    }
    let mut found = Vec::new();
    for lane in lanes.values_mut() {
        lane.sort_unstable_by_key(|(at, _)| *at);
        for (at, (_, former)) in lane.iter().enumerate() {
            for (_, latter) in &lane[at + 1..] {
                look_at(history, former, latter, &mut found);
            }
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}

fn look_at(history: &History<'_>, former: &Event, latter: &Event, found: &mut Vec<String>) {
    let is_stream = former.card.kind != latter.card.kind;
    for one in history.runs_of(former) {
        for other in history.runs_of(latter) {
            if is_stream && !is_over(one, other) {
                found.push(both(
                    history,
                    one,
                    other,
                    "began before",
                    "of the same stream had ended",
                ));
            }
            if !is_stream && one.handler == other.handler && other.began.0 < one.began.0 {
                found.push(both(history, one, other, "began before", "which was accepted first"));
            }
        }
    }
}

fn is_over(former: &Run, latter: &Run) -> bool {
    former.ended.is_some_and(|(at, _, _)| at < latter.began.0)
}

fn is_one_batch(one: &Run, other: &Run) -> bool {
    let first = |run: &Run| run.batch.unwrap_or(run.began.0);
    first(one) == first(other)
}

fn both(history: &History<'_>, one: &Run, other: &Run, did: &str, what: &str) -> String {
    format!(
        "event {} and handler {} {did} event {} and handler {} {what} (entries {} and {})",
        other.event,
        history.name_of(other),
        one.event,
        history.name_of(one),
        other.began.0,
        one.began.0,
    )
}
