//! Marks: the fill at which the queue says that it runs high, and at which it says that it is well
//! again. Two of them, so that a queue around one fill does not say so all the time.

/// High and low, in events.
#[derive(Debug, Clone)]
pub(super) struct Marks {
    high: usize,
    low: usize,
    is_high: bool,
    crossings: u64,
}

/// Which mark of the queue was crossed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum QueueMark {
    /// The queue has filled up to its high mark.
    High,
    /// The queue had been at its high mark, and has emptied down to its low one.
    Low,
}

/// A mark was crossed. The greater `number` is the newer: two may be told at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Crossing {
    pub(crate) mark: QueueMark,
    pub(crate) queued: usize,
    pub(crate) number: u64,
}

impl Marks {
    /// `high` and `low` are fractions of the capacity. The high mark is at least one event, and the
    /// low one is below it.
    pub(super) fn new(capacity: usize, high: f64, low: f64) -> Self {
        // Truncation is what is wanted, and `as` saturates.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        let events = |fraction: f64| (capacity as f64 * fraction) as usize;
        let high = events(high).max(1);
        Self { high, low: events(low).min(high - 1), is_high: false, crossings: 0 }
    }

    /// Looks at the fill: a crossing is told once.
    #[inline]
    pub(super) fn look(&mut self, queued: usize) -> Option<Crossing> {
        let mark = if !self.is_high && queued >= self.high {
            QueueMark::High
        } else if self.is_high && queued <= self.low {
            QueueMark::Low
        } else {
            return None;
        };
        self.is_high = mark == QueueMark::High;
        self.crossings += 1;
        Some(Crossing { mark, queued, number: self.crossings })
    }

    /// Was the high mark reached, and not the low one since?
    pub(super) fn is_high(&self) -> bool {
        self.is_high
    }

    /// How often the high mark was reached.
    pub(super) fn times_high(&self) -> u64 {
        self.crossings.div_ceil(2)
    }
}

#[cfg(test)]
mod tests {
    use super::{Marks, QueueMark};

    #[test]
    fn a_crossing_is_told_once_and_again_only_after_the_other_mark() {
        let mut marks = Marks::new(10, 0.8, 0.5);
        let mut told = Vec::new();
        for queued in [1, 7, 8, 9, 8, 10, 6, 8, 5, 4, 6, 8, 0] {
            told.extend(marks.look(queued).map(|crossing| (crossing.mark, crossing.queued)));
        }
        use QueueMark::{High, Low};
        assert_eq!(told, [(High, 8), (Low, 5), (High, 8), (Low, 0)]);
        assert_eq!(marks.times_high(), 2);
    }

    #[test]
    fn a_queue_of_one_has_marks_too() {
        let mut marks = Marks::new(1, 0.8, 0.5);
        assert!(marks.look(0).is_none(), "an empty queue is not high");
        assert_eq!(marks.look(1).map(|crossing| crossing.mark), Some(QueueMark::High));
        assert_eq!(marks.look(0).map(|crossing| crossing.mark), Some(QueueMark::Low));
    }
}
