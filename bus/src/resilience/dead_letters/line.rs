//! Things in the order in which they came, each under a number.

use std::collections::VecDeque;

/// Things under numbers that only go up, in that order. Adding one, and taking the first, costs the same
/// however many there are; finding one by its number a logarithm. What is taken from the middle leaves
/// a gap; when there are more gaps than things, they are closed.
pub(super) struct Line<T> {
    slots: VecDeque<(u64, Option<T>)>,
    there: usize,
}

/// Gaps that are not worth closing.
const GAPS: usize = 32;

impl<T> Default for Line<T> {
    fn default() -> Self {
        Self { slots: VecDeque::new(), there: 0 }
    }
}

impl<T> Line<T> {
    pub(super) fn len(&self) -> usize {
        self.there
    }

    /// The number has to be greater than those before.
    pub(super) fn push(&mut self, number: u64, thing: T) {
        debug_assert!(self.slots.back().is_none_or(|(last, _)| *last < number));
        self.slots.push_back((number, Some(thing)));
        self.there += 1;
    }

    pub(super) fn get(&self, number: u64) -> Option<&T> {
        self.slots[self.find(number)?].1.as_ref()
    }

    pub(super) fn get_mut(&mut self, number: u64) -> Option<&mut T> {
        let at = self.find(number)?;
        self.slots[at].1.as_mut()
    }

    pub(super) fn remove(&mut self, number: u64) -> Option<T> {
        let at = self.find(number)?;
        let thing = self.slots[at].1.take()?;
        self.there -= 1;
        // The first is no gap: so it is found without a search.
        while self.slots.front().is_some_and(|(_, slot)| slot.is_none()) {
            self.slots.pop_front();
        }
        if self.slots.len() > 2 * self.there + GAPS {
            self.slots.retain(|(_, slot)| slot.is_some());
            self.slots.shrink_to(2 * self.there);
        }
        Some(thing)
    }

    /// In order.
    pub(super) fn iter(&self) -> impl Iterator<Item = (u64, &T)> {
        self.slots.iter().filter_map(|(number, slot)| Some((*number, slot.as_ref()?)))
    }

    fn find(&self, number: u64) -> Option<usize> {
        self.slots.binary_search_by_key(&number, |(number, _)| *number).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::{GAPS, Line};

    #[test]
    fn gaps_are_passed_over_and_closed() {
        let mut line = Line::default();
        (1..=1000).for_each(|n| line.push(n, n * 10));
        assert_eq!(line.remove(500), Some(5000));
        assert_eq!((line.remove(500), line.get(500)), (None, None));
        assert_eq!(line.remove(1001), None);
        (2..1000).filter(|n| *n != 500).for_each(|n| assert_eq!(line.remove(n), Some(n * 10)));
        assert_eq!(line.iter().collect::<Vec<_>>(), [(1, &10), (1000, &10_000)]);
        assert!(line.slots.len() <= 4 + GAPS, "{} slots for two things", line.slots.len());
        assert!(line.slots.capacity() < 200, "room for {}", line.slots.capacity());
        *line.get_mut(1000).unwrap() = 7;
        assert_eq!((line.remove(1), line.slots.len(), line.len()), (Some(10), 1, 1));
        assert_eq!(line.get(1000), Some(&7));
    }
}
