//! The probes of a test bus.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, Wake, Waker};

use pin_project_lite::pin_project;
use tokio::sync::Notify;

use crate::core::Core;
use crate::message::{MessageId, MessageInfo};
use crate::probe::Who;
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// What goes on on one bus. All of it changes under one lock, so that a look at it is a moment.
pub(crate) struct Tracker {
    state: Mutex<State>,
    /// Something has come to rest.
    pub(crate) changed: Notify,
    /// Where runs are interleaved by a seed.
    random: Option<Mutex<fastrand::Rng>>,
}

#[derive(Default)]
pub(crate) struct State {
    /// How many tasks and callers were woken and not polled, or are being polled.
    pub(crate) runnable: usize,
    watches: BTreeMap<u64, Watched>,
    next: u64,
}

struct Watched {
    waits: Waits,
    /// Else it is being polled, and its task counts as runnable.
    pending: bool,
    rests: usize,
}

/// A handler that is pending.
#[derive(Clone)]
pub(crate) struct Waits {
    pub(crate) handler: HandlerInfo,
    pub(crate) message: &'static MessageInfo,
    pub(crate) id: MessageId,
    pub(crate) attempt: u32,
}

impl Tracker {
    pub(crate) fn new(seed: Option<u64>) -> Arc<Self> {
        let random = seed.map(|seed| Mutex::new(fastrand::Rng::with_seed(seed)));
        Arc::new(Self { state: Mutex::default(), changed: Notify::new(), random })
    }

    /// Is nothing runnable, and does nobody wait for anything but the clock and the bus?
    pub(crate) fn is_at_rest(&self) -> bool {
        let state = lock(&self.state);
        state.runnable == 0 && state.watches.values().all(|watched| !watched.is_real())
    }

    /// Those that are pending: those that wait for something real, and the others; and how many are runnable.
    pub(crate) fn pending(&self) -> (Vec<Waits>, Vec<Waits>, usize) {
        let state = lock(&self.state);
        let pending = state.watches.values().filter(|watched| watched.pending);
        let (real, others): (Vec<_>, Vec<_>) = pending.partition(|watched| watched.is_real());
        let waits = |all: Vec<&Watched>| all.into_iter().map(|one| one.waits.clone()).collect();
        (waits(real), waits(others), state.runnable)
    }

    fn change<R>(&self, change: impl FnOnce(&mut State) -> R) -> R {
        let mut state = lock(&self.state);
        let result = change(&mut state);
        let may_rest = state.runnable == 0;
        drop(state);
        if may_rest {
            self.changed.notify_waiters();
        }
        result
    }

    fn up(&self) {
        lock(&self.state).runnable += 1;
    }

    fn down(&self) {
        self.change(|state| state.runnable = state.runnable.saturating_sub(1));
    }

    /// Shall what would go on now let the others go first?
    fn yields(&self) -> bool {
        self.random.as_ref().is_some_and(|random| lock(random).bool())
    }
}

impl Watched {
    fn is_real(&self) -> bool {
        self.pending && self.rests == 0
    }
}

/// Wakes the task, and counts it as runnable.
struct Woken {
    tracker: Arc<Tracker>,
    inner: Mutex<Inner>,
}

struct Inner {
    waker: Waker,
    woken: bool,
    /// It is over: nothing is counted any more.
    ended: bool,
}

impl Woken {
    /// It is runnable until it is polled.
    fn new(tracker: &Arc<Tracker>, waker: &Waker) -> Arc<Self> {
        tracker.up();
        let inner = Inner { waker: waker.clone(), woken: true, ended: false };
        Arc::new(Self { tracker: Arc::clone(tracker), inner: Mutex::new(inner) })
    }

    fn begin(&self, waker: &Waker) {
        let mut inner = lock(&self.inner);
        inner.waker.clone_from(waker);
        let was_woken = std::mem::take(&mut inner.woken);
        drop(inner);
        // What has counted as woken counts as polled from now on.
        if !was_woken {
            self.tracker.up();
        }
    }

    /// It will not be polled any more.
    fn is_over(&self) {
        let mut inner = lock(&self.inner);
        inner.ended = true;
        let was_woken = std::mem::take(&mut inner.woken);
        drop(inner);
        if was_woken {
            self.tracker.down();
        }
    }
}

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }
    fn wake_by_ref(self: &Arc<Self>) {
        // Before it is marked: whoever polls it takes the count over.
        self.tracker.up();
        let mut inner = lock(&self.inner);
        let is_counted = inner.ended || std::mem::replace(&mut inner.woken, true);
        let waker = inner.waker.clone();
        drop(inner);
        waker.wake();
        if is_counted {
            self.tracker.down();
        }
    }
}

/// While it is polled; also when that panics.
struct Polling<'w>(&'w Woken);

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        self.0.tracker.down();
    }
}

/// A task of the bus's own, to be spawned.
pub(crate) fn task<F>(core: &Core, future: F) -> Task<F> {
    let woken = core.settings.probe.as_ref().map(|tracker| Woken::new(tracker, Waker::noop()));
    Task { future, woken: Counted(woken) }
}

pin_project! {
    pub(crate) struct Task<F> {
        #[pin]
        future: F,
        // After the future: what its destructors do belongs to it.
        woken: Counted,
    }
}

