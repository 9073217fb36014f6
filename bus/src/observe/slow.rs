//! Handlers that have been pending for long. Only those that the timer of their call has found to be slow are
//! here, so that a call that is not costs nothing.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::message::{MessageId, MessageInfo};
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// By the order in which they were found.
#[derive(Clone, Default)]
pub(crate) struct SlowRuns(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    next: u64,
    runs: BTreeMap<u64, SlowRun>,
}

/// A call of a handler.
#[derive(Clone)]
pub(crate) struct SlowRun {
    pub(crate) handler: HandlerInfo,
    pub(crate) message: &'static MessageInfo,
    pub(crate) id: MessageId,
    /// When it was first pending.
    pub(crate) since: Instant,
}

impl SlowRuns {
    /// It is among them until what this returns is dropped.
    pub(crate) fn list(&self, run: SlowRun) -> Listed {
        let mut state = lock(&self.0);
        let number = state.next;
        state.next += 1;
        state.runs.insert(number, run);
        Listed { all: self.clone(), number }
    }

    /// Those that have taken at least so long, the slowest first.
    pub(crate) fn longer_than(&self, limit: Duration, now: Instant) -> Vec<(SlowRun, Duration)> {
        let state = lock(&self.0);
        let all = state.runs.values().map(|run| (run, now.saturating_duration_since(run.since)));
        let mut all: Vec<_> = all
            .filter(|(_, taken)| *taken >= limit)
            .map(|(run, taken)| (run.clone(), taken))
            .collect();
        drop(state);
        all.sort_by_key(|(run, _)| (run.since, run.id));
        all
    }
}

pub(crate) struct Listed {
    all: SlowRuns,
    number: u64,
}

impl Drop for Listed {
    fn drop(&mut self) {
        let gone = lock(&self.all.0).runs.remove(&self.number);
        drop(gone);
    }
}
