//! A case, as plain data: what is printed when it fails, and what is made smaller.

use std::time::Duration;

use bus::BackpressureStrategy;

/// Whether the clock stands still unless all wait, on one thread; or runs, on several.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Time {
    Virtual,
    Real,
}

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    pub(crate) settings: Settings,
    /// By [`Kind`].
    pub(crate) handlers: [Vec<Handler>; 5],
    pub(crate) publishers: Vec<Vec<Action>>,
    pub(crate) ending: Ending,
}

#[derive(Debug, Clone)]
pub(crate) struct Settings {
    pub(crate) capacity: usize,
    pub(crate) batch: usize,
    pub(crate) concurrency: usize,
    pub(crate) strategy: Strategy,
    /// `None`: only the end of the bus ends a handler that hangs.
    pub(crate) event_timeout_ms: Option<u64>,
    /// Does somebody handle the bus's own announcements of failures?
    pub(crate) listens: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Strategy {
    Block { timeout_ms: u64 },
    DropOldest,
    RejectNew,
    Adaptive,
}

impl Strategy {
    pub(crate) fn of_bus(self) -> BackpressureStrategy {
        match self {
            Self::Block { timeout_ms } => {
                BackpressureStrategy::Block { timeout: Duration::from_millis(timeout_ms) }
            }
            Self::DropOldest => BackpressureStrategy::DropOldest,
            Self::RejectNew => BackpressureStrategy::RejectNew,
            Self::Adaptive => BackpressureStrategy::AdaptiveRateLimit,
        }
    }
}

/// The types of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum Kind {
    /// In no order.
    A,
    /// With a key.
    B,
    /// All in one lane.
    C,
    /// With a key, in the stream of the next.
    D,
    E,
}

pub(crate) const KINDS: [Kind; 5] = [Kind::A, Kind::B, Kind::C, Kind::D, Kind::E];

#[derive(Debug, Clone)]
pub(crate) struct Handler {
    pub(crate) priority: i32,
    pub(crate) form: Form,
    /// At least one: the event's id picks, so that a handler does not always do the same.
    pub(crate) courses: Vec<Course>,
}

/// What a handler is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// A closure, registered at run time.
    Closure,
    /// A plain function: at most one for a kind.
    Plain,
    /// It takes so many events at once: at most one for a kind.
    Batch(usize),
}

/// What one run of a handler does.
#[derive(Debug, Clone)]
pub(crate) struct Course {
    pub(crate) steps: Vec<Step>,
    pub(crate) end: End,
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Step {
    Yield { times: u8 },
    Sleep { ms: u64 },
    Publish { how: How, kind: Kind, events: u8 },
    Emit { kind: Kind, events: u8 },
}

/// How a handler publishes.
#[derive(Debug, Clone, Copy)]
pub(crate) enum How {
    Publish,
    TryPublish,
    /// Through a handle of the bus, which finds the handler by itself.
    OfTheBus,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    Succeed,
    Fail,
    Panic,
    Hang,
}

/// What a publisher does, outside all handlers.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Action {
    Publish(Kind),
    TryPublish(Kind),
    /// Drops the future when it was polled so often.
    PublishForPolls {
        kind: Kind,
        polls: u8,
    },
    /// Publishes it after so long.
    Later {
        kind: Kind,
        ms: u64,
    },
    /// Takes the last one back that was to be published later.
    TakeBack,
    /// Drops the future after so long.
    PublishFor {
        kind: Kind,
        ms: u64,
    },
    Sleep {
        ms: u64,
    },
    Yield {
        times: u8,
    },
}

#[derive(Debug, Clone, Copy)]
pub(crate) enum Ending {
    /// All publishers have ended and all handlers too: the shutdown has nothing to do.
    Settled,
    /// All publishers have ended: the shutdown waits for what is queued.
    Drained,
    /// The shutdown comes whenever it comes, and does not wait long. In real time `after` counts
    /// turns of the task, and the shutdown waits for everything.
    Midway { after: u64, drain_ms: u64, grace_ms: u64 },
    /// All publishers have ended: the last handle is dropped so much later.
    Dropped { after_ms: u64 },
}

impl Scenario {
    pub(crate) fn handlers_of(&self, kind: Kind) -> &[Handler] {
        &self.handlers[kind as usize]
    }

    /// What waits for the handlers to end by themselves needs them to.
    pub(crate) fn event_timeout_ms(&self) -> Option<u64> {
        match self.ending {
            Ending::Settled | Ending::Drained => self.settings.event_timeout_ms.or(Some(50)),
            Ending::Midway { .. } | Ending::Dropped { .. } => self.settings.event_timeout_ms,
        }
    }

    /// May the end of the bus leave something undone?
    pub(crate) fn cuts(&self, time: Time) -> bool {
        match self.ending {
            Ending::Settled | Ending::Drained => false,
            Ending::Midway { .. } => time == Time::Virtual,
            Ending::Dropped { .. } => true,
        }
    }
}
