//! The keys with keys of their own: `retry(..)` and `circuit_breaker(..)`.

use std::fmt;

use super::key::{Key, TakesKeys};
use super::{Attribute, listed};

#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Part {
    Retry,
    CircuitBreaker,
}

const MAX_RETRIES: Key = Key { name: "max_retries", usage: "max_retries = 5" };
const INITIAL_DELAY: Key = Key { name: "initial_delay", usage: "initial_delay = \"50ms\"" };
const MAX_DELAY: Key = Key { name: "max_delay", usage: "max_delay = \"10s\"" };
const EXPONENTIAL_BASE: Key = Key { name: "exponential_base", usage: "exponential_base = 2.0" };
const JITTER: Key = Key { name: "jitter", usage: "jitter = full" };

const NAME: Key = Key { name: "name", usage: "name = \"bank\"" };
const FAILURE_THRESHOLD: Key = Key { name: "failure_threshold", usage: "failure_threshold = 5" };
const FAILURE_RATIO: Key = Key { name: "failure_ratio", usage: "failure_ratio = 0.5" };
const WINDOW_SIZE: Key = Key { name: "window_size", usage: "window_size = \"60s\"" };
const RECOVERY_TIMEOUT: Key = Key { name: "recovery_timeout", usage: "recovery_timeout = \"30s\"" };
const SUCCESS_THRESHOLD: Key = Key { name: "success_threshold", usage: "success_threshold = 3" };

impl Part {
    const ALL: [Self; 2] = [Self::Retry, Self::CircuitBreaker];

    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Retry => "retry",
            Self::CircuitBreaker => "circuit_breaker",
        }
    }

    /// The part that takes this key. Both attributes that have parts take a `name` themselves.
    pub(super) fn that_takes(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|part| name != NAME.name && part.key(name).is_some())
    }
}

impl TakesKeys for Part {
    fn keys(self) -> &'static [Key] {
        match self {
            Self::Retry => &[MAX_RETRIES, INITIAL_DELAY, MAX_DELAY, EXPONENTIAL_BASE, JITTER],
            Self::CircuitBreaker => &[
                NAME,
                FAILURE_THRESHOLD,
                FAILURE_RATIO,
                WINDOW_SIZE,
                RECOVERY_TIMEOUT,
                SUCCESS_THRESHOLD,
            ],
        }
    }

    fn unknown(self, name: &str, attribute: Attribute) -> String {
        let mistake = if let Some(other) = Self::that_takes(name) {
            format!("`{name}` belongs in `{other}`, not in `{self}`")
        } else if attribute.key(name).is_some() {
            format!("`{name}` belongs beside `{self}`, not in it")
        } else {
            self.misspelt(name)
        };
        format!("{mistake}\n\nhelp: `{self}` takes {}", listed(self.names(), "and"))
    }
}

/// As it is written: `retry(..)`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}(..)", self.name())
    }
}
