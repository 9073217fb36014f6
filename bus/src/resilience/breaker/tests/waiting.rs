//! Who waits to be let in.

use std::future::{Future, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use super::super::ticket::Permit;
use super::super::{CircuitBreaker, CircuitState, Ticket, Verdict};
use super::{breaker, end, now};

async fn sleep(time: Duration) -> bool {
    tokio::time::sleep(time).await;
    true
}

/// A waiter, and how often it was woken.
struct Waiter<'b> {
    future: Pin<Box<dyn Future<Output = Ticket> + 'b>>,
    woken: Arc<Woken>,
}

#[derive(Default)]
struct Woken(AtomicUsize);
impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl<'b> Waiter<'b> {
    fn new(breaker: &'b CircuitBreaker) -> Self {
        Self { future: Box::pin(breaker.admitted(sleep)), woken: Arc::default() }
    }

    fn poll(&mut self) -> Option<Ticket> {
        let waker = Waker::from(Arc::clone(&self.woken));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(ticket) => Some(ticket),
            Poll::Pending => None,
        }
    }

    fn woken(&self) -> usize {
        self.woken.0.load(Ordering::Relaxed)
    }
}

fn open() -> CircuitBreaker {
    let breaker = breaker();
    end(&breaker, 3, Verdict::Failed);
    breaker
}

fn ok(breaker: &CircuitBreaker, ticket: Ticket) {
    breaker.ended(ticket, Verdict::Ok, None, now);
}

#[tokio::test(start_paused = true)]
async fn who_waits_is_let_in_one_after_the_other_when_it_is_time() {
    let breaker = open();
    let start = tokio::time::Instant::now();
    let let_in = std::sync::Mutex::new(Vec::new());
    let wait = async |n: u32| {
        let permit = Permit::new(&breaker, breaker.admitted(sleep).await);
        let_in.lock().unwrap().push((n, start.elapsed().as_millis()));
        sleep(Duration::from_millis(10)).await;
        permit.ended(Verdict::Ok, None, now);
    };
    tokio::join!(wait(1), wait(2), wait(3), wait(4));
    // Two probes, one at a time; then it is closed, and the others come together.
    assert_eq!(*let_in.lock().unwrap(), [(1, 1000), (2, 1010), (3, 1020), (4, 1020)]);
}

#[tokio::test(start_paused = true)]
async fn while_it_is_closed_nobody_waits() {
    let breaker = breaker();
    let mut waiter = Waiter::new(&breaker);
    ok(&breaker, waiter.poll().expect("it is closed"));
}

#[tokio::test(start_paused = true)]
async fn only_the_first_is_woken_and_it_wakes_the_next() {
    for recovers in [CircuitBreaker::reset, CircuitBreaker::disable] {
        let breaker = open();
        let mut waiters = [(); 3].map(|()| Waiter::new(&breaker));
        assert!(waiters.iter_mut().all(|waiter| waiter.poll().is_none()));
        recovers(&breaker);
        for n in 0..3 {
            let woken: Vec<_> = waiters.iter().map(Waiter::woken).collect();
            assert!((0..3).all(|other| woken[other] == usize::from(other <= n)), "{n}: {woken:?}");
            ok(&breaker, waiters[n].poll().expect("it is closed"));
        }
    }
}

#[tokio::test(start_paused = true)]
async fn who_leaves_passes_the_line_on() {
    let breaker = open();
    let [mut a, mut b, mut c] = [(); 3].map(|()| Waiter::new(&breaker));
    assert!([&mut a, &mut b, &mut c].into_iter().all(|waiter| waiter.poll().is_none()));
    drop(b);
    assert_eq!((a.woken(), c.woken()), (0, 0), "nobody's turn has come");
    drop(a);
    assert_eq!(c.woken(), 1);
    assert!(c.poll().is_none());
    tokio::time::sleep(Duration::from_secs(1)).await;
    assert_eq!(c.woken(), 2, "it has its own timer now");
    ok(&breaker, c.poll().expect("it is time"));
}

#[tokio::test(start_paused = true)]
async fn a_place_that_is_given_back_goes_to_the_first_in_line() {
    let breaker = open();
    tokio::time::advance(Duration::from_secs(1)).await;
    let probe = breaker.admit(now).unwrap();
    let [mut a, mut b] = [(); 2].map(|()| Waiter::new(&breaker));
    assert!(a.poll().is_none() && b.poll().is_none());
    breaker.release(probe);
    assert_eq!((a.woken(), b.woken()), (1, 0));
    // It was woken, and leaves: nothing is lost.
    drop(a);
    assert_eq!(b.woken(), 1);
    let probe = b.poll().expect("there is a place");
    let mut c = Waiter::new(&breaker);
    assert!(c.poll().is_none());
    breaker.ended(probe, Verdict::Failed, None, now);
    assert_eq!((c.woken(), breaker.state()), (1, CircuitState::Open));
    assert!(c.poll().is_none());
    tokio::time::sleep(Duration::from_millis(1999)).await;
    assert!(c.poll().is_none());
    tokio::time::sleep(Duration::from_millis(1)).await;
    ok(&breaker, c.poll().expect("it is time"));
}

#[tokio::test(start_paused = true)]
async fn a_newcomer_does_not_overtake() {
    let breaker = open();
    let [mut a, mut b] = [(); 2].map(|()| Waiter::new(&breaker));
    assert!(a.poll().is_none());
    tokio::time::advance(Duration::from_secs(1)).await;
    assert!(b.poll().is_none(), "it is time, but for the first in line");
    ok(&breaker, a.poll().expect("it is time"));
    ok(&breaker, b.poll().expect("it is its turn"));
}

#[tokio::test(start_paused = true)]
async fn without_a_timer_it_waits_for_others_and_does_not_spin() {
    let breaker = open();
    let asked = AtomicUsize::new(0);
    let mut waiting = pin!(breaker.admitted(|_| {
        asked.fetch_add(1, Ordering::Relaxed);
        ready(false)
    }));
    let mut task = Context::from_waker(Waker::noop());
    for _ in 0..3 {
        assert!(waiting.as_mut().poll(&mut task).is_pending());
    }
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    tokio::time::advance(Duration::from_secs(1)).await;
    let probe = breaker.admit(now).unwrap();
    assert!(waiting.as_mut().poll(&mut task).is_pending());
    ok(&breaker, probe);
    let ticket = waiting.await;
    assert!(ticket.is_probe());
    ok(&breaker, ticket);
}

#[tokio::test(start_paused = true)]
async fn a_timer_that_is_ahead_of_the_clock_does_not_keep_the_thread() {
    let breaker = open();
    let mut waiting = pin!(breaker.admitted(|_| ready(true)));
    let mut polls = 0;
    let ticket = poll_fn(|task| {
        polls += 1;
        if polls == 5 {
            breaker.reset();
        }
        waiting.as_mut().poll(task)
    })
    .await;
    ok(&breaker, ticket);
}
