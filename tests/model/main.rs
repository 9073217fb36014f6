//! The event side of the bus against a plain model.
//!
//! A [`Scenario`] is settings, handlers, publishers and an end. It is played on a real bus; what
//! publishers were told and what handlers did goes into a [`Log`]; the oracle then says what must
//! be true of that log. The oracle knows nothing of the bus but its numbers and its report.
//!
//! ```console
//! $ PROPTEST_CASES=10000 cargo test --release --test model
//! ```

mod batches;
mod coverage;
mod deliveries;
mod events;
mod handlers;
mod history;
mod lanes;
mod log;
mod numbers;
mod oracle;
mod plain;
mod play;
mod publishers;
mod refusals;
mod runs;
mod scenario;
mod strategies;
mod totals;
mod world;

use std::cell::{Cell, RefCell};

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

use coverage::Coverage;
use log::Log;
use scenario::Time;

/// 256 cases, or `PROPTEST_CASES`.
fn check(config: Config, time: Time) -> Coverage {
    let coverage = RefCell::new(Coverage::default());
    // What is tried after the first failure only makes it smaller.
    let failed_at = Cell::new(None);
    let outcome = TestRunner::new(config).run(&strategies::scenario(time), |scenario| {
        let played = play::play(&scenario, time);
        let problems = match &played {
            Ok(played) => oracle::judge(&scenario, time, played),
            Err(hung) => hung.clone(),
        };
        if let (Ok(played), None) = (&played, failed_at.get()) {
            coverage.borrow_mut().add(&scenario, played);
        }
        if problems.is_empty() {
            return Ok(());
        }
        let cases = coverage.borrow().cases();
        failed_at.set(failed_at.get().or(Some(cases)));
        Err(TestCaseError::fail(problems))
    });
    if let Err(error) = outcome {
        panic!("case {}: {error}", failed_at.get().unwrap_or_default());
    }
    coverage.into_inner()
}

#[test]
fn every_event_is_accounted_for() {
    // What failed once is tried first the next time.
    let seeds = Box::new(FileFailurePersistence::Direct("tests/model/regressions.txt"));
    let config = Config { failure_persistence: Some(seeds), ..Config::default() };
    check(Config { max_shrink_iters: 20_000, ..config }, Time::Virtual).is_enough();
}

#[test]
fn every_event_is_accounted_for_on_several_threads() {
    // A seed does not bring back what threads did, so none is kept.
    // For the same reason there is little sense in making such a case smaller.
    let config = Config { failure_persistence: None, max_shrink_iters: 50, ..Config::default() };
    check(config, Time::Real);
}
