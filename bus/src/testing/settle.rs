//! Settling: nothing is queued, nothing runs and nothing is due, but for what waits for time to go by.
//!
//! A test bus settles when nothing can go on by itself any more:
//!
//! * no task of the bus, and no command, was woken and not polled since;
//! * no event is due;
//! * each handler (or middleware) that is pending waits for the clock of the bus, or for something of the bus:
//!   a command that it executes, an event that it waits for, the end of a session. What it waits for there is
//!   looked at in its own right.
//!
//! What runs is one look under one lock. The guide has the table of what counts, and of what cannot be seen.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::sync::atomic::Ordering;
use std::task::Poll;
use std::time::Duration;

use super::TestBus;
use super::driven::must_not_be_driven;
use super::watchdog::TooLong;
use crate::clock::Clock;
use crate::event::dispatcher;
use crate::message::MessageId;
use crate::probe::Waits;

/// A handler that is pending: [`TestBus::pending`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Pending {
    /// The name of the handler.
    pub handler: String,
    /// Where it stands: file and line.
    pub place: (&'static str, u32),
    /// The name of its message.
    pub message: &'static str,
    /// The id of its message.
    pub id: MessageId,
    /// Which call of it this is, from 1; 0: it has not come to that, a middleware around it waits.
    pub attempt: u32,
    /// Does it wait for something that is neither the clock of the bus nor the bus?
    pub is_running: bool,
}

impl Pending {
    pub(super) fn of(waits: &Waits, is_running: bool) -> Self {
        let handler = &waits.handler;
        Self {
            handler: handler.name.to_string(),
            place: (handler.file, handler.line),
            message: waits.message.name(),
            id: waits.id,
            attempt: waits.attempt,
            is_running,
        }
    }
}

impl fmt::Display for Pending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (file, line) = self.place;
        let for_what = if self.is_running {
            "something that is neither the clock of the bus nor the bus: a sleep should be `cx.sleep(..)`, or one of the \
             bus's `Clock`, and none of tokio's"
        } else {
            "the clock of the bus, or for the bus"
        };
        write!(f, "{} ({file}:{line}), with {}, waits for {for_what}", self.handler, self.message)
    }
}

