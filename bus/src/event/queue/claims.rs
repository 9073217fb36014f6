//! The batch that the dispatcher is going through, as others see it.
//!
//! What is taken and not started counts as queued, and a publisher that drops the oldest reaches
//! it. So both claim events by moving one counter, the dispatcher without a lock: each event is
//! claimed once, and each claim learns whether somebody waits for the room that it makes.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many events of the batch are not claimed yet, and a bit for "tell those who wait".
///
/// Claims are counted from the head of the batch, so a claim that finds `n` left has the `n`th event
/// from its end.
///
/// **Invariant**: the counter is filled, and the bit is set, under the queue's lock. The bit and
/// the count are one word, so a claim either comes before a publisher's look at the count, or sees
/// that the publisher waits: no wake-up is lost.
#[derive(Debug)]
pub(crate) struct Claims(AtomicUsize);

const ASKED: usize = 1 << (usize::BITS - 1);

/// One event of the batch, claimed.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Claim {
    /// How many were left, this one included.
    pub(crate) left: usize,
    /// Somebody waits for room, and there is more of it now.
    pub(crate) asked: bool,
}

impl Claims {
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// A new batch. The former one has been claimed to the last.
    pub(crate) fn fill(&self, events: usize, asked: bool) {
        debug_assert_eq!(self.left(), 0, "a batch is filled when nothing is left of the former");
        self.0.store(if asked { events | ASKED } else { events }, Ordering::Release);
    }

    pub(crate) fn left(&self) -> usize {
        self.0.load(Ordering::Acquire) & !ASKED
    }

    /// Asks to be told of the next claim, and says how many were left at that moment.
    pub(crate) fn ask(&self) -> usize {
        self.0.fetch_or(ASKED, Ordering::AcqRel) & !ASKED
    }

    /// Claims the event at the head of what is left.
    pub(crate) fn claim(&self) -> Option<Claim> {
        let taken = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, |word| {
            (word & !ASKED).checked_sub(1)
        });
        taken.ok().map(|word| Claim { left: word & !ASKED, asked: word & ASKED != 0 })
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::{Claim, Claims};

    #[test]
    fn each_event_is_claimed_once_and_one_claim_is_told_that_somebody_waits() {
        let claims = Claims::new();
        assert_eq!(claims.claim(), None);
        claims.fill(3, false);
        assert_eq!(claims.claim(), Some(Claim { left: 3, asked: false }));
        assert_eq!(claims.ask(), 2);
        assert_eq!(claims.claim(), Some(Claim { left: 2, asked: true }));
        assert_eq!(claims.claim(), Some(Claim { left: 1, asked: false }));
        assert_eq!((claims.claim(), claims.left()), (None, 0));
    }
}
