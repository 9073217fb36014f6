//! Virtual time: a clock that stands still until it is told to go on.

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Waker};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use tokio::sync::Notify;
use tokio::sync::futures::Notified;

use crate::clock::{Clock, Sleep};
use crate::probe::Rest;
use crate::sync::{Mutex, lock};

/// A clock that stands still, until [`TestBus::advance`](super::TestBus::advance) moves it. Needs no runtime of a kind of
/// its own: it is no timer, but a list of those who wait.
///
/// The wall clock shows 2030-01-01T00:00:00Z at first, or what [`at`](Self::at) was given, and goes with it.
#[derive(Clone)]
pub struct TestClock(Arc<Shared>);

struct Shared {
    began: Instant,
    wall: SystemTime,
    state: Mutex<State>,
    /// Somebody waits who did not before.
    added: Notify,
}

struct State {
    now: Instant,
    /// Those who wait, by when they are due, and in the order in which they came.
    sleepers: BTreeMap<(Instant, u64), Waker>,
    next: u64,
}

/// 2030-01-01T00:00:00Z.
const WALL: Duration = Duration::from_secs(1_893_456_000);

impl TestClock {
    /// A clock of its own.
    #[must_use]
    pub fn new() -> Self {
        Self::at(UNIX_EPOCH + WALL)
    }

    /// One whose wall clock shows this at first.
    #[must_use]
    pub fn at(wall: SystemTime) -> Self {
        let began = Instant::now();
        let state = State { now: began, sleepers: BTreeMap::new(), next: 0 };
        Self(Arc::new(Shared { began, wall, state: Mutex::new(state), added: Notify::new() }))
    }

    /// How far it has gone.
    #[must_use]
    pub fn elapsed(&self) -> Duration {
        self.now().saturating_duration_since(self.0.began)
    }

    /// Goes on by so much at once, and wakes those who are due by then, in their order. Waits for nobody:
    /// [`TestBus::advance`](super::TestBus::advance) does, and is what most tests want. This is for a handler that
    /// holds up another one while it sleeps, with a lock or a channel that the bus knows nothing of.
    ///
    /// # Panics
    /// When there is no such time, as after [`Duration::MAX`].
    #[track_caller]
    pub fn pass(&self, time: Duration) {
        self.move_to(self.after(time));
    }

    /// Ends when the clock has gone on by so much: for what a test does beside the bus. Where that is after the end of time,
    /// never. Who awaits it wants somebody to move the clock: `bus.run(clock.sleep(d))`.
    #[must_use = "it waits when it is awaited"]
    pub fn sleep(&self, time: Duration) -> impl Future<Output = ()> + Send + use<> {
        let sleep = self.now().checked_add(time).map(|end| self.sleep_until(end));
        async move {
            match sleep {
                Some(sleep) => sleep.await,
                None => std::future::pending().await,
            }
        }
    }

    /// The time when so much has passed. Both clocks can show it.
    #[track_caller]
    pub(super) fn after(&self, time: Duration) -> Instant {
        let is_shown = |at: &Instant| {
            let elapsed = at.saturating_duration_since(self.0.began);
            self.0.wall.checked_add(elapsed).is_some()
        };
        let at = self.now().checked_add(time).filter(is_shown);
        at.unwrap_or_else(|| panic!("the clock cannot go on by {time:?}: there is no such time"))
    }

    pub(super) fn began(&self) -> Instant {
        self.0.began
    }

    /// When the first of those who wait is due.
    pub(super) fn next_due(&self) -> Option<Instant> {
        lock(&self.0.state).sleepers.keys().next().map(|(due, _)| *due)
    }

    /// Resolves when somebody waits who did not when this was called.
    pub(super) fn added(&self) -> Notified<'_> {
        self.0.added.notified()
    }

    /// Goes on to this time, and wakes those who are due by then, in their order.
    pub(super) fn move_to(&self, time: Instant) {
        let mut state = lock(&self.0.state);
        let now = state.now.max(time);
        state.now = now;
        let later = state.sleepers.split_off(&(now, u64::MAX));
        let due = std::mem::replace(&mut state.sleepers, later);
        drop(state);
        due.into_values().for_each(Waker::wake);
    }
}

impl Default for TestClock {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TestClock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TestClock(+{:?})", self.elapsed())
    }
}

impl Clock for TestClock {
    fn now(&self) -> Instant {
        lock(&self.0.state).now
    }
    fn system_time(&self) -> SystemTime {
        self.0.wall + self.elapsed()
    }
    fn sleep_until(&self, deadline: Instant) -> Sleep {
        Sleep::new(Sleeping { clock: self.clone(), deadline, number: None, rest: None })
    }
}

/// One who waits.
struct Sleeping {
    clock: TestClock,
    deadline: Instant,
    number: Option<u64>,
    /// A handler that waits for this waits for nothing else.
    rest: Option<Rest>,
}

impl Future for Sleeping {
    type Output = ();
    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        let clock = self.clock.clone();
        let mut state = lock(&clock.0.state);
        if state.now >= self.deadline {
            drop(state);
            self.rest = None;
            return Poll::Ready(());
        }
        let is_new = self.number.is_none();
        let number = *self.number.get_or_insert_with(|| {
            state.next += 1;
            state.next
        });
        let former = state.sleepers.insert((self.deadline, number), task.waker().clone());
        drop(state);
        // A waker's destructor is foreign code.
        drop(former);
        if is_new {
            clock.0.added.notify_waiters();
        }
        self.rest.get_or_insert_with(Rest::begin);
        Poll::Pending
    }
}

impl Drop for Sleeping {
    fn drop(&mut self) {
        if let Some(number) = self.number {
            let removed = lock(&self.clock.0.state).sleepers.remove(&(self.deadline, number));
            drop(removed);
        }
    }
}
