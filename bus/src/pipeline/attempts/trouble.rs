//! What is known of attempts that have failed, and what comes next. On the heap, and only there where
//! something has gone wrong.

use std::fmt;
use std::pin::Pin;
use std::time::{Duration, Instant};

use tokio::sync::OwnedSemaphorePermit;

use crate::context::Context;
use crate::core::Core;
use crate::error::Error;
use crate::handler::slot::BoxFuture;
use crate::pipeline::ended::{Ended, Outcome};
use crate::pipeline::failure::{Failure, Late};
use crate::pipeline::run::{drop_users, text_of_users};
use crate::probe::{self, Delays};
use crate::resilience::ErrorClass;
use crate::resilience::breaker::Ticket;
use crate::resilience::bulkhead::{Bulkhead, Waiting};
use crate::resilience::dead_letters::FailedAttempt;
use crate::resilience::fault::Fault;
use crate::resilience::policy::Policy;
use crate::resilience::timer::Timer;

/// How often a message may be [deferred](ErrorClass::Deferred) by its handler: who defers it for ever has
/// failed.
const DEFERRALS: u32 = 100;
/// How many failed attempts are remembered: the first, and the last of them.
const REMEMBERED: usize = 32;

/// Of one message and its handler.
pub(crate) struct Trouble<O> {
    pub(super) wait: Wait,
    /// An event's handler that waits for long has no slot meanwhile.
    pub(super) without_slot: bool,
    /// The number of the first attempt: of a dead letter, there were some before.
    pub(super) first: u32,
    /// All attempts together: how long they may take, and when that is over; the latter is known when
    /// the first of them has failed, or was made to wait.
    time: Option<Duration>,
    deadline: Fixed,
    callers: Option<Instant>,
    delays: Option<Delays>,
    deferrals: u32,
    /// Rounds of attempts after the first.
    rounds: usize,
    /// There would have been another attempt, had the budget allowed it.
    pub(super) is_broke: bool,
    /// What the last attempt has come to.
    pub(super) last: Last<O>,
    pub(crate) record: Option<Record>,
    /// What it was before an attempt has ended well.
    pub(super) former: Option<Record>,
}

/// What an attempt has come to. The error is the user's, and there may be another by the time it is dropped: two
/// destructors that panic at once would end the process.
pub(super) struct Last<O>(pub(super) Option<Result<O, Failure>>);

impl<O> Drop for Last<O> {
    fn drop(&mut self) {
        drop_users(self.0.take());
    }
}

/// A deadline, which may be none at all.
#[derive(Clone, Copy)]
enum Fixed {
    NotYet,
    At(Option<Instant>),
}

/// The failed attempts, for whoever looks at them later.
#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) fault: Fault,
    /// What went wrong the last time, and with all that was behind it.
    pub(crate) error: String,
    pub(crate) chain: String,
    pub(crate) history: Vec<FailedAttempt>,
}

impl Record {
    /// Has the handler said that it is of no interest?
    pub(crate) fn is_of_no_interest(&self) -> bool {
        self.fault == Fault::Class(ErrorClass::Discard)
    }
}

/// For what the next attempt waits.
pub(super) enum Wait {
    Nothing,
    Time { timer: Pin<Box<Timer>>, until: Option<Instant> },
    Circuit(BoxFuture<'static, Ticket>),
    Room(Room),
}

/// A place of the bulkhead, and until when it is waited for.
pub(super) struct Room {
    pub(super) place: BoxFuture<'static, Option<OwnedSemaphorePermit>>,
    /// `None`: the handler has been called, and comes back to its place.
    pub(super) seat: Option<Waiting>,
    pub(super) timer: Pin<Box<Timer>>,
    pub(super) until: Option<Instant>,
}

impl Room {
    pub(super) fn new(bulkhead: &Bulkhead, seat: Option<Waiting>, until: Option<Instant>) -> Self {
        let (place, timer) = (Box::pin(bulkhead.place()), Box::pin(Timer::Unarmed));
        Self { place, seat, timer, until }
    }
}

/// What comes after an attempt that has failed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Step {
    /// Nothing: that was the last.
    Over,
    /// Another attempt, after this long.
    Again(Duration),
    /// The same, in nobody's way: the handler gives its slot back.
    Later(Duration),
}

impl<O> Trouble<O> {
    pub(super) fn new(context: &Context) -> Self {
        Self {
            wait: Wait::Nothing,
            without_slot: false,
            first: context.attempt(),
            time: context.total_time(),
            deadline: Fixed::NotYet,
            callers: context.callers_deadline(),
            delays: None,
            deferrals: 0,
            rounds: 0,
            is_broke: false,
            last: Last(None),
            record: None,
            former: None,
        }
    }

