//! The load, and what became of it.

use std::collections::BTreeSet;
use std::fmt;
use std::time::Duration;

use bus::prelude::*;
use bus::{CircuitChange, CircuitState, DeadLetterStats, Stats};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use crate::bank::{Bank, Charge, Lots, Posted, Refund, Trouble, bus};

#[derive(Debug, Clone)]
pub(crate) struct Outage {
    pub(crate) trouble: Trouble,
    /// Of each command, and of one of the event's handlers.
    pub(crate) places: u32,
    pub(crate) room: usize,
    pub(crate) max_retries: u32,
    /// Of the budget, whatever the load.
    pub(crate) per_second: u32,
    pub(crate) failure_threshold: u32,
    /// Each so many ms so many come, at most.
    pub(crate) every: u64,
    pub(crate) commands: u64,
    pub(crate) events: u64,
    pub(crate) down_after: u64,
    pub(crate) down_for: u64,
    pub(crate) seed: u64,
}

impl Default for Outage {
    fn default() -> Self {
        Self {
            trouble: Trouble::Fails,
            places: 4,
            room: 10,
            max_retries: 1,
            per_second: 1,
            failure_threshold: 3,
            every: 10,
            commands: 1,
            events: 1,
            down_after: 0,
            down_for: 1_000,
            seed: 1,
        }
    }
}

/// What the callers of commands were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) offered: u64,
    pub(crate) well: BTreeSet<(&'static str, u64)>,
    pub(crate) circuit_open: u64,
    pub(crate) full: u64,
    /// Without ever having been called.
    pub(crate) late: u64,
    /// They were called.
    pub(crate) failed: BTreeSet<(&'static str, u64)>,
    pub(crate) other: Vec<String>,
    pub(crate) attempts: u64,
}

pub(crate) struct Played {
    pub(crate) bank: Res<Bank>,
    pub(crate) told: Told,
    pub(crate) events: u64,
    /// How many events waited for the breaker when the bank was well again.
    pub(crate) paused: usize,
    /// When the bank was well again, how long the breaker took to close.
    pub(crate) recovered_after: Option<Duration>,
    pub(crate) changes: Vec<CircuitChange>,
    /// When nothing was left but dead letters; and after their retry.
    pub(crate) before: (Stats, DeadLetterStats),
    pub(crate) after: (Stats, DeadLetterStats),
    /// Calls of the bank until then.
    pub(crate) first: u64,
    pub(crate) retries: u64,
    pub(crate) lasted: Duration,
}

type Ended = (&'static str, u64, Result<(), CommandError<bus::Error>>);

/// Which of both commands it is.
async fn execute(bus: Bus, nr: u64) -> Ended {
    if nr % 2 == 0 {
        ("charge", nr, bus.execute(Charge { nr }).await)
    } else {
        ("refund", nr, bus.execute(Refund { nr }).await)
    }
}

impl Told {
    fn note(&mut self, (who, nr, ended): Ended) {
        let error = match ended {
            Ok(()) => {
                self.well.insert((who, nr));
                return;
            }
            Err(error) => error,
        };
        self.attempts += u64::from(error.attempts());
        let was_called = error.attempts() > 0;
        match error.kind() {
            _ if was_called => {
                assert!(error.dead_letter().is_some(), "{error}");
                self.failed.insert((who, nr));
            }
            CommandErrorKind::CircuitOpen { .. } => self.circuit_open += 1,
            CommandErrorKind::BulkheadFull { .. } => self.full += 1,
            CommandErrorKind::TimedOut { .. } => self.late += 1,
            _ => self.other.push(error.to_string()),
        }
    }
}

pub(crate) async fn play(outage: &Outage) -> Played {
    let (bus, bank) = bus(outage);
    let breaker = bus.circuit_breaker("bank").unwrap();
    let mut lots = Lots(outage.seed);
    let (mut told, mut calls, mut events) = (Told::default(), JoinSet::new(), 0);
    let begun = Instant::now();
    let (down, well) = (outage.down_after, outage.down_after + outage.down_for);
    let (mut recovered_after, mut paused) = (None, 0);
    // After it is well, the load goes on for longer than the breaker can be open.
    while begun.elapsed() < Duration::from_millis(well + 2_500) {
        let now = u64::try_from(begun.elapsed().as_millis()).unwrap();
        bank.is_down((down..well).contains(&now).then_some(outage.trouble));
        if now >= well && recovered_after.is_none() {
            paused = paused.max(bus.stats().queued);
            if breaker.state() == CircuitState::Closed {
                recovered_after = Some(begun.elapsed() - Duration::from_millis(well));
            }
        }
        // At least one message a tick, so that there is somebody to probe.
        let commands = lots.draw(outage.commands + 1).max(u64::from(outage.events == 0));
        for _ in 0..commands {
            calls.spawn(execute(bus.clone(), told.offered));
            told.offered += 1;
        }
        for _ in 0..lots.draw(outage.events + 1) {
            bus.publish(Posted { nr: events }).await.unwrap();
            events += 1;
        }
        sleep(Duration::from_millis(outage.every)).await;
        while let Some(ended) = calls.try_join_next() {
            told.note(ended.unwrap());
        }
    }
    bank.is_down(None);
    while let Some(ended) = calls.join_next().await {
        told.note(ended.unwrap());
    }
    bus.idle().await;
    let lasted = begun.elapsed();
    let before = (bus.stats(), bus.dead_letters().stats());
    let (first, retries) = {
        let state = bank.state.lock().unwrap();
        (state.first, state.retries)
    };
    let report = bus.dead_letters().retry_all().await;
    assert!(report.is_ok(), "{report:?}");
    bus.idle().await;
    let after = (bus.stats(), bus.dead_letters().stats());
    let changes = breaker.history();
    Played {
        bank,
        told,
        events,
        paused,
        recovered_after,
        changes,
        before,
        after,
        first,
        retries,
        lasted,
    }
}

/// Of many: what has happened at all.
#[derive(Debug, Default)]
pub(crate) struct Seen {
    pub(crate) succeeded: usize,
    pub(crate) failed: usize,
    pub(crate) circuit_open: usize,
    pub(crate) full: usize,
    pub(crate) late: usize,
    pub(crate) letters: usize,
    pub(crate) paused: usize,
    pub(crate) budget_was_empty: usize,
}

impl fmt::Display for Seen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "outages with: {self:?}")
    }
}
