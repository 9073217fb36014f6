//! What came of it all: for people, and as JSON.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};
use std::time::Duration;

use bus::{Bus, ShutdownReport};
use serde::Serialize;

use crate::activity::ActivityLog;
use crate::alerts::Alerts;
use crate::failure::{Failures, say};
use crate::latency::Latency;
use crate::notifier::Notified;
use crate::statistics::Statistics;
use crate::text::Text;
use crate::watch::Watched;

/// What the loop has counted.
pub(crate) struct Counts {
    pub(crate) lines: u64,
    pub(crate) ok: u64,
    pub(crate) cut_short: u64,
    pub(crate) elapsed: Duration,
    pub(crate) watched: Watched,
    pub(crate) most_open: usize,
    pub(crate) notified: Option<Notified>,
}

/// `lines` is `ok` and `failed` together, always.
#[derive(Debug, Serialize)]
pub(crate) struct Summary {
    pub(crate) lines: u64,
    pub(crate) ok: u64,
    pub(crate) failed: u64,
    pub(crate) sources_cut_short: u64,
    failures: BTreeMap<&'static str, u64>,
    kinds: BTreeMap<&'static str, u64>,
    commits: u64,
    repositories: Vec<Named>,
    actors: Vec<Named>,
    /// Were there so few repositories and actors that all could be told apart?
    counts_are_exact: bool,
    watched: Watched,
    sessions_opened: u64,
    most_sessions_open: usize,
    alerts: u64,
    first_alerts: Vec<FirstAlert>,
    #[serde(skip_serializing_if = "Option::is_none")]
    notified: Option<Notified>,
    pub(crate) log_is_whole: bool,
    events_published: u64,
    event_handler_runs: u64,
    event_handler_failures: u64,
    events_left: u64,
    seconds: f64,
    deliveries_per_second: f64,
    p50_micros: f64,
    p99_micros: f64,
}

#[derive(Debug, Serialize)]
struct Named {
    name: String,
    count: u64,
}

#[derive(Debug, Serialize)]
struct FirstAlert {
    source: String,
    line: u64,
    text: String,
}

impl Summary {
    pub(crate) fn new(
        bus: &Bus,
        shutdown: &ShutdownReport,
        failures: Failures,
        latency: &Latency,
        counts: Counts,
    ) -> Result<Self, crate::Error> {
        let statistics = bus.resource::<Statistics>()?;
        let alerts = bus.resource::<Alerts>()?;
        let log = bus.resource::<ActivityLog>()?;
        if let Err(error) = log.flush() {
            say(format_args!("the activity log is not whole: {error}"));
        }
        let tables = statistics.tables();
        let named = |(name, count)| Named { name, count };
        let (alert_count, first) = alerts.seen();
        let stats = bus.stats();
        let seconds = counts.elapsed.as_secs_f64();
        let micros = |percent| latency.percentile(percent).as_secs_f64() * 1e6;
        Ok(Self {
            lines: counts.lines,
            ok: counts.ok,
            failed: failures.total(),
            sources_cut_short: counts.cut_short,
            failures: failures.by_cause().clone(),
            kinds: tables.kinds.clone(),
            commits: tables.commits,
            repositories: tables.repositories.first(5).into_iter().map(named).collect(),
            actors: tables.actors.first(5).into_iter().map(named).collect(),
            counts_are_exact: tables.repositories.is_exact() && tables.actors.is_exact(),
            watched: counts.watched,
            sessions_opened: stats.sessions_opened,
            most_sessions_open: counts.most_open,
            alerts: alert_count,
            first_alerts: first
                .into_iter()
                .map(|(source, line, text)| FirstAlert { source: source.to_string(), line, text })
                .collect(),
            notified: counts.notified,
            log_is_whole: log.is_whole(),
            events_published: stats.published,
            event_handler_runs: stats.processed,
            event_handler_failures: stats.failed,
            events_left: shutdown.dropped + shutdown.abandoned.len() as u64,
            seconds,
            deliveries_per_second: if seconds > 0.0 { counts.lines as f64 / seconds } else { 0.0 },
            p50_micros: micros(50),
            p99_micros: micros(99),
        })
    }

    /// Has every delivery had its event, every alert its own, and every event its handlers, in the end?
    pub(crate) fn adds_up(&self) -> bool {
        let notified = self.notified.as_ref();
        self.events_published == self.ok + self.alerts
            && self.event_handler_failures == notified.map_or(0, Notified::failures)
            && notified.is_none_or(Notified::is_whole)
            && self.events_left == 0
    }

    pub(crate) fn json(&self) -> String {
        // Numbers and strings alone: nothing in it can fail.
        serde_json::to_string_pretty(self).unwrap_or_default()
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(f, "{} lines: {} processed, {} failed", self.lines, self.ok, self.failed)?;
        if self.sources_cut_short > 0 {
            writeln!(f, "{} sources could not be read to their end", self.sources_cut_short)?;
        }
        table(f, "by kind", self.kinds.iter().map(|(kind, n)| (*kind, *n)))?;
        let about = if self.counts_are_exact { "" } else { " (about)" };
        let named = |named: &'_ [Named]| -> Vec<(String, u64)> {
            named.iter().map(|named| (named.name.clone(), named.count)).collect()
        };
        table(f, &format!("top repositories{about}"), named(&self.repositories))?;
        table(f, &format!("top actors{about}"), named(&self.actors))?;
        for (repository, heard) in &self.watched {
            let title = format!("watched: {}", Text::new(repository));
            table(f, &title, heard.iter().map(|(kind, n)| (*kind, *n)))?;
        }
        table(f, "failures by cause", self.failures.iter().map(|(cause, n)| (*cause, *n)))?;
        if self.alerts > 0 {
            writeln!(f, "\n{} alerts", self.alerts)?;
            for alert in &self.first_alerts {
                writeln!(f, "  {}:{}: {}", alert.source, alert.line, alert.text)?;
            }
        }
        if let Some(notified) = &self.notified {
            write!(f, "\n{notified}")?;
        }
        writeln!(f)?;
        writeln!(
            f,
            "event handlers: {} runs, {} failed, {} events left",
            self.event_handler_runs, self.event_handler_failures, self.events_left
        )?;
        let (opened, most) = (self.sessions_opened, self.most_sessions_open);
        writeln!(f, "sessions: {opened} opened, {most} at a time")?;
        writeln!(
            f,
            "{:.0} deliveries/s, p50 {:.1} us, p99 {:.1} us",
            self.deliveries_per_second, self.p50_micros, self.p99_micros
        )
    }
}

fn table<S: fmt::Display>(
    f: &mut fmt::Formatter<'_>,
    title: &str,
    rows: impl IntoIterator<Item = (S, u64)>,
) -> fmt::Result {
    let mut text = String::new();
    for (name, count) in rows {
        writeln!(text, "  {count:>8}  {name}")?;
    }
    if text.is_empty() {
        return Ok(());
    }
    write!(f, "\n{title}\n{text}")
}
