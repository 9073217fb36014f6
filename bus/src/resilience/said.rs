//! What is said of one handler: by attributes, by the builder, at its registration.

use std::ops::Deref;
use std::time::Duration;

use super::declared::BreakerMeta;
use super::{CircuitBreakerConfig, RetryBudget, RetryConfig};
use crate::message::MessageInfo;
use crate::registry::entry::HandlerMeta;

/// What is said of one handler. What is nearer to it comes last, and counts.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Said {
    pub(crate) attempt_timeout: Option<Duration>,
    pub(crate) retry: Choice<RetryConfig>,
    pub(crate) later: Option<Vec<Duration>>,
    pub(crate) budget: Option<RetryBudget>,
    pub(crate) breaker: Choice<Breaker>,
    /// How many calls of a command's handler may wait, where its runs are limited.
    pub(crate) room: Option<usize>,
    pub(crate) dead_letters: Option<bool>,
}

/// Said, or left to what the bus does.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) enum Choice<T> {
    #[default]
    Open,
    Off,
    On(T),
}

/// A circuit breaker that somebody wants.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Breaker {
    /// Shared with all that name the same.
    pub(crate) name: Option<String>,
    pub(crate) config: CircuitBreakerConfig,
}

impl<T> Choice<T> {
    fn or(self, other: Self) -> Self {
        match self {
            Self::Open => other,
            said => said,
        }
    }

    pub(crate) fn on(&self) -> Option<&T> {
        match self {
            Self::On(said) => Some(said),
            Self::Open | Self::Off => None,
        }
    }

    fn of(said: Option<T>) -> Self {
        said.map_or(Self::Open, Self::On)
    }
}

/// Of a handler of which nothing is said.
static NOTHING: Said = Said {
    attempt_timeout: None,
    retry: Choice::Open,
    later: None,
    budget: None,
    breaker: Choice::Open,
    room: None,
    dead_letters: None,
};

/// Handlers come and go with sessions, and of most of them nothing is said: on the heap, if at all.
#[derive(Debug, Default)]
pub(crate) struct SaidOf(Option<Box<Said>>);

impl SaidOf {
    pub(crate) fn new(said: Said) -> Self {
        Self((said != NOTHING).then(|| Box::new(said)))
    }

    /// With what is nearer to the handler.
    pub(crate) fn under(self, nearer: Said) -> Self {
        Self::new(nearer.or(self.0.map_or(NOTHING.clone(), |said| *said)))
    }
}

impl Deref for SaidOf {
    type Target = Said;
    fn deref(&self) -> &Said {
        self.0.as_deref().unwrap_or(&NOTHING)
    }
}

impl Said {
    /// By the attribute of a handler, and by that of its message.
    pub(crate) fn by(meta: &HandlerMeta, message: &MessageInfo) -> Self {
        let of_handler = Self {
            attempt_timeout: meta.attempt_timeout,
            retry: Choice::of(meta.retry.map(|retry| retry.config())),
            breaker: Choice::of(meta.circuit_breaker.as_ref().map(Breaker::of)),
            ..Self::default()
        };
        of_handler.or(Self::by_message(message))
    }

    pub(crate) fn by_message(message: &MessageInfo) -> Self {
        Self {
            attempt_timeout: message.attempt_timeout(),
            retry: Choice::of(message.retry().map(|retry| retry.config())),
            breaker: Choice::of(message.circuit_breaker().map(Breaker::of)),
            ..Self::default()
        }
    }

    /// This, and what it leaves open.
    pub(crate) fn or(self, other: Self) -> Self {
        Self {
            attempt_timeout: self.attempt_timeout.or(other.attempt_timeout),
            retry: self.retry.or(other.retry),
            later: self.later.or(other.later),
            budget: self.budget.or(other.budget),
            breaker: self.breaker.or(other.breaker),
            room: self.room.or(other.room),
            dead_letters: self.dead_letters.or(other.dead_letters),
        }
    }
}

impl Breaker {
    fn of(meta: &BreakerMeta) -> Self {
        Self { name: meta.name.map(str::to_owned), config: meta.config() }
    }
}

/// The setters of what may be said of one handler, for those who hold a [`Said`] in the field `said`.
macro_rules! setters {
    ($holder:ident) => {
        /// What is done about its failures.
        impl $holder {
            /// Calls it again when it has failed, as often and after such delays. A command has to be
            /// taken as `&T` or `Arc<T>` for that, or to be `Clone`.
            pub fn retry(mut self, retry: $crate::RetryConfig) -> Self {
                self.said.retry = $crate::resilience::said::Choice::On(retry);
                self
            }

            /// Calls it once, whatever is said of the message or the bus.
            pub fn no_retry(mut self) -> Self {
                self.said.retry = $crate::resilience::said::Choice::Off;
                self
            }

            /// When it has failed, and its retries too, it gets an event again after these, one after the
            /// other, each time with its retries. It holds no slot meanwhile, and the handlers of lower
            /// priority do not wait for it. Of no effect for a command.
            pub fn delayed_retries(
                mut self,
                delays: impl IntoIterator<Item = std::time::Duration>,
            ) -> Self {
                self.said.later = Some(delays.into_iter().collect());
                self
            }

            /// A budget of its own for its retries, instead of the one of the bus. Clones of one are the
            /// same budget.
            pub fn retry_budget(mut self, budget: $crate::RetryBudget) -> Self {
                self.said.budget = Some(budget);
                self
            }

            /// Puts it behind a circuit breaker of its own.
            pub fn circuit_breaker(mut self, config: $crate::CircuitBreakerConfig) -> Self {
                let breaker = $crate::resilience::said::Breaker { name: None, config };
                self.said.breaker = $crate::resilience::said::Choice::On(breaker);
                self
            }

            /// Puts it behind the circuit breaker of this name, with all others that name it: as those who
            /// need the same thing have the same trouble.
            pub fn shared_circuit_breaker(
                mut self,
                name: impl Into<String>,
                config: $crate::CircuitBreakerConfig,
            ) -> Self {
                let name = Some(name.into());
                let breaker = $crate::resilience::said::Breaker { name, config };
                self.said.breaker = $crate::resilience::said::Choice::On(breaker);
                self
            }

            /// Puts it behind no circuit breaker, whatever is said of the message or the bus.
            pub fn no_circuit_breaker(mut self) -> Self {
                self.said.breaker = $crate::resilience::said::Choice::Off;
                self
            }

            /// Ends each of its attempts after this long; the timeout is that of all together.
            pub fn attempt_timeout(mut self, timeout: std::time::Duration) -> Self {
                self.said.attempt_timeout = Some(timeout);
                self
            }

            /// How many calls of a command's handler may wait while as many run as `concurrency` says:
            /// 1 000 unless it is said. With 0 they are refused at once.
            pub fn waiting_room(mut self, calls: usize) -> Self {
                self.said.room = Some(calls);
                self
            }

            /// Whether the messages that it gives up on are kept as dead letters. Unless it is said, they
            /// are where it is called again, and where the bus is
            /// [resilient]($crate::Builder::resilient).
            pub fn dead_letters(mut self, kept: bool) -> Self {
                self.said.dead_letters = Some(kept);
                self
            }
        }
    };
}
pub(crate) use setters;
