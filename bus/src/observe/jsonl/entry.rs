//! What there is to write: lines, and gaps between them.

use std::borrow::Cow;

#[derive(Debug, PartialEq, Eq)]
pub(super) enum Entry {
    Line(String),
    /// So many lines are missing here.
    Gap(u64),
}

impl Entry {
    /// As it stands in the file.
    pub(super) fn text(&self) -> Cow<'_, str> {
        match self {
            Self::Line(line) => line.into(),
            Self::Gap(lines) => format!("{{\"dropped\": {lines}}}\n").into(),
        }
    }
}

/// Of some entries: how many are lines, and how many lines the gaps stand for.
pub(super) fn count(entries: &[Entry]) -> (u64, u64) {
    entries.iter().fold((0, 0), |(lines, missing), entry| match entry {
        Entry::Line(_) => (lines + 1, missing),
        Entry::Gap(more) => (lines, missing + more),
    })
}
