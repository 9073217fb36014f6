//! One lane: who has a place in it, and whose turn it is.

use std::any::TypeId;
use std::collections::VecDeque;
use std::task::{Poll, Waker};

use crate::registry::contract::HandlerId;

/// Events in the order in which they came: only the first stretch moves.
#[derive(Default)]
pub(super) struct Lane {
    stretches: VecDeque<Stretch>,
}

/// Events of one type with none of another between them.
struct Stretch {
    type_id: TypeId,
    /// The number of its first event.
    first: u64,
    lines: Vec<Line>,
    /// How many places are taken in all lines.
    taken: usize,
}

/// The events of one handler. It is the turn of the first.
struct Line {
    handler: HandlerId,
    places: VecDeque<Place>,
}

struct Place {
    event: u64,
    waker: Option<Waker>,
}

impl Lane {
    /// Takes a place at the end. Events come in the order of their numbers.
    pub(super) fn enter(&mut self, event: u64, type_id: TypeId, handler: HandlerId) {
        if self.stretches.back().is_none_or(|last| last.type_id != type_id) {
            let (lines, taken) = (Vec::new(), 0);
            self.stretches.push_back(Stretch { type_id, first: event, lines, taken });
        }
        let Some(last) = self.stretches.back_mut() else { return };
        last.taken += 1;
        let place = Place { event, waker: None };
        match last.lines.iter_mut().find(|line| line.handler == handler) {
            Some(line) => line.places.push_back(place),
            None => last.lines.push(Line { handler, places: VecDeque::from([place]) }),
        }
    }

    /// Is it this one's turn?
    pub(super) fn is_first(&self, event: u64, handler: HandlerId) -> bool {
        self.find(event, handler).is_none_or(|(stretch, _, at)| (stretch, at) == (0, 0))
    }

    /// Is it this one's turn? Else it is woken when it may be; a waker that it had left is given back.
    pub(super) fn poll(
        &mut self,
        event: u64,
        handler: HandlerId,
        waker: &Waker,
    ) -> (Poll<()>, Option<Waker>) {
        let Some((stretch, line, at)) = self.find(event, handler) else {
            return (Poll::Ready(()), None);
        };
        if (stretch, at) == (0, 0) {
            return (Poll::Ready(()), None);
        }
        let place = &mut self.stretches[stretch].lines[line].places[at];
        if place.waker.as_ref().is_some_and(|former| former.will_wake(waker)) {
            return (Poll::Pending, None);
        }
        (Poll::Pending, place.waker.replace(waker.clone()))
    }

    /// Gives a place up. Those whose turn it is now are to be woken.
    pub(super) fn leave(&mut self, event: u64, handler: HandlerId) -> Vec<Waker> {
        let Some((stretch, line, at)) = self.find(event, handler) else { return Vec::new() };
        let found = &mut self.stretches[stretch];
        found.taken -= 1;
        let places = &mut found.lines[line].places;
        places.remove(at);
        if found.taken == 0 {
            self.stretches.remove(stretch);
            return if stretch == 0 { self.first_wakers() } else { Vec::new() };
        }
        let next = places.front_mut().filter(|_| (stretch, at) == (0, 0));
        next.and_then(|next| next.waker.take()).into_iter().collect()
    }

    /// Gives up all places of an event.
    pub(super) fn leave_all(&mut self, event: u64) -> Vec<Waker> {
        let mut woken = Vec::new();
        let handlers: Vec<_> = match self.stretch_of(event) {
            Some(at) => self.stretches[at].lines.iter().map(|line| line.handler).collect(),
            None => Vec::new(),
        };
        for handler in handlers {
            woken.extend(self.leave(event, handler));
        }
        woken
    }

    pub(super) fn is_empty(&self) -> bool {
        self.stretches.is_empty()
    }

    /// Those at the head of the lines that move now.
    fn first_wakers(&mut self) -> Vec<Waker> {
        let lines = self.stretches.front_mut().into_iter().flat_map(|first| &mut first.lines);
        lines.filter_map(|line| line.places.front_mut()?.waker.take()).collect()
    }

    fn stretch_of(&self, event: u64) -> Option<usize> {
        self.stretches.partition_point(|stretch| stretch.first <= event).checked_sub(1)
    }

    /// Stretch, line and place.
    fn find(&self, event: u64, handler: HandlerId) -> Option<(usize, usize, usize)> {
        let stretch = self.stretch_of(event)?;
        let lines = &self.stretches[stretch].lines;
        let line = lines.iter().position(|line| line.handler == handler)?;
        let place = lines[line].places.binary_search_by_key(&event, |place| place.event).ok()?;
        Some((stretch, line, place))
    }
}
