//! A call through a breaker, without a bus.

use std::fmt;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use super::CircuitBreaker;
use super::ticket::{Permit, Verdict};

/// Why a call through a [`CircuitBreaker`] has no result.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum CircuitError<E> {
    /// It was not made.
    #[error("circuit breaker {name} is open: try again {}", Again(*.retry_after))]
    #[non_exhaustive]
    Open {
        /// The name of the breaker.
        name: Arc<str>,
        /// It is rejected at least that long. `None`: until its probes have ended, or until it is reset.
        retry_after: Option<Duration>,
    },
    /// It was made, and failed.
    #[error(transparent)]
    Inner(E),
}

struct Again(Option<Duration>);
impl fmt::Display for Again {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(after) => write!(f, "in {after:?}"),
            None => f.write_str("when it has been probed or reset"),
        }
    }
}

impl CircuitBreaker {
    /// Makes the call, unless the breaker is open. An `Err` is a failure, and so is a panic; a future that is
    /// dropped before its end is neither that nor a success.
    ///
    /// # Errors
    /// [`CircuitError::Open`] if the call was not made, and what it returned if that is an error.
    pub async fn call<T, E>(
        &self,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CircuitError<E>> {
        self.call_if(|_| true, call).await
    }

    /// As [`call`](Self::call); `is_failure` says which errors count as one. The others count as a success: what
    /// is called has answered.
    ///
    /// # Errors
    /// As those of [`call`](Self::call).
    pub async fn call_if<T, E>(
        &self,
        is_failure: impl FnOnce(&E) -> bool,
        call: impl Future<Output = Result<T, E>>,
    ) -> Result<T, CircuitError<E>> {
        let now = || self.0.clock.now();
        let ticket = self.admit(now).map_err(|open| CircuitError::Open {
            name: Arc::clone(&self.0.name),
            retry_after: open.retry_after,
        })?;
        let permit = Permit::new(self, ticket);
        let started = self.needs_duration().then(now);
        let mut call = pin!(call);
        // Caught only to be counted: a future that is dropped while its thread panics for another reason
        // looks the same to a destructor.
        let ended =
            poll_fn(|task| match catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(task))) {
                Ok(polled) => polled.map(Ok),
                Err(panic) => Poll::Ready(Err(panic)),
            })
            .await;
        let judged = ended.and_then(|result| {
            let is_failure = AssertUnwindSafe(|| result.as_ref().err().is_some_and(is_failure));
            catch_unwind(is_failure).map(|failed| (result, failed))
        });
        let failed = judged.as_ref().map_or(true, |(_, failed)| *failed);
        let took = started.map(|started| now().saturating_duration_since(started));
        permit.ended(Verdict::of(!failed), took, now);
        match judged {
            Ok((result, _)) => result.map_err(CircuitError::Inner),
            Err(panic) => resume_unwind(panic),
        }
    }
}
