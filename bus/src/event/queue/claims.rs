//! The batch that the dispatcher is going through, as others see it.
//!
//! What is taken and not started counts as queued, and a publisher that drops the oldest reaches
//! it. So both claim events by moving one counter, the dispatcher without a lock: each event is
//! claimed once, and each step of the dispatcher learns whether somebody waits for the room that it
//! makes.

use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many events of the batch have a place in the queue, how many of these are in the dispatcher's
/// hand, and a bit: [`ASKED`].
///
/// Events are claimed from the head of the batch. The dispatcher's claim is its hand: the event that
/// it is starting, or the several that it starts together, keep their places until that is done, in
/// case one of their handlers has to wait for a slot. The hand is empty whenever the dispatcher waits.
///
/// **Invariant**: the counter is filled, and the bit for those who ask is set, under the queue's
/// lock. Bits and count are one word, so a step of the dispatcher either comes before a publisher's
/// look at the count, or sees that the publisher waits: no wake-up is lost.
#[derive(Debug)]
pub(crate) struct Claims(AtomicUsize);

/// Somebody waits for room.
const ASKED: usize = 1 << (usize::BITS - 1);
/// One that is in the dispatcher's hand, and nobody else's to claim.
const IN_HAND: usize = 1 << (usize::BITS - 13);
const COUNT: usize = IN_HAND - 1;
/// The hand holds no more.
const HANDFUL: usize = (1 << 12) - 1;
/// A batch has no more.
pub(crate) const MOST: usize = COUNT;

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
        self.places() - self.in_hand()
    }

    fn in_hand(self) -> usize {
        (self.0 & !ASKED) / IN_HAND
    }

    /// Has the hand all that it can hold?
    pub(crate) fn is_handful(self) -> bool {
        self.in_hand() >= HANDFUL
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

    /// The dispatcher takes one more into its hand, if nobody has claimed one since this look.
    pub(crate) fn take_more(&self, found: InBatch) -> bool {
        let may = found.untouched() > 0 && found.in_hand() < HANDFUL;
        let more = found.0 + IN_HAND;
        may && self.0.compare_exchange(found.0, more, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    /// One of those in the dispatcher's hand needs its place here no more.
    pub(crate) fn put_down_one(&self) {
        let put_down =
            |word: usize| (InBatch(word).in_hand() > 0).then(|| (word & !ASKED) - IN_HAND - 1);
        let _ = self.0.fetch_update(Ordering::AcqRel, Ordering::Acquire, put_down);
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

    #[test]
    fn several_are_in_the_hand_together() {
        let claims = Claims::new();
        claims.fill(4, false);
        claims.next();
        assert!(claims.take_more(claims.look()));
        let seen = claims.look();
        assert!(claims.drop_one());
        assert!(!claims.take_more(seen), "somebody has claimed one since");
        assert!(claims.take_more(claims.look()));
        assert!(!claims.take_more(claims.look()), "there is none any more");
        assert!(!claims.drop_one(), "all are in the dispatcher's hand");
        assert_eq!(claims.look().places(), 3);
        claims.put_down_one();
        assert_eq!((claims.look().places(), claims.look().untouched()), (2, 0));
        claims.put_down();
        claims.put_down_one();
        assert_eq!(claims.look().places(), 0);
    }
}
