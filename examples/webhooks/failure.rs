//! What can be wrong with a line, and the account of it.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};

use bus::{CommandError, CommandErrorKind, SessionError};

use crate::delivery::Rejected;
use crate::text::Text;

/// Why a line was not processed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    #[error("the line is empty")]
    Empty,
    #[error("the line is longer than {} MiB", crate::input::LONGEST / 1024 / 1024)]
    TooLong,
    #[error("the line is not UTF-8: {0}")]
    NotText(std::str::Utf8Error),
    #[error("broken JSON: {0}")]
    BrokenJson(Text),
    #[error("no delivery: {0}")]
    NoDelivery(Text),
    #[error(transparent)]
    Rejected(Rejected),
    #[error("{0}")]
    Bus(String),
}

impl Failure {
    /// The cause, for counting: the same for all lines that are wrong in the same way.
    fn cause(&self) -> &'static str {
        match self {
            Self::Empty => "empty line",
            Self::TooLong => "line too long",
            Self::NotText(_) => "not UTF-8",
            Self::BrokenJson(_) => "broken JSON",
            Self::NoDelivery(_) => "no delivery",
            Self::Rejected(Rejected::UnknownKind(_)) => "unknown kind",
            Self::Rejected(Rejected::Payload { .. }) => "missing or wrong field",
            Self::Bus(_) => "bus",
        }
    }
}

impl From<CommandError<Rejected>> for Failure {
    fn from(error: CommandError<Rejected>) -> Self {
        let text = error.to_string();
        match error.into_kind() {
            CommandErrorKind::Handler(rejected) => Self::Rejected(rejected),
            // A panic, a timeout: with the handler's file and line in the text.
            _ => Self::Bus(text),
        }
    }
}

impl From<SessionError> for Failure {
    fn from(error: SessionError) -> Self {
        Self::Bus(error.to_string())
    }
}

/// Counts all failures, and prints the first ones as they come.
#[derive(Debug)]
pub(crate) struct Failures {
    by_cause: BTreeMap<&'static str, u64>,
    total: u64,
    print: u64,
}

impl Failures {
    pub(crate) fn new(print: u64) -> Self {
        Self { by_cause: BTreeMap::new(), total: 0, print }
    }

    pub(crate) fn add(&mut self, source: &str, line: u64, failure: Failure) {
        *self.by_cause.entry(failure.cause()).or_default() += 1;
        self.total += 1;
        if self.total <= self.print {
            say(format_args!("{}", Report { source, line, failure: &failure }));
        } else if self.total == self.print + 1 && self.print > 0 {
            say(format_args!("(further failures are counted, not printed: `--failures N`)"));
        }
    }

    pub(crate) fn total(&self) -> u64 {
        self.total
    }

    pub(crate) fn by_cause(&self) -> &BTreeMap<&'static str, u64> {
        &self.by_cause
    }
}

struct Report<'a> {
    source: &'a str,
    line: u64,
    failure: &'a Failure,
}

impl fmt::Display for Report<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.source, self.line, self.failure)
    }
}

/// A line on standard error. Where that is closed or full there is nobody to tell.
pub(crate) fn say(line: fmt::Arguments<'_>) {
    let _ = writeln!(io::stderr(), "{line}");
}
