//! A registry that remembers: which handlers there were, since when, and which are switched off.
//!
//! The functions themselves cannot be written down. They are held in memory, as the bus gives them;
//! the file says which of them are called.

mod listing;
#[cfg(test)]
mod tests;

use std::collections::HashMap;
use std::path::Path;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use bus::{
    HandlerId, HandlerInfo, RegisteredHandler, Registry, RegistryChanges, RegistryError, SessionId,
};

use crate::file::HandlerFile;

/// Keeps the handlers of one bus in a SQLite file.
#[derive(Debug)]
pub(crate) struct SqliteRegistry {
    state: Mutex<State>,
    /// Not there until the bus is built.
    changes: OnceLock<RegistryChanges>,
}

#[derive(Debug)]
struct State {
    file: HandlerFile,
    /// What this process can call.
    held: HashMap<SessionId, Vec<Held>>,
    /// What went wrong where the bus asks for no result.
    errors: Vec<RegistryError>,
}

#[derive(Debug)]
struct Held {
    name: String,
    handler: RegisteredHandler,
}

impl SqliteRegistry {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, RegistryError> {
        let file = HandlerFile::open(path)?;
        let state = State { file, held: HashMap::new(), errors: Vec::new() };
        Ok(Self { state: Mutex::new(state), changes: OnceLock::new() })
    }

    /// Lets a handler be called again, at once and after a restart. Gives back its whole name.
    pub(crate) fn enable(&self, name: &str) -> Result<String, RegistryError> {
        self.set_enabled(name, true)
    }

    /// Lets a handler be called no more: calls that have begun go on.
    pub(crate) fn disable(&self, name: &str) -> Result<String, RegistryError> {
        self.set_enabled(name, false)
    }

    fn set_enabled(&self, name: &str, enabled: bool) -> Result<String, RegistryError> {
        let state = self.lock();
        let rows = state.file.rows()?;
        let name = listing::find(&rows, name)?;
        state.file.set_enabled(&name, enabled)?;
        // The bus asks `handlers` before `changed` returns, and that locks: not under our own lock.
        drop(state);
        if let Some(changes) = self.changes.get() {
            for row in rows.iter().filter(|row| row.name == name) {
                // `false`: a session of another process, or one that is gone.
                changes.changed(&row.session);
            }
        }
        Ok(name)
    }

    /// What went wrong since this was last asked: that is where the trait has no room for an error.
    pub(crate) fn take_errors(&self) -> Vec<RegistryError> {
        std::mem::take(&mut self.lock().errors)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn note(&mut self, done: Result<(), RegistryError>) {
        self.errors.extend(done.err());
    }
}

impl Registry for SqliteRegistry {
    fn register(&self, handler: RegisteredHandler) -> Result<(), RegistryError> {
        let name = stable_name(handler.info());
        let mut state = self.lock();
        let State { file, held, .. } = &mut *state;
        let held = held.entry(handler.session().clone()).or_default();
        if let Some(other) = held.iter().find(|other| other.name == name) {
            // They would share a row, and be switched off together.
            return Err(RegistryError::new(format_args!(
                "its name `{name}` is that of handler {}: name one of them otherwise",
                other.handler.info()
            )));
        }
        file.put(&name, &handler)?;
        held.push(Held { name, handler });
        Ok(())
    }

    fn unregister(&self, session: &SessionId, id: HandlerId) -> bool {
        let mut state = self.lock();
        let Some(held) = state.held.get_mut(session) else { return false };
        let Some(at) = held.iter().position(|other| other.handler.id() == id) else {
            return false;
        };
        let removed = held.remove(at);
        // The row of the bus's handler stays, so that it is still switched off when it comes back.
        if *session != SessionId::BUS {
            let deleted = state.file.delete(session, &removed.name);
            state.note(deleted);
        }
        drop(state);
        // With what a closure has captured: not under the lock.
        drop(removed);
        true
    }

    fn unregister_session(&self, session: &SessionId) -> usize {
        let mut state = self.lock();
        let removed = state.held.remove(session).unwrap_or_default();
        let deleted = state.file.delete_session(session);
        state.note(deleted);
        drop(state);
        removed.len()
    }

    fn handlers(&self, session: &SessionId) -> Result<Vec<RegisteredHandler>, RegistryError> {
        let state = self.lock();
        let Some(held) = state.held.get(session) else { return Ok(Vec::new()) };
        let off = state.file.disabled(session)?;
        let on = held.iter().filter(|one| !off.contains(&one.name));
        Ok(on.map(|one| one.handler.clone()).collect())
    }

    fn watch(&self, changes: RegistryChanges) {
        // Once for a bus, and a registry is for one bus.
        let _ = self.changes.set(changes);
    }
}

/// A closure has no module, and is named `closure` unless it is given a name.
fn stable_name(handler: &HandlerInfo) -> String {
    match handler.module {
        "" => handler.name.to_string(),
        module => format!("{module}::{}", handler.name),
    }
}
