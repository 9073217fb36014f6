//! The most frequent names of a stream, in constant memory.

use std::collections::HashMap;

/// Counts names exactly while there are at most as many as it may keep. Beyond that, a new name takes
/// the place of the rarest and inherits its count, so that counts are at most too high, by no more than
/// the count of the rarest (Metwally, Agrawal, El Abbadi: "Efficient computation of frequent and
/// top-k elements in data streams", 2005).
#[derive(Debug)]
pub(crate) struct Top {
    counts: HashMap<String, u64>,
    capacity: usize,
    replaced: u64,
}

impl Top {
    pub(crate) fn new(capacity: usize) -> Self {
        Self { counts: HashMap::new(), capacity, replaced: 0 }
    }

    pub(crate) fn add(&mut self, name: &str) {
        if let Some(count) = self.counts.get_mut(name) {
            *count += 1;
            return;
        }
        let mut count = 1;
        if self.counts.len() >= self.capacity {
            let rarest = self.counts.iter().min_by_key(|(_, count)| **count);
            if let Some((rarest, floor)) = rarest.map(|(name, count)| (name.clone(), *count)) {
                self.counts.remove(&rarest);
                self.replaced += 1;
                count = floor + 1;
            }
        }
        self.counts.insert(name.to_owned(), count);
    }

    /// Are the counts exact?
    pub(crate) fn is_exact(&self) -> bool {
        self.replaced == 0
    }

    /// The `n` most frequent, and among equals by name.
    pub(crate) fn first(&self, n: usize) -> Vec<(String, u64)> {
        let mut all: Vec<_> = self.counts.iter().map(|(name, n)| (name.clone(), *n)).collect();
        all.sort_by(|(a, m), (b, n)| n.cmp(m).then_with(|| a.cmp(b)));
        all.truncate(n);
        all
    }
}
