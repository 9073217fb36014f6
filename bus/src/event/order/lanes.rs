//! The lanes that somebody is in.

use std::any::TypeId;
use std::collections::HashMap;
use std::hash::BuildHasherDefault;
use std::task::{Poll, Waker};

use super::lane::{Lane, Woken};
use crate::message::order::LaneId;
use crate::registry::contract::HandlerId;
use crate::registry::type_map::TypeIdHasher;
use crate::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use crate::sync::{Mutex, MutexGuard, lock};

/// Handlers that end on several threads seldom meet at one lock.
const SHARDS: usize = 16;

/// All lanes of a bus, by their ids, which are hashes already.
pub(crate) struct Lanes {
    shards: [Mutex<Shard>; SHARDS],
    /// How many there are. Only the dispatcher makes it more.
    live: AtomicUsize,
    events: AtomicU64,
}

type Shard = HashMap<LaneId, Lane, BuildHasherDefault<TypeIdHasher>>;

impl Default for Lanes {
    fn default() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(Shard::default())),
            live: AtomicUsize::new(0),
            events: AtomicU64::new(0),
        }
    }
}

impl Lanes {
    /// The number of the next event that takes a lane.
    pub(super) fn next(&self) -> u64 {
        self.events.fetch_add(1, Ordering::Relaxed)
    }

    /// Is somebody in it? Where it is not, all that its handlers did has happened before this.
    #[inline]
    pub(crate) fn is_busy(&self, lane: LaneId) -> bool {
        self.live.load(Ordering::Acquire) > 0 && self.shard(lane).contains_key(&lane)
    }

    /// How many lanes there are.
    pub(crate) fn len(&self) -> usize {
        self.live.load(Ordering::Acquire)
    }

    pub(super) fn enter(
        &self,
        lane: LaneId,
        event: u64,
        type_id: TypeId,
        handlers: impl Iterator<Item = HandlerId>,
    ) -> usize {
        let mut shard = self.shard(lane);
        let (before, mut places) = (shard.len(), 0);
        for handler in handlers {
            shard.entry(lane).or_default().enter(event, type_id, handler);
            places += 1;
        }
        if shard.len() > before {
            self.live.fetch_add(1, Ordering::Release);
        }
        places
    }

    pub(super) fn is_first(&self, lane: LaneId, event: u64, handler: HandlerId) -> bool {
        self.shard(lane).get(&lane).is_none_or(|lane| lane.is_first(event, handler))
    }

    pub(super) fn poll(
        &self,
        lane: LaneId,
        event: u64,
        handler: HandlerId,
        waker: &Waker,
    ) -> Poll<()> {
        let mut shard = self.shard(lane);
        let Some(found) = shard.get_mut(&lane) else { return Poll::Ready(()) };
        let (polled, former) = found.poll(event, handler, waker);
        // A waker's destructor is foreign code.
        drop(shard);
        drop(former);
        polled
    }

    pub(super) fn leave(&self, lane: LaneId, event: u64, handler: HandlerId) {
        self.change(lane, |lane| lane.leave(event, handler));
    }

    pub(super) fn leave_all(&self, lane: LaneId, event: u64) {
        self.change(lane, |lane| lane.leave_all(event));
    }

    fn change(&self, lane: LaneId, change: impl FnOnce(&mut Lane) -> Woken) {
        let mut shard = self.shard(lane);
        let Some(found) = shard.get_mut(&lane) else { return };
        let woken = change(found);
        if found.is_empty() {
            shard.remove(&lane);
            // What many lanes have needed is not kept for few.
            if shard.capacity() > 4096 && shard.len() < shard.capacity() / 8 {
                let len = shard.len();
                shard.shrink_to(len * 2);
            }
            self.live.fetch_sub(1, Ordering::Release);
        }
        drop(shard);
        woken.wake();
    }

    #[inline]
    fn shard(&self, lane: LaneId) -> MutexGuard<'_, Shard> {
        // The remainder is below `SHARDS`. The map takes the low bits too, so these are others.
        lock(&self.shards[usize::try_from((lane.0 >> 32) % SHARDS as u64).unwrap_or(0)])
    }
}

#[cfg(all(test, bus_loom))]
mod models {
    use super::Lanes;
    use crate::message::order::LaneId;
    use crate::registry::contract::HandlerId;
    use std::any::TypeId;
    use std::future::poll_fn;
    use std::sync::Arc;

    /// Waits for its turn, and leaves its place.
    fn pass(lanes: &Lanes, event: u64, handler: HandlerId) {
        loom::future::block_on(poll_fn(|task| lanes.poll(LaneId(7), event, handler, task.waker())));
        lanes.leave(LaneId(7), event, handler);
    }

    #[test]
    fn whoever_leaves_wakes_the_next_of_its_line() {
        loom::model(|| {
            let (lanes, handler) = (Arc::new(Lanes::default()), HandlerId::next());
            let type_id = TypeId::of::<u8>();
            for event in 0..3 {
                lanes.enter(LaneId(7), event, type_id, [handler].into_iter());
            }
            let first = loom::thread::spawn({
                let lanes = Arc::clone(&lanes);
                move || lanes.leave(LaneId(7), 0, handler)
            });
            let last = loom::thread::spawn({
                let lanes = Arc::clone(&lanes);
                move || pass(&lanes, 2, handler)
            });
            pass(&lanes, 1, handler);
            first.join().unwrap();
            last.join().unwrap();
            assert!(!lanes.is_busy(LaneId(7)) && lanes.len() == 0);
        });
    }

    /// The one in the middle is of another type, and is dropped while the others wait.
    #[test]
    fn a_stretch_that_is_dropped_is_waited_for_by_nobody() {
        loom::model(|| {
            let (lanes, handler) = (Arc::new(Lanes::default()), HandlerId::next());
            let types = [TypeId::of::<u8>(), TypeId::of::<u16>(), TypeId::of::<u8>()];
            for (event, type_id) in (0..).zip(types) {
                lanes.enter(LaneId(7), event, type_id, [handler].into_iter());
            }
            let first = loom::thread::spawn({
                let lanes = Arc::clone(&lanes);
                move || lanes.leave(LaneId(7), 0, handler)
            });
            let dropped = loom::thread::spawn({
                let lanes = Arc::clone(&lanes);
                move || lanes.leave_all(LaneId(7), 1)
            });
            pass(&lanes, 2, handler);
            first.join().unwrap();
            dropped.join().unwrap();
            assert_eq!(lanes.len(), 0);
        });
    }
}
