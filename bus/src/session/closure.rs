//! `bus.with_session(..)`: a session for as long as a closure runs.

use std::fmt;
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;

use super::guard::SessionGuard;
use super::handle::Session;
use super::opening::SessionBuilder;
use crate::error::SessionError;
use crate::pipeline::failure::panic_text;
use crate::pipeline::run::text_of_users;

impl SessionBuilder {
    /// Opens the session, runs `work` with it, and ends it, whatever happens: when `work` has
    /// returned, failed or panicked, after its end; when this future is dropped, in the background.
    ///
    /// # Errors
    /// Those of `work`, which the [`SessionEndEvent`](crate::SessionEndEvent) tells; and those of
    /// [`open`](Self::open), converted.
    ///
    /// # Cancel safety
    /// Dropping the future drops `work` at its next await, and the session ends in the background.
    pub async fn run<T, E, F, Fut>(self, work: F) -> Result<T, E>
    where
        F: FnOnce(Session) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: WorkError,
    {
        let session = self.open_now().map_err(E::of_session)?;
        let handle = session.handle();
        let unfinished = Unfinished(Some(session));
        let mut work = pin!(async move { work(handle).await });
        let answer = std::future::poll_fn(|task| {
            match catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(task))) {
                Ok(polled) => polled.map(Ok),
                Err(panic) => std::task::Poll::Ready(Err(panic)),
            }
        })
        .await;
        let session = unfinished.finish();
        match answer {
            Ok(Ok(output)) => {
                session.close().await;
                Ok(output)
            }
            Ok(Err(error)) => {
                let text = text_of_users(|| error.text());
                session.fail(text).await;
                Err(error)
            }
            Err(panic) => {
                let text = format!("panicked: {}", panic_text(&*panic));
                session.fail(text).await;
                resume_unwind(panic)
            }
        }
    }
}

/// What the work of a session may fail with: any error that can be written, and that a
/// [`SessionError`] converts into, as opening the session may fail too.
#[diagnostic::on_unimplemented(
    message = "the work of a session cannot fail with `{Self}`",
    label = "expected an error that is `Display`, and that `bus::SessionError` converts into",
    note = "the session may not open: add a variant for that, e.g. with `#[from] bus::SessionError` of thiserror, or return a `bus::Result`, whose error takes any",
    note = "the session may end with it: its text is told in `SessionEndEvent`"
)]
pub trait WorkError: Sized {
    #[doc(hidden)]
    fn of_session(error: SessionError) -> Self;
    #[doc(hidden)]
    fn text(&self) -> String;
}
#[diagnostic::do_not_recommend]
impl<E: From<SessionError> + fmt::Display> WorkError for E {
    fn of_session(error: SessionError) -> Self {
        error.into()
    }
    fn text(&self) -> String {
        self.to_string()
    }
}

/// A session whose closure has not come to its end.
struct Unfinished(Option<SessionGuard>);

impl Unfinished {
    fn finish(mut self) -> SessionGuard {
        match self.0.take() {
            Some(session) => session,
            None => unreachable!("it is taken once"),
        }
    }
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(session) = self.0.take() {
            session.give_up("it was cancelled");
        }
    }
}
