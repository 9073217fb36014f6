//! The way of a call through a breaker: in, and out; and what it changes.

use std::time::{Duration, Instant, SystemTime};

use super::change::{CircuitReason, Log, tell};
use super::ticket::{Open, Ticket, Verdict};
use super::word::{Mode, Word};
use super::{CircuitBreaker, Shared};
use crate::resilience::window::nanos;
use crate::sync::atomic::Ordering;
use crate::sync::{Waiters, lock};

/// What is decided under the lock.
#[derive(Default)]
pub(super) struct State {
    /// Probes that have not ended.
    pub(super) probes: u32,
    /// Probes that have ended well, since it was half-open.
    pub(super) successes: u32,
    /// How often a probe has failed, since it was closed.
    failed_rounds: u32,
    /// Whoever waits to be let in: only the first one tries.
    pub(super) line: Waiters,
    /// The first one has a reason to look again.
    pub(super) look: bool,
    pub(super) log: Log,
}

/// For the dispatch. The rest of the public interface is made of this.
impl CircuitBreaker {
    /// Lets a call in, or does not. While it is closed, this is one load.
    #[inline]
    pub(crate) fn admit(&self, now: impl FnOnce() -> Instant) -> Result<Ticket, Open> {
        let word = self.0.word.get();
        if word.lets_all_in() {
            return Ok(Ticket::new(word));
        }
        self.0.admit_if_it_is_time(word, now)
    }

    /// The call has ended: well, or not. `took` is needed where [`needs_duration`](Self::needs_duration)
    /// says so.
    #[inline]
    pub(crate) fn ended(
        &self,
        ticket: Ticket,
        verdict: Verdict,
        took: Option<Duration>,
        now: impl FnOnce() -> Instant,
    ) {
        let word = ticket.give_back();
        // Of a call that was let in before the last change nothing is learnt.
        if word != self.0.word.get() {
            return;
        }
        let failed = verdict == Verdict::Failed || self.0.is_slow(took);
        let at = self.0.since.nanos(now());
        if word.lets_all_in() {
            self.0.calls.add(at, 1);
            if failed {
                self.0.failed(word, at);
            }
        } else {
            self.0.probed(word, failed, at);
        }
    }

    /// Has it not changed since the call was let in?
    pub(crate) fn is_as_it_was(&self, ticket: &Ticket) -> bool {
        ticket.word() == self.0.word.get()
    }

    /// The call is gone, and nobody knows how it would have ended.
    #[inline]
    pub(crate) fn release(&self, ticket: Ticket) {
        let word = ticket.give_back();
        if !word.lets_all_in() {
            self.0.gone(word);
        }
    }

    /// Does it matter how long a call takes?
    #[inline]
    pub(crate) fn needs_duration(&self) -> bool {
        self.0.config.slow_call.is_some()
    }
}

impl Shared {
    #[cold]
    fn admit_if_it_is_time(
        &self,
        word: Word,
        now: impl FnOnce() -> Instant,
    ) -> Result<Ticket, Open> {
        let at = self.since.nanos(now());
        // Many come while it is open, and few when the time is over: those are told without the lock.
        let until = self.cold.until.load(Ordering::Relaxed);
        let admitted = match word.mode() {
            Mode::Open if at < until => Err(too_early(at, until)),
            _ => self.with_state(|state, wall| self.let_in(state, at, wall)),
        };
        if admitted.is_err() {
            self.cold.rejected.fetch_add(1, Ordering::Relaxed);
        }
        admitted
    }

    /// Under the lock: what is read here is so.
    pub(super) fn let_in(
        &self,
        state: &mut State,
        at: u64,
        wall: SystemTime,
    ) -> Result<Ticket, Open> {
        let mut word = self.word.get();
        match word.mode() {
            Mode::Closed | Mode::Disabled => return Ok(Ticket::new(word)),
            Mode::ForcedOpen => return Err(Open { retry_after: None }),
            Mode::Open => {
                let until = self.cold.until.load(Ordering::Relaxed);
                if at < until {
                    return Err(too_early(at, until));
                }
                word = self.change(state, Mode::HalfOpen, CircuitReason::RecoveryTimeout, wall);
            }
            Mode::HalfOpen if state.probes >= self.config.probes => {
                return Err(Open { retry_after: None });
            }
            Mode::HalfOpen => {}
        }
        state.probes += 1;
        Ok(Ticket::new(word))
    }

