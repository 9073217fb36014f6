//! Losses: what was dropped is said, and not once for each event.
//!
//! The first loss is said at once. What is lost in the second after it is said together, by event
//! and reason: a burst that drops a million events must not log a million lines.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};
use std::time::Duration;

use super::queue::{Crossing, Intake, Witness};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::MessageInfo;
use crate::metrics::OTHERS;
use crate::metrics::bounded::Bounded;
use crate::observe::{What, spans, tap};
use crate::pipeline::announce;
use crate::probe;
use crate::sync::{Mutex, SHARDS, Shard, Sharded, lock};

/// How long losses are collected before they are said.
const COLLECT: Duration = Duration::from_secs(1);

/// Why events did not reach their handlers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum DropReason {
    /// The queue was full, and
    /// [`DropOldest`](crate::BackpressureStrategy::DropOldest) made room.
    QueueFull,
    /// Its publisher was given it back.
    Rejected,
    /// A filter has kept it out.
    Filtered,
    /// It was emitted, and a filter panicked.
    FilterPanicked,
    /// It was emitted by a handler that has failed, or was cancelled.
    HandlerFailed,
    /// Handlers publish faster than events are handled: the ceiling of the debt.
    Overloaded,
    /// Messages cause one another without end.
    TooDeep,
    /// It was scheduled, and the bus was shut down before it was due.
    NotDue,
    /// It was queued for longer than its `ttl`.
    Expired,
    /// A handler gave up on it, and there were too many dead letters after it. The event may have been a
    /// command.
    DeadLetterEvicted,
    /// It had to follow a dead letter, and too many did already: it did not reach that handler.
    TooManyParked,
    /// The bus was shut down before it could be handled.
    ShutDown,
    /// The runtime of the bus has ended.
    RuntimeEnded,
}

impl DropReason {
    /// Is it no loss to its publisher, who was given it back, or wanted it filtered?
    fn was_told(self) -> bool {
        matches!(self, Self::Rejected | Self::Filtered)
    }

    /// As the value of a label.
    pub(crate) fn label(self) -> &'static str {
        match self {
            Self::QueueFull => "queue_full",
            Self::Rejected => "rejected",
            Self::Filtered => "filtered",
            Self::FilterPanicked => "filter_panicked",
            Self::HandlerFailed => "handler_failed",
            Self::Overloaded => "overloaded",
            Self::TooDeep => "too_deep",
            Self::NotDue => "not_due",
            Self::Expired => "expired",
            Self::DeadLetterEvicted => "dead_letter_evicted",
            Self::TooManyParked => "too_many_parked",
            Self::ShutDown => "shut_down",
            Self::RuntimeEnded => "runtime_ended",
        }
    }
}

impl fmt::Display for DropReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::QueueFull => "the queue was full",
            Self::Rejected => "the publish was refused",
            Self::Filtered => "a filter has kept it out",
            Self::FilterPanicked => "a filter panicked",
            Self::HandlerFailed => "its handler has failed or was cancelled",
            Self::Overloaded => "handlers publish faster than events are handled",
            Self::TooDeep => "messages cause one another without end",
            Self::NotDue => "the bus was shut down before it was due",
            Self::Expired => "it was queued for too long",
            Self::DeadLetterEvicted => "its dead letter was evicted: there were too many",
            Self::TooManyParked => "too many are parked behind a dead letter already",
            Self::ShutDown => "the bus was shut down",
            Self::RuntimeEnded => "the runtime of the bus has ended",
        })
    }
}

/// What is lost is counted in the shard of the thread that has lost it, so a flood of refusals on many threads
/// meets at no lock.
pub(crate) struct Losses {
    shards: [Part; SHARDS],
    /// What is lost, by message, but for what its publisher was told.
    by_message: Bounded<Key, Sharded>,
    /// Somebody will say what is unsaid.
    collecting: AtomicBool,
}

