//! Tells those who follow a repository of pushes and pull requests, over a line that fails at times: only with
//! `--flaky`. What has failed for good is a dead letter, and is run again at the end.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::{Builder, Bus, Context, DeadLetterEntry, Res, handler};
use serde::Serialize;

use crate::events::{PullRequestChanged, Pushed, Scene};

/// How many dead letters the summary shows; all are counted.
const SHOWN: usize = 10;

pub(crate) struct Notifier {
    /// With this probability.
    fails: f64,
    /// The dead letters are another round: what has failed in one need not fail in the next.
    round: AtomicU32,
}

#[derive(Debug, thiserror::Error)]
#[error("the notifier does not answer")]
pub(crate) struct NoAnswer;

impl Notifier {
    fn tell(&self, scene: &Scene, cx: &Context) -> Result<(), NoAnswer> {
        let nth = self.round.load(Ordering::Relaxed) << 8 | cx.attempt();
        if chance(scene.line, nth) < self.fails { Err(NoAnswer) } else { Ok(()) }
    }
}

/// A number from 0 to 1, the same in each run, whatever is handled first: of the line and the attempt alone, as
/// `SplitMix64` makes one from a counter.
fn chance(line: u64, nth: u32) -> f64 {
    let mut bits = (line << 16 | u64::from(nth)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    ((bits ^ (bits >> 31)) >> 11) as f64 / (1_u64 << 53) as f64
}

/// After all others, since those of lower priority wait for its retries.
#[handler(manual, priority = -20, retry(max_retries = 2, initial_delay = "2ms"))]
fn notify_push(event: &Pushed, notifier: &Res<Notifier>, cx: &Context) -> Result<(), NoAnswer> {
    notifier.tell(&event.scene, cx)
}
#[handler(manual, priority = -20, retry(max_retries = 2, initial_delay = "2ms"))]
fn notify_pull_request(
    event: &PullRequestChanged,
    notifier: &Res<Notifier>,
    cx: &Context,
) -> Result<(), NoAnswer> {
    notifier.tell(&event.scene, cx)
}

/// Adds it to the bus.
pub(crate) fn install(builder: Builder, fails: f64) -> Builder {
    builder
        .provide(Notifier { fails, round: AtomicU32::new(0) })
        .handler::<notify_push>()
        .handler::<notify_pull_request>()
}

/// What has become of what it had to tell.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Notified {
    /// How often it was called, before the dead letters were run again.
    pub(crate) calls: u64,
    /// What it gave up on, after its retries.
    pub(crate) given_up: u64,
    pub(crate) first_given_up: Vec<GivenUp>,
    /// Dead letters that had to go for newer ones.
    pub(crate) evicted: u64,
    pub(crate) retried: usize,
    pub(crate) succeeded: usize,
    pub(crate) left: usize,
}

#[derive(Debug, Serialize, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct GivenUp {
    pub(crate) line: u64,
    pub(crate) source: String,
    pub(crate) text: String,
}

impl Notified {
    /// Lists the dead letters, and runs all of them again.
    pub(crate) async fn run_again(bus: &Bus) -> Result<Self, crate::Error> {
        bus.idle().await;
        let letters = bus.dead_letters();
        let mut first_given_up: Vec<_> = letters.list().iter().filter_map(GivenUp::of).collect();
        // They came as their retries ended.
        first_given_up.sort();
        first_given_up.truncate(SHOWN);
        let notifies = |name: &str| name.starts_with("notify_");
        let stats = bus.handler_stats();
        let calls = stats.iter().filter(|of| notifies(&of.handler.name)).map(|of| of.runs).sum();
        bus.resource::<Notifier>()?.round.store(1, Ordering::Relaxed);
        let report = letters.retry_all().await;
        Ok(Self {
            calls,
            given_up: letters.stats().buried,
            first_given_up,
            evicted: letters.stats().evicted,
            retried: report.retried,
            succeeded: report.succeeded,
            left: report.failed.len(),
        })
    }

    /// Was everything told in the end?
    pub(crate) fn is_whole(&self) -> bool {
        self.left == 0 && self.evicted == 0
    }

    /// How often a handler has failed for good.
    pub(crate) fn failures(&self) -> u64 {
        self.given_up + self.left as u64
    }
}

impl GivenUp {
    fn of(letter: &DeadLetterEntry) -> Option<Self> {
        let (what, scene) = match letter.message::<Pushed>() {
            Some(pushed) => ("push", &pushed.scene),
            None => ("pull request", &letter.message::<PullRequestChanged>()?.scene),
        };
        let Scene { source, line, repository, .. } = scene;
        let text =
            format!("{what} in {repository}: {}, {} attempts", letter.error, letter.attempts);
        Some(Self { line: *line, source: source.to_string(), text })
    }
}

impl fmt::Display for Notified {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { calls, given_up, first_given_up, evicted, retried, succeeded, left } = self;
        writeln!(f, "notifier: {calls} calls, {given_up} dead letters, {evicted} evicted")?;
        for GivenUp { line, source, text } in first_given_up {
            writeln!(f, "  {source}:{line}: {text}")?;
        }
        writeln!(f, "  {retried} retried, {succeeded} with success, {left} left")
    }
}
