//! Dead letters as lines of JSON.

use std::collections::BTreeMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{SystemTime, UNIX_EPOCH};

use serde::Serialize;
use serde_json::Value;

use super::{DeadLetterEntry, DeadLetters, Selected};
use crate::pipeline::failure::panic_text;

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

/// In UTC, to the millisecond: `2026-11-25T20:18:12.042Z`. What is before 1970 is told as its beginning.
fn rfc3339(time: SystemTime) -> String {
    let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (day, second) = (since.as_secs() / 86_400, since.as_secs() % 86_400);
    // Days since the first of March of the year 0, in eras of 400 years: a leap day is then a year's last.
    let days = day + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let march = (5 * of_year + 2) / 153;
    let day = of_year - (153 * march + 2) / 5 + 1;
    let month = if march < 10 { march + 3 } else { march - 9 };
    let year = era * 400 + year + u64::from(month <= 2);
    let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
    let milli = since.subsec_millis();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{milli:03}Z")
}

#[cfg(test)]
mod tests {
    use super::rfc3339;
    use std::time::{Duration, UNIX_EPOCH};

    #[test]
    fn a_time_is_written_as_everybody_writes_it() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::from_secs(seconds));
        assert_eq!(at(0), "1970-01-01T00:00:00.000Z");
        assert_eq!(at(951_782_399), "2000-02-28T23:59:59.000Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000Z");
        assert_eq!(at(951_868_800), "2000-03-01T00:00:00.000Z");
        assert_eq!(at(4_107_542_400), "2100-03-01T00:00:00.000Z");
        assert_eq!(at(1_767_225_599), "2025-12-31T23:59:59.000Z");
        let time = UNIX_EPOCH + Duration::from_millis(1_795_637_892_042);
        assert_eq!(rfc3339(time), "2026-11-25T20:18:12.042Z");
        assert_eq!(rfc3339(UNIX_EPOCH - Duration::from_secs(1)), at(0));
    }
}