type Key = (&'static str, DropReason);

/// In lines of its own.
#[derive(Default)]
#[repr(align(128))]
struct Part {
    /// Since the bus was built.
    all: [AtomicU64; REASONS.len()],
    unsaid: Mutex<BTreeMap<Key, Unsaid>>,
}

/// What is to be said of a message and a reason.
struct Unsaid {
    lost: u64,
    /// Where it is counted, looked up once for as long as it is not said.
    counted: Option<Arc<Sharded>>,
}

/// All reasons, in the order in which they are declared.
const REASONS: [DropReason; 13] = [
    DropReason::QueueFull,
    DropReason::Rejected,
    DropReason::Filtered,
    DropReason::FilterPanicked,
    DropReason::HandlerFailed,
    DropReason::Overloaded,
    DropReason::TooDeep,
    DropReason::NotDue,
    DropReason::Expired,
    DropReason::DeadLetterEvicted,
    DropReason::TooManyParked,
    DropReason::ShutDown,
    DropReason::RuntimeEnded,
];

impl Losses {
    pub(crate) fn new(limit: usize) -> Self {
        Self {
            shards: Default::default(),
            by_message: Bounded::new(limit),
            collecting: AtomicBool::new(false),
        }
    }

    /// Notes that an event is lost, which is here still.
    pub(crate) fn note_event(&self, core: &Core, event: &Envelope, why: DropReason) {
        if let Some(rerun) = &event.rerun {
            // Its letter stays as it was, and who runs it again is told.
            let (event, dead_letter) = (event.info.name(), rerun.letter.id);
            tracing::info!(event, %dead_letter, %why, "a dead letter was not run again");
            return;
        }
        if core.observers.is_on() {
            let what = match why {
                DropReason::Expired => What::Expired,
                reason => What::Dropped { reason, count: 1 },
            };
            tap::of_envelope(core, event, what);
        }
        spans::lost(event.links.as_ref(), why);
        self.note(core, event.info, 1, why);
    }

    /// Notes that events of a type are lost, to be said now or soon. Observers are told where that is known of
    /// each.
    pub(crate) fn note(&self, core: &Core, info: &'static MessageInfo, n: u64, why: DropReason) {
        let (key, here) = ((info.name(), why), Shard::here());
        let shard = &self.shards[here.index()];
        here.count(&shard.all[why as usize], n);
        {
            let mut unsaid = lock(&shard.unsaid);
            let unsaid = unsaid.entry(key).or_insert_with(|| {
                let counted = (!why.was_told()).then(|| self.by_message.of(key, (OTHERS, why)));
                Unsaid { lost: 0, counted }
            });
            unsaid.lost += n;
            unsaid.counted.iter().for_each(|counted| counted.count(n));
        }
        while !self.collecting.swap(true, Ordering::SeqCst) {
            self.flush(core);
            if let Some(runtime) = core.runtime.handle() {
                runtime.spawn(probe::task(core, collect(core.weak())));
                return;
            }
            if self.has_collected() {
                return;
            }
        }
    }

    /// Nobody collects from now on, unless something came that nobody would say.
    fn has_collected(&self) -> bool {
        self.collecting.store(false, Ordering::SeqCst);
        self.shards.iter().all(|shard| lock(&shard.unsaid).is_empty())
    }

    /// What was lost for each reason, but for what its publisher was told.
    pub(crate) fn by_reason(&self) -> impl Iterator<Item = (DropReason, u64)> {
        let told = REASONS.into_iter().filter(|reason| !reason.was_told());
        told.map(|reason| {
            let of_shard = |shard: &Part| shard.all[reason as usize].load(Ordering::Relaxed);
            (reason, self.shards.iter().map(of_shard).sum())
        })
    }

    /// The same of each message, sorted; nothing is locked while they are shown.
    pub(crate) fn by_message(&self, mut show: impl FnMut(&'static str, DropReason, u64)) {
        self.by_message.each(|(message, reason), lost| show(message, *reason, lost.sum()));
    }

    /// Says what is unsaid. `false`: there was nothing.
    pub(crate) fn flush(&self, core: &Core) -> bool {
        let mut unsaid = BTreeMap::<Key, u64>::new();
        for shard in &self.shards {
            for (key, Unsaid { lost, .. }) in std::mem::take(&mut *lock(&shard.unsaid)) {
                *unsaid.entry(key).or_default() += lost;
            }
        }
        for ((event, reason), count) in &unsaid {
            match reason {
                // Whoever published them was told.
                DropReason::Rejected | DropReason::Filtered => {
                    tracing::debug!(event, count, %reason, "events were not accepted");
                }
                DropReason::DeadLetterEvicted => {
                    tracing::warn!(
                        message_name = event,
                        count,
                        "dead letters were evicted: there were too many"
                    );
                }
                _ => tracing::warn!(event, count, %reason, "events were dropped"),
            }
            announce::dropped(core, event, *reason, *count);
        }
        !unsaid.is_empty()
    }
}

/// The queue drops what it has no room for, or what comes too late for it.
impl Witness for Weak<Core> {
    fn crossed(&self, crossing: Crossing) {
        if let Some(core) = self.upgrade() {
            announce::mark(&core, crossing);
        }
    }

    fn dropped(&self, event: Envelope) {
        if let Some(core) = self.upgrade() {
            let closed = core.queue.intake() == Intake::Closed;
            let why = if closed { DropReason::ShutDown } else { DropReason::QueueFull };
            core.losses.note_event(&core, &event, why);
        }
    }
}

/// Says what is lost each second, until nothing is.
async fn collect(core: Weak<Core>) {
    loop {
        let Some(clock) = core.upgrade().map(|core| core.settings.clock.clone()) else { return };
        if let Some(until) = clock.now().checked_add(COLLECT) {
            clock.sleep_until(until).await;
        }
        let Some(core) = core.upgrade() else { return };
        let losses = &core.losses;
        // Who comes in between has left it to this, or begins another.
        if !losses.flush(&core)
            && (losses.has_collected() || losses.collecting.swap(true, Ordering::SeqCst))
        {
            return;
        }
    }
}
