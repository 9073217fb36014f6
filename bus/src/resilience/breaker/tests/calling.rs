//! Calls without a bus, and who is told of what.

use std::future::pending;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::super::{
    CircuitBreaker, CircuitBreakerConfig, CircuitError, CircuitReason, CircuitState, Shared,
    Verdict,
};
use super::{breaker, config, end, now};
use crate::clock::{Clock, TokioClock};

fn counts(breaker: &CircuitBreaker) -> (u64, u64) {
    let snapshot = breaker.snapshot();
    (snapshot.calls, snapshot.failures)
}

#[tokio::test(start_paused = true)]
async fn results_are_counted_and_passed_on() {
    let breaker = breaker();
    assert_eq!(breaker.call(async { Ok::<_, u8>(1) }).await, Ok(1));
    assert_eq!(counts(&breaker), (1, 0));
    assert_eq!(breaker.call(async { Err::<(), _>(7) }).await, Err(CircuitError::Inner(7)));
    assert_eq!(counts(&breaker), (2, 1));
    let declined = breaker.call_if(|error| *error != 7, async { Err::<(), _>(7) }).await;
    assert_eq!((declined, counts(&breaker)), (Err(CircuitError::Inner(7)), (3, 1)));
    let failed = breaker.call_if(|error| *error == 7, async { Err::<(), _>(7) }).await;
    assert_eq!((failed, counts(&breaker)), (Err(CircuitError::Inner(7)), (4, 2)));
}

#[tokio::test(start_paused = true)]
async fn what_is_rejected_is_not_called_and_knows_when_to_come_again() {
    let breaker = breaker();
    end(&breaker, 3, Verdict::Failed);
    tokio::time::advance(Duration::from_millis(250)).await;
    let uncalled = async { panic!("it is open") };
    let error = breaker.call::<(), std::fmt::Error>(uncalled).await.unwrap_err();
    assert_eq!(error.to_string(), "circuit breaker tested is open: try again in 750ms");
    breaker.force_open();
    let error = breaker.call(async { Ok::<_, std::fmt::Error>(()) }).await.unwrap_err();
    let text = "circuit breaker tested is open: try again when it has been probed or reset";
    assert_eq!(error.to_string(), text);
    assert_eq!(breaker.snapshot().rejected, 2);
    breaker.reset();
    let error = breaker.call(async { Err::<(), _>(std::fmt::Error) }).await.unwrap_err();
    assert_eq!(error.to_string(), std::fmt::Error.to_string());
}

#[tokio::test(start_paused = true)]
async fn a_call_that_is_dropped_gives_its_place_back_and_says_nothing() {
    let breaker = breaker();
    end(&breaker, 3, Verdict::Failed);
    tokio::time::advance(Duration::from_secs(1)).await;
    {
        let mut call = pin!(breaker.call::<(), ()>(pending()));
        let polled = call.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        assert!(polled.is_pending());
        assert_eq!(breaker.snapshot().probes, 1);
    }
    let snapshot = breaker.snapshot();
    assert_eq!((snapshot.state, snapshot.probes), (CircuitState::HalfOpen, 0));
    assert_eq!((snapshot.successes, snapshot.calls, snapshot.failures), (0, 3, 3));
}

#[tokio::test(start_paused = true)]
async fn a_panic_is_a_failure_and_goes_on() {
    let breaker = breaker();
    let panics = |future: &mut dyn FnMut() -> Poll<()>| {
        let panic = catch_unwind(AssertUnwindSafe(future)).unwrap_err();
        assert_eq!(panic.downcast_ref::<&str>(), Some(&"no"));
    };
    let task = &mut Context::from_waker(Waker::noop());
    let mut call = pin!(breaker.call::<(), ()>(async { panic!("no") }));
    panics(&mut || call.as_mut().poll(task).map(|_| ()));
    assert_eq!(counts(&breaker), (1, 1));
    let mut call = pin!(breaker.call_if(|()| panic!("no"), async { Err::<(), ()>(()) }));
    panics(&mut || call.as_mut().poll(task).map(|_| ()));
    assert_eq!(counts(&breaker), (2, 2));
}

#[tokio::test(start_paused = true)]
async fn a_call_is_slow_by_the_clock() {
    let slow_call = Some(Duration::from_millis(20));
    let config = CircuitBreakerConfig { slow_call, ..config() };
    let breaker = CircuitBreaker::new("tested", config).unwrap();
    for (ms, failures) in [(20, 0), (21, 1)] {
        let call = async {
            tokio::time::sleep(Duration::from_millis(ms)).await;
            Ok::<_, ()>(())
        };
        assert_eq!(breaker.call(call).await, Ok(()));
        assert_eq!(breaker.snapshot().failures, failures);
    }
}

#[tokio::test(start_paused = true)]
async fn listeners_hear_of_each_change_in_order_and_may_use_the_breaker() {
    let breaker = breaker();
    let told = Arc::new(Mutex::new(Vec::new()));
    breaker.on_change(|_| panic!("not my day"));
    let (again, telling) = (breaker.clone(), Arc::clone(&told));
    breaker.on_change(move |change| {
        if change.reason == CircuitReason::ForcedOpen {
            again.reset();
        }
        telling.lock().unwrap().push((change.number, change.to_string()));
    });
    end(&breaker, 1, Verdict::Ok);
    end(&breaker, 3, Verdict::Failed);
    tokio::time::advance(Duration::from_secs(1)).await;
    end(&breaker, 1, Verdict::Failed);
    tokio::time::advance(Duration::from_secs(2)).await;
    end(&breaker, 2, Verdict::Ok);
    breaker.force_open();
    breaker.disable();
    breaker.disable();
    let expected = [
        "closed -> open: 3 of 4 calls failed",
        "open -> half-open: it is time for a probe",
        "half-open -> open: a probe failed",
        "open -> half-open: it is time for a probe",
        "half-open -> closed: the probes went well",
        "closed -> open: it was forced open",
        "open -> closed: it was reset",
        "closed -> closed: it was disabled",
    ];
    let expected: Vec<_> = (1..).zip(expected.map(str::to_owned)).collect();
    assert_eq!(*told.lock().unwrap(), expected);
    let history: Vec<_> =
        breaker.history().iter().map(|change| (change.number, change.to_string())).collect();
    assert_eq!(history, expected);
}

