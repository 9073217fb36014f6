//! A task that ends with its session.

use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

use tokio::task::JoinHandle;

use super::member::Owned;
use super::scope::Scope;
use crate::core::Core;
use crate::error::SessionError;
use crate::pipeline::ambient;
use crate::pipeline::failure::panic_text;
use crate::probe;
use crate::sync::lock;

pub(super) fn spawn<F>(
    core: &Core,
    scope: &Arc<Scope>,
    future: F,
) -> Result<JoinHandle<Option<F::Output>>, SessionError>
where
    F: Future<Output: Send> + Send + 'static,
{
    let closed = || SessionError::SessionClosed { session_id: scope.id.clone() };
    if scope.inside.is_closed() && !ambient::is_inside(core, scope) {
        return Err(closed());
    }
    let runtime = core.runtime.handle().ok_or(SessionError::NoRuntime)?;
    let owned = Owned::enter(scope).ok_or_else(closed)?;
    Ok(runtime.spawn(probe::task(core, run(owned, future))))
}

/// `None`: the session has ended first.
async fn run<F: Future>(owned: Owned, future: F) -> Option<F::Output> {
    // Dropped in the other order: first the task, then what says that it is gone.
    let mut owned = owned;
    let mut future = pin!(future);
    poll_fn(|task| {
        if owned.poll_over(task).is_ready() {
            return Poll::Ready(None);
        }
        match catch_unwind(AssertUnwindSafe(|| future.as_mut().poll(task))) {
            Ok(polled) => polled.map(Some),
            Err(panic) => {
                let scope = owned.scope();
                lock(&scope.state).panicked += 1;
                let text = panic_text(&*panic);
                tracing::error!(session = %scope.id, panic = text, "a task of a session panicked");
                resume_unwind(panic)
            }
        }
    })
    .await
}
