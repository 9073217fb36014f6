//! The log, sorted by event and by run.

use std::collections::BTreeMap;

use bus::{MessageId, PublishErrorKind};

use super::events::Card;
use super::handlers;
use super::log::{Answer, By, Entry, Fact, How, RunId};
use super::scenario::{Handler, Scenario};

pub(crate) struct History<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) events: BTreeMap<u64, Event>,
    /// By their place in the log, so in the order in which they began.
    pub(crate) runs: BTreeMap<RunId, Run>,
    pub(crate) announced: Vec<(MessageId, String)>,
    /// Where in the log the end of the bus began and ended.
    pub(crate) ending: (usize, usize),
}

pub(crate) struct Event {
    pub(crate) card: Card,
    pub(crate) by: By,
    pub(crate) offered_ms: u64,
    pub(crate) fate: Fate,
    pub(crate) runs: Vec<RunId>,
}

/// What became of an event before any handler saw it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Fate {
    /// `at` orders those that were accepted: the place in the log, and the place among those that
    /// were emitted together.
    Accepted {
        at: (usize, usize),
        id: Option<MessageId>,
        dropped: usize,
    },
    Refused {
        at: usize,
        ms: u64,
        why: PublishErrorKind,
        gave_back: Card,
    },
    Cancelled,
    /// To be published later, and perhaps taken back.
    Scheduled {
        due_ms: u64,
        taken_back: bool,
    },
    /// Emitted by a run that has not succeeded.
    KeptBack,
    /// Offered, and nothing more is known.
    Unknown,
}

pub(crate) struct Run {
    pub(crate) event: u64,
    pub(crate) card: Card,
    pub(crate) handler: usize,
    pub(crate) id: Option<MessageId>,
    /// The first run of its batch, if that is another.
    pub(crate) batch: Option<RunId>,
    pub(crate) began: (usize, u64),
    pub(crate) ended: Option<(usize, u64, How)>,
    pub(crate) emitted: Vec<u64>,
}

impl<'a> History<'a> {
    pub(crate) fn new(scenario: &'a Scenario, entries: &[Entry]) -> Self {
        let (events, runs) = (BTreeMap::new(), BTreeMap::new());
        let ending = (usize::MAX, usize::MAX);
        let mut history = Self { scenario, events, runs, announced: Vec::new(), ending };
        for (at, entry) in entries.iter().enumerate() {
            history.add(at, entry);
        }
        history
    }

    fn add(&mut self, at: usize, entry: &Entry) {
        let ms = entry.ms;
        match entry.fact.clone() {
            Fact::Offered { card, by } => self.offer(card, by, ms, Fate::Unknown),
            Fact::Told { card, answer, .. } => {
                let fate = match answer {
                    Answer::Accepted { id, dropped } => {
                        Fate::Accepted { at: (at, 0), id: Some(id), dropped }
                    }
                    Answer::Refused { why, gave_back } => Fate::Refused { at, ms, why, gave_back },
                    Answer::Cancelled => Fate::Cancelled,
                };
                self.decide(card.id, fate);
            }
            Fact::Scheduled { card, due_ms } => {
                self.decide(card.id, Fate::Scheduled { due_ms, taken_back: false });
            }
            Fact::TakenBack { card, taken } => {
                let event = self.events.get_mut(&card.id).expect("scheduled before");
                if let Fate::Scheduled { taken_back, .. } = &mut event.fate {
                    *taken_back = taken;
                }
            }
            Fact::Began { card, handler, id, batch } => {
                let (event, emitted) = (card.id, Vec::new());
                let began = (at, ms);
                let run = Run { event, card, handler, id, batch, began, ended: None, emitted };
                self.runs.insert(at, run);
                if let Some(event) = self.events.get_mut(&card.id) {
                    event.runs.push(at);
                }
            }
            Fact::Emitted { run, card } => {
                self.offer(card, By::Run(run), ms, Fate::KeptBack);
                self.runs.get_mut(&run).expect("only a run emits").emitted.push(card.id);
            }
            Fact::Ended { run, how } => {
                let run = self.runs.get_mut(&run).expect("only a run ends");
                run.ended = Some((at, ms, how));
                if how == How::Succeeded {
                    for (index, id) in run.emitted.clone().into_iter().enumerate() {
                        let at = (at, index);
                        self.decide(id, Fate::Accepted { at, id: None, dropped: 0 });
                    }
                }
            }
            Fact::Announced { id, handler } => self.announced.push((id, handler)),
            Fact::EndingBegan => self.ending.0 = at,
            Fact::EndingEnded => self.ending.1 = at,
        }
    }

    fn offer(&mut self, card: Card, by: By, offered_ms: u64, fate: Fate) {
        self.events.insert(card.id, Event { card, by, offered_ms, fate, runs: Vec::new() });
    }

    fn decide(&mut self, id: u64, fate: Fate) {
        self.events.get_mut(&id).expect("offered before").fate = fate;
    }

    pub(crate) fn handlers_of(&self, card: Card) -> &[Handler] {
        self.scenario.handlers_of(card.kind)
    }

    pub(crate) fn priority(&self, run: &Run) -> i32 {
        self.handlers_of(run.card)[run.handler].priority
    }

    pub(crate) fn name(&self, card: Card, handler: usize) -> String {
        handlers::name(card.kind, handler, &self.handlers_of(card)[handler])
    }

    pub(crate) fn name_of(&self, run: &Run) -> String {
        self.name(run.card, run.handler)
    }

    pub(crate) fn runs_of(&self, event: &Event) -> impl Iterator<Item = &Run> {
        event.runs.iter().map(|id| &self.runs[id])
    }

    /// The runs that ended so.
    pub(crate) fn ended(&self, how: How) -> impl Iterator<Item = &Run> {
        self.runs.values().filter(move |run| run.ended.is_some_and(|(_, _, was)| was == how))
    }

    /// The events that were scheduled, and not taken back.
    pub(crate) fn scheduled(&self) -> impl Iterator<Item = &Event> {
        let is_so = |fate: &Fate| matches!(fate, Fate::Scheduled { taken_back: false, .. });
        self.events.values().filter(move |event| is_so(&event.fate))
    }

    /// Those of its batch, itself included.
    pub(crate) fn batch_of(&self, id: RunId) -> impl Iterator<Item = &Run> {
        let first = self.runs[&id].batch.unwrap_or(id);
        self.runs
            .range(first..)
            .filter(move |(at, run)| **at == first || run.batch == Some(first))
            .map(|(_, run)| run)
    }

    /// The events that were accepted, or emitted by a run that succeeded.
    pub(crate) fn accepted(&self) -> impl Iterator<Item = &Event> {
        self.events.values().filter(|event| matches!(event.fate, Fate::Accepted { .. }))
    }
}
