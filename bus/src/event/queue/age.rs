//! How long events have waited, without a clock reading for each.
//!
//! The clock is read when an event comes into an empty queue, and whenever the dispatcher takes from
//! a queue that stays filled. An event counts from the last reading before it was pushed: exact for
//! whatever found the queue empty, and never too young.

use std::collections::VecDeque;
use std::time::Instant;

/// The readings that still concern somebody, each with the number of the first event after it.
#[derive(Debug, Default)]
pub(super) struct Ages {
    readings: VecDeque<(u64, Instant)>,
    /// The number of the oldest event in the queue.
    first: u64,
    /// The number of the next event to come.
    next: u64,
}

impl Ages {
    #[inline]
    pub(super) fn pushed(&mut self, now: impl FnOnce() -> Instant) {
        if self.first == self.next {
            self.readings.clear();
            self.readings.push_back((self.next, now()));
        }
        self.next += 1;
    }

    /// So many of the oldest have left the queue.
    pub(super) fn left(&mut self, events: usize) {
        self.first = self.next.min(self.first + events as u64);
        while self.readings.get(1).is_some_and(|(number, _)| *number <= self.first) {
            self.readings.pop_front();
        }
    }

    /// What comes from now on is younger than this.
    pub(super) fn read(&mut self, now: Instant) {
        if self.first < self.next && self.readings.back().is_none_or(|(n, _)| *n < self.next) {
            self.readings.push_back((self.next, now));
        }
    }

    /// When the oldest event was pushed, or earlier.
    pub(super) fn oldest(&self) -> Option<Instant> {
        if self.first == self.next {
            return None;
        }
        self.readings.front().map(|(_, at)| *at)
    }
}

#[cfg(test)]
mod tests {
    use super::Ages;
    use std::time::{Duration, Instant};

    #[test]
    fn the_oldest_is_known_from_few_readings() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut ages = Ages::default();
        assert_eq!(ages.oldest(), None);
        ages.pushed(|| at(0));
        for _ in 0..9 {
            ages.pushed(|| unreachable!("the queue is not empty: no reading"));
        }
        assert_eq!(ages.oldest(), Some(at(0)));
        ages.left(4);
        ages.read(at(10));
        ages.read(at(11));
        ages.pushed(|| unreachable!("the queue is not empty: no reading"));
        assert_eq!(ages.oldest(), Some(at(0)), "six are still of the first reading");
        ages.left(6);
        assert_eq!(ages.oldest(), Some(at(10)));
        ages.left(1);
        assert_eq!(ages.oldest(), None);
        ages.pushed(|| at(20));
        assert_eq!(ages.oldest(), Some(at(20)));
        assert_eq!(ages.readings.len(), 1, "readings are let go with their events");
    }
}
