//! What the file says, beside what this process has.

use std::collections::BTreeSet;
use std::fmt;

use bus::{RegistryError, SessionId};

use super::SqliteRegistry;
use crate::file::Row;

/// A row, and what it is to this process.
#[derive(Debug)]
pub(crate) struct Listed {
    pub(crate) row: Row,
    pub(crate) state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum State {
    Enabled,
    Disabled,
    /// No handler of this program bears the name any more.
    Gone,
    /// Of a session of another process, or of one that died and could not delete it.
    Elsewhere,
}

impl SqliteRegistry {
    /// Every row of the file.
    pub(crate) fn list(&self) -> Result<Vec<Listed>, RegistryError> {
        let state = self.lock();
        let rows = state.file.rows()?;
        let is_held = |row: &Row| {
            let held = state.held.get(&row.session);
            held.is_some_and(|held| held.iter().any(|one| one.name == row.name))
        };
        let listed = rows.into_iter().map(|row| {
            let state = match (is_held(&row), row.enabled) {
                (true, true) => State::Enabled,
                (true, false) => State::Disabled,
                (false, _) if row.session == SessionId::BUS => State::Gone,
                (false, _) => State::Elsewhere,
            };
            Listed { row, state }
        });
        Ok(listed.collect())
    }
}

/// The whole name of the handler that is meant: `greet` for `shop::mail::greet`, unless there are two.
pub(super) fn find(rows: &[Row], name: &str) -> Result<String, RegistryError> {
    let names: BTreeSet<&str> = rows.iter().map(|row| &*row.name).collect();
    if names.contains(name) {
        return Ok(name.to_owned());
    }
    let is_end = |whole: &&str| whole.strip_suffix(name).is_some_and(|rest| rest.ends_with("::"));
    let meant: Vec<&str> = names.into_iter().filter(is_end).collect();
    match *meant {
        [one] => Ok(one.to_owned()),
        [] => Err(RegistryError::new(format_args!("no handler is named `{name}`: see `list`"))),
        _ => Err(RegistryError::new(format_args!(
            "`{name}` may be any of {}: say which",
            meant.join(", ")
        ))),
    }
}

impl fmt::Display for Listed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Row { session, name, message, place, since, .. } = &self.row;
        // `pad`, of the text: a `Display` of one's own need not heed the width.
        let (state, session) = (self.state.as_str(), session.as_str());
        write!(f, "{state:<9} {session:<9} {name:<29} {message:<30} {place}, since {since}")
    }
}

impl State {
    fn as_str(self) -> &'static str {
        match self {
            Self::Enabled => "enabled",
            Self::Disabled => "disabled",
            Self::Gone => "gone",
            Self::Elsewhere => "elsewhere",
        }
    }
}
