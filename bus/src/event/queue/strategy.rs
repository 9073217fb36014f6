//! What a publish does when there is no room.

use std::time::Duration;

/// What a publish from outside any handler does when the queue is full. Handlers never wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum BackpressureStrategy {
    /// Wait for room, first come first served, and give up after the timeout: the default, with
    /// 30 s.
    Block {
        /// How long.
        timeout: Duration,
    },
    /// Make room: drop what has waited longest, and say so in the outcome.
    DropOldest,
    /// Refuse, and give the event back.
    RejectNew,
    /// Slow publishers down while events wait too long in the queue, and let them go again when
    /// they do not; refuse only what finds the queue full.
    ///
    /// Events that wait for longer than 5 ms, for 100 ms on end (the constants of CoDel, RFC 8289),
    /// halve the rate at which events are accepted; each 100 ms in which they do not raise it by a
    /// tenth of what it was before, and at twice that there is no limit any more. `try_publish`
    /// does not wait: it is accepted where there is room, at the cost of those who wait.
    AdaptiveRateLimit,
}

/// Who may push.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Intake {
    Open,
    /// Shutting down: handlers may still publish.
    HandlersOnly,
    Closed,
}

/// Why the queue did not take an event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Refused {
    #[error("the event queue is full ({capacity} events)")]
    Full { capacity: usize },
    #[error("handlers have published {ceiling} events more than the dispatcher could take")]
    Ceiling { ceiling: usize },
    #[error("events cause one another without end")]
    TooDeep,
    #[error("the bus is shutting down")]
    ShuttingDown,
    #[error("the bus is closed")]
    Closed,
}
