//! The batch that the dispatcher is going through, as others see it.
//!
//! What is taken and not started counts as queued, and a publisher that drops the oldest reaches
//! it. So both claim events by moving one counter, the dispatcher without a lock: each event is
//! claimed once, and each step of the dispatcher learns whether somebody waits for the room that it
//! makes.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many events of the batch have a place in the queue, and two bits: [`IN_HAND`] and [`ASKED`].
///
/// Events are claimed from the head of the batch. The dispatcher's claim is its hand: the event that
/// it is starting keeps its place until that is done, in case one of its handlers has to wait for a
/// slot. The hand is empty whenever the dispatcher waits.
///
/// **Invariant**: the counter is filled, and the bit for those who ask is set, under the queue's
/// lock. Bits and count are one word, so a step of the dispatcher either comes before a publisher's
/// look at the count, or sees that the publisher waits: no wake-up is lost.
#[derive(Debug)]
pub(crate) struct Claims(AtomicUsize);

/// Somebody waits for room.
const ASKED: usize = 1 << (usize::BITS - 1);
/// The first of what is counted is in the dispatcher's hand, and nobody else's to claim.
const IN_HAND: usize = 1 << (usize::BITS - 2);
const COUNT: usize = IN_HAND - 1;

/// The batch at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct InBatch(usize);

impl InBatch {
    /// How many have a place.
    #[inline]
    pub(crate) fn places(self) -> usize {
        self.0 & COUNT
    }

    /// How many of them are not even being started.
    #[inline]
    pub(crate) fn untouched(self) -> usize {
        self.places() - usize::from(self.0 & IN_HAND != 0)
    }

    /// Did somebody ask to be told of room?
    pub(crate) fn is_asked(self) -> bool {
        self.0 & ASKED != 0
    }
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// A new batch. The former one has been claimed to the last.
    pub(crate) fn fill(&self, events: usize, asked: bool) {
        debug_assert_eq!(self.look().places(), 0, "a batch is filled when the former one is done");
        self.0.store(if asked { events | ASKED } else { events }, Ordering::Release);
    }

    #[inline]
    pub(crate) fn look(&self) -> InBatch {
        InBatch(self.0.load(Ordering::Acquire))
    }

    /// Looks, and asks to be told of the next step that makes room.
    pub(crate) fn ask(&self) -> InBatch {
        InBatch(self.0.fetch_or(ASKED, Ordering::AcqRel))
    }

    /// Takes the event at the head, to drop it. `false`: there is none but what is in the
    /// dispatcher's hand.
    pub(crate) fn drop_one(&self) -> bool {
        let dropped = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (InBatch(word).untouched() > 0).then(|| word - 1)
        });
        dropped.is_ok()
    }

    /// The dispatcher is done with what was in its hand, and takes the next. What there was to take
    /// from is returned.
    #[inline]
    pub(crate) fn next(&self) -> InBatch {
        self.step(|left| if left > 0 { left | IN_HAND } else { 0 })
    }

    /// The dispatcher is done with what was in its hand.
    pub(crate) fn put_down(&self) -> InBatch {
        self.step(|left| left)
    }

    #[inline]
    fn step(&self, to: impl Fn(usize) -> usize) -> InBatch {
        let stepped = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            Some(to(InBatch(word).untouched()))
        });
        // There always is a word to go to.
        let (Ok(word) | Err(word)) = stepped;
        InBatch(word)
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::Claims;

    #[test]
    fn each_event_is_claimed_once_and_one_step_is_told_that_somebody_waits() {
        let claims = Claims::new();
        let next = || {
            let found = claims.next();
            (found.untouched(), found.is_asked())
        };
        assert_eq!(next(), (0, false));
        assert!(!claims.drop_one());
        claims.fill(4, false);
        assert_eq!(next(), (4, false));
        assert_eq!(claims.look().places(), 4, "what is in the hand has its place");
        assert!(claims.drop_one());
        assert_eq!(claims.ask().places(), 3);
        assert_eq!(next(), (2, true));
        claims.put_down();
        assert_eq!((claims.look().places(), claims.look().is_asked()), (1, false));
        assert_eq!(next(), (1, false));
        assert!(!claims.drop_one(), "the last is in the dispatcher's hand");
        assert_eq!(next(), (0, false));
        assert_eq!(claims.look().places(), 0);
    }
}
