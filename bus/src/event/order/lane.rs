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
        if stretch.leave(event, handler).is_err() {
            return Woken::default();
        }
        let (is_over, since) = (stretch.taken == 0, stretch.since);
        let moves = self.first.as_ref().is_some_and(|first| first.since == since);
        match (is_over, moves) {
            (false, true) => Woken { next: self.first_waker(handler), more: Vec::new() },
            // Whoever is first now is not yet in turn, and has to be found by its waker then.
            (false, false) => Woken::default(),
            (true, true) => {
                self.first = self.later.pop_front();
                Woken { next: None, more: self.first_wakers() }
            }
            (true, false) => {
                let at = self.later.partition_point(|stretch| stretch.since < since);
                self.later.remove(at);
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

    /// Of the one at the head of the line.
    fn first_waker(&mut self, handler: HandlerId) -> Option<Waker> {
        self.first.as_mut()?.line(handler)?.first.as_mut()?.waker.take()
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
            Some(line) => line.later.push_back(place),
        }
    }

    fn leave(&mut self, event: u64, handler: HandlerId) -> Result<(), NoSuchPlace> {
        let found = self.lines.iter().position(|line| line.handler == handler);
        let found = found.ok_or(NoSuchPlace)?;
        let line = &mut self.lines[found];
        if line.first.as_ref().is_some_and(|first| first.event == event) {
            line.first = line.later.pop_front();
        } else {
            let at = line.later.binary_search_by_key(&event, |place| place.event);
            line.later.remove(at.map_err(|_| NoSuchPlace)?);
        }
        // Handlers come and go, with their sessions, while the lane is never empty.
        if line.first.is_none() {
            self.lines.swap_remove(found);
        }
        self.taken -= 1;
        Ok(())
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

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::Lane;
    use crate::registry::contract::HandlerId;
    use std::any::TypeId;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::task::{Wake, Waker};

    #[derive(Default)]
    struct Woken(AtomicUsize);

    impl Wake for Woken {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }

    struct Line {
        lane: Lane,
        handler: HandlerId,
        woken: Arc<Woken>,
    }

    impl Line {
        fn new() -> Self {
            Self { lane: Lane::default(), handler: HandlerId::next(), woken: Arc::default() }
        }
        fn enter<T: 'static>(&mut self, event: u64) {
            self.lane.enter(event, TypeId::of::<T>(), self.handler);
        }
        fn is_ready(&mut self, event: u64) -> bool {
            let waker = Waker::from(Arc::clone(&self.woken));
            self.lane.poll(event, self.handler, &waker).0.is_ready()
        }
        /// How many are woken.
        fn leave(&mut self, event: u64) -> usize {
            let before = self.woken.0.load(Ordering::SeqCst);
            self.lane.leave(event, self.handler).wake();
            self.woken.0.load(Ordering::SeqCst) - before
        }
    }

    #[test]
    fn the_next_is_woken_when_the_first_leaves() {
        let mut line = Line::new();
        (0..3).for_each(|event| line.enter::<u8>(event));
        assert!(line.is_ready(0) && !line.is_ready(1) && !line.is_ready(2));
        assert_eq!(line.leave(1), 0, "it was not the first");
        assert_eq!(line.leave(0), 1);
        assert!(line.is_ready(2));
        assert_eq!(line.leave(2), 0);
        assert!(line.lane.is_empty());
    }

    #[test]
    fn who_waits_in_a_later_stretch_is_woken_when_that_moves() {
        let mut line = Line::new();
        line.enter::<u8>(0);
        line.enter::<u16>(1);
        line.enter::<u16>(2);
        assert!(line.is_ready(0) && !line.is_ready(1) && !line.is_ready(2));
        // Dropped, and it is not yet the turn of the next.
        assert_eq!(line.leave(1), 0);
        assert_eq!(line.leave(0), 1, "the waker of the next was lost");
        assert!(line.is_ready(2));
    }

    #[test]
    fn a_handler_without_events_has_no_line() {
        let mut line = Line::new();
        for event in 0..10 {
            // One that is there for one event, beside one that always is.
            let other = HandlerId::next();
            line.enter::<u8>(event);
            line.lane.enter(event, TypeId::of::<u8>(), other);
            line.lane.leave(event, other).wake();
        }
        assert_eq!(line.lane.first.as_ref().map(|first| first.lines.len()), Some(1));
    }

    #[test]
    fn a_stretch_that_was_dropped_is_not_waited_for() {
        let mut line = Line::new();
        line.enter::<u8>(0);
        line.enter::<u16>(1);
        line.enter::<u8>(2);
        assert!(!line.is_ready(1) && !line.is_ready(2));
        line.lane.leave_all(1).wake();
        assert!(!line.is_ready(2));
        assert_eq!(line.leave(0), 1);
        assert!(line.is_ready(2));
    }
    #[test]
    fn who_is_next_in_any_line_is_woken_when_all_places_are_left() {
        let (mut lane, woken) = (Lane::default(), Arc::new(Woken::default()));
        let handlers = [HandlerId::next(), HandlerId::next()];
        for (event, handler) in [0, 1].into_iter().flat_map(|event| handlers.map(|h| (event, h))) {
            lane.enter(event, TypeId::of::<u8>(), handler);
        }
        let waker = Waker::from(Arc::clone(&woken));
        assert!(handlers.iter().all(|handler| lane.poll(1, *handler, &waker).0.is_pending()));
        lane.leave_all(0).wake();
        assert_eq!(woken.0.load(Ordering::SeqCst), 2);
    }
}
