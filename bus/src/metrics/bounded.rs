//! Counts by what they are of: bounded in number, and never taken out, so that nothing that was counted is lost.

use std::collections::BTreeMap;
use std::ops::Bound::{Excluded, Unbounded};
use std::sync::Arc;

use crate::sync::{Mutex, lock};

/// So many are shown at once, of which nothing is locked.
pub(super) const PAGE: usize = 64;

/// Those that come when there are as many as may be share one.
pub(crate) struct Bounded<K, V> {
    limit: usize,
    all: Mutex<All<K, V>>,
}

struct All<K, V> {
    own: BTreeMap<K, Arc<V>>,
    shared: BTreeMap<K, Arc<V>>,
}

impl<K: Ord + Clone, V: Default> Bounded<K, V> {
    pub(crate) fn new(limit: usize) -> Self {
        let all = All { own: BTreeMap::new(), shared: BTreeMap::new() };
        Self { limit, all: Mutex::new(all) }
    }

    /// That of this key; where there are too many, that of `others`, of which there must not be many.
    pub(crate) fn of(&self, key: K, others: K) -> Arc<V> {
        let mut all = lock(&self.all);
        let is_full = all.own.len() >= self.limit;
        match all.own.get(&key) {
            Some(value) => Arc::clone(value),
            None if is_full => Arc::clone(all.shared.entry(others).or_default()),
            None => Arc::clone(all.own.entry(key).or_default()),
        }
    }

    /// In the order of the keys, those that are shared last; nothing is locked while they are shown.
    pub(crate) fn each(&self, mut show: impl FnMut(&K, &V)) {
        for is_shared in [false, true] {
            let mut last: Option<K> = None;
            loop {
                let mut page = self.page(is_shared, last.as_ref());
                page.iter().for_each(|(key, value)| show(key, value));
                let Some((key, _)) = page.pop() else { break };
                last = Some(key);
            }
        }
    }

    fn page(&self, is_shared: bool, last: Option<&K>) -> Vec<(K, Arc<V>)> {
        let all = lock(&self.all);
        let map = if is_shared { &all.shared } else { &all.own };
        let page = map.range((last.map_or(Unbounded, Excluded), Unbounded)).take(PAGE);
        page.map(|(key, value)| (key.clone(), Arc::clone(value))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::Bounded;
    use std::sync::atomic::{AtomicU32, Ordering};

    #[test]
    fn those_that_come_too_late_share_one() {
        let counts = Bounded::<_, AtomicU32>::new(2);
        for key in ["b", "a", "c", "b", "d"] {
            counts.of(key, "others").fetch_add(1, Ordering::Relaxed);
        }
        let mut shown = Vec::new();
        counts.each(|key, count| shown.push((*key, count.load(Ordering::Relaxed))));
        assert_eq!(shown, [("a", 1), ("b", 2), ("others", 2)]);
    }
}
