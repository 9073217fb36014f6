//! What was found when the bus was built.

use std::fmt;

use super::plan::HandlerInfo;
use crate::message::MessageInfo;

/// The wiring of a bus as it was built: every message that is linked, who handles it, and what looks
/// wrong without being an error. `Display` lists it, sorted.
#[derive(Debug, Default)]
pub struct WiringReport {
    pub(crate) rows: Vec<WiringRow>,
    pub(crate) warnings: Vec<String>,
}

/// A message and its handlers, in the order in which they run.
#[derive(Debug)]
#[non_exhaustive]
pub struct WiringRow {
    /// The message.
    pub message: &'static MessageInfo,
    /// Who handles it.
    pub handlers: Vec<HandlerInfo>,
}

impl WiringReport {
    /// What looks wrong: a command without a handler (a session may bring one later), and handlers
    /// that the registry does not list.
    #[must_use]
    pub fn warnings(&self) -> &[String] {
        &self.warnings
    }

    /// Each message that is linked, sorted by name.
    #[must_use]
    pub fn rows(&self) -> &[WiringRow] {
        &self.rows
    }
}

impl fmt::Display for WiringReport {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for row in &self.rows {
            let kind = if row.message.is_command() { "command" } else { "event" };
            let can = row.message.capabilities();
            let can = match (can.clone, can.debug) {
                (true, true) => " (Clone, Debug)",
                (true, false) => " (Clone)",
                (false, true) => " (Debug)",
                (false, false) => "",
            };
            writeln!(f, "{kind} {}{can}", row.message.name())?;
            for handler in &row.handlers {
                writeln!(f, "  {:>4}  {handler}", handler.priority)?;
            }
        }
        self.warnings.iter().try_for_each(|warning| writeln!(f, "warning: {warning}"))
    }
}
