//! The dispatcher's side.

use std::collections::VecDeque;
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use super::claims::{InBatch, MOST};
use super::{BoundedEventQueue, Intake, Sleeper, State, Then};
use crate::envelope::Envelope;
use crate::message::order::Group;
use crate::sync::Ticket;

/// What the dispatcher has taken and not started yet.
#[derive(Default)]
pub(crate) struct Batch {
    /// The bus's own.
    pub(crate) own: VecDeque<Envelope>,
    events: VecDeque<Envelope>,
    groups: Vec<Group>,
}

/// What there was to take.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Take {
    /// Something.
    Taken,
    /// Nothing now: the waker is told, or it is time for what is there.
    Wait(Option<Instant>),
    /// Nothing any more.
    Closed,
}

impl BoundedEventQueue {
    /// Takes what is there, up to `batch_size`, into a batch that has been started to the last; and
    /// groups it by type. `own`: at most so many of the bus's own. `patient`: may wait for more.
    pub(crate) fn take(&self, batch: &mut Batch, waker: &Waker, own: usize, patient: bool) -> Take {
        let mut then = Then::default();
        let mut state = self.lock();
        state.counts.visits += 1;
        let own = own.min(state.own.len()).min(self.config.batch_size);
        batch.own.extend(state.own.drain(..own));
        let lingers = if patient { self.lingers_until(&state) } else { None };
        if lingers.is_none() {
            self.take_events(&mut state, batch);
        }
        let take = if !batch.own.is_empty() || !batch.events.is_empty() {
            Take::Taken
        } else if state.intake == Intake::Closed {
            Take::Closed
        } else {
            let wants = if lingers.is_some() { self.full_batch() } else { 1 };
            let former = state.dispatcher.replace(Sleeper { waker: waker.clone(), wants });
            then.let_go(former.map(|sleeper| sleeper.waker));
            Take::Wait(lingers)
        };
        self.room_was_made(&mut state, &mut then);
        self.release(state, then);
        batch.group();
        take
    }

    fn take_events(&self, state: &mut State, batch: &mut Batch) {
        let n = state.events.len().min(self.config.batch_size).min(MOST);
        // What waits for a slot of a handler has waited for longer than what lies here.
        let waited_longest = self.oldest_new(state);
        let oldest = state.ages.oldest();
        batch.events.extend(state.events.drain(..n));
        state.ages.left(n);
        state.counts.taken += n as u64;
        state.batch_since = oldest.filter(|_| n > 0);
        let waited_for = state.waiters.any_ungranted() || !state.debtors.is_empty();
        self.claims.fill(n, waited_for);
        if !state.events.is_empty() || self.is_adaptive() {
            let now = self.clock.now();
            state.ages.read(now);
            let delay = waited_longest.map(|since| now.saturating_duration_since(since));
            state.rate.observe(now, delay.unwrap_or_default());
        }
    }

    /// The next event to start. Those of the batch that were dropped meanwhile are found here.
    pub(crate) fn start_next(&self, batch: &mut Batch) -> Option<Envelope> {
        let found = self.claims.next();
        self.find_dropped(batch, found);
        self.answer(found);
        batch.events.pop_front()
    }

    /// One more event to start together with the last, if the next is such a one.
    pub(crate) fn start_more(
        &self,
        batch: &mut Batch,
        is_such: impl Fn(&Envelope) -> bool,
    ) -> Option<Envelope> {
        loop {
            let found = self.claims.look();
            self.find_dropped(batch, found);
            let next = batch.events.front()?;
            if !is_such(next) || found.is_handful() {
                return None;
            }
            if self.claims.take_more(found) {
                return batch.events.pop_front();
            }
        }
    }

    /// Lets go of what was dropped out of the batch.
    fn find_dropped(&self, batch: &mut Batch, found: InBatch) {
        while batch.events.len() > found.untouched() {
            batch.events.pop_front().into_iter().for_each(|event| self.witness.dropped(event));
        }
    }

    /// What is left of a batch that will not be started. It is lost when the queue is closed.
    pub(crate) fn abandon(&self, batch: &mut Batch) -> VecDeque<Envelope> {
        self.find_dropped(batch, self.claims.look());
        std::mem::take(&mut batch.events)
    }

    /// What was started last needs its place no more. The dispatcher does this before it waits for
    /// anything.
    pub(crate) fn put_down(&self) {
        self.answer(self.claims.put_down());
    }

    fn answer(&self, found: InBatch) {
        if found.is_asked() {
            let mut then = Then::default();
            let mut state = self.lock();
            self.room_was_made(&mut state, &mut then);
            self.release(state, then);
        }
    }

    /// Until when more is waited for: `batch_timeout` from the first event, unless the batch is full,
    /// somebody waits for room, or the bus shuts down.
    fn lingers_until(&self, state: &State) -> Option<Instant> {
        if self.config.batch_timeout.is_zero()
            || state.events.is_empty()
            || state.events.len() >= self.full_batch()
            || !state.waiters.is_empty()
            || !state.debtors.is_empty()
            || state.intake != Intake::Open
        {
            return None;
        }
        let until = state.ages.oldest()?.checked_add(self.config.batch_timeout)?;
        Some(until).filter(|until| self.clock.now() < *until)
    }

    /// What fills a batch, or the queue.
    fn full_batch(&self) -> usize {
        self.config.batch_size.min(self.config.capacity)
    }

    /// Is there debt?
    pub(crate) fn has_debt(&self) -> bool {
        self.occupied(&self.lock()) > self.config.capacity
    }

    /// Ready when there is no debt, or nobody who would pay it.
    pub(crate) fn poll_paid(&self, debtor: &mut Debtor<'_>, task: &Context<'_>) -> Poll<()> {
        let mut then = Then::default();
        let mut state = self.lock();
        match debtor.ticket {
            Some(ticket) => then.let_go(state.debtors.wake_me_by(ticket, task.waker())),
            None => debtor.ticket = Some(state.debtors.join(task.waker())),
        }
        // Asked first and looked at then: a step after this look finds the question.
        let occupied = self.occupied_with(&state, self.claims.ask());
        let paid = occupied <= self.config.capacity || state.intake == Intake::Closed;
        if paid && let Some(ticket) = debtor.ticket.take() {
            then.let_go(state.debtors.leave(ticket));
        }
        then.dispatcher = state.wake_dispatcher();
        self.release(state, then);
        if paid { Poll::Ready(()) } else { Poll::Pending }
    }

    pub(crate) fn debtor(&self) -> Debtor<'_> {
        Debtor { queue: self, ticket: None }
    }
}

/// One who waits for the debt to be paid.
pub(crate) struct Debtor<'q> {
    queue: &'q BoundedEventQueue,
    ticket: Option<Ticket>,
}

impl Drop for Debtor<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let left = self.queue.lock().debtors.leave(ticket);
            drop(left);
        }
    }
}

impl Batch {
    /// Brings the events of a type (of a stream, if it is of one) together, each group where its first
    /// event stood, and keeps their order inside.
    fn group(&mut self) {
        let first = self.events.front().map(|event| event.info.group());
        if self.events.iter().all(|event| Some(event.info.group()) == first) {
            return;
        }
        self.groups.clear();
        for event in &self.events {
            let group = event.info.group();
            if !self.groups.contains(&group) {
                self.groups.push(group);
            }
        }
        let place = |event: &Envelope| {
            let group = event.info.group();
            self.groups.iter().position(|other| *other == group)
        };
        self.events.make_contiguous().sort_by_key(place);
    }
}
