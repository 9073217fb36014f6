//! What has become of the runs of each handler.

use std::fmt;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::SystemTime;

use crate::context::Context;
use crate::core::Core;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::ended::{Ended, FAILED};
use crate::registry::HandlerInfo;
use crate::registry::plan::Plan;
use crate::session::SessionId;
use crate::sync::{Mutex, Sharded, lock};

/// What has become of the runs of one handler: [`Bus::handler_stats`](crate::Bus::handler_stats).
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct HandlerStats {
    /// The handler.
    pub handler: HandlerInfo,
    /// What it handles.
    pub message: &'static MessageInfo,
    /// Whose it is: the bus's ([`SessionId::BUS`]) or a session's.
    pub session: SessionId,
    /// How often it was called: each attempt counts, and those under way.
    pub runs: u64,
    /// How many of these did not end well. One whose caller has dropped it, or has cancelled it, has not
    /// failed.
    pub failures: u64,
    /// How many have failed since one ended well.
    pub consecutive_failures: u32,
    /// Events that it was not called for, since a middleware has [skipped](crate::Call::skip) it.
    pub skipped: u64,
    /// Events that it was not called for, since its filter has kept them out.
    pub filtered: u64,
    /// When a run has failed last, and why.
    pub last_failure: Option<LastFailure>,
}

/// The last failure of a handler.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LastFailure {
    /// When.
    pub at: SystemTime,
    /// What went wrong, to come after the name of the handler.
    pub error: String,
}

/// On one line, for people.
impl fmt::Display for HandlerStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handler, runs, failures, consecutive_failures, .. } = self;
        write!(f, "{handler}: {runs} runs, {failures} failed, {consecutive_failures} in a row")?;
        match &self.last_failure {
            Some(last) => write!(f, ", last: {}", last.error),
            None => Ok(()),
        }
    }
}

/// The counts behind them, kept with the plan of the handler.
pub(crate) struct Counts {
    runs: Runs,
    failures: AtomicU64,
    consecutive: AtomicU32,
    /// And the message that it was of. Most have none.
    last: Mutex<Option<Box<(MessageId, LastFailure)>>>,
}

/// Handlers that are there for good count without sharing a line; those that come and go, of which there
/// may be many, in a single word.
enum Runs {
    Sharded(Box<Sharded>),
    Single(AtomicU64),
}

impl Counts {
    pub(crate) fn new(at_run_time: bool) -> Self {
        let runs = if at_run_time {
            Runs::Single(AtomicU64::new(0))
        } else {
            Runs::Sharded(Box::default())
        };
        Self {
            runs,
            failures: AtomicU64::new(0),
            consecutive: AtomicU32::new(0),
            last: Mutex::default(),
        }
    }

    #[inline]
    pub(crate) fn begun(&self) {
        match &self.runs {
            Runs::Sharded(runs) => runs.count(1),
            Runs::Single(runs) => drop(runs.fetch_add(1, Ordering::Relaxed)),
        }
    }

    #[inline]
    pub(crate) fn ended_well(&self) {
        // Read first: the line is shared, and written only after a failure.
        if self.consecutive.load(Ordering::Relaxed) > 0 {
            self.consecutive.store(0, Ordering::Relaxed);
        }
    }

    pub(crate) fn failed(&self, context: &Context, ended: &Ended<'_>) {
        self.failures.fetch_add(1, Ordering::Relaxed);
        self.consecutive.fetch_add(1, Ordering::Relaxed);
        let at = context.core().settings.clock.system_time();
        let failure = LastFailure { at, error: ended.to_string() };
        *lock(&self.last) = Some(Box::new((context.id(), failure)));
    }

    /// The text of the error that this message has failed with last, unless another has failed since: so that it
    /// need not be written once more.
    pub(crate) fn text_of(&self, message: MessageId) -> Option<String> {
        let last = lock(&self.last);
        let last = last.as_ref().filter(|last| last.0 == message)?;
        Some(last.1.error.strip_prefix(FAILED)?.to_owned())
    }

    fn runs(&self) -> u64 {
        match &self.runs {
            Runs::Sharded(runs) => runs.sum(),
            Runs::Single(runs) => runs.load(Ordering::Relaxed),
        }
    }
}

impl HandlerStats {
    fn of_plan(plan: &Plan) -> Self {
        let counts = &plan.counts;
        Self {
            handler: plan.handler.clone(),
            message: plan.message,
            session: plan.owner().map_or(SessionId::BUS, |scope| scope.id.clone()),
            runs: counts.runs(),
            failures: counts.failures.load(Ordering::Relaxed),
            consecutive_failures: counts.consecutive.load(Ordering::Relaxed),
            skipped: plan.layers.as_ref().map_or(0, |layers| layers.skipped()),
            filtered: plan.filter.as_ref().map_or(0, |filter| filter.stats(None).filtered),
            last_failure: lock(&counts.last).as_ref().map(|last| last.1.clone()),
        }
    }

    /// Of the handlers of the bus, then of those of the open sessions, in the order of their opening.
    pub(crate) fn of(core: &Core) -> Vec<Self> {
        let of_bus = core.wired.table();
        let mut plans = of_bus.as_deref().unwrap_or(&core.table).all();
        for scope in core.sessions.all() {
            plans.extend(scope.wired.table().into_iter().flat_map(|table| table.all()));
        }
        plans.iter().map(|plan| Self::of_plan(plan)).collect()
    }
}
