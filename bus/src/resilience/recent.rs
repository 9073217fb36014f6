//! Keys that were seen a short while ago.

use std::collections::{HashMap, VecDeque};
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
    /// When each was new.
    seen: HashMap<K, Instant>,
    /// In the order in which they came; among them such as were forgotten meanwhile.
    order: VecDeque<(Instant, K)>,
}

impl<K: Hash + Eq + Clone> Recent<K> {
    pub(crate) fn new(window: Duration) -> Self {
        let state = State { seen: HashMap::new(), order: VecDeque::new() };
        Self { window, state: Mutex::new(state) }
    }

    /// Would it be new, if it came now?
    pub(crate) fn would_be_new(&self, key: &K, now: Instant) -> bool {
        let at = lock(&self.state).seen.get(key).copied();
        at.is_none_or(|at| now.saturating_duration_since(at) >= self.window)
    }

    /// It shall be new when it comes again.
    pub(crate) fn forget(&self, key: &K) {
        lock(&self.state).seen.remove(key);
    }

    /// Was it not seen in the last window?
    pub(crate) fn is_new(&self, key: K, now: Instant) -> bool {
        let mut state = lock(&self.state);
        let State { seen, order } = &mut *state;
        while let Some((at, _)) = order.front()
            && (now.saturating_duration_since(*at) >= self.window || order.len() >= KEYS)
        {
            // One that was forgotten may have come again since.
            if let Some((at, old)) = order.pop_front()
                && seen.get(&old) == Some(&at)
            {
                seen.remove(&old);
            }
        }
        if seen.contains_key(&key) {
            return false;
        }
        seen.insert(key.clone(), now);
        order.push_back((now, key));
        true
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
    fn what_is_forgotten_is_new_and_lasts_as_long_as_any() {
        let recent = Recent::new(Duration::from_secs(10));
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        assert!(recent.is_new("a", at(0)));
        recent.forget(&"a");
        assert!(recent.would_be_new(&"a", at(5)) && recent.is_new("a", at(5)));
        assert!(!recent.is_new("a", at(14)), "it is 9 s old, whatever was before");
        assert!(recent.would_be_new(&"a", at(15)));
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
