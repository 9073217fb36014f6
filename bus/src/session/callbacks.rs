//! What a user wants done at the end of a session.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use super::scope::Scope;
use crate::core::Core;
use crate::handler::slot::BoxFuture;
use crate::pipeline::failure::panic_text;
use crate::resilience::timer::within;
use crate::sync::lock;

/// Something that a user wants done at the end.
pub(crate) type Callback = Box<dyn FnOnce() -> BoxFuture<'static, ()> + Send>;

pub(crate) enum OnClose {
    Open(Vec<Callback>),
    Taken,
}

impl Default for OnClose {
    fn default() -> Self {
        Self::Open(Vec::new())
    }
}

impl OnClose {
    /// Gives it back when the end has begun to run them.
    pub(crate) fn push(&mut self, callback: Callback) -> Result<(), Callback> {
        match self {
            Self::Open(callbacks) => {
                callbacks.push(callback);
                Ok(())
            }
            Self::Taken => Err(callback),
        }
    }

    pub(crate) fn take(&mut self) -> Vec<Callback> {
        match std::mem::replace(self, Self::Taken) {
            Self::Open(callbacks) => callbacks,
            Self::Taken => Vec::new(),
        }
    }
}

/// Runs them, the last first. How many have failed?
pub(super) async fn run(core: &Core, scope: &Scope, limit: Duration) -> usize {
    let callbacks = lock(&scope.state).on_close.take();
    let (all, mut done) = (callbacks.len(), 0);
    within(core, limit, async {
        for callback in callbacks.into_iter().rev() {
            let mut running = pin!(begun(callback));
            let polled = poll_fn(|task| {
                let _inside = InCallback::enter(scope);
                poll_guarded(&mut running, task)
            });
            done += usize::from(polled.await);
        }
    })
    .await;
    if done < all {
        tracing::error!(session = %scope.id, failed = all - done, "`on_close` callbacks have failed");
    }
    all - done
}

thread_local! {
    /// The session whose callback this thread runs, by its address.
    static IN_CALLBACK: Cell<*const Scope> = const { Cell::new(std::ptr::null()) };
}

/// A callback of a session cannot wait for the session's end.
struct InCallback;

impl InCallback {
    fn enter(scope: &Scope) -> Self {
        IN_CALLBACK.set(scope);
        Self
    }
}

impl Drop for InCallback {
    fn drop(&mut self) {
        IN_CALLBACK.set(std::ptr::null());
    }
}

/// Is this called by a callback of the session?
pub(super) fn is_inside(scope: &Scope) -> bool {
    std::ptr::eq(IN_CALLBACK.get(), scope)
}

async fn begun(callback: Callback) {
    callback().await;
}

/// Those that await nothing are done by this. How many are not?
pub(super) fn run_at_once(scope: &Scope) -> usize {
    let callbacks = lock(&scope.state).on_close.take();
    let mut failed = 0;
    for callback in callbacks.into_iter().rev() {
        let mut task = Context::from_waker(Waker::noop());
        let _inside = InCallback::enter(scope);
        let done = poll_guarded(&mut pin!(begun(callback)), &mut task);
        failed += usize::from(!matches!(done, Poll::Ready(true)));
    }
    failed
}

/// `false`: it panicked.
fn poll_guarded<F: Future<Output = ()>>(
    future: &mut Pin<&mut F>,
    task: &mut Context<'_>,
) -> Poll<bool> {
    match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
        Ok(polled) => polled.map(|()| true),
        Err(panic) => {
            tracing::error!(panic = panic_text(&*panic), "an `on_close` callback panicked");
            Poll::Ready(false)
        }
    }
}
