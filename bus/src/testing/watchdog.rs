//! A look at the real clock, for tests that would hang: it says so, and decides nothing else.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Condvar, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};

use std::sync::Mutex;

/// One thread for all tests of a process, made when the first has to wait.
struct Watchdog {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    waiting: BTreeMap<(Instant, u64), Waker>,
    next: u64,
}

static WATCHDOG: OnceLock<Watchdog> = OnceLock::new();

fn watchdog() -> &'static Watchdog {
    WATCHDOG.get_or_init(|| {
        let watch = || WATCHDOG.wait().watch();
        // Where there are no more threads, tests that hang are not told so.
        let _ = thread::Builder::new().name("bus-watchdog".to_owned()).spawn(watch);
        Watchdog { state: Mutex::default(), changed: Condvar::new() }
    })
}

impl Watchdog {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// In a place that it may have already.
    fn wake_at(&self, at: Instant, place: Option<u64>, waker: Waker) -> u64 {
        let mut state = self.lock();
        let number = place.unwrap_or_else(|| {
            state.next += 1;
            state.next
        });
        let former = state.waiting.insert((at, number), waker);
        let is_first = state.waiting.keys().next() == Some(&(at, number));
        drop(state);
        // A waker's destructor is foreign code.
        drop(former);
        if is_first {
            self.changed.notify_one();
        }
        number
    }

    fn watch(&self) {
        let mut state = self.lock();
        loop {
            let now = Instant::now();
            let first = state.waiting.keys().next().map(|(at, _)| *at);
            state = match first {
                Some(at) if at <= now => {
                    let late = state.waiting.pop_first();
                    drop(state);
                    late.into_iter().for_each(|(_, waker)| waker.wake());
                    self.lock()
                }
                Some(at) => {
                    let waited = self.changed.wait_timeout(state, at - now);
                    waited.unwrap_or_else(PoisonError::into_inner).0
                }
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
        }
    }
}

/// Wakes once, after so much real time.
pub(super) fn wake_after(time: Duration, waker: Waker) {
    if let Some(at) = Instant::now().checked_add(time) {
        watchdog().wake_at(at, None, waker);
    }
}

/// Ready when so much real time has passed since it was first polled.
pub(super) struct TooLong {
    limit: Duration,
    place: Option<(Instant, u64)>,
}

impl TooLong {
    pub(super) fn after(limit: Duration) -> Self {
        Self { limit, place: None }
    }
}

impl Future for TooLong {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        if self.place.is_some_and(|(at, _)| at <= Instant::now()) {
            return Poll::Ready(());
        }
        let at = match self.place {
            Some((at, _)) => Some(at),
            None => Instant::now().checked_add(self.limit),
        };
        let Some(at) = at else { return Poll::Pending };
        let number = self.place.map(|(_, number)| number);
        self.place = Some((at, watchdog().wake_at(at, number, task.waker().clone())));
        Poll::Pending
    }
}

impl Drop for TooLong {
    fn drop(&mut self) {
        if let Some(place) = self.place {
            let removed = watchdog().lock().waiting.remove(&place);
            drop(removed);
        }
    }
}
