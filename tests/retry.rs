//! Retries: who is called again, when, how often, and what is known afterwards. For commands and events the
//! same tables.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};
use bus::{
    Call, Cause, Classify, Clock, CommandResultEvent, CommandStartedEvent, ErrorClass, Handled,
    Jitter, Next, Resilience, RetryBudget, RetryConfig, middleware,
};

const MS: Duration = Duration::from_millis(1);

/// What a handler does, call after call; the last one again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    Transient,
    Permanent,
    Malformed,
    Discard,
    Deferred,
    Panic,
    Hang,
}
use Does::{Deferred, Discard, Hang, Malformed, Panic, Permanent, Transient, Well};

#[derive(Debug, thiserror::Error)]
#[error("it was {0:?}")]
struct Was(Does);
impl Classify for Was {
    fn class(&self) -> ErrorClass {
        match self.0 {
            Permanent => ErrorClass::Permanent,
            Malformed => ErrorClass::Malformed,
            Discard => ErrorClass::Discard,
            Deferred => ErrorClass::Deferred(700 * MS),
            _ => ErrorClass::Transient,
        }
    }
}

/// When the handler was called, and as which attempt.
#[derive(Default)]
struct Calls {
    script: std::sync::Mutex<Vec<Does>>,
    at: std::sync::Mutex<Vec<(u32, Instant)>>,
}

impl Calls {
    async fn act(&self, cx: &Context) -> Result<u32, Was> {
        let n = {
            let mut at = self.at.lock().unwrap();
            at.push((cx.attempt(), cx.now()));
            at.len() - 1
        };
        let script = self.script.lock().unwrap().clone();
        match script.get(n).or(script.last()) {
            Some(Well) | None => Ok(cx.attempt()),
            Some(Panic) => panic!("it panics"),
            Some(Hang) => {
                cx.sleep(3_600_000 * MS).await;
                panic!("it was left to hang")
            }
            Some(other) => Err(Was(*other)),
        }
    }

    /// The attempts and how long after the first they came, in ms.
    fn times(&self) -> Vec<(u32, u64)> {
        let at = self.at.lock().unwrap();
        let after = |time: &Instant| u64::try_from((*time - at[0].1).as_millis()).unwrap();
        at.iter().map(|(n, time)| (*n, after(time))).collect()
    }
}

#[command(output = u32, error = Was, timeout = "10s", attempt_timeout = "2s",
    retry(max_retries = 3, initial_delay = "100ms", jitter = none))]
struct Do;
#[handler]
async fn carry_out(_: &Do, calls: &Res<Calls>, cx: &Context) -> Result<u32, Was> {
    cx.emit(Happened);
    calls.act(cx).await
}

#[event]
struct Happened;
#[handler]
async fn count(_: &Happened, count: &Res<AtomicU32>) {
    count.fetch_add(1, Ordering::Relaxed);
}

#[event]
struct Done;
#[handler(timeout = "10s", attempt_timeout = "2s",
    retry(max_retries = 3, initial_delay = "100ms", jitter = none))]
async fn hear(_: &Done, calls: &Res<Calls>, cx: &Context) -> Result<(), Was> {
    cx.emit(Happened);
    calls.act(cx).await.map(drop)
}

fn build(script: &[Does], set: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<Calls>) {
    let calls = Calls { script: script.to_vec().into(), ..Calls::default() };
    let builder = TestBus::builder().provide(calls).provide(AtomicU32::new(0));
    let bus = set(builder.only("retry")).build().unwrap();
    let calls = bus.resource().unwrap();
    (bus, calls)
}

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

#[tokio::test]
async fn the_time_of_all_attempts_is_kept() {
    // 10 s for all: four attempts that hang take 8 s and their delays.
    let (bus, calls) =
        build(&[Hang], |builder| builder.configure::<carry_out>(|h| h.timeout(5 * 1000 * MS)));
    let error = bus.run(bus.execute(Do)).await.unwrap_err();
    assert_eq!(calls.times(), [(1, 0), (2, 2100), (3, 4300)]);
    assert_eq!(bus.clock().elapsed(), 5000 * MS);
    assert_eq!(
        error.to_string(),
        "command retry::Do failed after 3 attempts: timed out after 5s",
        "the total, not the attempt's"
    );
    // A delay that would end after it is not waited.
    let retry =
        RetryConfig { initial_delay: 4000 * MS, jitter: Jitter::None, ..RetryConfig::default() };
    let (bus, calls) = build(&[Transient], |builder| {
        builder.configure::<carry_out>(|h| h.timeout(5000 * MS).retry(retry))
    });
    let error = bus.run(bus.execute(Do)).await.unwrap_err();
    assert_eq!((calls.times().len(), bus.clock().elapsed()), (2, 4000 * MS));
    assert!(error.to_string().ends_with("failed after 2 attempts: it was Transient"), "{error}");
    // The caller's word counts.
    let (bus, calls) = build(&[Transient], |builder| builder);
    let error = bus.run(bus.execute(Do).timeout(250 * MS)).await.unwrap_err();
    assert_eq!((calls.times().len(), error.attempts()), (2, 2));
}