    #[inline]
    fn is_slow(&self, took: Option<Duration>) -> bool {
        match (self.config.slow_call, took) {
            (Some(limit), Some(took)) => took > limit,
            _ => false,
        }
    }

    /// A call has failed that everybody could make.
    #[cold]
    fn failed(&self, word: Word, at: u64) {
        self.cold.failures.add(at, 1);
        if word.mode() == Mode::Disabled {
            return;
        }
        let Some(reason) = self.too_many(at) else { return };
        self.with_state(|state, wall| {
            // Of several who see that it is too much, the first opens it.
            if self.word.get() == word {
                self.open(state, at, reason, wall);
            }
        });
    }

    fn too_many(&self, at: u64) -> Option<CircuitReason> {
        let failures = self.cold.failures.sum(at);
        if failures < u64::from(self.config.failure_threshold) {
            return None;
        }
        // A failed call is counted as a call first, so there are no fewer of these; but for what others take
        // away meanwhile.
        let calls = self.calls.sum(at).max(failures);
        // A quotient, not a product: 3 of 10 is 0.3 then, to the last bit.
        let ratio = failures as f64 / calls as f64;
        (ratio >= self.config.failure_ratio).then_some(CircuitReason::Failures { failures, calls })
    }

    #[cold]
    fn probed(&self, word: Word, failed: bool, at: u64) {
        self.with_state(|state, wall| {
            if self.word.get() != word {
                return;
            }
            state.probes -= 1;
            state.look = true;
            if failed {
                state.failed_rounds = state.failed_rounds.saturating_add(1);
                self.open(state, at, CircuitReason::ProbeFailed, wall);
                return;
            }
            state.successes += 1;
            if state.successes >= self.config.success_threshold {
                self.forget(state);
                self.change(state, Mode::Closed, CircuitReason::Recovered, wall);
            }
        });
    }

    #[cold]
    fn gone(&self, word: Word) {
        self.with_state(|state, _| {
            if self.word.get() == word {
                state.probes -= 1;
                state.look = true;
            }
        });
    }

    /// Longer each time.
    fn open(&self, state: &mut State, at: u64, reason: CircuitReason, wall: SystemTime) {
        let open_for = self.config.open_for(state.failed_rounds);
        self.cold.until.store(at.saturating_add(nanos(open_for)), Ordering::Relaxed);
        self.change(state, Mode::Open, reason, wall);
    }

    /// As if it had never been open.
    fn forget(&self, state: &mut State) {
        state.failed_rounds = 0;
        self.calls.clear();
        self.cold.failures.clear();
    }

    fn change(&self, state: &mut State, to: Mode, reason: CircuitReason, wall: SystemTime) -> Word {
        let from = self.word.get();
        let word = from.next(to);
        state.probes = 0;
        state.successes = 0;
        state.look = true;
        state.log.note(from.mode().state(), to.state(), reason, wall);
        self.word.set(word);
        word
    }

    /// What an operator says holds until the next word of one.
    pub(super) fn force(&self, to: Mode, reason: CircuitReason) {
        self.with_state(|state, wall| {
            if self.word.get().mode() != to {
                self.change(state, to, reason, wall);
            }
        });
    }

    pub(super) fn reset(&self) {
        self.with_state(|state, wall| {
            self.forget(state);
            if self.word.get().mode() == Mode::Closed {
                // No change that anybody is told of; but calls that are under way count no more.
                self.word.set(self.word.get().next(Mode::Closed));
            } else {
                self.change(state, Mode::Closed, CircuitReason::Reset, wall);
            }
        });
    }

    /// Decides something under the lock; wakes and tells with the lock released, for that is foreign code. So
    /// is the clock, which is why it is asked before.
    pub(super) fn with_state<R>(&self, decide: impl FnOnce(&mut State, SystemTime) -> R) -> R {
        let wall = self.clock.system_time();
        let mut state = lock(&self.cold.state);
        let decided = decide(&mut state, wall);
        let first = if std::mem::take(&mut state.look) { state.line.first() } else { None };
        let untold = state.log.has_untold();
        drop(state);
        if let Some(first) = first {
            first.wake();
        }
        if untold {
            tell(&self.cold.state, &self.name, |state| &mut state.log);
        }
        decided
    }
}

fn too_early(at: u64, until: u64) -> Open {
    Open { retry_after: Some(Duration::from_nanos(until - at)) }
}
