//! What publishers were told and what handlers did, in order.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use bus::{MessageId, PublishErrorKind};
use tokio::time::Instant;

use super::events::Card;
use super::scenario::Scenario;
use super::world::FIRST_NESTED;

/// A run of a handler: where it began in the log.
pub(crate) type RunId = usize;

/// Who publishes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) enum By {
    Publisher(usize),
    Run(RunId),
}

/// What one who publishes is told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Answer {
    Accepted {
        id: MessageId,
        dropped: usize,
    },
    Refused {
        why: PublishErrorKind,
        gave_back: Card,
    },
    /// Nothing: the future was dropped before it was ready.
    Cancelled,
}

/// How a run ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum How {
    Succeeded,
    Failed,
    Panicked,
    /// Its future was dropped: it was out of time, or the bus has ended.
    Cut,
}

#[derive(Debug, Clone)]
pub(crate) enum Fact {
    Offered {
        card: Card,
        by: By,
    },
    Told {
        card: Card,
        answer: Answer,
    },
    Began {
        card: Card,
        handler: usize,
        id: MessageId,
    },
    Emitted {
        run: RunId,
        card: Card,
    },
    Ended {
        run: RunId,
        how: How,
    },
    /// The bus has announced that a handler failed.
    Announced {
        id: MessageId,
        handler: String,
    },
    EndingBegan,
    EndingEnded,
}

/// A fact, and when it was: milliseconds since the start.
#[derive(Debug, Clone)]
pub(crate) struct Entry {
    pub(crate) ms: u64,
    pub(crate) fact: Fact,
}

pub(crate) struct Log {
    start: Instant,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    entries: Vec<Entry>,
    /// What was wrong at the moment when it was seen.
    broken: Vec<String>,
    /// Which events have begun, and for how many handlers.
    begun: HashMap<u64, (Card, usize)>,
    /// How many publishers wait for an answer.
    not_told: usize,
    last_began_ms: Option<u64>,
    /// Events that were accepted, or emitted by a run that succeeded.
    accepted: usize,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), state: Mutex::default() }
    }

    pub(crate) fn ms(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX)
    }

    /// Notes a fact, and says which it is.
    pub(crate) fn note(&self, fact: Fact) -> usize {
        let ms = self.ms();
        let mut state = self.state();
        match &fact {
            Fact::Offered { by: By::Publisher(_), .. } => state.not_told += 1,
            Fact::Told { answer, card } => {
                state.not_told -= usize::from(card.id < FIRST_NESTED);
                state.accepted += usize::from(matches!(answer, Answer::Accepted { .. }));
            }
            Fact::Began { card, .. } => {
                state.begun.entry(card.id).or_insert((*card, 0)).1 += 1;
                state.last_began_ms = Some(ms);
            }
            Fact::Ended { run, how: How::Succeeded } => {
                let emitted = |entry: &&Entry| matches!(entry.fact, Fact::Emitted { run: by, .. } if by == *run);
                state.accepted += state.entries[*run..].iter().filter(emitted).count();
            }
            _ => {}
        }
        state.entries.push(Entry { ms, fact });
        state.entries.len() - 1
    }

    /// Notes something that must not be.
    pub(crate) fn broken(&self, what: String) {
        self.state().broken.push(what);
    }

    /// How many events were accepted and have not begun, but for those that nobody handles and
    /// those that were dropped.
    pub(crate) fn accepted_and_not_begun(&self) -> usize {
        let state = self.state();
        state.accepted - state.begun.len()
    }

    /// How many events have begun for some of their handlers and not for all.
    pub(crate) fn partly_begun(&self, scenario: &Scenario) -> usize {
        let partly = |(card, runs): &&(Card, usize)| *runs < scenario.handlers_of(card.kind).len();
        self.state().begun.values().filter(partly).count()
    }

    /// How many publishers wait for an answer.
    pub(crate) fn not_told(&self) -> usize {
        self.state().not_told
    }

    pub(crate) fn last_began_ms(&self) -> Option<u64> {
        self.state().last_began_ms
    }

    /// All facts, and what was wrong already.
    pub(crate) fn read(&self) -> (Vec<Entry>, Vec<String>) {
        let state = self.state();
        (state.entries.clone(), state.broken.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // A handler that panics does so outside this lock.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
