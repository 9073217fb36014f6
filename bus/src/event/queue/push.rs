//! The publishers' side.

use std::task::Waker;
use std::time::Instant;

use super::{BackpressureStrategy, BoundedEventQueue, DEBT_CEILING, Intake, Refused, State, Then};
use crate::envelope::Envelope;
use crate::sync::Ticket;

/// A place in the line of those who wait for room. Left when dropped: what was granted and not used
/// goes to the next.
pub(crate) struct Place<'q> {
    queue: &'q BoundedEventQueue,
    ticket: Option<Ticket>,
}

/// What became of an event that may wait.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Push {
    Accepted,
    Refused(Refused),
    /// It waits for its turn.
    Waiting,
    /// It is its turn, at this time.
    Until(Instant),
}

impl BoundedEventQueue {
    /// Pushes an event from outside any handler, if there is room and nobody waits for it; else
    /// gives it back. Under `DropOldest` there is always room: so many were dropped for it.
    #[inline]
    pub(crate) fn push(&self, event: Envelope) -> Result<usize, (Envelope, Refused)> {
        let mut then = Then::default();
        let mut state = self.lock();
        if let Err(refused) = state.admits(Intake::Open) {
            return Err((event, refused));
        }
        let mut dropped = 0;
        match self.config.strategy {
            BackpressureStrategy::DropOldest => dropped = self.make_room(&mut state, &mut then),
            _ if self.is_full(&state) => return Err((event, self.full())),
            // Not before those who wait.
            BackpressureStrategy::Block { .. } if state.waiters.any_ungranted() => {
                return Err((event, self.full()));
            }
            BackpressureStrategy::AdaptiveRateLimit => state.rate.accepted(self.clock.now()),
            BackpressureStrategy::Block { .. } | BackpressureStrategy::RejectNew => {}
        }
        self.accept(&mut state, event, &mut then);
        self.release(state, then);
        Ok(dropped)
    }

    /// Pushes what a handler has published or emitted: all of it or nothing, over the capacity if
    /// need be.
    pub(crate) fn push_nested(
        &self,
        events: Vec<Envelope>,
    ) -> Result<(), (Vec<Envelope>, Refused)> {
        let mut then = Then::default();
        let mut state = self.lock();
        if let Err(refused) = state.admits(Intake::HandlersOnly) {
            return Err((events, refused));
        }
        let ceiling = self.config.capacity.saturating_mul(DEBT_CEILING);
        let limit = self.config.capacity.saturating_add(ceiling);
        if self.occupied(&state).saturating_add(events.len()) > limit {
            return Err((events, Refused::Ceiling { ceiling }));
        }
        for event in events {
            self.accept(&mut state, event, &mut then);
        }
        self.release(state, then);
        Ok(())
    }

    /// Pushes an event of the bus's own. Where listeners cannot follow, the oldest is dropped.
    pub(crate) fn push_own(&self, event: Envelope) {
        let mut then = Then::default();
        let mut state = self.lock();
        if state.intake == Intake::Closed {
            state.counts.own_dropped += 1;
            return;
        }
        let mut dropped = None;
        if state.own.len() >= self.config.capacity {
            state.counts.own_dropped += 1;
            state.counts.discarded += 1;
            state.counts.own_discarded += 1;
            dropped = state.own.pop_front();
        }
        state.own.push_back(event);
        state.counts.own_accepted += 1;
        then.dispatcher = state.wake_dispatcher();
        self.release(state, then);
        drop(dropped);
    }

