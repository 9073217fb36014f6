//! A happening as a line of JSON.

use std::time::{Instant, SystemTime};

use serde::Serialize;

use super::own::Own;
use crate::observe::Happening;
use crate::observe::details::Details;
use crate::session::SessionId;

/// Keys that say nothing are left out.
#[derive(Serialize)]
struct Line<'a> {
    /// Seconds since the first line, by the clock of the bus.
    at: f64,
    /// Seconds since 1970, by that of the system.
    time: f64,
    what: &'static str,
    #[serde(skip_serializing_if = "str::is_empty")]
    message: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    correlation: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    session: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    handler: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    attempts: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'a str>,
    #[serde(flatten)]
    own: Own<'a>,
    /// All of it in words.
    text: String,
}

pub(super) fn of(happening: &Happening<'_>, begun: Instant) -> String {
    let what = happening.what();
    let Details { kind, handler, attempts, error } = Details::of(what);
    let time = happening.system_time().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let line = Line {
        at: happening.at().saturating_duration_since(begun).as_secs_f64(),
        time: time.as_secs_f64(),
        what: kind,
        message: happening.name(),
        id: happening.id().map(|id| id.to_string()),
        parent: happening.parent().map(|id| id.to_string()),
        correlation: happening.correlation().map(|id| id.to_string()),
        session: Some(happening.session_id())
            .filter(|id| *id != SessionId::BUS)
            .map(|id| id.to_string()),
        from: happening.sent_from().map(|at| format!("{}:{}", at.file(), at.line())),
        handler: handler.map(|handler| &*handler.name),
        attempts,
        error,
        own: Own::of(happening),
        text: what.to_string(),
    };
    // Nothing in it cannot be written.
    let mut text = serde_json::to_string(&line).unwrap_or_default();
    text.push('\n');
    text
}
