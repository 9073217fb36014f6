//! Waiting to be let in: for events, which are queued and have the time.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Poll, Waker};
use std::time::Duration;

use super::ticket::{Open, Ticket};
use super::word::Word;
use super::{CircuitBreaker, Shared};
use crate::sync::Ticket as Number;

/// A place in the line. Passed on when it is dropped.
struct Place<'b> {
    breaker: &'b Shared,
    number: Option<Number>,
}

enum Step {
    LetIn(Ticket),
    /// Until it is woken.
    Wait,
    /// Until it is woken, and no longer than this; the word says of which time it is open.
    Sleep(Word, Duration),
}

impl CircuitBreaker {
    /// Waits until it is let in, first come first served. Only the first in line looks whether it is time, and
    /// is followed by the next when it has left: all the others sleep.
    ///
    /// `sleep` is `false` where there is no timer. Then the first waits until somebody else's call, which comes
    /// when it is time, has ended, or somebody resets the breaker.
    pub(crate) async fn admitted<F>(&self, sleep: impl Fn(Duration) -> F) -> Ticket
    where
        F: Future<Output = bool>,
    {
        let word = self.0.word.get();
        if word.lets_all_in() {
            return Ticket::new(word);
        }
        let mut place = Place { breaker: &self.0, number: None };
        let mut sleeping = pin!(None::<F>);
        // Which time of being open is slept through.
        let mut slept = None;
        poll_fn(|task| {
            let mut woke = false;
            loop {
                let (word, left) = match place.step(task.waker()) {
                    Step::LetIn(ticket) => return Poll::Ready(ticket),
                    Step::Wait => {
                        sleeping.set(None);
                        slept = None;
                        return Poll::Pending;
                    }
                    Step::Sleep(word, left) => (word, left),
                };
                if slept != Some(word) {
                    slept = Some(word);
                    sleeping.set(Some(sleep(left)));
                }
                let Some(timer) = sleeping.as_mut().as_pin_mut() else { return Poll::Pending };
                let Poll::Ready(has_slept) = timer.poll(task) else { return Poll::Pending };
                sleeping.set(None);
                if !has_slept {
                    return Poll::Pending;
                }
                slept = None;
                // A timer that is ahead of the clock shall not keep the thread.
                if std::mem::replace(&mut woke, true) {
                    task.waker().wake_by_ref();
                    return Poll::Pending;
                }
            }
        })
        .await
    }
}

impl Place<'_> {
    fn step(&mut self, waker: &Waker) -> Step {
        let breaker = self.breaker;
        let at = breaker.since.nanos(breaker.clock.now());
        let number = &mut self.number;
        let mut former = None;
        breaker.with_state(|state, wall| {
            let mine = *number.get_or_insert_with(|| state.line.join(waker));
            former = state.line.wake_me_by(mine, waker);
            let word = breaker.word.get();
            if !word.lets_all_in() && !state.line.is_first(mine) {
                return Step::Wait;
            }
            match breaker.let_in(state, at, wall) {
                Ok(ticket) => {
                    former = state.line.leave(mine);
                    *number = None;
                    state.look = true;
                    Step::LetIn(ticket)
                }
                Err(Open { retry_after: Some(left) }) => Step::Sleep(word, left),
                Err(Open { retry_after: None }) => Step::Wait,
            }
        })
    }
}

impl Drop for Place<'_> {
    fn drop(&mut self) {
        let Some(mine) = self.number else { return };
        let _left = self.breaker.with_state(|state, _| {
            state.look = state.line.is_first(mine);
            state.line.leave(mine)
        });
    }
}
