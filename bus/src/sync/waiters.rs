//! Those who wait for something that is handed out one by one, first come first served.
//!
//! Lies inside the state that its owner locks, and locks nothing itself. It hands wakers out, to be
//! woken, or dropped, when the lock is released: a waker is foreign code, and its drop may be that of
//! a task, with whatever the task holds.

use std::collections::VecDeque;
use std::task::Waker;

/// Who waits. Numbers go up, so the queue is sorted by them.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Default)]
pub(crate) struct Waiters {
    line: VecDeque<Waiter>,
    next: u64,
    /// How many at the head of the line have been granted their turn and have not left yet.
    granted: usize,
}

struct Waiter {
    ticket: Ticket,
    waker: Waker,
    granted: bool,
}

impl Waiters {
    /// At the end of the line.
    pub(crate) fn join(&mut self, waker: &Waker) -> Ticket {
        let ticket = Ticket(self.next);
        self.next += 1;
        self.line.push_back(Waiter { ticket, waker: waker.clone(), granted: false });
        ticket
    }

    /// Whom to wake may change from poll to poll. The former one, if it has.
    #[must_use = "dropped outside the lock"]
    pub(crate) fn wake_me_by(&mut self, ticket: Ticket, waker: &Waker) -> Option<Waker> {
        let at = self.find(ticket)?;
        let mine = &mut self.line[at].waker;
        (!mine.will_wake(waker)).then(|| std::mem::replace(mine, waker.clone()))
    }

    /// Grants the next in line their turn. The grant is kept for them until they leave.
    pub(crate) fn grant(&mut self) -> Option<Waker> {
        // Those with a grant stand in front of all others.
        let next = self.line.get_mut(self.granted)?;
        next.granted = true;
        self.granted += 1;
        Some(next.waker.clone())
    }

    pub(crate) fn is_granted(&self, ticket: Ticket) -> bool {
        self.find(ticket).is_some_and(|at| self.line[at].granted)
    }

    pub(crate) fn is_first(&self, ticket: Ticket) -> bool {
        self.line.front().is_some_and(|waiter| waiter.ticket == ticket)
    }

    /// The waker of the head of the line.
    pub(crate) fn first(&self) -> Option<Waker> {
        self.line.front().map(|waiter| waiter.waker.clone())
    }

    /// Leaves the line, served or not.
    #[must_use = "dropped outside the lock"]
    pub(crate) fn leave(&mut self, ticket: Ticket) -> Option<Waker> {
        let waiter = self.line.remove(self.find(ticket)?)?;
        self.granted -= usize::from(waiter.granted);
        Some(waiter.waker)
    }

    /// How many turns are granted and not used yet.
    pub(crate) fn granted(&self) -> usize {
        self.granted
    }

    /// Does somebody wait who has no grant?
    pub(crate) fn any_ungranted(&self) -> bool {
        self.granted < self.line.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.line.is_empty()
    }

    /// Everybody's waker: the wait is over for all. They leave the line themselves.
    pub(crate) fn all(&self) -> Vec<Waker> {
        self.line.iter().map(|waiter| waiter.waker.clone()).collect()
    }

    fn find(&self, ticket: Ticket) -> Option<usize> {
        self.line.binary_search_by_key(&ticket, |waiter| waiter.ticket).ok()
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::Waiters;
    use std::task::Waker;

    #[test]
    fn turns_are_granted_in_order_and_pass_on_when_one_leaves() {
        let mut waiters = Waiters::default();
        let [a, b, c] = [(); 3].map(|()| waiters.join(Waker::noop()));
        assert!(waiters.grant().is_some());
        assert!(waiters.is_granted(a) && !waiters.is_granted(b));
        assert!(waiters.leave(b).is_some() && waiters.leave(b).is_none());
        assert!(waiters.grant().is_some());
        assert!(waiters.is_granted(c), "the turn of one who left goes to the next");
        assert_eq!(waiters.granted(), 2);
        assert!(waiters.leave(a).is_some() && waiters.leave(c).is_some());
        assert!(waiters.is_empty() && waiters.granted() == 0 && waiters.grant().is_none());
    }
}