impl TestBus {
    /// Resolves when the bus has settled: nothing is queued, runs or is due, but for what waits for the clock of
    /// the bus to go on. It is counted, and no matter of time; the [guide](crate::guide::testing) says what counts, and
    /// what cannot be seen.
    ///
    /// # Panics
    /// When something goes on running for longer than the [limit](super::TestBusBuilder::settle_limit), in real
    /// time: the text says which handlers, and what for. At once inside of what [`run`](Self::run) drives, as that would
    /// wait for itself.
    ///
    /// # Cancel safety
    /// Dropping the future changes nothing.
    #[track_caller]
    pub fn settle(&self) -> impl Future<Output = ()> + Send + use<'_> {
        let caller = Location::caller();
        async move {
            must_not_be_driven(&self.tracker, Some(caller));
            if let Err(hangs) = self.try_settle().await {
                panic!("{hangs}\nat {caller}");
            }
        }
    }

    /// As [`settle`](Self::settle); what goes on for too long is an error.
    ///
    /// # Errors
    /// What does not settle.
    pub async fn try_settle(&self) -> Result<(), Unsettled> {
        self.settle_before(pin!(TooLong::after(self.limit))).await
    }

    pub(super) async fn settle_before(
        &self,
        mut too_long: Pin<&mut TooLong>,
    ) -> Result<(), Unsettled> {
        must_not_be_driven(&self.tracker, None);
        loop {
            dispatcher::start(self.core());
            let mut rest = pin!(self.tracker.rest());
            let is_late = poll_fn(|task| match rest.as_mut().poll(task) {
                Poll::Ready(()) => Poll::Ready(false),
                Poll::Pending => too_long.as_mut().poll(task).map(|()| true),
            });
            if is_late.await {
                return Err(self.unsettled());
            }
            // What has yielded to the runtime is woken when this has yielded too, and then it counts.
            tokio::task::yield_now().await;
            if self.is_settled() {
                return Ok(());
            }
            if self.untaken() > 0 {
                return Err(self.unsettled());
            }
        }
    }

    /// Has it settled, at this moment?
    #[must_use]
    pub fn is_settled(&self) -> bool {
        // Who waits until something is due is woken by the clock, and runnable from then on. What is due and lies
        // there still waits for room in the queue, or for a runtime.
        self.tracker.is_at_rest() && self.untaken() == 0
    }

    /// How many events are queued that nobody takes, as there was no runtime so far.
    pub(super) fn untaken(&self) -> usize {
        let core = self.core();
        if core.work.dispatching.load(Ordering::SeqCst) { 0 } else { core.queue.waiting() }
    }

    /// The handlers that are pending.
    #[must_use]
    pub fn pending(&self) -> Vec<Pending> {
        let (real, others, _) = self.tracker.pending();
        let real = real.iter().map(|waits| Pending::of(waits, true));
        real.chain(others.iter().map(|waits| Pending::of(waits, false))).collect()
    }

    pub(super) fn unsettled(&self) -> Unsettled {
        let (_, _, runnable) = self.tracker.pending();
        let next_due = self.next_due();
        let untaken = self.untaken();
        Unsettled { limit: self.limit, pending: self.pending(), runnable, untaken, next_due }
    }

    /// Moves the clock by so much, from one time at which something is due to the next: what is due comes in
    /// order, and the bus settles before the next.
    ///
    /// # Panics
    /// As [`settle`](Self::settle); and at once when there is no such time, as after [`Duration::MAX`].
    #[track_caller]
    pub fn advance(&self, time: Duration) -> impl Future<Output = ()> + Send + use<'_> {
        let caller = Location::caller();
        // Here, where the panic names the caller.
        let _ = self.clock.after(time);
        async move {
            must_not_be_driven(&self.tracker, Some(caller));
            if let Err(hangs) = self.try_advance(time).await {
                panic!("{hangs}\nat {caller}");
            }
        }
    }

    /// As [`advance`](Self::advance); what goes on for too long is an error.
    ///
    /// # Errors
    /// What does not settle.
    ///
    /// # Panics
    /// When there is no such time, as after [`Duration::MAX`].
    pub async fn try_advance(&self, time: Duration) -> Result<(), Unsettled> {
        let end = self.clock.after(time);
        loop {
            self.try_settle().await?;
            match self.clock.next_due() {
                Some(due) if due <= end => self.clock.move_to(due),
                _ if self.clock.now() < end => self.clock.move_to(end),
                _ => return Ok(()),
            }
        }
    }

    /// How long it is until something is due: an event that is scheduled, the end of a sleep, a retry, a timeout, or
    /// a look at whether a handler is slow. At most 30 days: then the bus looks at its timers again.
    #[must_use]
    pub fn next_due(&self) -> Option<Duration> {
        let due = self.clock.next_due()?;
        Some(due.saturating_duration_since(self.clock.now()))
    }
}

/// A test bus did not settle in time: [`TestBus::try_settle`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Unsettled {
    /// How long it was waited for, in real time.
    pub limit: Duration,
    /// The handlers that are pending.
    pub pending: Vec<Pending>,
    /// How many tasks and commands are about to go on. A command is, when nobody polls it.
    pub runnable: usize,
    /// How many events are queued that nobody takes, as there is no tokio runtime.
    pub untaken: usize,
    /// How long it is until something is due.
    pub next_due: Option<Duration>,
}

/// What may be so where a task is not polled for long.
pub(super) const HELD: &str = ": is the future of a command held, and not awaited?";

impl std::error::Error for Unsettled {}

impl fmt::Display for Unsettled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.untaken {
            0 => write!(f, "the bus did not settle within {:?} of real time", self.limit)?,
            _ => f.write_str("the bus cannot settle")?,
        }
        self.goes_on(f, HELD)
    }
}

impl Unsettled {
    /// A line for each that does. Of what is not polled, what that may be.
    pub(super) fn goes_on(&self, f: &mut fmt::Formatter<'_>, held: &str) -> fmt::Result {
        for pending in &self.pending {
            write!(f, "\n  {pending}")?;
        }
        let queued = match self.untaken {
            0 => None,
            1 => Some("1 event is".to_owned()),
            n => Some(format!("{n} events are")),
        };
        if let Some(queued) = queued {
            write!(
                f,
                "\n  {queued} queued, and there is no tokio runtime to handle it in: `#[tokio::test]` is one, or \
                 `.with(|builder| builder.runtime(handle))` names one"
            )?;
        }
        match self.runnable {
            0 => {}
            1 => f.write_str("\n  a task was woken and is not polled")?,
            n => write!(f, "\n  {n} tasks were woken and are not polled")?,
        }
        if self.runnable > 0 {
            f.write_str(held)?;
        }
        if let Some(due) = self.next_due {
            write!(f, "\n  the next is due in {due:?}, when the clock of the bus is moved")?;
        }
        Ok(())
    }
}