    pub(super) fn waits_aside(&self) -> bool {
        self.without_slot
    }

    /// When all attempts have to be over.
    pub(super) fn deadline(&mut self, context: &Context) -> Option<Instant> {
        match self.deadline {
            Fixed::At(deadline) => deadline,
            Fixed::NotYet => {
                let deadline = context.last_deadline();
                self.deadline = Fixed::At(deadline);
                deadline
            }
        }
    }

    /// What comes now is not on the time of the attempts before it.
    pub(super) fn begin_anew(&mut self) {
        self.deadline = Fixed::NotYet;
    }

    pub(super) fn is_fixed(&self) -> bool {
        matches!(self.deadline, Fixed::At(_))
    }

    /// How long the next attempt may take, and until when: what is left of the time of all of them; in a
    /// new round, all of it.
    pub(super) fn time_left(&self) -> (Option<Duration>, Option<Instant>) {
        match self.deadline {
            Fixed::At(deadline) => (None, deadline),
            Fixed::NotYet => (self.time, self.callers),
        }
    }

    /// A deadline that was fixed is not the caller's but that of all attempts.
    pub(super) fn whose(&self, failure: Failure) -> Failure {
        match (failure, self.deadline, self.time) {
            (Failure::TimedOut(Late::Caller), Fixed::At(deadline), Some(time))
                if deadline != self.callers =>
            {
                Failure::TimedOut(Late::Total(time))
            }
            (failure, ..) => failure,
        }
    }

    /// What comes next? `now`: when the attempt had failed.
    pub(super) fn next(
        &mut self,
        policy: &Policy,
        context: &Context,
        fault: Fault,
        now: Instant,
    ) -> Step {
        let is_event = !context.message().is_command();
        let deadline = self.deadline(context);
        let fits = |after: Duration| {
            let at = now.checked_add(after);
            at.is_some_and(|at| deadline.is_none_or(|deadline| at < deadline))
        };
        if let Fault::Class(ErrorClass::Deferred(after)) = fault {
            let may = self.deferrals < DEFERRALS && (is_event || fits(after));
            self.deferrals += 1;
            return match (may, is_event) {
                (false, _) => Step::Over,
                (true, true) => {
                    self.begin_anew();
                    Step::Later(after)
                }
                (true, false) => Step::Again(after),
            };
        }
        if !fault.is_transient() {
            return Step::Over;
        }
        if fault != Fault::OutOfTime
            && let Some(retry) = &policy.retry
        {
            let delays = self.delays.get_or_insert_with(|| probe::delays(context.core(), retry));
            if let Some(delay) = delays.next()
                && fits(delay)
                && policy.breaker.as_ref().is_none_or(|b| is_event || b.admits_at(now + delay))
            {
                if policy.budget.as_ref().is_none_or(|budget| budget.withdraw(now)) {
                    return Step::Again(delay);
                }
                self.is_broke = true;
            }
        }
        let Some(after) = policy.later.get(self.rounds).filter(|_| is_event) else {
            return Step::Over;
        };
        self.rounds += 1;
        self.delays = None;
        self.begin_anew();
        Step::Later(*after)
    }
}

impl<O: Outcome> Trouble<O> {
    /// Writes down what has failed.
    pub(super) fn note(
        &mut self,
        core: &Core,
        context: &Context,
        answer: &Result<O, Failure>,
        fault: Fault,
    ) -> &str {
        let chain = match Ended::with(context.message(), answer.as_ref()) {
            Ended::Failed(error) => text_of_users(|| error.to_string()),
            ended => ended.to_string(),
        };
        let own = answer.as_ref().ok().and_then(|outcome| outcome.error()?.downcast_ref::<Error>());
        let error = own.map_or_else(|| chain.clone(), |own| text_of_users(|| own.to_string()));
        let at = core.settings.clock.system_time();
        let failed = FailedAttempt::new(context.attempt(), at, chain.clone());
        let record = self.record.get_or_insert_with(|| Record {
            fault,
            error: String::new(),
            chain: String::new(),
            history: Vec::new(),
        });
        (record.fault, record.error, record.chain) = (fault, error, chain);
        if record.history.len() >= REMEMBERED {
            record.history.remove(1);
        }
        record.history.push(failed);
        record.history.last().map_or("", |failed| &failed.error)
    }
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => f.write_str("that was the last attempt"),
            Self::Again(after) => write!(f, "again in {after:?}"),
            Self::Later(after) => write!(f, "again in {after:?}, in nobody's way"),
        }
    }
}
