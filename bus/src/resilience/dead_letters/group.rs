//! Dead letters that have something in common.

use std::cmp::Reverse;
use std::collections::HashMap;
use std::time::SystemTime;

use super::{DeadLetterEntry, DeadLetterId, DeadLetters, Selected};

/// Dead letters that have something in common.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct DeadLetterGroup {
    /// What they have in common.
    pub key: String,
    /// How many there are.
    pub count: usize,
    /// When the first of them was attempted last.
    pub first: SystemTime,
    /// When the last of them was.
    pub last: SystemTime,
    /// Their ids, the oldest first.
    pub ids: Vec<DeadLetterId>,
}

/// Groups, the largest first; of equal size by what they have in common.
impl Selected<'_> {
    /// By why they are here: `failed (transient)`, `panicked`, `parked`.
    #[must_use]
    pub fn groups_by_cause(&self) -> Vec<DeadLetterGroup> {
        grouped(self.list(), |entry| entry.cause.in_general())
    }

    /// By the text of the error. Where that names what differs from message to message, so do the groups.
    #[must_use]
    pub fn groups_by_error(&self) -> Vec<DeadLetterGroup> {
        grouped(self.list(), |entry| entry.error.clone())
    }

    /// By the name of the message.
    #[must_use]
    pub fn groups_by_message(&self) -> Vec<DeadLetterGroup> {
        grouped(self.list(), |entry| entry.message.to_owned())
    }

    /// By the handler: its name, file and line.
    #[must_use]
    pub fn groups_by_handler(&self) -> Vec<DeadLetterGroup> {
        grouped(self.list(), |entry| entry.handler.to_string())
    }
}

/// Groups, the largest first; of equal size by what they have in common.
///
/// ```
/// # let bus = bus::Bus::builder().build()?;
/// for group in bus.dead_letters().groups_by_handler() {
///     println!("{:>5} {}", group.count, group.key);
/// }
/// # Ok::<(), bus::BuildError>(())
/// ```
impl DeadLetters<'_> {
    /// By why they are here: `failed (transient)`, `panicked`, `parked`.
    #[must_use]
    pub fn groups_by_cause(self) -> Vec<DeadLetterGroup> {
        self.selected().groups_by_cause()
    }

    /// By the text of the error. Where that names what differs from message to message, so do the groups.
    #[must_use]
    pub fn groups_by_error(self) -> Vec<DeadLetterGroup> {
        self.selected().groups_by_error()
    }

    /// By the name of the message.
    #[must_use]
    pub fn groups_by_message(self) -> Vec<DeadLetterGroup> {
        self.selected().groups_by_message()
    }

    /// By the handler: its name, file and line.
    #[must_use]
    pub fn groups_by_handler(self) -> Vec<DeadLetterGroup> {
        self.selected().groups_by_handler()
    }
}

fn grouped(
    entries: Vec<DeadLetterEntry>,
    key: impl Fn(&DeadLetterEntry) -> String,
) -> Vec<DeadLetterGroup> {
    let mut groups: HashMap<String, DeadLetterGroup> = HashMap::new();
    for entry in entries {
        let (at, key) = (entry.last_attempted, key(&entry));
        let group = groups.entry(key).or_insert_with_key(|key| {
            let key = key.clone();
            DeadLetterGroup { key, count: 0, first: at, last: at, ids: Vec::new() }
        });
        group.count += 1;
        group.first = group.first.min(at);
        group.last = group.last.max(at);
        group.ids.push(entry.id);
    }
    let mut groups: Vec<_> = groups.into_values().collect();
    groups.sort_by(|a, b| (Reverse(a.count), &a.key).cmp(&(Reverse(b.count), &b.key)));
    groups
}
