//! What must be true of a script that was played.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use bus::RetryError;

use crate::random::{Ends, Played, Scenario};
use crate::world::{Paid, nr};

/// A handler and the number of an event.
type Pair = (String, u32);

/// Of all scripts: did what is interesting happen at all?
#[derive(Default)]
pub(crate) struct Coverage {
    scripts: usize,
    seen: BTreeMap<&'static str, usize>,
}

impl Coverage {
    fn saw(&mut self, what: &'static str, n: impl TryInto<usize>) {
        *self.seen.entry(what).or_default() += usize::from(n.try_into().unwrap_or(1) > 0);
    }
    pub(crate) fn is_enough(self) {
        for (what, n) in &self.seen {
            assert!(self.scripts < 100 || *n * 100 > self.scripts, "only {n} with {what}");
        }
        println!("{} scripts, of which with {:?}", self.scripts, self.seen);
    }
}

/// What is not true.
#[derive(Default)]
struct Problems(Vec<String>);

impl Problems {
    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

pub(crate) async fn judge(
    scenario: &Scenario,
    played: Played,
    coverage: &RefCell<Coverage>,
    failed: bool,
) -> Vec<String> {
    let mut problems = Problems::default();
    let done = played.world.all_done();
    in_order(&played, &done, &mut problems);
    each_once(&played, &done, &mut problems);
    adds_up(scenario, &played, &done, &mut problems);
    if scenario.ends == Ends::Rest {
        is_at_rest(&played, &mut problems).await;
    }
    if !failed {
        cover(&played, &mut coverage.borrow_mut());
    }
    problems.0
}

/// For each handler and key, what went well is in the order in which it was published. So nothing went well
/// twice.
fn in_order(played: &Played, done: &[Pair], problems: &mut Problems) {
    let mut last: BTreeMap<(&str, u32), u32> = BTreeMap::new();
    for (handler, nr) in done {
        let key = (handler.as_str(), played.published[nr]);
        if let Some(before) = last.insert(key, *nr) {
            problems.must(before < *nr, || format!("{handler}: {nr} after {before}"));
        }
    }
}

/// Each event has one end for each of its handlers: it was handled, or is kept, or was thrown away, by hand or
/// to make room; at the shutdown it may have been dropped.
fn each_once(played: &Played, done: &[Pair], problems: &mut Problems) {
    let letters = played.bus.dead_letters().list();
    let kept = letters.iter().map(|letter| (letter.handler.name.to_string(), nr(letter)));
    let ends = [done.to_vec(), kept.collect(), played.discarded.clone()].concat();
    let mut ended = BTreeSet::new();
    for pair in ends {
        problems.must(!ended.contains(&pair), || format!("{pair:?} has two ends"));
        ended.insert(pair);
    }
    let pairs =
        |handler: &'static str| played.published.keys().map(move |nr| (handler.to_owned(), *nr));
    let missing: Vec<_> =
        pairs("book").chain(pairs("ship")).filter(|pair| !ended.contains(pair)).collect();
    let stats = played.bus.dead_letters().stats();
    let lost = usize::try_from(stats.evicted + stats.refused).unwrap();
    let dropped = played
        .report
        .as_ref()
        .map_or(0, |report| usize::try_from(report.dropped).unwrap() + report.abandoned.len());
    let events: BTreeSet<_> = missing.iter().map(|(_, nr)| nr).collect();
    // An event is dropped once, whatever handlers are left without it.
    problems.must(events.len() <= lost + dropped, || {
        format!("{missing:?} are missing; {lost} were lost, {dropped} dropped")
    });
    if played.report.is_none() {
        let is_known = if played.registered == 0 { missing.len() == lost } else { true };
        problems.must(is_known && missing.len() <= lost, || {
            format!("{missing:?} are missing, and {lost} were lost: {stats:?}")
        });
    }
}

fn adds_up(scenario: &Scenario, played: &Played, done: &[Pair], problems: &mut Problems) {
    let (stats, of_bus) = (played.bus.dead_letters().stats(), played.bus.stats());
    let ended = stats.evicted + stats.discarded + stats.succeeded;
    let sum = stats.present as u64 + ended;
    problems.must(stats.buried == sum && stats.parked <= stats.buried, || format!("{stats:?}"));
    let discarded = played.discarded.len() as u64;
    problems.must(stats.discarded == discarded, || format!("{discarded} discarded: {stats:?}"));
    problems.must(of_bus.processed == done.len() as u64, || {
        format!("{} went well: {of_bus:?}", done.len())
    });
    let gone: Vec<_> = played.retried.iter().flatten().flatten().collect();
    let different: BTreeSet<_> = gone.iter().collect();
    problems.must(different.len() == gone.len() && gone.len() as u64 <= stats.succeeded, || {
        format!("{gone:?} were retried with success: {stats:?}")
    });
    problems.must(stats.succeeded <= stats.retried, || format!("{stats:?}"));
    let left = (of_bus.queued, of_bus.events_in_flight, of_bus.lanes, of_bus.debt);
    problems.must(left == (0, 0, 0, 0), || format!("{of_bus:?}"));
    match &played.report {
        None => {
            problems.must(of_bus.dropped == 0, || format!("{of_bus:?}"));
            // What is parked or refused was not called, and is no failure that is announced.
            let failed = played.failed + stats.parked + stats.refused;
            problems.must(of_bus.failed == failed, || {
                format!("{} announced: {of_bus:?}, {stats:?}", played.failed)
            });
        }
        Some(report) => {
            let counts = (report.completed, report.failed, report.dropped);
            problems.must(counts == (of_bus.processed, of_bus.failed, of_bus.dropped), || {
                format!("{report:?}: {of_bus:?}")
            });
            let left = (report.events_left, report.abandoned.len());
            problems.must(left == (0, 0), || format!("{scenario:?}: {report:?}"));
        }
    }
}

/// Nothing is left, and nothing is in the way of what comes.
async fn is_at_rest(played: &Played, problems: &mut Problems) {
    let bus = &played.bus;
    let stats = bus.dead_letters().stats();
    problems.must((stats.present, stats.sequences) == (0, 0), || format!("left: {stats:?}"));
    for order in 0..3 {
        let settled = bus.publish(Paid { order, nr: 100_000 + order }).and_wait().await.unwrap();
        problems.must(settled.is_ok(), || format!("key {order} is still held up: {settled:?}"));
    }
    let after = bus.dead_letters().stats();
    problems.must(after == stats, || format!("{after:?}"));
}

fn cover(played: &Played, coverage: &mut Coverage) {
    let stats = played.bus.dead_letters().stats();
    coverage.scripts += 1;
    coverage.saw("letters", stats.buried);
    coverage.saw("parked ones", stats.parked);
    coverage.saw("evicted ones", stats.evicted);
    coverage.saw("discarded ones", stats.discarded);
    coverage.saw("ones that went well at last", stats.succeeded);
    coverage.saw("handlers that came and went", played.registered);
    coverage.saw("a shutdown", usize::from(played.report.is_some()));
    let dropped = played.report.as_ref().map_or(0, |report| report.dropped);
    coverage.saw("events that waited for a breaker at the shutdown", dropped);
    let is_long = |ids: &Vec<_>| ids.len() > 1;
    let long = played.retried.iter().flatten().filter(|ids| is_long(ids));
    coverage.saw("a sequence that was run", long.count());
    let of = |is_it: fn(&RetryError) -> bool| {
        played
            .retried
            .iter()
            .filter_map(|retried| retried.as_ref().err())
            .filter(|e| is_it(e))
            .count()
    };
    coverage.saw("a retry that failed", of(|error| matches!(error, RetryError::Failed { .. })));
    coverage.saw("a retry of a later one", of(|error| matches!(error, RetryError::Behind { .. })));
    coverage.saw("a retry of a busy one", of(|error| matches!(error, RetryError::Busy { .. })));
}
