//! Between a tower service, whose futures are `'static`, and the middleware that lends it the handler's
//! runs: what the service wants, and what came of it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use super::{CallFailed, TowerCall};
use crate::sync::{Mutex, lock};

/// Of one call. Both sides are polled in one task, or the wakers that are kept here make it so.
#[derive(Default)]
pub(super) struct Exchange(Mutex<State>);

#[derive(Default)]
struct State {
    /// Runs are numbered from 1.
    last: u64,
    /// The run that the service waits for.
    wanted: Option<u64>,
    ended: Option<(u64, Result<(), CallFailed>)>,
    /// Of the middleware, and of the service's future.
    waits: [Option<Waker>; 2],
}

impl Exchange {
    /// The run that is wanted now, if any.
    pub(super) fn wanted(&self, task: &Context<'_>) -> Option<u64> {
        let mut state = lock(&self.0);
        state.waits[0] = Some(task.waker().clone());
        state.wanted
    }

    /// The run has ended.
    pub(super) fn end(&self, run: u64, ended: Result<(), CallFailed>) {
        let mut state = lock(&self.0);
        if state.wanted == Some(run) {
            state.wanted = None;
            state.ended = Some((run, ended));
        }
        let waker = state.waits[1].take();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }
}

/// The future of the innermost service: a run of the handler, and of what stands further inside.
pub struct Run {
    call: TowerCall,
    number: Option<u64>,
}

impl Run {
    pub(super) fn new(call: TowerCall) -> Self {
        Self { call, number: None }
    }
}

impl Future for Run {
    type Output = Result<(), CallFailed>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = &mut *self;
        let mut state = lock(&this.call.exchange().0);
        let is_new = this.number.is_none();
        let number = *this.number.get_or_insert_with(|| {
            state.last += 1;
            // Another one that is wanted meanwhile is not wanted any more: one runs at a time.
            state.wanted = Some(state.last);
            state.last
        });
        if let Some((ended, _)) = &state.ended
            && *ended == number
            && let Some((_, result)) = state.ended.take()
        {
            this.number = None;
            return Poll::Ready(result);
        }
        if state.wanted != Some(number) {
            return Poll::Ready(Err(CallFailed::overtaken()));
        }
        state.waits[1] = Some(task.waker().clone());
        // Once: both sides may be one task, which would wake itself for ever.
        let waker = if is_new { state.waits[0].take() } else { None };
        drop(state);
        waker.inspect(Waker::wake_by_ref);
        Poll::Pending
    }
}

impl Drop for Run {
    fn drop(&mut self) {
        let mut state = lock(&self.call.exchange().0);
        if self.number.is_some() && state.wanted == self.number {
            state.wanted = None;
        }
        let waker = state.waits[0].take();
        drop(state);
        waker.inspect(Waker::wake_by_ref);
    }
}

impl std::fmt::Debug for Run {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Run")
    }
}

/// Keeps the exchange alive as long as the service may want something.
pub(super) type Shared = Arc<Exchange>;
