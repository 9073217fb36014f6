//! The file: one table, with a row for each handler that was ever registered.

use std::collections::HashSet;
use std::fmt;
use std::path::{Path, PathBuf};

use bus::{RegisteredHandler, RegistryError, SessionId};
use rusqlite::{Connection, Params};

/// A handler may move to another place and handle another message: its name is what it is known by.
const TABLE: &str = "
    CREATE TABLE IF NOT EXISTS handlers (
        session TEXT NOT NULL,
        name    TEXT NOT NULL,
        message TEXT NOT NULL,
        place   TEXT NOT NULL,
        since   TEXT NOT NULL DEFAULT (datetime('now')),
        enabled INTEGER NOT NULL DEFAULT 1,
        PRIMARY KEY (session, name)
    ) STRICT";

/// `since` and `enabled` of a row that is there are not touched.
const PUT: &str = "
    INSERT INTO handlers (session, name, message, place) VALUES (?1, ?2, ?3, ?4)
    ON CONFLICT DO UPDATE SET message = excluded.message, place = excluded.place";

const ROWS: &str = "
    SELECT session, name, message, place, since, enabled FROM handlers
    ORDER BY session, name";

/// What the file says of a handler.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Row {
    pub(crate) session: SessionId,
    /// Its module and its name.
    pub(crate) name: String,
    pub(crate) message: String,
    /// File and line.
    pub(crate) place: String,
    /// When it was first seen, in UTC.
    pub(crate) since: String,
    pub(crate) enabled: bool,
}

pub(crate) struct HandlerFile {
    connection: Connection,
    path: PathBuf,
}

impl HandlerFile {
    /// Opens the file, or makes it.
    pub(crate) fn open(path: &Path) -> Result<Self, RegistryError> {
        let path = path.to_owned();
        let opened = Connection::open(&path);
        let connection = opened.map_err(|error| refusal(&path, &error))?;
        let file = Self { connection, path };
        // Opening reads nothing: this does, and so finds out whether it is a database.
        file.change(TABLE, [])?;
        Ok(file)
    }

    /// Writes a handler down.
    pub(crate) fn put(&self, name: &str, handler: &RegisteredHandler) -> Result<(), RegistryError> {
        let info = handler.info();
        let place = format!("{}:{}", info.file, info.line);
        let values = (handler.session().as_str(), name, handler.message().name(), place);
        self.change(PUT, values)
    }

    /// The handlers of a session that are not to be called.
    pub(crate) fn disabled(&self, of: &SessionId) -> Result<HashSet<String>, RegistryError> {
        let read = || {
            let query = "SELECT name FROM handlers WHERE session = ?1 AND NOT enabled";
            let mut query = self.connection.prepare(query)?;
            query.query_map([of.as_str()], |row| row.get(0))?.collect()
        };
        self.said(read())
    }

    /// Under this name in all sessions: one function may be registered in many.
    pub(crate) fn set_enabled(&self, name: &str, enabled: bool) -> Result<(), RegistryError> {
        self.change("UPDATE handlers SET enabled = ?2 WHERE name = ?1", (name, enabled))
    }

    pub(crate) fn delete(&self, session: &SessionId, name: &str) -> Result<(), RegistryError> {
        let values = (session.as_str(), name);
        self.change("DELETE FROM handlers WHERE session = ?1 AND name = ?2", values)
    }

    pub(crate) fn delete_session(&self, session: &SessionId) -> Result<(), RegistryError> {
        self.change("DELETE FROM handlers WHERE session = ?1", [session.as_str()])
    }

    /// All rows, sorted by session and name.
    pub(crate) fn rows(&self) -> Result<Vec<Row>, RegistryError> {
        let read = || {
            let mut query = self.connection.prepare(ROWS)?;
            let rows = query.query_map([], |row| {
                Ok(Row {
                    session: row.get::<_, String>(0)?.into(),
                    name: row.get(1)?,
                    message: row.get(2)?,
                    place: row.get(3)?,
                    since: row.get(4)?,
                    enabled: row.get(5)?,
                })
            });
            rows?.collect()
        };
        self.said(read())
    }

    fn change(&self, sql: &str, values: impl Params) -> Result<(), RegistryError> {
        self.said(self.connection.execute(sql, values).map(drop))
    }

    fn said<T>(&self, result: rusqlite::Result<T>) -> Result<T, RegistryError> {
        result.map_err(|error| refusal(&self.path, &error))
    }
}

/// In the words of SQLite, with the file's name before them.
fn refusal(path: &Path, error: &rusqlite::Error) -> RegistryError {
    RegistryError::new(format_args!("{}: {error}", path.display()))
}

impl fmt::Debug for HandlerFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HandlerFile({})", self.path.display())
    }
}