    /// A place in the line, to be stood in with [`poll_push`](Self::poll_push).
    pub(crate) fn place(&self) -> Place<'_> {
        Place { queue: self, ticket: None }
    }

    /// Pushes the event (out of its `Option`) when its turn has come. Cancel-safe: until then it was
    /// never queued.
    pub(crate) fn poll_push(
        &self,
        place: &mut Place<'_>,
        event: &mut Option<Envelope>,
        waker: &Waker,
    ) -> Push {
        let mut then = Then::default();
        let mut state = self.lock();
        if let Err(refused) = state.admits(Intake::Open) {
            return Push::Refused(refused);
        }
        let push = if self.is_adaptive() {
            self.in_time(&mut state, &mut then, place, waker)
        } else {
            self.in_line(&mut state, &mut then, place, waker)
        };
        if push == Push::Accepted
            && let Some(event) = event.take()
        {
            self.accept(&mut state, event, &mut then);
        }
        self.release(state, then);
        push
    }

    /// Waits for room, first come first served.
    fn in_line(
        &self,
        state: &mut State,
        then: &mut Then,
        place: &mut Place<'_>,
        waker: &Waker,
    ) -> Push {
        if place.ticket.is_none() && !state.waiters.any_ungranted() && !self.is_full(state) {
            return Push::Accepted;
        }
        let ticket = place.stand(state, then, waker);
        // A dispatcher that waits for a larger batch would wait for those who wait for it.
        then.dispatcher = state.wake_dispatcher();
        self.room_was_made(state, then);
        if !state.waiters.is_granted(ticket) {
            return Push::Waiting;
        }
        place.leave(state, then);
        Push::Accepted
    }

    /// Waits for the time at which the rate allows the next event. An empty queue has no rate.
    fn in_time(
        &self,
        state: &mut State,
        then: &mut Then,
        place: &mut Place<'_>,
        waker: &Waker,
    ) -> Push {
        let now = self.clock.now();
        let delay = self.oldest_new(state).map(|oldest| now.saturating_duration_since(oldest));
        state.rate.observe(now, delay.unwrap_or_default());
        let not_before = delay.and_then(|_| state.rate.not_before(now));
        if place.ticket.is_some() || !state.waiters.is_empty() || not_before.is_some() {
            let ticket = place.stand(state, then, waker);
            if !state.waiters.is_first(ticket) {
                return Push::Waiting;
            }
            if let Some(at) = not_before {
                return Push::Until(at);
            }
            place.leave(state, then);
            then.wake(state.waiters.first());
        }
        if self.is_full(state) {
            return Push::Refused(self.full());
        }
        state.rate.accepted(now);
        Push::Accepted
    }

    #[inline]
    fn accept(&self, state: &mut State, mut event: Envelope, then: &mut Then) {
        state.ages.pushed(|| self.clock.now());
        if let Some(ttl) = event.info.ttl() {
            event.expires = self.clock.now().checked_add(ttl).into();
        }
        if event.rerun.is_some() {
            state.counts.reruns += 1;
        } else {
            state.tally.count(event.info);
            state.counts.accepted += 1;
        }
        state.events.push_back(event);
        let occupied = self.occupied(state);
        state.counts.largest = state.counts.largest.max(occupied);
        then.crossed(state.marks.look(occupied));
        if state.dispatcher.as_ref().is_some_and(|sleeper| state.events.len() >= sleeper.wants) {
            then.dispatcher = state.wake_dispatcher();
        }
    }

    /// Drops the oldest until there is room for one, and says how many: what waits for a slot has
    /// waited longest; then what the dispatcher holds, which it will find and drop.
    fn make_room(&self, state: &mut State, then: &mut Then) -> usize {
        let mut dropped = 0;
        while self.is_full(state) {
            if state.give_up_parked(then) {
                // Its delivery goes on, to its end.
            } else if self.claims.drop_one() {
                state.counts.discarded += 1;
            } else if let Some(oldest) = state.events.pop_front() {
                state.ages.left(1);
                state.counts.discarded += 1;
                then.dropped(oldest);
            } else {
                break;
            }
            state.counts.dropped += 1;
            dropped += 1;
        }
        dropped
    }

    #[inline]
    fn is_full(&self, state: &State) -> bool {
        self.occupied(state) >= self.config.capacity
    }

    pub(super) fn is_adaptive(&self) -> bool {
        self.config.strategy == BackpressureStrategy::AdaptiveRateLimit
    }

    fn full(&self) -> Refused {
        Refused::Full { capacity: self.config.capacity }
    }
}

impl Place<'_> {
    /// At the end of the line at first, then where one stands.
    fn stand(&mut self, state: &mut State, then: &mut Then, waker: &Waker) -> Ticket {
        if let Some(ticket) = self.ticket {
            then.let_go(state.waiters.wake_me_by(ticket, waker));
        }
        *self.ticket.get_or_insert_with(|| state.waiters.join(waker))
    }

    fn leave(&mut self, state: &mut State, then: &mut Then) {
        if let Some(ticket) = self.ticket.take() {
            then.let_go(state.waiters.leave(ticket));
        }
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        if self.ticket.is_some() {
            let mut then = Then::default();
            let mut state = self.queue.lock();
            self.leave(&mut state, &mut then);
            self.queue.room_was_made(&mut state, &mut then);
            if self.queue.is_adaptive() {
                then.wake(state.waiters.first());
            }
            self.queue.release(state, then);
        }
    }
}
