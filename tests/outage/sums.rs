//! What has to agree.

use bus::{CircuitReason, CircuitState};

use crate::bank::{ATTEMPT, MS, OPEN_FOR, PROBES, RATIO, WINDOW};
use crate::load::{Outage, Played, Seen};

struct Problems(Vec<String>);
impl Problems {
    fn must(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.0.push(what());
        }
    }
}

pub(crate) fn check(outage: &Outage, played: &Played, seen: &mut Seen) -> Result<(), String> {
    let mut problems = Problems(Vec::new());
    commands(played, &mut problems);
    events(played, &mut problems);
    calls(outage, played, &mut problems);
    breaker(outage, played, &mut problems);
    note(outage, played, seen);
    if problems.0.is_empty() { Ok(()) } else { Err(problems.0.join("\n")) }
}

/// Offered is rejected, each for a reason, or succeeded, or failed and kept.
fn commands(played: &Played, problems: &mut Problems) {
    let told = &played.told;
    problems.must(told.other.is_empty(), || format!("{:?}", told.other));
    let rejected = told.circuit_open + told.full + told.late;
    let (well, failed) = (told.well.len() as u64, told.failed.len() as u64);
    problems.must(told.offered == rejected + well + failed, || format!("{told:?}"));
    let state = played.bank.state.lock().unwrap();
    // Each that succeeded was done once; each that failed, when its letter was retried; no other at all.
    let done = state.well.iter().filter(|((who, _), _)| matches!(*who, "charge" | "refund"));
    for (call, times) in done.clone() {
        let is_known = told.well.contains(call) || told.failed.contains(call);
        problems.must(*times == 1 && is_known, || format!("{call:?} was done {times} times"));
    }
    problems.must(done.count() as u64 == well + failed, || format!("{well} + {failed}"));
    let (of_bus, _) = &played.after;
    problems.must(of_bus.commands_in_flight == 0, || format!("{of_bus:?}"));
}

/// None is lost: handled by both, at once or later, or as a dead letter that was retried.
fn events(played: &Played, problems: &mut Problems) {
    let runs = 2 * played.events;
    let ((before, letters), (after, gone)) = (&played.before, &played.after);
    let of_commands = played.told.failed.len() as u64;
    let of_events = letters.buried - of_commands;
    problems.must(before.processed + before.failed == runs, || format!("{runs}: {before:?}"));
    problems.must(before.failed == of_events, || format!("{before:?}, {letters:?}"));
    problems.must(letters.present as u64 == letters.buried, || format!("{letters:?}"));
    problems.must(after.processed == runs && after.failed == before.failed, || {
        format!("{runs}: {after:?}")
    });
    let left = (gone.present, gone.evicted, after.queued, after.dropped, after.rejected);
    problems.must(left == (0, 0, 0, 0, 0), || format!("{gone:?}, {after:?}"));
    problems.must(gone.succeeded == gone.buried, || format!("{gone:?}"));
    let state = played.bank.state.lock().unwrap();
    for nr in 0..played.events {
        for who in ["post", "report"] {
            let times = state.well.get(&(who, nr)).copied().unwrap_or_default();
            problems.must(times == 1, || format!("{who} has handled {nr} {times} times"));
        }
    }
}

/// What the bank was asked is first calls and retries, and of these no more than the budget allows.
fn calls(outage: &Outage, played: &Played, problems: &mut Problems) {
    let state = played.bank.state.lock().unwrap();
    let (first, retries) = (played.first, played.retries);
    problems
        .must(state.inside.values().all(|inside| *inside == 0), || format!("{:?}", state.inside));
    for who in ["charge", "refund", "post"] {
        let most = state.most_inside.get(who).copied().unwrap_or_default();
        problems.must(most <= outage.places, || format!("{most} of {who} at once"));
    }
    // Each that was called at all was called for the first time once.
    let called = played.told.well.len() as u64 + played.told.failed.len() as u64;
    let (of_bus, _) = &played.before;
    let runs = of_bus.processed + of_bus.failed;
    problems.must(first == called + runs, || format!("{first} first calls: {called} and {runs}"));
    problems.must(retries <= first * u64::from(outage.max_retries), || format!("{retries}"));
    // What the budget allows in any window, and there are so many of them.
    let windows = played.lasted.as_secs_f64() / WINDOW.as_secs_f64() + 1.0;
    let always = f64::from(outage.per_second) * WINDOW.as_secs_f64();
    let allowed = RATIO * first as f64 + windows.ceil() * always;
    problems.must(retries as f64 <= allowed, || format!("{retries} retries, {allowed} allowed"));
}

/// Nobody calls what is known to be down; and when it is well, that is found out in time.
fn breaker(outage: &Outage, played: &Played, problems: &mut Problems) {
    let state = played.bank.state.lock().unwrap();
    problems.must(state.while_open.is_empty(), || format!("while open: {:?}", state.while_open));
    let well_at = OPEN_FOR + ATTEMPT + (PROBES * 5 + 10) * MS + (2 * outage.every) as u32 * MS;
    let recovered = played.recovered_after;
    problems.must(recovered.is_some_and(|after| after <= well_at), || {
        format!("closed again after {recovered:?}, not {well_at:?}")
    });
    // Not opened again by what was paused.
    let last = played.changes.last();
    let is_closed = last.is_none_or(|change| change.to == CircuitState::Closed);
    let closed_well = last.is_none_or(|change| change.reason == CircuitReason::Recovered);
    problems.must(is_closed && closed_well, || format!("{last:?}"));
}

fn note(outage: &Outage, played: &Played, seen: &mut Seen) {
    let told = &played.told;
    let add = |seen: &mut usize, is: bool| *seen += usize::from(is);
    add(&mut seen.succeeded, !told.well.is_empty());
    add(&mut seen.failed, !told.failed.is_empty());
    add(&mut seen.circuit_open, told.circuit_open > 0);
    add(&mut seen.full, told.full > 0);
    add(&mut seen.late, told.late > 0);
    add(&mut seen.letters, played.before.0.failed > 0);
    add(&mut seen.paused, played.paused > 0);
    let all = (told.failed.len() as u64 + played.before.0.failed) * u64::from(outage.max_retries);
    add(&mut seen.budget_was_empty, played.retries < all);
}
