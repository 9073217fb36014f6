//! The events that are not due yet, by the time at which they will be.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::mem;
use std::sync::{Arc, Weak};
use std::time::Instant;

use tokio::sync::Notify;

use super::recurrence::Recurrence;
use crate::clock::Clock;
use crate::message::kind::Erased;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::options::Head;
use crate::pipeline::origin::Origin;
use crate::session::Scope;
use crate::sync::{Mutex, MutexGuard, lock};

/// One event, as it will be published.
#[derive(Clone)]
pub(crate) struct What {
    pub(crate) id: MessageId,
    pub(crate) info: &'static MessageInfo,
    pub(crate) event: Erased,
    pub(crate) origin: Option<Arc<Origin>>,
    pub(crate) head: Option<Arc<Head>>,
    /// Its session, which does not wait for it.
    pub(crate) session: Option<Weak<Scope>>,
}

/// One event that is scheduled.
pub(crate) struct Entry {
    pub(crate) what: What,
    pub(crate) again: Option<Box<Recurrence>>,
}

/// One that is to be published now. Where it recurs, that was its number.
pub(super) struct Due {
    pub(super) what: What,
    pub(super) recurs: Option<u64>,
}

/// All of them. A million cost what they hold, and a logarithm each.
#[derive(Default)]
pub(crate) struct Timers {
    state: Mutex<State>,
    /// The first is due earlier now, or there is none any more.
    pub(super) changed: Notify,
}

#[derive(Default)]
struct State {
    /// By when they are due, and in the order in which they were scheduled.
    waiting: BTreeMap<(Instant, u64), Entry>,
    /// When each is due.
    due: HashMap<u64, Instant>,
    /// Those that recur, and whose last time is not over.
    at_work: HashMap<u64, (Instant, Entry)>,
    /// Those that recur in a session, which takes them with it: its address, and their numbers.
    of_sessions: BTreeSet<(usize, u64)>,
    next: u64,
    driven: bool,
    /// Nothing is scheduled any more.
    closed: bool,
}

/// What there is to do.
pub(super) enum Next {
    /// These are due.
    Due(Vec<Due>),
    WaitUntil(Instant),
    /// There is none: the driver is gone, and started again with the next.
    Nothing,
}

impl Timers {
    /// Schedules an event; gives it back if nothing is scheduled any more.
    pub(crate) fn add(&self, at: Instant, entry: Entry) -> Result<u64, Entry> {
        let mut state = lock(&self.state);
        if state.closed {
            return Err(entry);
        }
        let number = state.next;
        state.next += 1;
        state.of_sessions.extend(entry.in_session().map(|session| (session, number)));
        let is_first = state.insert(number, at, entry);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        Ok(number)
    }

    /// Is there something to drive and nobody who does? Whoever asks has to.
    pub(super) fn wants_driver(&self) -> bool {
        let mut state = lock(&self.state);
        let wants = !state.driven && !state.waiting.is_empty();
        state.driven |= wants;
        wants
    }

    /// The driver is gone with its runtime.
    pub(super) fn driver_is_gone(&self) {
        lock(&self.state).driven = false;
    }

    /// At most so many of those that are due.
    pub(super) fn next(&self, now: Instant, most: usize) -> Next {
        let mut state = lock(&self.state);
        let mut due = Vec::new();
        while due.len() < most
            && let Some(first) = state.waiting.first_entry()
            && first.key().0 <= now
        {
            let ((at, number), entry) = first.remove_entry();
            state.due.remove(&number);
            let recurs = entry.again.is_some().then_some(number);
            // Never out of sight: it can be cancelled at any time.
            let what = match recurs {
                None => entry.what,
                Some(number) => {
                    let what = entry.what.clone();
                    state.at_work.insert(number, (at, entry));
                    what
                }
            };
            due.push(Due { what, recurs });
        }
        if !due.is_empty() {
            return Next::Due(due);
        }
        if let Some((at, _)) = state.waiting.keys().next() {
            return Next::WaitUntil(*at);
        }
        state.driven = false;
        // What a burst has needed is not kept.
        state.due = HashMap::new();
        Next::Nothing
    }

    /// The last time is over. `false`: it does not recur any more.
    pub(super) fn again(&self, number: u64, clock: &dyn Clock) -> bool {
        let mut state = lock(&self.state);
        let Some((last, mut entry)) = state.at_work.remove(&number) else { return false };
        let Some(at) = entry.again.as_mut().and_then(|again| again.next(last, clock)) else {
            state.forget(number, &entry);
            // An event's destructor is a user's code.
            drop(state);
            drop(entry);
            return false;
        };
        let is_first = state.insert(number, at, entry);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        true
    }

    /// When it is due. `None`: it is not waiting.
    pub(super) fn due(&self, number: u64) -> Option<Instant> {
        lock(&self.state).due.get(&number).copied()
    }

    /// Will it be published (again)?
    pub(super) fn is_pending(&self, number: u64) -> bool {
        let state = lock(&self.state);
        state.due.contains_key(&number) || state.at_work.contains_key(&number)
    }

    /// Takes it out. `None`: it is too late.
    pub(super) fn remove(&self, number: u64) -> Option<Entry> {
        let mut state = lock(&self.state);
        let entry = state.remove(number)?;
        state.forget(number, &entry);
        self.were_removed(state);
        Some(entry)
    }

