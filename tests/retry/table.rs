//! What is called again, when, and what comes of it: the table, for commands and for events.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::prelude::*;
use bus::{Cause, ErrorClass};

use super::{
    Deferred, Discard, Do, Does, Done, Hang, Malformed, Panic, Permanent, Transient, Was, Well,
    build,
};

struct Case {
    script: &'static [Does],
    /// Attempts, and when in ms.
    calls: &'static [(u32, u64)],
    succeeds: bool,
    /// Of the dead letter.
    buried: Option<Cause>,
}

const CASES: &[Case] = &[
    Case { script: &[Well], calls: &[(1, 0)], succeeds: true, buried: None },
    Case { script: &[Transient, Well], calls: &[(1, 0), (2, 100)], succeeds: true, buried: None },
    Case {
        script: &[Transient, Transient, Transient, Well],
        calls: &[(1, 0), (2, 100), (3, 300), (4, 700)],
        succeeds: true,
        buried: None,
    },
    Case {
        script: &[Transient],
        calls: &[(1, 0), (2, 100), (3, 300), (4, 700)],
        succeeds: false,
        buried: Some(Cause::Failed(ErrorClass::Transient)),
    },
    Case {
        script: &[Permanent],
        calls: &[(1, 0)],
        succeeds: false,
        buried: Some(Cause::Failed(ErrorClass::Permanent)),
    },
    Case {
        script: &[Transient, Malformed],
        calls: &[(1, 0), (2, 100)],
        succeeds: false,
        buried: Some(Cause::Failed(ErrorClass::Malformed)),
    },
    Case { script: &[Panic], calls: &[(1, 0)], succeeds: false, buried: Some(Cause::Panicked) },
    // Deferred: later, and no retry is used up.
    Case {
        script: &[Deferred, Transient, Transient, Transient, Well],
        calls: &[(1, 0), (2, 700), (3, 800), (4, 1000), (5, 1400)],
        succeeds: true,
        buried: None,
    },
    // Each attempt has 2 s.
    Case { script: &[Hang, Well], calls: &[(1, 0), (2, 2100)], succeeds: true, buried: None },
    Case {
        script: &[Hang],
        calls: &[(1, 0), (2, 2100), (3, 4300), (4, 6700)],
        succeeds: false,
        buried: Some(Cause::TimedOut),
    },
];

#[tokio::test]
async fn commands_are_called_again() {
    for Case { script, calls: expected, succeeds, buried } in CASES {
        let (bus, calls) = build(script, |builder| builder);
        let report = bus.run(bus.execute(Do).detailed()).await;
        assert_eq!(&calls.times(), expected, "{script:?}");
        assert_eq!((report.success, report.attempts as usize), (*succeeds, expected.len()));
        if let Err(error) = &report.result {
            let letter = error.dead_letter().and_then(|id| bus.dead_letters().get(id));
            assert_eq!(letter.as_ref().map(|letter| letter.cause), *buried, "{script:?}");
            assert_eq!(letter.unwrap().attempts as usize, expected.len());
            let text = error.to_string();
            assert_eq!(text.contains(" attempts: "), expected.len() > 1, "{text}");
        }
        bus.settle().await;
        let emitted = bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed);
        assert_eq!(emitted, u32::from(*succeeds), "{script:?}: what failed has emitted nothing");
        assert_eq!(bus.dead_letters().len(), usize::from(buried.is_some()));
    }
}

#[tokio::test]
async fn handlers_of_events_are_called_again() {
    for Case { script, calls: expected, succeeds, buried } in CASES {
        let (bus, calls) = build(script, |builder| builder);
        let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
        assert_eq!(&calls.times(), expected, "{script:?}");
        assert_eq!(settled.failures.is_empty(), *succeeds, "{script:?}");
        if let Some(failure) = settled.failures.first() {
            assert_eq!(failure.attempts as usize, expected.len());
        }
        let letters = bus.dead_letters().list();
        assert_eq!(letters.first().map(|letter| letter.cause), *buried, "{script:?}");
        let stats = bus.stats();
        let emitted = u64::from(*succeeds);
        assert_eq!((stats.processed, stats.failed), (2 * emitted, 1 - emitted), "{script:?}");
    }
}

#[tokio::test]
async fn what_is_of_no_interest_is_neither_a_failure_nor_a_letter() {
    let (bus, calls) = build(&[Transient, Discard], |builder| builder);
    let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
    assert!(settled.failures.is_empty());
    assert_eq!(calls.times().len(), 2);
    let stats = bus.stats();
    assert_eq!((stats.processed, stats.failed, stats.discarded), (1, 0, 1));
    // A command has to be answered.
    let (bus, _) = build(&[Discard], |builder| builder);
    let error = bus.execute(Do).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Handler(Was(Discard))));
    assert!(error.dead_letter().is_none() && bus.dead_letters().is_empty());
}

/// Its destructor panics.
#[derive(Debug, thiserror::Error)]
#[error("a bomb")]
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("it goes off");
    }
}
#[command(error = Bomb, retry(max_retries = 3, initial_delay = "100ms", jitter = none))]
struct Defuse;
#[handler(manual)]
async fn defuse(_: &Defuse, count: &Res<AtomicU32>) -> Result<(), Bomb> {
    if count.fetch_add(1, Ordering::Relaxed) < 3 { Err(Bomb) } else { Ok(()) }
}
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn trips(_: &Done) -> Result<(), Bomb> {
    Err(Bomb)
}
#[handler(manual, batch = 2, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn trips_often(events: &[Arc<Done>]) -> bus::BatchOutcome {
    events.iter().map(|_| Err(bus::Error::from(Bomb))).collect()
}

#[tokio::test]
async fn errors_whose_destructors_panic_are_errors() {
    let (bus, calls) = build(&[Well], |builder| {
        builder.handler::<defuse>().handler::<trips>().handler::<trips_often>()
    });
    // The caller has none of those before.
    bus.run(bus.execute(Defuse)).await.unwrap();
    for n in 1..=2 {
        let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
        let mut told: Vec<_> = settled.failures.iter().map(|f| f.error.as_str()).collect();
        told.dedup();
        assert_eq!((settled.failures.len(), told), (2, vec!["a bomb"]));
        assert_eq!(calls.times().len(), n, "its neighbours are not concerned");
        assert_eq!(bus.dead_letters().len(), 2 * n);
    }
    assert_eq!((bus.stats().events_in_flight, bus.stats().queued), (0, 0));
}
