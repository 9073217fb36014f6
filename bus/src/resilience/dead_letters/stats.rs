//! Counts of what became of dead letters.

/// What became of the dead letters of a bus: [`DeadLetters::stats`](crate::DeadLetters::stats).
///
/// They add up at any moment: `buried` is `present + evicted + discarded + succeeded`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct DeadLetterStats {
    /// Those that are kept now.
    pub present: usize,
    /// How many are kept at most.
    pub capacity: usize,
    /// Those that came, the parked ones included.
    pub buried: u64,
    /// How many of them were parked behind another.
    pub parked: u64,
    /// Events that were not kept, as too many were parked behind one dead letter already.
    pub refused: u64,
    /// Those that were thrown away, the oldest first, to make room.
    pub evicted: u64,
    /// How often one was run again.
    pub retried: u64,
    /// Those that are gone because that went well, or a copy of theirs did.
    pub succeeded: u64,
    /// Those that were discarded.
    pub discarded: u64,
    /// Sequences that are held up by a dead letter now.
    pub sequences: usize,
}