/// Only the handler that has failed.
#[handler(manual, priority = 1)]
async fn beside(_: &Done, count: &Res<AtomicU32>) {
    count.fetch_add(100, Ordering::Relaxed);
}

#[tokio::test]
async fn its_neighbours_are_not_called_again() {
    let (bus, calls) = build(&[Transient, Transient, Well], |b| b.handler::<beside>());
    bus.run(bus.publish(Done).and_wait()).await.unwrap();
    assert_eq!(calls.times().len(), 3);
    assert_eq!(bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed), 101);
}

#[tokio::test]
async fn later_rounds_are_for_events_and_in_nobodys_way() {
    let later = [10_000, 20_000].map(|ms| ms * MS);
    let retry = RetryConfig { max_retries: 1, jitter: Jitter::None, ..RetryConfig::default() };
    let (bus, calls) = build(&[Transient], |builder| {
        builder
            .handler::<after>()
            .concurrency(1)
            .configure::<hear>(|h| h.retry(retry).delayed_retries(later))
    });
    let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
    let expected = [(1, 0), (2, 100), (3, 10_100), (4, 10_200), (5, 30_200), (6, 30_300)];
    assert_eq!(calls.times(), expected);
    assert_eq!(bus.clock().elapsed(), 30_300 * MS);
    assert_eq!(settled.failures[0].attempts, 6);
    let letter = &bus.dead_letters().list()[0];
    assert_eq!((letter.attempts, letter.history.len()), (6, 6));
    // The handler of a lower priority has waited for the first round alone, and the one slot of the bus was
    // free for it.
    let after = bus.resource::<AtomicU32>().unwrap().load(Ordering::Relaxed);
    assert_eq!(after, 100);
}

#[handler(manual, priority = -1)]
async fn after(_: &Done, calls: &Res<Calls>, count: &Res<AtomicU32>) {
    tokio::task::yield_now().await;
    assert_eq!(calls.at.lock().unwrap().len(), 2, "it begins when the first round is over");
    count.fetch_add(100, Ordering::Relaxed);
}

#[tokio::test]
async fn the_budget_is_shared() {
    // 2 retries in 10 s, and none for what is called.
    let budget = RetryBudget::new(0.0, 1).window(2 * 1000 * MS);
    let resilience = Resilience::default().budget(budget.clone()).circuit_breaker(None);
    let (bus, calls) = build(&[Transient], |builder| builder.resilient(resilience));
    bus.run(bus.execute(Do)).await.unwrap_err();
    bus.run(bus.execute(Do)).await.unwrap_err();
    let attempts: Vec<_> = calls.times().into_iter().map(|(attempt, _)| attempt).collect();
    assert_eq!(attempts, [1, 2, 3, 1], "two retries of both handlers together");
    assert_eq!(budget.remaining(bus.clock().now()), 0);
    assert_eq!(bus.stats().retries_refused, 2, "one of each command");
}

/// What is said of the commands of a bus.
#[derive(Default)]
struct Told(std::sync::Mutex<Vec<String>>);
#[handler(manual)]
fn hears_starts(_: &CommandStartedEvent, told: &Res<Told>) {
    told.0.lock().unwrap().push("started".into());
}
#[handler(manual)]
fn hears_results(result: &CommandResultEvent, told: &Res<Told>) {
    let line =
        format!("{} after {}", if result.success { "well" } else { "failed" }, result.attempts);
    told.0.lock().unwrap().push(line);
}

#[tokio::test]
async fn a_command_that_is_retried_is_one_command() {
    let script = [Transient, Transient, Well, Transient];
    let (bus, calls) = build(&script, |builder| {
        let builder = builder.handler::<hears_starts>().handler::<hears_results>();
        builder.provide(Told::default())
    });
    bus.run(bus.execute(Do)).await.unwrap();
    bus.run(bus.execute(Do)).await.unwrap_err();
    bus.settle().await;
    assert_eq!(calls.times().len(), 7);
    let told = bus.resource::<Told>().unwrap();
    let told = told.0.lock().unwrap();
    assert_eq!(*told, ["started", "well after 3", "started", "failed after 4"]);
}

#[command]
struct Nobodys;

