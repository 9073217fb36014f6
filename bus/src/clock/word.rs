//! A time, or none, in one word: zero for none.
//!
//! What a dispatch knows of times it keeps in these. Most of them are none, and what is all zeroes is written and
//! moved in a few wide stores; an `Option` of the standard library's types has its mark in the middle of two
//! words, and reading it back waits for the narrow store.

use std::num::NonZeroU64;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// All instants are kept as the time since then, or before it.
static EPOCH: LazyLock<Instant> = LazyLock::new(Instant::now);
/// The epoch itself, so that what was before it has a word too.
const MIDDLE: u64 = 1 << 63;

/// An `Option<Duration>`, in nanoseconds. More than 584 years are [`Duration::MAX`].
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MaybeDuration(Option<NonZeroU64>);

impl MaybeDuration {
    pub(crate) const NONE: Self = Self(None);

    #[inline]
    pub(crate) fn get(self) -> Option<Duration> {
        let word = self.0?.get();
        Some(if word == u64::MAX { Duration::MAX } else { Duration::from_nanos(word - 1) })
    }

    /// This one, else the other.
    #[inline]
    pub(crate) fn or(self, other: Self) -> Self {
        Self(self.0.or(other.0))
    }
}

impl From<Option<Duration>> for MaybeDuration {
    #[inline]
    fn from(duration: Option<Duration>) -> Self {
        let word = |duration: Duration| {
            let nanos = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
            NonZeroU64::MIN.saturating_add(nanos)
        };
        Self(duration.map(word))
    }
}

/// An `Option<Instant>`, exact up to 292 years from the first.
#[derive(Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct MaybeInstant(Option<NonZeroU64>);

impl MaybeInstant {
    pub(crate) const NONE: Self = Self(None);

    #[inline]
    pub(crate) fn get(self) -> Option<Instant> {
        let word = self.0?.get();
        // Nothing was made a word that could not be reckoned with.
        match word.checked_sub(MIDDLE) {
            Some(after) => EPOCH.checked_add(Duration::from_nanos(after)),
            None => EPOCH.checked_sub(Duration::from_nanos(MIDDLE - word)),
        }
    }
}

impl From<Option<Instant>> for MaybeInstant {
    #[inline]
    fn from(instant: Option<Instant>) -> Self {
        let word = |instant: Instant| {
            let nanos =
                |of: Duration| u64::try_from(of.as_nanos()).unwrap_or(MIDDLE).min(MIDDLE - 2);
            let word = match instant.checked_duration_since(*EPOCH) {
                Some(after) => MIDDLE + nanos(after),
                None => MIDDLE - nanos(EPOCH.saturating_duration_since(instant)),
            };
            NonZeroU64::new(word).unwrap_or(NonZeroU64::MIN)
        };
        Self(instant.map(word))
    }
}

/// A [`MaybeInstant`] that is fixed once, by whoever comes first.
#[derive(Default)]
pub(crate) struct OnceInstant(AtomicU64);

/// It is fixed that there is none. No instant has this word: they are further from zero.
const NEVER: u64 = 1;

impl OnceInstant {
    #[inline]
    pub(crate) fn is_fixed(&self) -> bool {
        self.0.load(Ordering::Acquire) != 0
    }

    /// `None` too while it is not fixed.
    #[inline]
    pub(crate) fn get(&self) -> Option<Instant> {
        Self::of(self.0.load(Ordering::Acquire))
    }

    pub(crate) fn get_or_init(&self, init: impl FnOnce() -> Option<Instant>) -> Option<Instant> {
        if self.is_fixed() {
            return self.get();
        }
        let word = MaybeInstant::from(init()).0.map_or(NEVER, NonZeroU64::get);
        match self.0.compare_exchange(0, word, Ordering::AcqRel, Ordering::Acquire) {
            Ok(_) => Self::of(word),
            Err(other) => Self::of(other),
        }
    }

    fn of(word: u64) -> Option<Instant> {
        MaybeInstant(NonZeroU64::new(word).filter(|word| word.get() != NEVER)).get()
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::{MaybeDuration, MaybeInstant, OnceInstant};
    use std::time::{Duration, Instant};

    const YEAR: Duration = Duration::from_secs(365 * 86_400);

    #[test]
    fn durations_come_back_as_they_were() {
        assert_eq!(MaybeDuration::default().get(), None);
        assert_eq!(MaybeDuration::from(None).get(), None);
        for some in [Duration::ZERO, Duration::from_nanos(1), Duration::from_secs(30), YEAR * 500] {
            assert_eq!(MaybeDuration::from(Some(some)).get(), Some(some));
        }
        assert_eq!(MaybeDuration::from(Some(YEAR * 1000)).get(), Some(Duration::MAX));
        assert_eq!(MaybeDuration::from(Some(Duration::MAX)).get(), Some(Duration::MAX));
    }

    #[test]
    fn instants_come_back_as_they_were() {
        let now = Instant::now();
        assert_eq!(MaybeInstant::default().get(), None);
        let mut some = vec![now, now + Duration::from_nanos(1), now + YEAR * 200];
        some.extend(now.checked_sub(Duration::from_secs(1)));
        for some in some {
            assert_eq!(MaybeInstant::from(Some(some)).get(), Some(some));
        }
        if let Some(far) = now.checked_add(YEAR * 1000) {
            let kept = MaybeInstant::from(Some(far)).get();
            assert!(kept > Some(now + YEAR * 290), "what is too far is far still: {kept:?}");
        }
    }

    #[test]
    fn the_first_fixes_an_instant() {
        let (once, now) = (OnceInstant::default(), Instant::now());
        assert_eq!((once.get(), once.is_fixed()), (None, false));
        assert_eq!(once.get_or_init(|| Some(now)), Some(now));
        assert_eq!(once.get_or_init(|| panic!("it is fixed")), Some(now));
        let never = OnceInstant::default();
        assert_eq!(never.get_or_init(|| None), None);
        assert_eq!((never.get(), never.is_fixed()), (None, true));
        assert_eq!(never.get_or_init(|| Some(now)), None);
    }
}
