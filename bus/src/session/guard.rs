//! What keeps a session open.

use std::fmt;
use std::ops::Deref;

use super::end;
use super::handle::Session;

/// An open session, which ends when this is dropped: in the background, or at once and without the
/// announcement where no runtime is left. [`close`](Session::close) ends it and waits.
///
/// Everything a [`Session`] can, this can. Handles are made by [`handle`](Self::handle), and by
/// taking a `Session` as a handler parameter.
#[must_use = "the session ends when its guard is dropped, and `let _ = ..` drops it at once: write `let session = ..`"]
pub struct SessionGuard {
    session: Session,
    owns: bool,
}

impl SessionGuard {
    pub(super) fn new(session: Session) -> Self {
        Self { session, owns: true }
    }

    /// A handle that does not own.
    #[must_use]
    pub fn handle(&self) -> Session {
        self.session.clone()
    }

    /// Leaves the session open, until somebody closes it: by its handle, or by its id
    /// ([`Bus::find_session`](crate::Bus::find_session)), or with the session around it, or the bus.
    pub fn detach(mut self) -> Session {
        // The end of the session around it has begun, and would wait for this one.
        let parent = self.session.scope().parent.as_ref();
        self.owns = parent.is_some_and(|parent| parent.inside.is_closed());
        self.handle()
    }

    /// It could not be opened.
    pub(super) fn never_opened(mut self) {
        self.owns = false;
        end::withdraw(self.session.scope());
    }

    /// Ends it in the background, for an error.
    pub(super) fn give_up(mut self, error: &str) {
        self.owns = false;
        end::begin(self.session.scope(), Some(error.to_owned()));
    }
}

impl Deref for SessionGuard {
    type Target = Session;
    fn deref(&self) -> &Session {
        &self.session
    }
}

impl Drop for SessionGuard {
    fn drop(&mut self) {
        if self.owns {
            let error = std::thread::panicking().then(|| "its owner panicked".to_owned());
            end::begin(self.session.scope(), error);
        }
    }
}

impl fmt::Debug for SessionGuard {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SessionGuard({})", self.session.id())
    }
}