#[tokio::test]
async fn what_was_not_called_is_not_called_again() {
    let budget = RetryBudget::new(0.0, 10);
    let all = Resilience::default().budget(budget.clone());
    let (bus, calls) = build(&[Hang], |builder| builder.resilient(all));
    let left = || budget.remaining(bus.clock().now());
    let full = left();
    // Nobody handles it, ..
    let error = bus.execute(Nobodys).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::NoHandler), "{error}");
    // .. its caller takes it back, ..
    let cancel = bus.clock().sleep_until(bus.clock().now() + 50 * MS);
    let error = bus.run(bus.execute(Do).cancel_on(cancel)).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Cancelled(_)), "{error}");
    assert_eq!(calls.times().len(), 1);
    // .. or its circuit is open.
    bus.circuit_breaker("carry_out").unwrap().force_open();
    let error = bus.run(bus.execute(Do)).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::CircuitOpen { .. }), "{error}");
    assert_eq!((error.attempts(), calls.times().len()), (0, 1));
    assert!(bus.dead_letters().is_empty(), "{:?}", bus.dead_letters().list());
    assert_eq!(left(), full);
}

#[tokio::test]
async fn a_session_that_ends_ends_the_waiting() {
    let (bus, _) = build(&[Transient], |builder| builder.session_close_timeout(MS));
    let session = bus.session("short").open().await.unwrap();
    let retry =
        RetryConfig { initial_delay: 3_000 * MS, jitter: Jitter::None, ..RetryConfig::default() };
    let options = bus::HandlerOptions::new().priority(1).retry(retry);
    session
        .register_command_handler_with(options, |_: Arc<Do>, _: OwnedContext| async {
            Err::<u32, _>(Was(Transient))
        })
        .unwrap();
    let (done, ()) = tokio::join!(session.execute(Do), async {
        bus.advance(500 * MS).await;
        bus.run(session.close()).await;
    });
    let error = done.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Cancelled(_)), "{error}");
}

#[tokio::test]
async fn dropping_the_future_ends_the_waiting() {
    let (bus, calls) = build(&[Transient], |builder| builder);
    tokio::select! {
        biased;
        _ = bus.execute(Do) => panic!("it is over before its caller gives up"),
        () = bus.advance(150 * MS) => {}
    }
    bus.advance(10_000 * MS).await;
    assert_eq!(calls.times().len(), 2);
    assert_eq!(bus.stats().commands_in_flight, 0);
    assert!(bus.dead_letters().is_empty(), "its caller has dropped it: nobody gave up on it");
}

#[middleware(manual)]
async fn passes(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}

#[tokio::test]
async fn a_shutdown_in_the_middle_of_a_later_round_keeps_what_has_failed() {
    for around in [false, true] {
        let later = [3_600_000 * MS];
        let (bus, calls) = build(&[Transient], |builder| {
            let builder = builder.configure::<hear>(|h| h.no_retry().delayed_retries(later));
            let builder = builder.configure::<hear>(|h| h.dead_letters(true));
            let builder = builder.shutdown_timeout(5_000 * MS, 1_000 * MS);
            if around { builder.middleware(passes {}) } else { builder }
        });
        bus.publish(Done).await.unwrap();
        bus.settle().await;
        let report = bus.run(bus.shutdown()).await;
        assert!(bus.clock().elapsed() < 7_000 * MS);
        // The event was dropped, before all its handlers were done with it; of this one, it is known how.
        assert_eq!((report.dropped, report.failed), (1, 1), "{report}");
        assert!(report.abandoned.is_empty(), "{report}");
        assert_eq!(calls.times().len(), 1);
        let letters = bus.dead_letters().list();
        assert_eq!(letters.len(), 1, "{report}");
        assert_eq!((letters[0].attempts, letters[0].error.as_str()), (1, "it was Transient"));
    }
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

/// After the end of time there is no other attempt, alone or in a batch.
#[tokio::test]
async fn a_delay_without_an_end_is_none() {
    let retry = RetryConfig {
        initial_delay: Duration::MAX,
        max_delay: Duration::MAX,
        jitter: Jitter::None,
        ..RetryConfig::default()
    };
    let (bus, calls) = build(&[Transient], |builder| {
        let builder = builder.configure::<hear>(|h| h.retry(retry));
        builder.handler::<fails_all>().configure::<fails_all>(|h| h.retry(retry))
    });
    let settled = bus.run(bus.publish(Done).and_wait()).await.unwrap();
    assert_eq!(settled.failures.iter().map(|f| f.attempts).collect::<Vec<_>>(), [1, 1]);
    assert_eq!((calls.times().len(), bus.dead_letters().len()), (1, 2));
}
#[handler(manual, batch = 2)]
async fn fails_all(events: &[Arc<Done>]) -> bus::BatchOutcome {
    events.iter().map(|_| Err(bus::Error::msg("not now"))).collect()
}
