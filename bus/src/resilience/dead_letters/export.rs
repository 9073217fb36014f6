//! Dead letters as lines of JSON.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};

use serde::Serialize;
use serde_json::Value;

use super::{DeadLetterEntry, DeadLetters, Selected};
use crate::pipeline::failure::panic_text;
use crate::rfc3339::rfc3339;

/// Export (feature `json`).
impl Selected<'_> {
    /// Writes these as NDJSON, the oldest first: one object a line, with all that is known of the letter.
    /// `body` is the message, if its type is `serde::Serialize` where it is declared; else it is `null`,
    /// and `body_error` says why. Returns how many were written.
    ///
    /// ```
    /// # let bus = bus::Bus::builder().build()?;
    /// let mut file = Vec::new();
    /// let written = bus.dead_letters().filter(|entry: &bus::DeadLetterEntry| entry.is_command()).export(&mut file)?;
    /// assert_eq!(written, 0);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    ///
    /// # Errors
    /// Those of `to`: what was written before is there.
    pub fn export(&self, to: &mut (impl io::Write + ?Sized)) -> io::Result<usize> {
        let entries = self.list();
        for entry in &entries {
            let mut line = serde_json::to_vec(&Line::of(entry))?;
            line.push(b'\n');
            to.write_all(&line)?;
        }
        Ok(entries.len())
    }

    /// What [`export`](Self::export) writes, as text.
    #[must_use]
    pub fn to_ndjson(&self) -> String {
        let mut text = Vec::new();
        // Memory takes all, and what is written are texts and numbers.
        let _ = self.export(&mut text);
        String::from_utf8(text).unwrap_or_default()
    }
}

/// Export (feature `json`).
impl DeadLetters<'_> {
    /// Writes all of them as NDJSON: see [`Selected::export`].
    ///
    /// # Errors
    /// Those of `to`: what was written before is there.
    pub fn export(self, to: &mut (impl io::Write + ?Sized)) -> io::Result<usize> {
        self.selected().export(to)
    }

    /// All of them as NDJSON: see [`Selected::export`].
    #[must_use]
    pub fn to_ndjson(self) -> String {
        self.selected().to_ndjson()
    }
}

#[derive(Serialize)]
struct Line<'a> {
    id: String,
    kind: &'static str,
    message: &'static str,
    version: u32,
    message_id: String,
    correlation_id: String,
    session_id: &'a str,
    principal: Option<Who<'a>>,
    headers: &'a BTreeMap<String, String>,
    handler: Handler<'a>,
    cause: String,
    error: &'a str,
    error_chain: &'a str,
    attempts: u32,
    first_attempted: String,
    last_attempted: String,
    history: Vec<Attempt<'a>>,
    left_out: u32,
    body: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    body_error: Option<String>,
}

#[derive(Serialize)]
struct Who<'a> {
    id: &'a str,
    roles: Vec<&'a str>,
}

#[derive(Serialize)]
struct Handler<'a> {
    name: &'a str,
    module: &'a str,
    file: &'a str,
    line: u32,
}

#[derive(Serialize)]
struct Attempt<'a> {
    attempt: u32,
    at: String,
    error: &'a str,
}

impl<'a> Line<'a> {
    fn of(entry: &'a DeadLetterEntry) -> Self {
        let (body, body_error) = match body(entry) {
            Ok(body) => (body, None),
            Err(why) => (Value::Null, Some(why)),
        };
        let handler = &entry.handler;
        let who = |who: &'a crate::Principal| Who { id: who.id(), roles: who.roles().collect() };
        let attempts = entry.history.iter().map(|attempt| Attempt {
            attempt: attempt.attempt,
            at: rfc3339(attempt.at),
            error: &attempt.error,
        });
        Self {
            id: entry.id.to_string(),
            kind: if entry.is_command() { "command" } else { "event" },
            message: entry.message,
            version: entry.version,
            message_id: entry.message_id.to_string(),
            correlation_id: entry.correlation_id.to_string(),
            session_id: entry.session_id.as_str(),
            principal: entry.principal.as_ref().map(who),
            headers: &entry.metadata,
            handler: Handler {
                name: &handler.name,
                module: handler.module,
                file: handler.file,
                line: handler.line,
            },
            cause: entry.cause.to_string(),
            error: &entry.error,
            error_chain: &entry.error_chain,
            attempts: entry.attempts,
            first_attempted: rfc3339(entry.first_attempted),
            last_attempted: rfc3339(entry.last_attempted),
            history: attempts.collect(),
            left_out: entry.left_out,
            body,
            body_error,
        }
    }
}

/// The message. Its `Serialize` is foreign code: it may refuse, and it may panic.
fn body(entry: &DeadLetterEntry) -> Result<Value, String> {
    let name = entry.message;
    let Some(to_json) = entry.info().capabilities().json else {
        return Err(format!("{name} is not `serde::Serialize`"));
    };
    match catch_unwind(AssertUnwindSafe(|| to_json(&*entry.hidden.message))) {
        Ok(Ok(body)) => Ok(body),
        Ok(Err(error)) => Err(format!("{name} cannot be written as JSON: {error}")),
        Err(panic) => Err(format!("{name} panicked: {}", panic_text(&*panic))),
    }
}
