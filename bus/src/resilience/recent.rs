//! Keys that were seen a short while ago.

use std::collections::{HashSet, VecDeque};
use std::hash::Hash;
use std::time::{Duration, Instant};

use crate::sync::{Mutex, lock};

/// How many keys are remembered at most: those that were seen first are forgotten first.
const KEYS: usize = 100_000;

/// Remembers keys for a while, and says whether one is new. A key's time counts from when it was
/// new: what comes again and again is new once a window.
pub(crate) struct Recent<K> {
    window: Duration,
    state: Mutex<State<K>>,
}

struct State<K> {
    seen: HashSet<K>,
    /// In the order in which they came.
    order: VecDeque<(Instant, K)>,
}

impl<K: Hash + Eq + Clone> Recent<K> {
    pub(crate) fn new(window: Duration) -> Self {
        let state = State { seen: HashSet::new(), order: VecDeque::new() };
        Self { window, state: Mutex::new(state) }
    }

    /// Would it be new, if it came now?
    pub(crate) fn would_be_new(&self, key: &K, now: Instant) -> bool {
        let state = lock(&self.state);
        let is_old = |at: Instant| now.saturating_duration_since(at) >= self.window;
        !state.seen.contains(key) || state.order.iter().any(|(at, seen)| seen == key && is_old(*at))
    }

    /// Was it not seen in the last window?
    pub(crate) fn is_new(&self, key: K, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let State { seen, order } = &mut *state;
        while let Some((at, _)) = order.front()
            && (now.saturating_duration_since(*at) >= self.window || order.len() >= KEYS)
        {
            if let Some((_, old)) = order.pop_front() {
                seen.remove(&old);
            }
        }
        let is_new = seen.insert(key.clone());
        if is_new {
            order.push_back((now, key));
        }
        is_new
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::{KEYS, Recent};
    use crate::sync::lock;
    use std::time::{Duration, Instant};

    #[test]
    fn a_key_is_new_once_a_window() {
        let recent = Recent::new(Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(recent.is_new("a", at(0)) && recent.is_new("b", at(5)));
        assert!(!recent.is_new("a", at(9)), "it was there 9 s ago");
        assert!(recent.is_new("a", at(10)) && !recent.is_new("b", at(14)));
        assert!(recent.is_new("b", at(15)));
    }

    #[test]
    fn only_so_many_are_remembered() {
        let recent = Recent::new(Duration::from_secs(10));
        let now = Instant::now();
        for key in 0..KEYS + 10 {
            assert!(recent.is_new(key, now));
        }
        assert_eq!(lock(&recent.state).seen.len(), KEYS);
        assert!(!recent.is_new(KEYS, now) && recent.is_new(0, now));
    }
}
