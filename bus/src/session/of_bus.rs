//! What a bus can do with sessions.

use std::future::Future;

use super::closure::WorkError;
use super::handle::Session;
#[cfg(doc)]
use super::id::SessionId;
use super::id::{IntoSessionId, SessionName};
use super::opening::SessionBuilder;
use super::report::SessionInfo;
use crate::bus::Bus;
#[cfg(doc)]
use crate::error::SessionError;

/// Sessions.
impl Bus {
    /// A session to be opened: a scope with handlers of its own, which leaves nothing behind. Named
    /// by text or a [`SessionId`]; `None` makes an id. Inside a handler that runs in a session, the
    /// new one is inside that.
    ///
    /// ```
    /// # use bus::{Bus, OwnedContext, event};
    /// # use std::sync::Arc;
    /// #[event]
    /// struct Progress { percent: u8 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::from_registered()?;
    /// let show = |progress: Arc<Progress>, cx: OwnedContext| async move {
    ///     println!("{}: {} %", cx.session_id(), progress.percent);
    /// };
    /// let session = bus.session("job-123").on_event(show).open().await?;
    /// session.publish(Progress { percent: 50 }).await?;
    /// let report = session.close().await;
    /// assert!(report.is_clean());
    /// # Ok(())
    /// # }
    /// ```
    pub fn session(&self, name: impl SessionName) -> SessionBuilder {
        SessionBuilder::new(self.clone(), name.into_session_id(), None)
    }

    /// Opens a session, runs `work` with it, and ends it whatever happens: `work` returns, fails,
    /// panics, or this future is dropped. The same with handlers:
    /// [`bus.session(..).on_event(..).run(..)`](SessionBuilder::run).
    ///
    /// # Errors
    /// Those of `work`; and a [`SessionError`] when the session cannot be opened.
    ///
    /// # Cancel safety
    /// Dropping the future drops `work` at its next await, and the session ends in the background.
    ///
    /// ```
    /// # use bus::{Bus, command, handler};
    /// #[command(output = usize)]
    /// struct Import { row: String }
    ///
    /// #[handler]
    /// fn import(command: Import) -> bus::Result<usize> {
    ///     Ok(command.row.len())
    /// }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> bus::Result<()> {
    /// let bus = Bus::from_registered()?;
    /// let bytes = bus
    ///     .with_session("job-123", async |session| -> bus::Result<usize> {
    ///         Ok(session.execute(Import { row: "a;b".to_owned() }).await?)
    ///     })
    ///     .await?;
    /// assert_eq!(bytes, 3);
    /// # Ok(())
    /// # }
    /// ```
    pub fn with_session<N, T, E, F, Fut>(
        &self,
        name: N,
        work: F,
    ) -> impl Future<Output = Result<T, E>> + use<N, T, E, F, Fut>
    where
        N: SessionName,
        F: FnOnce(Session) -> Fut,
        Fut: Future<Output = Result<T, E>>,
        E: WorkError,
    {
        self.session(name).run(work)
    }

    /// The sessions that are open, in the order in which they were opened.
    #[must_use]
    pub fn sessions(&self) -> Vec<SessionInfo> {
        self.core().sessions.list(self.core())
    }

    /// The open session of this id.
    #[must_use]
    pub fn find_session(&self, id: impl IntoSessionId) -> Option<Session> {
        let scope = self.core().sessions.find(&id.into())?;
        Some(Session::new(self.clone(), scope))
    }
}
