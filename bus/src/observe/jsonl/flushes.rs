//! Who waits for lines to be written, and whether any were lost that nobody was told of.

use std::ops::RangeInclusive;

/// Each flush tells of the losses since the last that has returned.
#[derive(Default)]
pub(super) struct Flushes {
    /// So many losses a flush has told of.
    told: u64,
    waiting: Vec<Waiting>,
    /// How many there were.
    count: u64,
}

struct Waiting {
    number: u64,
    /// For this line, and those before it.
    until: u64,
    /// How many of them were lost, and of those that found no room before the call.
    losses: u64,
    has_missed: bool,
}

impl Flushes {
    /// One begins to wait, when so many lines were lost.
    pub(super) fn begin(&mut self, until: u64, losses: u64) -> u64 {
        self.count += 1;
        let (number, has_missed) = (self.count, losses > self.told);
        self.waiting.push(Waiting { number, until, losses, has_missed });
        number
    }

    /// These lines were lost; the first line is 1.
    pub(super) fn lost(&mut self, lines: RangeInclusive<u64>) {
        for waiting in &mut self.waiting {
            let last = waiting.until.min(*lines.end());
            // What was made after the call is of no concern to it.
            let losses = (last + 1).saturating_sub(*lines.start());
            waiting.losses += losses;
            waiting.has_missed |= losses > 0;
        }
    }

    /// It waits no more. Was a line lost that it has to tell of?
    pub(super) fn end(&mut self, number: u64) -> bool {
        let at = self.waiting.iter().position(|waiting| waiting.number == number);
        let Some(waiting) = at.map(|at| self.waiting.swap_remove(at)) else { return false };
        self.told = self.told.max(waiting.losses);
        waiting.has_missed
    }
}

#[cfg(test)]
mod tests {
    use super::Flushes;

    #[test]
    fn a_flush_tells_of_what_was_lost_since_the_last() {
        let mut flushes = Flushes::default();
        let first = flushes.begin(0, 2);
        assert!(flushes.end(first), "two found no room");
        let second = flushes.begin(0, 2);
        assert!(!flushes.end(second));
        let third = flushes.begin(0, 3);
        assert!(flushes.end(third));
    }

    #[test]
    fn what_comes_after_the_call_is_of_the_next() {
        let mut flushes = Flushes::default();
        let (first, second) = (flushes.begin(4, 0), flushes.begin(5, 0));
        flushes.lost(5..=9);
        assert!(!flushes.end(first));
        assert!(flushes.end(second), "the fifth");
        let third = flushes.begin(9, 5);
        assert!(flushes.end(third), "the other four");
        let fourth = flushes.begin(9, 5);
        assert!(!flushes.end(fourth));
    }

    #[test]
    fn two_that_wait_for_one_line_are_both_told() {
        let mut flushes = Flushes::default();
        let (first, second) = (flushes.begin(1, 0), flushes.begin(1, 0));
        flushes.lost(1..=1);
        assert!(flushes.end(first) && flushes.end(second));
        let third = flushes.begin(1, 1);
        assert!(!flushes.end(third));
    }
}
