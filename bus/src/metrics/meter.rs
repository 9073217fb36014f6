//! What is counted of one handler: a line of counters for each thread.

use std::borrow::Cow;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock};

use super::grid::Grid;
use crate::sync::{SHARDS, Shard};

const PROCESSED: usize = 0;
const FAILED: usize = 1;
const SUM: usize = 2;
/// The buckets come after these: with the twelve bounds of the default they are one line of 128 bytes.
const BUCKETS: usize = 3;

/// Message and handler, and whether the message is an event: a command may have the same name.
pub(super) type Key = (&'static str, Cow<'static, str>, bool);

/// The counts of a handler, or of all handlers of one name for one message: those of sessions come and go.
pub(crate) struct Meter {
    pub(super) key: Key,
    grid: Arc<Grid>,
    retries: AtomicU64,
    shards: [OnceLock<Box<[Line]>>; SHARDS],
}

/// So many counters that no two threads write to one line, nor to its neighbour, which processors fetch with it.
#[repr(align(128))]
struct Line([AtomicU64; LINE]);

const LINE: usize = 16;

fn at(lines: &[Line], counter: usize) -> &AtomicU64 {
    &lines[counter / LINE].0[counter % LINE]
}

/// All threads together, at one time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Metered {
    pub(crate) processed: u64,
    pub(crate) failed: u64,
    pub(crate) retries: u64,
    /// In nanoseconds.
    pub(crate) sum: u64,
    pub(crate) buckets: Vec<u64>,
}

impl Meter {
    pub(super) fn new(key: Key, grid: Arc<Grid>) -> Self {
        let shards = std::array::from_fn(|_| OnceLock::new());
        Self { key, grid, retries: AtomicU64::new(0), shards }
    }

    /// It has ended for good; `took` in nanoseconds, if that was measured.
    #[inline]
    pub(super) fn ended(&self, is_ok: bool, took: Option<u64>) {
        let here = Shard::here();
        let line = self.shards[here.index()].get_or_init(|| self.line());
        here.count(at(line, if is_ok { PROCESSED } else { FAILED }), 1);
        if let Some(took) = took {
            let bucket = self.grid.bucket(self.grid.cell(took));
            here.count(at(line, BUCKETS + bucket), 1);
            here.count(at(line, SUM), took);
        }
    }

    pub(super) fn retried(&self) {
        self.retries.fetch_add(1, Ordering::Relaxed);
    }

    fn line(&self) -> Box<[Line]> {
        let lines = (BUCKETS + self.grid.bounds.len() + 1).div_ceil(LINE);
        let line = || Line(std::array::from_fn(|_| AtomicU64::new(0)));
        (0..lines).map(|_| line()).collect()
    }

    /// Was anything counted?
    pub(super) fn is_used(&self) -> bool {
        let retries = self.retries.load(Ordering::Relaxed);
        retries > 0 || self.shards.iter().any(|line| line.get().is_some())
    }

    /// Reads it into what was read before of another: a thousand of them take the memory of one.
    pub(super) fn read(&self, into: &mut Metered) {
        let mut buckets = std::mem::take(&mut into.buckets);
        buckets.clear();
        buckets.resize(self.grid.bounds.len() + 1, 0);
        let retries = self.retries.load(Ordering::Relaxed);
        *into = Metered { buckets, retries, ..Metered::default() };
        for line in self.shards.iter().filter_map(OnceLock::get) {
            let load = |counter: usize| at(line, counter).load(Ordering::Relaxed);
            into.processed += load(PROCESSED);
            into.failed += load(FAILED);
            into.sum = into.sum.wrapping_add(load(SUM));
            for (n, bucket) in into.buckets.iter_mut().enumerate() {
                *bucket += load(BUCKETS + n);
            }
        }
    }
}
