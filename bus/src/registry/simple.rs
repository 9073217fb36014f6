//! The registry that keeps what it is given, in memory.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use super::contract::{HandlerId, RegisteredHandler, Registry, RegistryError};
use crate::session::SessionId;

/// Keeps every handler it is given, and calls all of them: the default [`Registry`].
#[derive(Default)]
pub struct SimpleRegistry {
    of: Mutex<HashMap<SessionId, Vec<RegisteredHandler>>>,
}

impl SimpleRegistry {
    /// An empty registry.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SessionId, Vec<RegisteredHandler>>> {
        self.of.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Registry for SimpleRegistry {
    fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError> {
        self.lock().entry(handler.session().clone()).or_default().push(handler);
        Ok(())
    }

    fn unregister(&self, session: &SessionId, handler: HandlerId) -> bool {
        let mut of = self.lock();
        let Some(handlers) = of.get_mut(session) else { return false };
        let Some(at) = handlers.iter().position(|other| other.id() == handler) else {
            return false;
        };
        let removed = handlers.remove(at);
        if handlers.is_empty() {
            of.remove(session);
        }
        drop(of);
        // With what a closure has captured: not under the lock.
        drop(removed);
        true
    }

    fn unregister_session(&self, session: &SessionId) -> usize {
        let mut of = self.lock();
        let removed = of.remove(session);
        // Many sessions may have been open at once: what is gone leaves its memory to be used.
        if of.len() < of.capacity() / 4 {
            of.shrink_to_fit();
        }
        drop(of);
        removed.map_or(0, |handlers| handlers.len())
    }

    fn handlers(&self, session: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError> {
        Ok(self.lock().get(session).cloned().unwrap_or_default())
    }
}

impl fmt::Debug for SimpleRegistry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SimpleRegistry({} scopes)", self.lock().len())
    }
}
