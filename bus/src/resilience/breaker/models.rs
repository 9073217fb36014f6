//! Models of the breaker under all interleavings that loom finds. A waiter that is lost shows as a
//! deadlock, which loom reports.

use std::future::{Future, pending};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::task::{Context, Waker};
use std::time::{Duration, Instant, SystemTime};

use loom::future::block_on;
use loom::thread;

use super::ticket::Permit;
use super::{CircuitBreaker, CircuitBreakerConfig, CircuitState, Ticket, Verdict};
use crate::clock::{Clock, Sleep};

/// Stands still, but when it is told.
struct Still(Instant, AtomicU64);
impl Clock for Still {
    fn now(&self) -> Instant {
        self.0 + Duration::from_secs(self.1.load(Ordering::Relaxed))
    }
    fn system_time(&self) -> SystemTime {
        SystemTime::UNIX_EPOCH
    }
    fn sleep_until(&self, _: Instant) -> Sleep {
        Sleep::new(pending())
    }
}

/// Two failures open it, one good probe closes it.
fn config() -> CircuitBreakerConfig {
    let success_threshold = 1;
    CircuitBreakerConfig { failure_threshold: 2, success_threshold, ..Default::default() }
}

fn breaker(config: CircuitBreakerConfig) -> (CircuitBreaker, Arc<Still>) {
    let clock = Arc::new(Still(Instant::now(), AtomicU64::new(0)));
    let breaker = CircuitBreaker::new("modelled", config).expect("a good config");
    (breaker.with_clock(Arc::clone(&clock) as Arc<dyn Clock>), clock)
}

/// Open, and it is time for probes.
fn overdue(config: CircuitBreakerConfig) -> CircuitBreaker {
    let (breaker, clock) = breaker(config);
    for _ in 0..2 {
        let ticket = admit(&breaker).expect("it is closed");
        end(&breaker, ticket, Verdict::Failed);
    }
    assert_eq!(breaker.state(), CircuitState::Open);
    clock.1.store(60, Ordering::Relaxed);
    breaker
}

fn admit(breaker: &CircuitBreaker) -> Option<Ticket> {
    breaker.admit(|| breaker.0.clock.now()).ok()
}

fn end(breaker: &CircuitBreaker, ticket: Ticket, verdict: Verdict) {
    breaker.ended(ticket, verdict, None, || breaker.0.clock.now());
}

/// In a thread of its own.
fn with<T: 'static>(
    breaker: &CircuitBreaker,
    run: impl FnOnce(&CircuitBreaker) -> T + 'static,
) -> thread::JoinHandle<T> {
    let breaker = breaker.clone();
    thread::spawn(move || run(&breaker))
}

/// All interleavings with at most so many preemptions: without a bound, the models take hours.
fn model(preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let mut model = loom::model::Builder::new();
    model.preemption_bound = Some(preemptions);
    model.check(check);
}

#[test]
fn there_are_never_more_probes_than_may_be() {
    for probes in [1, 2] {
        model(3, move || {
            let breaker =
                overdue(CircuitBreakerConfig { probes, success_threshold: 9, ..config() });
            let running = Arc::new(AtomicU32::new(0));
            let callers = [Verdict::Ok, Verdict::Ok, Verdict::Failed].map(|verdict| {
                let running = Arc::clone(&running);
                with(&breaker, move |breaker| {
                    let Some(ticket) = admit(breaker) else { return false };
                    assert!(ticket.is_probe());
                    let others = running.fetch_add(1, Ordering::Relaxed);
                    // A switch to others may be here.
                    let _ = breaker.snapshot();
                    // Once one has failed, there are no probes: those who are still under way count no more.
                    let is_over = breaker.state() == CircuitState::Open;
                    assert!(others < probes || is_over, "{others} others run already");
                    running.fetch_sub(1, Ordering::Relaxed);
                    end(breaker, ticket, verdict);
                    true
                })
            });
            let made = callers.map(|caller| caller.join().expect("no panic"));
            assert!(made.contains(&true));
            let snapshot = breaker.snapshot();
            assert_eq!(snapshot.probes, 0);
            assert_eq!(u64::from(made[2]), snapshot.changes - 2, "opened by who has failed");
        });
    }
}

#[test]
fn a_place_comes_back_when_a_permit_is_dropped() {
    model(3, || {
        let breaker = overdue(config());
        let callers = [(); 2].map(|()| {
            with(&breaker, |breaker| match admit(breaker) {
                Some(ticket) => drop(Permit::new(breaker, ticket)),
                None => assert_eq!(breaker.state(), CircuitState::HalfOpen),
            })
        });
        callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
        assert_eq!(breaker.snapshot().probes, 0);
        let ticket = admit(&breaker).expect("there is a place");
        end(&breaker, ticket, Verdict::Ok);
        assert_eq!(breaker.state(), CircuitState::Closed);
    });
}

