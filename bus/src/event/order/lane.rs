//! One lane: who has a place in it, and whose turn it is.

use std::any::TypeId;
use std::collections::VecDeque;
use std::task::{Poll, Waker};

use crate::registry::contract::HandlerId;

/// Events in the order in which they came: only the first stretch moves.
#[derive(Default)]
pub(super) struct Lane {
    first: Option<Stretch>,
    later: VecDeque<Stretch>,
}

/// Events of one type with none of another between them.
struct Stretch {
    type_id: TypeId,
    /// The number of its first event.
    since: u64,
    lines: Vec<Line>,
    /// How many places are taken in all lines.
    taken: usize,
}

/// The events of one handler. It is the turn of the first.
struct Line {
    handler: HandlerId,
    first: Option<Place>,
    later: VecDeque<Place>,
}

struct Place {
    event: u64,
    waker: Option<Waker>,
}

impl Lane {
    /// Takes a place at the end. Events come in the order of their numbers.
    pub(super) fn enter(&mut self, event: u64, type_id: TypeId, handler: HandlerId) {
        let last = self.later.back_mut().or(self.first.as_mut());
        if let Some(last) = last.filter(|last| last.type_id == type_id) {
            return last.enter(event, handler);
        }
        let mut stretch = Stretch { type_id, since: event, lines: Vec::with_capacity(1), taken: 0 };
        stretch.enter(event, handler);
        match &self.first {
            None => self.first = Some(stretch),
            Some(_) => self.later.push_back(stretch),
        }
    }

    /// Is it this one's turn?
    pub(super) fn is_first(&self, event: u64, handler: HandlerId) -> bool {
        let Some(first) = &self.first else { return true };
        let line = first.lines.iter().find(|line| line.handler == handler);
        let first = line.and_then(|line| line.first.as_ref());
        first.is_some_and(|first| first.event == event)
    }

    /// Is it this one's turn? Else it is woken when it may be; a waker that it had left is given back.
    pub(super) fn poll(
        &mut self,
        event: u64,
        handler: HandlerId,
        waker: &Waker,
    ) -> (Poll<()>, Option<Waker>) {
        if self.is_first(event, handler) {
            return (Poll::Ready(()), None);
        }
        let line = self.stretch_of(event).and_then(|stretch| stretch.line(handler));
        let Some(place) = line.and_then(|line| line.place(event)) else {
            return (Poll::Ready(()), None);
        };
        if place.waker.as_ref().is_some_and(|former| former.will_wake(waker)) {
            return (Poll::Pending, None);
        }
        (Poll::Pending, place.waker.replace(waker.clone()))
    }

    /// Gives a place up. Those whose turn it is now are to be woken.
    pub(super) fn leave(&mut self, event: u64, handler: HandlerId) -> Woken {
        let Some(stretch) = self.stretch_of(event) else { return Woken::default() };
        let Ok(next) = stretch.leave(event, handler) else { return Woken::default() };
        let (is_over, since) = (stretch.taken == 0, stretch.since);
        let moves = self.first.as_ref().is_some_and(|first| first.since == since);
        match (is_over, moves) {
            (false, true) => Woken { next, more: Vec::new() },
            (false, false) => Woken::default(),
            (true, true) => {
                self.first = self.later.pop_front();
                Woken { next: None, more: self.first_wakers() }
            }
            (true, false) => {
                self.later.retain(|stretch| stretch.since != since);
                Woken::default()
            }
        }
    }

    /// Gives up all places of an event.
    pub(super) fn leave_all(&mut self, event: u64) -> Woken {
        let stretch = self.stretch_of(event);
        let lines = stretch.into_iter().flat_map(|stretch| &stretch.lines);
        let handlers: Vec<_> = lines.map(|line| line.handler).collect();
        let mut woken = Woken::default();
        for handler in handlers {
            let Woken { next, more } = self.leave(event, handler);
            woken.more.extend(next.into_iter().chain(more));
        }
        woken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    /// Of those at the head of the lines that move now.
    fn first_wakers(&mut self) -> Vec<Waker> {
        let lines = self.first.iter_mut().flat_map(|first| &mut first.lines);
        lines.filter_map(|line| line.first.as_mut()?.waker.take()).collect()
    }

    fn stretch_of(&mut self, event: u64) -> Option<&mut Stretch> {
        match self.later.partition_point(|stretch| stretch.since <= event).checked_sub(1) {
            None => self.first.as_mut(),
            Some(at) => self.later.get_mut(at),
        }
    }
}

impl Stretch {
    fn enter(&mut self, event: u64, handler: HandlerId) {
        self.taken += 1;
        let place = Place { event, waker: None };
        match self.line(handler) {
            None => {
                let (first, later) = (Some(place), VecDeque::new());
                self.lines.push(Line { handler, first, later });
            }
            Some(line) if line.first.is_none() => line.first = Some(place),
            Some(line) => line.later.push_back(place),
        }
    }

    /// Who waits next in the line, if it is its turn now.
    fn leave(&mut self, event: u64, handler: HandlerId) -> Result<Option<Waker>, NoSuchPlace> {
        let line = self.line(handler).ok_or(NoSuchPlace)?;
        let next = if line.first.as_ref().is_some_and(|first| first.event == event) {
            line.first = line.later.pop_front();
            line.first.as_mut().and_then(|next| next.waker.take())
        } else {
            let at = line.later.binary_search_by_key(&event, |place| place.event);
            line.later.remove(at.map_err(|_| NoSuchPlace)?);
            None
        };
        self.taken -= 1;
        Ok(next)
    }

    fn line(&mut self, handler: HandlerId) -> Option<&mut Line> {
        self.lines.iter_mut().find(|line| line.handler == handler)
    }
}

impl Line {
    fn place(&mut self, event: u64) -> Option<&mut Place> {
        if self.first.as_ref().is_some_and(|first| first.event == event) {
            return self.first.as_mut();
        }
        let at = self.later.binary_search_by_key(&event, |place| place.event).ok()?;
        self.later.get_mut(at)
    }
}

/// It was left before.
struct NoSuchPlace;

/// Whose turn it is now: most often one, if any.
#[derive(Default)]
pub(super) struct Woken {
    next: Option<Waker>,
    more: Vec<Waker>,
}

impl Woken {
    pub(super) fn wake(self) {
        self.next.into_iter().chain(self.more).for_each(Waker::wake);
    }
}