struct Counted(Option<Arc<Woken>>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.iter().for_each(|woken| woken.is_over());
    }
}

impl<F: Future> Future for Task<F> {
    type Output = F::Output;
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        match &this.woken.0 {
            None => this.future.poll(task),
            Some(woken) => polled(woken, task, |task| this.future.poll(task)),
        }
    }
}

fn polled<T>(
    woken: &Arc<Woken>,
    task: &task::Context<'_>,
    poll: impl FnOnce(&mut task::Context<'_>) -> Poll<T>,
) -> Poll<T> {
    woken.begin(task.waker());
    let _polling = Polling(woken);
    let waker = Waker::from(Arc::clone(woken));
    if woken.tracker.yields() {
        waker.wake();
        return Poll::Pending;
    }
    poll(&mut task::Context::from_waker(&waker))
}

thread_local! {
    /// The handler or middleware that this thread is polling.
    static CURRENT: RefCell<Option<(Arc<Tracker>, u64)>> = const { RefCell::new(None) };
}

fn current() -> Option<(Arc<Tracker>, u64)> {
    CURRENT.try_with(|current| current.borrow().clone()).ok().flatten()
}

/// Puts the former one back.
struct Former(Option<(Arc<Tracker>, u64)>);

impl Former {
    fn enter(now: (Arc<Tracker>, u64)) -> Self {
        Self(CURRENT.with(|current| current.replace(Some(now))))
    }
}

impl Drop for Former {
    fn drop(&mut self) {
        let former = self.0.take();
        let _ = CURRENT.try_with(|current| current.replace(former));
    }
}

/// A command, in the hands of whoever executes it: outside of handlers it is a task like others, inside of one
/// that waits for it, and has probes of its own.
#[derive(Default)]
pub(crate) enum Caller {
    #[default]
    New,
    Outside(Counting),
    Inside {
        _rest: Rest,
    },
}

/// [`Counted`], to be named outside.
pub(crate) struct Counting(Counted);

impl Caller {
    pub(crate) fn poll<T>(
        &mut self,
        core: &Core,
        task: &mut task::Context<'_>,
        poll: impl FnOnce(&mut task::Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Some(tracker) = &core.settings.probe else { return poll(task) };
        if let Self::New = self {
            *self = match current() {
                Some(_) => Self::Inside { _rest: Rest::begin() },
                None => Self::Outside(Counting(Counted(Some(Woken::new(tracker, task.waker()))))),
            };
        }
        let polled = match self {
            Self::Outside(Counting(Counted(Some(woken)))) => polled(woken, task, poll),
            _ => poll(task),
        };
        if polled.is_ready() {
            *self = Self::Outside(Counting(Counted(None)));
        }
        polled
    }
}

/// Stands around the future of a handler, or of its middleware.
#[derive(Default)]
pub(crate) struct Watch(Option<(Arc<Tracker>, u64)>);

impl Watch {
    pub(crate) fn poll<T>(
        &mut self,
        core: &Core,
        (message, id, attempt): Who,
        handler: &HandlerInfo,
        task: &mut task::Context<'_>,
        poll: impl FnOnce(&mut task::Context<'_>) -> Poll<T>,
    ) -> Poll<T> {
        let Some(tracker) = &core.settings.probe else { return poll(task) };
        if tracker.yields() {
            task.waker().wake_by_ref();
            return Poll::Pending;
        }
        let number = match &self.0 {
            Some((_, number)) => *number,
            None => {
                let waits = Waits { handler: handler.clone(), message, id, attempt };
                let number = tracker.change(|state| state.add(waits));
                self.0 = Some((Arc::clone(tracker), number));
                number
            }
        };
        tracker.change(|state| state.set_pending(number, false));
        let former = Former::enter((Arc::clone(tracker), number));
        let polled = poll(task);
        drop(former);
        match &polled {
            Poll::Ready(_) => self.end(),
            Poll::Pending => tracker.change(|state| state.set_pending(number, true)),
        }
        polled
    }

    fn end(&mut self) {
        if let Some((tracker, number)) = self.0.take() {
            tracker.change(|state| state.watches.remove(&number));
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        self.end();
    }
}

impl State {
    fn add(&mut self, waits: Waits) -> u64 {
        self.next += 1;
        self.watches.insert(self.next, Watched { waits, pending: false, rests: 0 });
        self.next
    }

    fn set_pending(&mut self, number: u64, pending: bool) {
        self.watches.entry(number).and_modify(|watched| watched.pending = pending);
    }

    fn rest(&mut self, number: u64, change: isize) {
        self.watches.entry(number).and_modify(|watched| {
            watched.rests = watched.rests.saturating_add_signed(change);
        });
    }
}

/// What is being polled on this thread waits for the clock, or for the bus, as long as this is there.
pub(crate) struct Rest(Option<(Arc<Tracker>, u64)>);

impl Rest {
    pub(crate) fn begin() -> Self {
        let current = current();
        if let Some((tracker, number)) = &current {
            tracker.change(|state| state.rest(*number, 1));
        }
        Self(current)
    }
}

impl Drop for Rest {
    fn drop(&mut self) {
        if let Some((tracker, number)) = &self.0 {
            tracker.change(|state| state.rest(*number, -1));
        }
    }
}
