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
        /// Not known to the handler of a batch.
        id: Option<MessageId>,
        /// Of a batch, unless it is the first.
        batch: Option<RunId>,
    },
    /// It is to be published then.
    Scheduled {
        card: Card,
        due_ms: u64,
    },
    /// It was taken back, or it was too late for that.
    TakenBack {
        card: Card,
        taken: bool,
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
    /// What handlers have published, or emitted when they succeeded.
    nested: Vec<u64>,
    /// How many publishers wait for an answer.
    not_told: usize,
    last_began_ms: Option<u64>,
    /// Events that were scheduled, when they are due, and have not begun.
    scheduled: HashMap<u64, u64>,
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
                let accepted = matches!(answer, Answer::Accepted { .. });
                state.accepted += usize::from(accepted);
                if card.id < FIRST_NESTED {
                    state.not_told -= 1;
                } else if accepted {
                    state.nested.push(card.id);
                }
            }
            Fact::Scheduled { card, due_ms } => {
                state.not_told -= 1;
                state.scheduled.insert(card.id, *due_ms);
            }
            Fact::TakenBack { card, taken: true } => {
                state.scheduled.remove(&card.id);
            }
            Fact::Began { card, .. } => {
                // That it was accepted is seen only now.
                if state.scheduled.remove(&card.id).is_some() {
                    state.accepted += 1;
                }
                state.begun.entry(card.id).or_insert((*card, 0)).1 += 1;
                state.last_began_ms = Some(ms);
            }
            Fact::Ended { run, how: How::Succeeded } => {
                let emitted = |entry: &Entry| match entry.fact {
                    Fact::Emitted { run: by, card } if by == *run => Some(card.id),
                    _ => None,
                };
                let emitted: Vec<_> = state.entries[*run..].iter().filter_map(emitted).collect();
                state.accepted += emitted.len();
                state.nested.extend(emitted);
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

    /// How many events may be over the capacity: what handlers have published (a publisher whose
    /// place is kept comes after it), and what had begun before it had to wait for a slot, which
    /// are events with several groups of handlers.
    pub(crate) fn may_be_over(&self, scenario: &Scenario) -> usize {
        let state = self.state();
        let unbegun = state.nested.iter().filter(|id| !state.begun.contains_key(*id)).count();
        let partly = |(card, runs): &&(Card, usize)| {
            let handlers = scenario.handlers_of(card.kind);
            let one_group = handlers.iter().all(|h| h.priority == handlers[0].priority);
            *runs < handlers.len() && (card.id >= FIRST_NESTED || !one_group)
        };
        let now = self.ms();
        let scheduled = state.scheduled.values().filter(|due| **due <= now).count();
        unbegun + scheduled + state.begun.values().filter(partly).count()
    }

    /// How many events that were scheduled may have been queued meanwhile.
    pub(crate) fn may_have_come(&self) -> usize {
        let now = self.ms();
        self.state().scheduled.values().filter(|due| **due <= now).count()
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
