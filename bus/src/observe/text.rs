//! A description for people.

use std::fmt;

use super::describe::{Description, HandlerDescription, MessageDescription};

impl fmt::Display for Description {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for filter in &self.filters {
            writeln!(f, "filter {filter}")?;
        }
        self.messages.iter().try_for_each(|message| message.fmt(f))?;
        self.seen.iter().try_for_each(|(from, to)| writeln!(f, "seen: {from} -> {to}"))
    }
}

impl fmt::Display for MessageDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, category, version, file, line, .. } = self;
        let kind = if self.is_command { "command" } else { "event" };
        write!(f, "{kind} {name} ({category}, version {version}")?;
        self.capabilities.iter().try_for_each(|can| write!(f, ", {can}"))?;
        self.order.iter().try_for_each(|order| write!(f, ", {order}"))?;
        self.ttl.iter().try_for_each(|ttl| write!(f, ", ttl {ttl:?}"))?;
        writeln!(f, ") at {file}:{line}")?;
        if self.handlers.is_empty() {
            writeln!(f, "        nobody handles it")?;
        }
        self.handlers.iter().try_for_each(|handler| handler.fmt(f))
    }
}

impl fmt::Display for HandlerDescription {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, file, line, priority, session, .. } = self;
        write!(f, "  {priority:>4}  `{name}` at {file}:{line}")?;
        if session != "BUS" {
            write!(f, ", of session {session}")?;
        }
        if let Some(timeout) = self.timeout {
            write!(f, ", timeout {timeout:?}")?;
        }
        if let Some(timeout) = self.attempt_timeout {
            write!(f, ", {timeout:?} an attempt")?;
        }
        if self.retries > 0 {
            write!(f, ", called again {} times", self.retries)?;
        }
        if let Some(breaker) = &self.circuit_breaker {
            write!(f, ", behind circuit breaker `{breaker}`")?;
        }
        if self.dead_letters {
            write!(f, ", keeps dead letters")?;
        }
        if let Some(events) = self.batch {
            write!(f, ", up to {events} at once")?;
        }
        if let Some(runs) = self.concurrency {
            write!(f, ", {runs} at once")?;
        }
        if let Some(filter) = &self.filter {
            write!(f, ", behind {filter}")?;
        }
        if !self.middleware.is_empty() {
            write!(f, ", inside of {}", self.middleware.join(", "))?;
        }
        if !self.hooks.is_empty() {
            write!(f, ", with hooks {}", self.hooks.join(", "))?;
        }
        if !self.emits.is_empty() {
            write!(f, ", emits {}", self.emits.join(", "))?;
        }
        writeln!(f)
    }
}

#[cfg(feature = "json")]
impl Description {
    /// As JSON: the fields of this struct, with durations in seconds.
    ///
    /// # Errors
    /// None that is known: nothing in it cannot be written.
    pub fn to_json(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string_pretty(self)
    }
}
