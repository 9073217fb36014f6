//! The runs of handlers: how many at once, how long, and what is said of them.

use bus::MessageId;

use super::history::{Fate, History, Run};
use super::log::How;
use super::oracle::Case;
use super::scenario::{Scenario, Time};

/// How many runs may be pending at once.
fn most_pending(scenario: &Scenario) -> usize {
    scenario.settings.concurrency
}

pub(crate) fn not_too_many_are_pending(case: &mut Case<'_>) {
    let (most, got) = (most_pending(case.history.scenario), case.played.most_pending);
    if got > most {
        case.problem(format!("pending at the same time: expected at most {most} runs, got {got}"));
    }
}

/// On the paused clock a run ends in the very millisecond, or the one it is rounded up to.
pub(crate) fn no_run_is_longer_than_its_timeout(case: &mut Case<'_>) {
    let Some(timeout) = case.history.scenario.event_timeout_ms() else { return };
    let mut found = Vec::new();
    for run in case.history.runs.values() {
        let Some((_, ended, how)) = run.ended else { continue };
        let (name, took) = (case.history.name_of(run), ended - run.began.1);
        if took > timeout + 1 {
            found.push(format!(
                "event {} and handler {name}: the run took {took} ms, its timeout is {timeout} ms",
                run.event
            ));
        }
        if how == How::Cut && took < timeout && !case.cuts() {
            found.push(format!(
                "event {} and handler {name}: cut off after {took} ms of {timeout} ms",
                run.event
            ));
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}

/// Each once, and of a run that failed; and none is missing if the bus had the time to tell.
pub(crate) fn each_announcement_is_of_a_failure(case: &mut Case<'_>) {
    let history = &case.history;
    let mut found = Vec::new();
    let mut told = history.announced.clone();
    told.sort_by_key(|(id, handler)| (format!("{id:?}"), handler.clone()));
    for pair in told.windows(2) {
        if pair[0] == pair[1] {
            found.push(format!("the failure of {} for {:?} was told twice", pair[0].1, pair[0].0));
        }
    }
    for (id, handler) in &told {
        let is_it = |run: &&Run| is_of(history, run, *id) && history.name_of(run) == *handler;
        if !history.runs.values().filter(is_it).any(|run| may_have_failed(case, run)) {
            found.push(format!("the failure of {handler} for {id:?} was told, and did not happen"));
        }
    }
    let (numbers, listens) = (case.played.ended.numbers, history.scenario.settings.listens);
    if let Some(numbers) = numbers
        && listens
        && !case.cuts()
    {
        let all = told.len() as u64 + numbers.own_dropped;
        case.equal("failures that were announced", numbers.failed, all);
    }
    found.into_iter().for_each(|what| case.problem(what));
}

/// Is it a run of the event with this id? The id of one that was emitted or scheduled, and is handled in
/// batches alone, is known to nobody.
fn is_of(history: &History<'_>, run: &Run, id: MessageId) -> bool {
    let event = &history.events[&run.event];
    let told = match event.fate {
        Fate::Accepted { id, .. } => id,
        _ => None,
    };
    let mut ids = history.runs_of(event).filter_map(|run| run.id).chain(told).peekable();
    ids.peek().is_none() || ids.any(|other| other == id)
}

/// A run that succeeded has failed all the same if its effects could not be queued.
fn may_have_failed(case: &Case<'_>, run: &Run) -> bool {
    match run.ended {
        Some((_, _, How::Succeeded)) => {
            let mut of_batch = case.history.batch_of(run.began.0);
            of_batch.any(|run| was_not_flushed(&case.history, run))
        }
        Some(_) => true,
        None => false,
    }
}

/// Has a run that succeeded emitted events of which none was handled? Then they may have been lost.
pub(crate) fn was_not_flushed(history: &History<'_>, run: &Run) -> bool {
    let events = &history.events;
    !run.emitted.is_empty() && run.emitted.iter().all(|id| events[id].runs.is_empty())
}

/// Once the shutdown has returned, or the last handle is gone, handlers do nothing any more.
pub(crate) fn nothing_runs_after_the_end(case: &mut Case<'_>) {
    let (_, ended) = case.history.ending;
    let mut found = Vec::new();
    for run in case.history.runs.values() {
        let (id, name) = (run.event, case.history.name_of(run));
        if run.began.0 > ended {
            found.push(format!("event {id} and handler {name}: began after the end of the bus"));
        }
        match run.ended {
            Some((at, _, _)) if at < ended => {}
            Some((at, _, how)) => found.push(format!(
                "event {id} and handler {name}: {how:?} (entry {at}) after the bus had ended"
            )),
            None => found.push(format!("event {id} and handler {name}: never ended")),
        }
    }
    // What is told of an event that is in the queue for ever would be wrong too.
    for event in case.history.events.values() {
        if let Fate::Accepted { at, .. } = event.fate
            && at.0 > ended
            && case.time == Time::Virtual
        {
            found.push(format!("event {} was accepted after the bus had ended", event.card.id));
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}