#[tokio::test(start_paused = true)]
async fn the_last_changes_are_remembered_with_their_time() {
    let breaker = breaker();
    let before = TokioClock.system_time();
    tokio::time::advance(Duration::from_secs(3600)).await;
    for _ in 0..40 {
        breaker.force_open();
        breaker.reset();
    }
    let history = breaker.history();
    let numbers: Vec<_> = history.iter().map(|change| change.number).collect();
    assert_eq!(numbers, (49..=80).collect::<Vec<_>>());
    assert!(history.iter().all(|change| change.at > before + Duration::from_secs(3000)));
}

#[test]
fn another_clock_keeps_name_config_and_listeners() {
    let told = Arc::new(Mutex::new(0));
    let telling = Arc::clone(&told);
    let breaker = breaker();
    breaker.on_change(move |_| *telling.lock().unwrap() += 1);
    let breaker = breaker.with_clock(Arc::new(TokioClock));
    breaker.force_open();
    assert_eq!((*told.lock().unwrap(), breaker.state()), (1, CircuitState::Open));
    assert_eq!((breaker.name(), *breaker.config()), ("tested", config()));
}

#[test]
fn settings_that_make_no_sense_are_all_told() {
    let good = CircuitBreakerConfig::default();
    assert!(good.problems().is_empty());
    let (nan, inf) = (f64::NAN, f64::INFINITY);
    let (none, max) = (Duration::ZERO, Duration::MAX);
    let bad = [
        ("failure_threshold", CircuitBreakerConfig { failure_threshold: 0, ..good }),
        ("failure_ratio", CircuitBreakerConfig { failure_ratio: -0.1, ..good }),
        ("failure_ratio", CircuitBreakerConfig { failure_ratio: 1.1, ..good }),
        ("failure_ratio", CircuitBreakerConfig { failure_ratio: nan, ..good }),
        ("window_size", CircuitBreakerConfig { window_size: none, ..good }),
        ("recovery_timeout", CircuitBreakerConfig { recovery_timeout: none, ..good }),
        ("recovery_timeout", CircuitBreakerConfig { recovery_timeout: max, ..good }),
        ("success_threshold", CircuitBreakerConfig { success_threshold: 0, ..good }),
        ("probes", CircuitBreakerConfig { probes: 0, ..good }),
        ("probes", CircuitBreakerConfig { probes: 4, ..good }),
        ("recovery_growth", CircuitBreakerConfig { recovery_growth: 0.9, ..good }),
        ("recovery_growth", CircuitBreakerConfig { recovery_growth: nan, ..good }),
        ("recovery_growth", CircuitBreakerConfig { recovery_growth: inf, ..good }),
        ("slow_call", CircuitBreakerConfig { slow_call: Some(none), ..good }),
    ];
    for (setting, config) in bad {
        let problems = config.problems();
        assert!(matches!(&*problems, [one] if one.0 == setting), "{setting}: {problems:?}");
    }
    let edges = [
        CircuitBreakerConfig { failure_ratio: 0.0, probes: 3, recovery_growth: 1.0, ..good },
        CircuitBreakerConfig { failure_ratio: 1.0, max_recovery_timeout: max, ..good },
        CircuitBreakerConfig { recovery_timeout: max, max_recovery_timeout: max, ..good },
    ];
    assert!(edges.iter().all(|config| config.problems().is_empty()));
    let two = CircuitBreakerConfig { failure_threshold: 0, window_size: none, ..good };
    let text = "circuit breaker mail: `failure_threshold` is 0, and must be at least 1; \
                `window_size` is 0ns, and must be longer than that";
    assert_eq!(CircuitBreaker::new("mail", two).unwrap_err().to_string(), text);
}

#[tokio::test(start_paused = true)]
async fn the_longest_times_are_no_trouble() {
    let max = Duration::MAX;
    let longest = CircuitBreakerConfig {
        failure_threshold: 1,
        window_size: max,
        recovery_timeout: max,
        max_recovery_timeout: max,
        recovery_growth: f64::MAX,
        ..config()
    };
    let breaker = CircuitBreaker::new("tested", longest).unwrap();
    end(&breaker, 1, Verdict::Failed);
    assert!(breaker.admit(now).unwrap_err().retry_after.unwrap() > Duration::from_secs(1 << 34));
    assert!(
        [0, 1, u32::MAX].map(|failed| longest.open_for(failed)).iter().all(|time| *time == max)
    );
}

#[test]
#[cfg(debug_assertions)]
#[should_panic(expected = "was dropped, not given back")]
fn a_ticket_that_is_dropped_is_noticed() {
    drop(breaker().admit(now));
}

#[test]
fn it_is_as_large_as_it_says() {
    assert_eq!(size_of::<Shared>(), 1664);
}