    /// A session has ended: takes out what recurs in it. What is due once is an event of the bus then.
    pub(crate) fn end_of(&self, session: &Arc<Scope>) -> Vec<Entry> {
        let session = Arc::as_ptr(session).addr();
        let mut state = lock(&self.state);
        let mut ended = Vec::new();
        while let Some((_, number)) = state.first_of(session) {
            state.of_sessions.remove(&(session, number));
            ended.extend(state.remove(number));
        }
        self.were_removed(state);
        ended
    }

    /// Nobody waits for what is not there.
    fn were_removed(&self, state: MutexGuard<'_, State>) {
        let wakes = state.driven && state.waiting.is_empty();
        drop(state);
        if wakes {
            self.changed.notify_one();
        }
    }

    /// Moves it. `false`: it is too late.
    pub(super) fn reschedule(&self, number: u64, at: Instant) -> bool {
        let mut state = lock(&self.state);
        let Some(was) = state.due.remove(&number) else { return false };
        let Some(entry) = state.waiting.remove(&(was, number)) else { return false };
        let is_first = state.insert(number, at, entry);
        drop(state);
        if is_first {
            self.changed.notify_one();
        }
        true
    }

    /// Nothing is scheduled any more: what was not due.
    pub(crate) fn close(&self) -> Vec<Entry> {
        let mut state = lock(&self.state);
        state.closed = true;
        let waiting = mem::take(&mut state.waiting);
        let at_work = mem::take(&mut state.at_work);
        state.due = HashMap::new();
        state.of_sessions = BTreeSet::new();
        drop(state);
        self.changed.notify_one();
        // An event's destructor is a user's code.
        drop(at_work);
        waiting.into_values().collect()
    }

    /// How many are not due yet, or recur.
    pub(crate) fn len(&self) -> usize {
        let state = lock(&self.state);
        state.waiting.len() + state.at_work.len()
    }
}

impl State {
    /// Is it the first to be due?
    fn insert(&mut self, number: u64, at: Instant, entry: Entry) -> bool {
        self.due.insert(number, at);
        self.waiting.insert((at, number), entry);
        self.waiting.keys().next() == Some(&(at, number))
    }

    fn remove(&mut self, number: u64) -> Option<Entry> {
        if let Some((_, entry)) = self.at_work.remove(&number) {
            return Some(entry);
        }
        let at = self.due.remove(&number)?;
        self.waiting.remove(&(at, number))
    }

    /// It is taken out of its session too.
    fn forget(&mut self, number: u64, entry: &Entry) {
        if let Some(session) = entry.in_session() {
            self.of_sessions.remove(&(session, number));
        }
    }

    fn first_of(&self, session: usize) -> Option<(usize, u64)> {
        self.of_sessions.range((session, 0)..=(session, u64::MAX)).next().copied()
    }
}

impl Entry {
    pub(crate) fn into_event(self) -> Erased {
        self.what.event
    }

    /// The address of the session that it recurs in. Nobody else has it while this is kept.
    fn in_session(&self) -> Option<usize> {
        let session = self.what.session.as_ref().filter(|_| self.again.is_some())?;
        Some(session.as_ptr().addr())
    }

    /// Does it come again, so that nothing is lost with it but its next times?
    pub(crate) fn recurs(&self) -> bool {
        self.again.is_some()
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::{Entry, Next, Timers, What};
    use crate::clock::{Clock, TokioClock};
    use crate::event::schedule::Recurrence;
    use crate::message::{Message, MessageId};
    use std::sync::{Arc, Weak};
    use std::time::{Duration, Instant};

    #[bus_macros::event(crate = crate)]
    struct Rang;

    /// One that recurs, in a session.
    fn recurring(period: Duration) -> Entry {
        let (origin, head, session) = (None, None, Some(Weak::new()));
        let (id, info, event) = (MessageId::next(1), Rang::INFO, Arc::new(Rang));
        let what = What { id, info, event, origin, head, session };
        Entry { what, again: Some(Box::new(Recurrence::Every(period))) }
    }

    fn of_sessions(timers: &Timers) -> usize {
        super::lock(&timers.state).of_sessions.len()
    }

    #[test]
    fn what_comes_after_the_close_is_given_back() {
        let (timers, now) = (Timers::default(), Instant::now());
        assert!(timers.add(now, recurring(Duration::MAX)).is_ok());
        assert_eq!(timers.close().len(), 1);
        assert!(timers.add(now, recurring(Duration::MAX)).is_err(), "nobody drives it");
        assert_eq!(timers.len(), 0);
    }

    /// A session that lasts may see many come and go.
    #[test]
    fn one_that_comes_no_more_is_forgotten_by_its_session() {
        let (timers, clock) = (Timers::default(), TokioClock);
        let add = |period| timers.add(clock.now(), recurring(period)).ok().unwrap();
        let cancelled = add(Duration::from_secs(1));
        assert!(of_sessions(&timers) == 1 && timers.remove(cancelled).is_some());
        assert_eq!(of_sessions(&timers), 0, "it was cancelled");
        let last = add(Duration::MAX);
        assert!(matches!(timers.next(clock.now(), 1), Next::Due(_)));
        assert!(of_sessions(&timers) == 1 && !timers.again(last, &clock));
        assert_eq!(of_sessions(&timers), 0, "the clock does not reach its next time");
        let again = add(Duration::from_secs(1));
        assert!(matches!(timers.next(clock.now(), 1), Next::Due(_)));
        assert!(timers.again(again, &clock));
        assert_eq!(of_sessions(&timers), 1, "it comes again");
    }
}
