//! The event side of the bus against a plain model.
//!
//! A [`Scenario`] is settings, handlers, publishers and an end. It is played on a real bus; what
//! publishers were told and what handlers did goes into a [`Log`]; the oracle then says what must
//! be true of that log. The oracle knows nothing of the bus but its numbers and its report.
//!
//! ```console
//! $ PROPTEST_CASES=10000 cargo test --release --test model
//! ```

#[path = "model/deliveries.rs"]
mod deliveries;
#[path = "model/events.rs"]
mod events;
#[path = "model/handlers.rs"]
mod handlers;
#[path = "model/history.rs"]
mod history;
#[path = "model/log.rs"]
mod log;
#[path = "model/numbers.rs"]
mod numbers;
#[path = "model/oracle.rs"]
mod oracle;
#[path = "model/play.rs"]
mod play;
#[path = "model/publishers.rs"]
mod publishers;
#[path = "model/refusals.rs"]
mod refusals;
#[path = "model/runs.rs"]
mod runs;
#[path = "model/scenario.rs"]
mod scenario;
#[path = "model/strategies.rs"]
mod strategies;
#[path = "model/totals.rs"]
mod totals;
#[path = "model/world.rs"]
mod world;

use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};

use log::Log;
use scenario::Time;

/// 256 cases, or `PROPTEST_CASES`.
fn check(config: Config, time: Time) {
    let mut runner = TestRunner::new(config);
    let outcome = runner.run(&strategies::scenario(time), |scenario| {
        let played = play::play(&scenario, time).map_err(TestCaseError::fail)?;
        let problems = oracle::judge(&scenario, time, &played);
        if problems.is_empty() { Ok(()) } else { Err(TestCaseError::fail(problems)) }
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
}

#[test]
fn every_event_is_accounted_for() {
    // What failed once is tried first the next time.
    let seeds = Box::new(FileFailurePersistence::Direct("tests/model/regressions.txt"));
    let config = Config { failure_persistence: Some(seeds), ..Config::default() };
    check(Config { max_shrink_iters: 20_000, ..config }, Time::Virtual);
}

#[test]
fn every_event_is_accounted_for_on_several_threads() {
    // A seed does not bring back what threads did, so none is kept.
    // For the same reason there is little sense in making such a case smaller.
    let config = Config { failure_persistence: None, max_shrink_iters: 50, ..Config::default() };
    check(config, Time::Real);
}
