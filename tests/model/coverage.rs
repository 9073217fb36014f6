//! Whether the scenarios did what they are for: a property that nothing was tried on holds always.

use std::collections::BTreeMap;

use bus::PublishErrorKind;

use super::history::{Fate, History, Run};
use super::log::{By, How};
use super::play::Played;
use super::runs::was_not_flushed;
use super::scenario::{Kind, Scenario};

/// So many cases have to have shown everything at least once.
const ENOUGH_CASES: usize = 256;

const WANTED: [&str; 27] = [
    "a batch of several events",
    "a batch that failed in part",
    "a bus that was dropped with handlers at work",
    "a handler that was cut off by the shutdown",
    "a handler that was out of time",
    "a run that failed",
    "a run that panicked",
    "a run that succeeded",
    "an announcement of a failure",
    "an event at depth 2",
    "an event that nobody handles",
    "an event that was cancelled before it was accepted",
    "an event that was dropped for a newer one",
    "an event that was due in time",
    "an event that was emitted and handled",
    "an event that was emitted and kept back",
    "an event that was not due at the end",
    "an event that was taken back",
    "an event that was left in the queue by the shutdown",
    "debt",
    "two events of a lane",
    "two types in a lane",
    "effects that were lost",
    "refused: closed or shutting down",
    "refused: full",
    "refused: out of time",
    "refused: the ceiling",
];

#[derive(Default)]
pub(crate) struct Coverage {
    cases: usize,
    seen: BTreeMap<&'static str, usize>,
}

impl Coverage {
    pub(crate) fn add(&mut self, scenario: &Scenario, played: &Played) {
        let history = History::new(scenario, &played.entries);
        self.cases += 1;
        for what in WANTED {
            if is_in(&history, played, what) {
                *self.seen.entry(what).or_default() += 1;
            }
        }
    }

    pub(crate) fn cases(&self) -> usize {
        self.cases
    }

    /// Says what was never seen, if there were enough cases to see it.
    pub(crate) fn is_enough(&self) {
        let missing: Vec<_> =
            WANTED.into_iter().filter(|what| !self.seen.contains_key(what)).collect();
        let enough = self.cases >= ENOUGH_CASES;
        assert!(!enough || missing.is_empty(), "in {} cases never: {missing:?}", self.cases);
        println!("in {} cases: {:#?}", self.cases, self.seen);
    }
}

/// The kinds of the runs in each lane.
fn lanes(history: &History<'_>) -> BTreeMap<(Kind, u64), Vec<Kind>> {
    let mut lanes: BTreeMap<_, Vec<Kind>> = BTreeMap::new();
    for run in history.runs.values() {
        lanes
            .entry(run.card.lane().unwrap_or((run.card.kind, run.event)))
            .or_default()
            .push(run.card.kind);
    }
    lanes
}

fn is_in(history: &History<'_>, played: &Played, what: &str) -> bool {
    let any = |how| history.ended(how).next().is_some();
    let fate = |is: fn(&Fate) -> bool| history.events.values().any(|event| is(&event.fate));
    let refused = |is: fn(&PublishErrorKind) -> bool| {
        let why = |fate: &Fate| matches!(fate, Fate::Refused { why, .. } if is(why));
        history.events.values().any(|event| why(&event.fate))
    };
    let numbers = played.ended.numbers;
    let farewell = played.ended.farewell.as_ref();
    match what {
        "a batch of several events" => history.runs.values().any(|run| run.batch.is_some()),
        "a batch that failed in part" => history.ended(How::Failed).any(|run| {
            let of_batch = |other: &Run| matches!(other.ended, Some((_, _, How::Succeeded)));
            history.batch_of(run.began.0).any(of_batch)
        }),
        "an event that was due in time" => history.scheduled().any(|event| !event.runs.is_empty()),
        "an event that was not due at the end" => {
            farewell.is_some_and(|farewell| farewell.not_due > 0)
        }
        "an event that was taken back" => {
            fate(|fate| matches!(fate, Fate::Scheduled { taken_back: true, .. }))
        }
        "two events of a lane" => lanes(history).values().any(|lane| lane.len() > 1),
        "two types in a lane" => {
            lanes(history).values().any(|lane| lane.iter().any(|kind| *kind != lane[0]))
        }
        "a bus that was dropped with handlers at work" => farewell.is_none() && any(How::Cut),
        "a handler that was cut off by the shutdown" => {
            farewell.is_some_and(|farewell| !farewell.abandoned.is_empty())
        }
        "a handler that was out of time" => {
            farewell.is_some_and(|farewell| farewell.abandoned.is_empty()) && any(How::Cut)
        }
        "a run that failed" => any(How::Failed),
        "a run that panicked" => any(How::Panicked),
        "a run that succeeded" => any(How::Succeeded),
        "an announcement of a failure" => !history.announced.is_empty(),
        "an event at depth 2" => history.runs.values().any(|run| run.card.depth == 2),
        "an event that nobody handles" => numbers.is_some_and(|numbers| numbers.unhandled > 0),
        "an event that was cancelled before it was accepted" => {
            fate(|fate| *fate == Fate::Cancelled)
        }
        "an event that was dropped for a newer one" => {
            fate(|fate| matches!(fate, Fate::Accepted { dropped: 1.., .. }))
        }
        "an event that was emitted and handled" => {
            history.accepted().any(|event| matches!(event.by, By::Run(_)) && !event.runs.is_empty())
        }
        "an event that was emitted and kept back" => fate(|fate| *fate == Fate::KeptBack),
        "an event that was left in the queue by the shutdown" => {
            farewell.is_some_and(|farewell| farewell.dropped > 0)
        }
        "debt" => numbers
            .is_some_and(|numbers| numbers.largest_queue > history.scenario.settings.capacity),
        "effects that were lost" => {
            let accepted = history.accepted().count() as u64;
            let lost = numbers.is_some_and(|numbers| numbers.published < accepted);
            lost && history.ended(How::Succeeded).any(|run| was_not_flushed(history, run))
        }
        "refused: closed or shutting down" => {
            refused(|why| matches!(why, PublishErrorKind::Closed | PublishErrorKind::ShuttingDown))
        }
        "refused: full" => refused(|why| matches!(why, PublishErrorKind::Full { .. })),
        "refused: out of time" => refused(|why| matches!(why, PublishErrorKind::TimedOut { .. })),
        "refused: the ceiling" => refused(|why| matches!(why, PublishErrorKind::Ceiling { .. })),
        other => unreachable!("{other} is looked for, and nothing says what it is"),
    }
}