#[test]
fn failures_at_once_open_it_and_once() {
    for before in [0, 1] {
        model(3, move || {
            let (breaker, _) = breaker(config());
            for _ in 0..before {
                let ticket = admit(&breaker).expect("it is closed");
                end(&breaker, ticket, Verdict::Failed);
            }
            let told = Arc::new(AtomicU32::new(0));
            let telling = Arc::clone(&told);
            breaker.on_change(move |change| {
                assert_eq!(change.to, CircuitState::Open);
                telling.fetch_add(1, Ordering::Relaxed);
            });
            let callers = [(); 2].map(|()| {
                with(&breaker, |breaker| {
                    let Some(ticket) = admit(breaker) else { return };
                    end(breaker, ticket, Verdict::Failed);
                })
            });
            callers.into_iter().for_each(|caller| caller.join().expect("no panic"));
            assert_eq!(breaker.state(), CircuitState::Open);
            assert_eq!((told.load(Ordering::Relaxed), breaker.snapshot().changes), (1, 1));
        });
    }
}

#[test]
fn who_was_let_in_before_decides_nothing() {
    for stale in [Verdict::Ok, Verdict::Failed] {
        for probe in [Verdict::Ok, Verdict::Failed] {
            model(3, move || {
                let (breaker, clock) = breaker(config());
                let tickets = [(); 3].map(|()| admit(&breaker).expect("it is closed"));
                let [first, second, third] = tickets;
                end(&breaker, first, Verdict::Failed);
                end(&breaker, second, Verdict::Failed);
                clock.1.store(60, Ordering::Relaxed);
                let late = with(&breaker, move |breaker| end(breaker, third, stale));
                let ticket = admit(&breaker).expect("it is time");
                assert_eq!(breaker.state(), CircuitState::HalfOpen);
                assert_eq!(breaker.snapshot().probes, 1);
                end(&breaker, ticket, probe);
                late.join().expect("no panic");
                let closed = probe == Verdict::Ok;
                let state = if closed { CircuitState::Closed } else { CircuitState::Open };
                assert_eq!((breaker.state(), breaker.snapshot().changes), (state, 3));
                assert!(!closed || breaker.snapshot().calls == 0);
            });
        }
    }
}

#[test]
fn a_call_that_ends_while_it_opens_leaves_no_probe_behind() {
    model(3, || {
        let (breaker, _) = breaker(config());
        let calls = [Verdict::Failed, Verdict::Failed].map(|verdict| {
            let ticket = admit(&breaker).expect("it is closed");
            with(&breaker, move |breaker| end(breaker, ticket, verdict))
        });
        let late = admit(&breaker);
        calls.into_iter().for_each(|call| call.join().expect("no panic"));
        late.into_iter().for_each(|late| breaker.release(late));
        let snapshot = breaker.snapshot();
        assert_eq!((snapshot.state, snapshot.probes), (CircuitState::Open, 0));
    });
}

/// As long as it takes: there is no timer.
async fn never(_: Duration) -> bool {
    pending().await
}

fn wait(breaker: &CircuitBreaker) {
    let ticket = block_on(breaker.admitted(never));
    assert!(!ticket.is_probe());
    breaker.release(ticket);
}

#[test]
fn who_waits_is_let_in_when_it_is_reset_or_disabled() {
    for recovers in [CircuitBreaker::reset, CircuitBreaker::disable] {
        model(3, move || {
            let (breaker, _) = breaker(config());
            breaker.force_open();
            let waiters = [(); 2].map(|()| with(&breaker, wait));
            recovers(&breaker);
            waiters.into_iter().for_each(|waiter| waiter.join().expect("no panic"));
            assert!(crate::sync::lock(&breaker.0.cold.state).line.is_empty());
        });
    }
}

#[test]
fn who_leaves_the_line_keeps_nobody_from_his_turn() {
    model(3, || {
        let (breaker, _) = breaker(config());
        breaker.force_open();
        let leaver = with(&breaker, |breaker| {
            let mut waiting = pin!(breaker.admitted(never));
            let mut task = Context::from_waker(Waker::noop());
            if let std::task::Poll::Ready(ticket) = waiting.as_mut().poll(&mut task) {
                breaker.release(ticket);
            }
        });
        let stayer = with(&breaker, wait);
        breaker.reset();
        leaver.join().expect("no panic");
        stayer.join().expect("no panic");
        assert!(crate::sync::lock(&breaker.0.cold.state).line.is_empty());
    });
}

#[test]
fn who_waits_for_a_probe_takes_its_place() {
    for verdict in [None, Some(Verdict::Ok)] {
        model(3, move || {
            let breaker = overdue(config());
            let probe = admit(&breaker).expect("it is time");
            let waiters = [(); 2].map(|()| {
                with(&breaker, |breaker| {
                    let ticket = block_on(breaker.admitted(never));
                    end(breaker, ticket, Verdict::Ok);
                })
            });
            match verdict {
                None => breaker.release(probe),
                Some(verdict) => end(&breaker, probe, verdict),
            }
            waiters.into_iter().for_each(|waiter| waiter.join().expect("no panic"));
            assert_eq!(breaker.state(), CircuitState::Closed);
        });
    }
}

#[test]
fn changes_are_told_in_their_order_and_all_of_them() {
    model(3, || {
        let (breaker, _) = breaker(config());
        let told = Arc::new(std::sync::Mutex::new(Vec::new()));
        let telling = Arc::clone(&told);
        let again = breaker.clone();
        breaker.on_change(move |change| {
            // A point at which others may come in between.
            let _ = again.snapshot();
            telling.lock().expect("no panic").push(change.number);
        });
        let other = with(&breaker, CircuitBreaker::force_open);
        breaker.disable();
        other.join().expect("no panic");
        // Whoever began to tell has told all, and is done.
        assert_eq!(*told.lock().expect("no panic"), [1, 2]);
    });
}
