//! What who is let in holds, until the call has ended.

use std::time::{Duration, Instant};

use super::CircuitBreaker;
use super::word::Word;

/// Lets one call through. Given back exactly once: by [`CircuitBreaker::ended`], or by
/// [`CircuitBreaker::release`]; in a debug build, one that is dropped panics. It holds nothing: who carries it
/// through an await keeps it where a drop is noticed, as [`Permit`] does.
#[must_use = "given back by `ended` or `release`: the breaker may wait for it"]
#[derive(Debug)]
pub(crate) struct Ticket {
    /// As it was when the call was let in: says whether the breaker has changed since.
    word: Word,
    #[cfg(debug_assertions)]
    held: bool,
}

impl Ticket {
    #[inline]
    pub(super) fn new(word: Word) -> Self {
        Self {
            word,
            #[cfg(debug_assertions)]
            held: true,
        }
    }

    #[inline]
    #[cfg_attr(not(debug_assertions), allow(unused_mut))]
    pub(super) fn give_back(mut self) -> Word {
        #[cfg(debug_assertions)]
        {
            self.held = false;
        }
        self.word
    }

    pub(super) fn word(&self) -> Word {
        self.word
    }

    /// Is this one of the few calls that try whether it goes well again?
    #[cfg(test)]
    pub(crate) fn is_probe(&self) -> bool {
        self.word.mode() == super::word::Mode::HalfOpen
    }
}

#[cfg(debug_assertions)]
impl Drop for Ticket {
    fn drop(&mut self) {
        let overlooked = self.held && !std::thread::panicking();
        assert!(!overlooked, "the ticket of a circuit breaker was dropped, not given back");
    }
}

/// How a call has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Verdict {
    Ok,
    Failed,
}

impl Verdict {
    pub(crate) fn of(is_ok: bool) -> Self {
        if is_ok { Self::Ok } else { Self::Failed }
    }
}

/// Not let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Open {
    /// Before that there is no use in asking. `None`: nobody knows, for it waits for a probe, or for
    /// somebody who resets it.
    pub(crate) retry_after: Option<Duration>,
}

/// A ticket that is given back when it is dropped.
#[must_use = "it is let in until this is dropped"]
pub(crate) struct Permit<'b> {
    breaker: &'b CircuitBreaker,
    ticket: Option<Ticket>,
}

impl<'b> Permit<'b> {
    pub(crate) fn new(breaker: &'b CircuitBreaker, ticket: Ticket) -> Self {
        Self { breaker, ticket: Some(ticket) }
    }

    pub(crate) fn ended(
        mut self,
        verdict: Verdict,
        took: Option<Duration>,
        now: impl FnOnce() -> Instant,
    ) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.ended(ticket, verdict, took, now);
        }
    }
}

impl Drop for Permit<'_> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.breaker.release(ticket);
        }
    }
}
