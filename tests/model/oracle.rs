//! What must be true of every scenario that was played.

use std::fmt::Write;

use super::history::History;
use super::log::Entry;
use super::play::Played;
use super::scenario::{Scenario, Time};
use super::{deliveries, lanes, refusals, runs, totals};

/// The problems that are shown, and how much of the log.
const MOST_PROBLEMS: usize = 8;
const MOST_ENTRIES: usize = 120;

/// What is checked, and what was found.
pub(crate) struct Case<'a> {
    pub(crate) history: History<'a>,
    pub(crate) played: &'a Played,
    pub(crate) time: Time,
    problems: Vec<String>,
}

impl Case<'_> {
    pub(crate) fn problem(&mut self, what: String) {
        self.problems.push(what);
    }

    /// Two numbers that have to be the same.
    pub(crate) fn equal(&mut self, what: &str, expected: u64, got: u64) {
        if expected != got {
            self.problem(format!("{what}: expected {expected}, got {got}"));
        }
    }

    pub(crate) fn cuts(&self) -> bool {
        self.history.scenario.cuts(self.time)
    }
}

/// In words, all that is wrong; nothing if nothing is.
pub(crate) fn judge(scenario: &Scenario, time: Time, played: &Played) -> String {
    let history = History::new(scenario, &played.entries);
    let mut case = Case { history, played, time, problems: played.broken.clone() };
    deliveries::each_event_reaches_each_handler_once(&mut case);
    deliveries::what_was_emitted_together_is_queued_together(&mut case);
    deliveries::a_group_waits_for_the_one_before(&mut case);
    deliveries::events_begin_in_the_order_in_which_they_were_accepted(&mut case);
    lanes::runs_of_a_handler_in_a_lane_do_not_overlap(&mut case);
    lanes::events_of_a_lane_keep_their_order(&mut case);
    refusals::each_refusal_has_its_reason(&mut case);
    runs::not_too_many_are_pending(&mut case);
    runs::no_run_is_longer_than_its_timeout(&mut case);
    runs::each_announcement_is_of_a_failure(&mut case);
    runs::nothing_runs_after_the_end(&mut case);
    totals::the_numbers_add_up(&mut case);
    totals::the_report_says_what_was_cut_off(&mut case);
    totals::nothing_is_left(&mut case);
    describe(&case.problems, played)
}

fn describe(problems: &[String], played: &Played) -> String {
    if problems.is_empty() {
        return String::new();
    }
    let mut text = String::new();
    for problem in problems.iter().take(MOST_PROBLEMS) {
        let _ = writeln!(text, "* {problem}");
    }
    if problems.len() > MOST_PROBLEMS {
        let _ = writeln!(text, "* and {} more", problems.len() - MOST_PROBLEMS);
    }
    let _ = writeln!(text, "at the end: {:?}", played.ended);
    let _ = writeln!(text, "the log:");
    for (at, Entry { ms, fact }) in played.entries.iter().enumerate().take(MOST_ENTRIES) {
        let _ = writeln!(text, "{at:4} at {ms:4} ms: {fact:?}");
    }
    text
}
