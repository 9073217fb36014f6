//! Whether those who were refused were refused for a reason.

use bus::PublishErrorKind;

use super::history::{Event, Fate};
use super::log::By;
use super::oracle::Case;
use super::scenario::{Strategy, Time};

/// How many capacities handlers may publish over the capacity.
pub(crate) const CEILING: usize = 10;

/// The reason fits who was refused, the settings and the hour; and the event came back.
pub(crate) fn each_refusal_has_its_reason(case: &mut Case<'_>) {
    let mut found = Vec::new();
    for event in case.history.events.values() {
        match &event.fate {
            Fate::Refused { at, ms, why, gave_back } => {
                let id = event.card.id;
                if *gave_back != event.card {
                    found.push(format!("event {id} was refused, and {gave_back:?} came back"));
                }
                if let Some(wrong) = wrong(case, event, why, *at, *ms) {
                    let by = event.by;
                    found.push(format!("event {id} of {by:?} was refused ({why}): {wrong}"));
                }
            }
            Fate::Accepted { at, .. } => {
                // On several threads, the one who was told may be the last to write it down.
                let root = matches!(event.by, By::Publisher(_));
                if root && case.time == Time::Virtual && at.0 > case.history.ending.0 {
                    found.push(format!("event {} came in after the end began", event.card.id));
                }
            }
            Fate::Cancelled | Fate::KeptBack | Fate::Scheduled { .. } => {}
            Fate::Unknown => {
                found.push(format!("who published event {} was never answered", event.card.id));
            }
        }
    }
    found.into_iter().for_each(|what| case.problem(what));
}

/// What is wrong with a refusal.
fn wrong(
    case: &Case<'_>,
    event: &Event,
    why: &PublishErrorKind,
    at: usize,
    ms: u64,
) -> Option<String> {
    let settings = &case.history.scenario.settings;
    let is_root = matches!(event.by, By::Publisher(_));
    let ending = at > case.history.ending.0;
    match why {
        // Whether it was full was looked at when it was said.
        PublishErrorKind::Full { .. } => {
            let may = is_root && settings.strategy != Strategy::DropOldest;
            (!may).then(|| "it should have been taken, whatever is queued".to_owned())
        }
        PublishErrorKind::TimedOut { .. } => {
            let Strategy::Block { timeout_ms } = settings.strategy else {
                return Some("nobody waits with this strategy".to_owned());
            };
            if case.time == Time::Real {
                return Some("there was room all the time, again and again".to_owned());
            }
            let waited = ms - event.offered_ms;
            let exact = (timeout_ms..=timeout_ms + 1).contains(&waited);
            (!exact).then(|| format!("it should have waited {timeout_ms} ms, not {waited} ms"))
        }
        PublishErrorKind::Ceiling { ceiling } => {
            let expected = settings.capacity * CEILING;
            if *ceiling != expected || is_root {
                return Some(format!("the ceiling is {expected}, and for handlers alone"));
            }
            ceiling_not_near(case)
        }
        PublishErrorKind::ShuttingDown => {
            let may = is_root && ending;
            (!may).then(|| "only those outside are refused, once the shutdown began".to_owned())
        }
        PublishErrorKind::Closed => {
            let may = ending && (is_root || case.cuts());
            (!may).then(|| "the bus is not closed while handlers have time".to_owned())
        }
        other => Some(format!("{other:?} is no reason that the model knows")),
    }
}

/// Says so if handlers cannot have met the ceiling: the queue was never that long.
pub(crate) fn ceiling_not_near(case: &Case<'_>) -> Option<String> {
    let most = case.played.ended.numbers?.largest_queue;
    let limit = case.history.scenario.settings.capacity * (CEILING + 1);
    // What a handler emits is queued all at once.
    let at_once = case.history.runs.values().map(|run| run.emitted.len()).max().unwrap_or_default();
    let at_once = at_once.max(1);
    (most + at_once <= limit).then(|| {
        format!(
            "no more than {most} events were ever queued and {at_once} emitted at once, \
             but the ceiling is at {limit}"
        )
    })
}
