//! How many calls may be made again, so that those who call do not make worse what is bad already.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::breaker::BadSetting;
use super::window::{BUCKETS, SHARDS, Since, Window, nanos};
use crate::sync::{Mutex, lock};

/// How many calls may be made again: a part of those that were made in the last window, and a few a second
/// whatever happens. A clone is the same budget. As Finagle's `RetryBudget` (Twitter), with its numbers.
///
/// ```
/// use std::time::{Duration, Instant};
/// use bus::RetryBudget;
///
/// let budget = RetryBudget::new(0.5, 1).window(Duration::from_secs(2));
/// let now = Instant::now();
/// for _ in 0..4 {
///     budget.deposit(now);
/// }
/// assert_eq!(budget.remaining(now), 4); // half of the calls, and one a second
/// assert!((0..4).all(|_| budget.withdraw(now)));
/// assert!(!budget.withdraw(now));
/// ```
#[derive(Clone)]
pub struct RetryBudget {
    ratio: f64,
    per_second: u32,
    window: Duration,
    /// `None`: there is no end to it.
    accounts: Option<Arc<Accounts>>,
}

/// So that 0.7 of 10 calls are 7, and not a little less.
const ROUNDING: f64 = 1e-9;

struct Accounts {
    since: Since,
    /// Reaches back no further than the window, while `withdrawn` reaches back at least as far: so that in no
    /// window too many are allowed.
    deposits: Window<SHARDS, BUCKETS>,
    withdrawals: Mutex<Withdrawals>,
}

struct Withdrawals {
    counted: Window<1, { BUCKETS + 1 }>,
    /// Time does not go back, whoever asks.
    last: u64,
}

/// Two are equal that are one.
impl PartialEq for RetryBudget {
    fn eq(&self, other: &Self) -> bool {
        match (&self.accounts, &other.accounts) {
            (None, None) => true,
            (Some(one), Some(other)) => Arc::ptr_eq(one, other),
            _ => false,
        }
    }
}

impl Default for RetryBudget {
    /// 20 % of the calls of 10 s, and 10 a second.
    fn default() -> Self {
        Self::new(0.2, 10)
    }
}

impl RetryBudget {
    /// `ratio` of the calls of the last 10 s, and `per_second`. A ratio that is negative or no finite number
    /// counts as 0.
    #[must_use]
    pub fn new(ratio: f64, per_second: u32) -> Self {
        Self::build(ratio, per_second, Duration::from_secs(10))
    }

    /// Counts over this span instead of 10 s. A new budget, with nothing in it.
    #[must_use]
    pub fn window(self, window: Duration) -> Self {
        match self.accounts {
            Some(_) => Self::build(self.ratio, self.per_second, window),
            None => self,
        }
    }

    /// Every call may be made again.
    #[must_use]
    pub fn unlimited() -> Self {
        Self { accounts: None, ..Self::default() }
    }

    fn build(ratio: f64, per_second: u32, window: Duration) -> Self {
        let (span, buckets) = (nanos(window), BUCKETS as u64);
        let accounts = Accounts {
            since: Since::default(),
            deposits: Window::new(span / buckets),
            withdrawals: Mutex::new(Withdrawals {
                counted: Window::new(span.div_ceil(buckets)),
                last: 0,
            }),
        };
        Self { ratio, per_second, window, accounts: Some(Arc::new(accounts)) }
    }

    /// A call is made, for the first time.
    #[inline]
    pub fn deposit(&self, now: Instant) {
        if let Some(accounts) = &self.accounts {
            accounts.deposits.add(accounts.since.nanos(now), 1);
        }
    }

    /// May a call be made again? Counts as made if so: in the window before it, no more are allowed than the
    /// budget says.
    #[must_use = "the call may be made again only if this is `true`"]
    pub fn withdraw(&self, now: Instant) -> bool {
        let Some(accounts) = &self.accounts else { return true };
        let mut withdrawals = lock(&accounts.withdrawals);
        withdrawals.last = withdrawals.last.max(accounts.since.nanos(now));
        let at = withdrawals.last;
        let allowed = withdrawals.counted.sum(at) < self.limit(accounts, at);
        if allowed {
            withdrawals.counted.add(at, 1);
        }
        allowed
    }

    /// How many calls may be made again now.
    #[must_use]
    pub fn remaining(&self, now: Instant) -> u64 {
        let Some(accounts) = &self.accounts else { return u64::MAX };
        let withdrawals = lock(&accounts.withdrawals);
        let at = withdrawals.last.max(accounts.since.nanos(now));
        self.limit(accounts, at).saturating_sub(withdrawals.counted.sum(at))
    }

    /// Of withdrawals in the window.
    fn limit(&self, accounts: &Accounts, at: u64) -> u64 {
        let ratio = if self.ratio.is_finite() { self.ratio.max(0.0) } else { 0.0 };
        let always = f64::from(self.per_second) * self.window.as_secs_f64();
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
        // Neither NaN nor negative.
        {
            (ratio.mul_add(accounts.deposits.sum(at) as f64, always) + ROUNDING) as u64
        }
    }

    /// What no budget can be.
    pub(crate) fn problems(&self) -> Vec<BadSetting> {
        let mut problems = Vec::new();
        if !(self.ratio.is_finite() && self.ratio >= 0.0) {
            problems.push(("ratio", self.ratio.to_string(), "at least 0, and finite"));
        }
        if self.window.is_zero() {
            problems.push(("window", "0 s".to_owned(), "longer than that"));
        }
        problems
    }
}

impl fmt::Debug for RetryBudget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.accounts.is_none() {
            return f.write_str("RetryBudget(unlimited)");
        }
        f.debug_struct("RetryBudget")
            .field("ratio", &self.ratio)
            .field("per_second", &self.per_second)
            .field("window", &self.window)
            .finish_non_exhaustive()
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::RetryBudget;
    use std::time::{Duration, Instant};

    const SECOND: Duration = Duration::from_secs(1);

    fn taken(budget: &RetryBudget, now: Instant) -> usize {
        std::iter::repeat_with(|| budget.withdraw(now)).take_while(|is| *is).take(10_000).count()
    }

    #[test]
    fn a_part_of_the_calls_and_a_few_whatever_happens() {
        let budget = RetryBudget::default();
        let now = Instant::now();
        assert_eq!((budget.remaining(now), taken(&budget, now)), (100, 100));
        let later = now + SECOND;
        for _ in 0..1000 {
            budget.deposit(later);
        }
        assert_eq!((budget.remaining(later), taken(&budget, later)), (200, 200));
        // What was taken comes back when it is older than the window; by then, what was paid in is no more.
        assert_eq!(taken(&budget, now + 12 * SECOND), 100);
    }

    #[test]
    fn a_clone_is_the_same_and_time_does_not_go_back() {
        let budget = RetryBudget::new(0.7, 0);
        let now = Instant::now();
        for _ in 0..10 {
            budget.clone().deposit(now + SECOND);
        }
        assert_eq!(taken(&budget, now + SECOND), 7);
        assert_eq!(budget.remaining(now), 0);
        assert!(!budget.withdraw(now));
    }

    #[test]
    fn without_an_end_and_without_sense() {
        let now = Instant::now();
        let unlimited = RetryBudget::unlimited().window(SECOND);
        unlimited.deposit(now);
        assert_eq!((taken(&unlimited, now), unlimited.remaining(now)), (10_000, u64::MAX));
        assert!(unlimited.problems().is_empty());
        for ratio in [f64::NAN, f64::INFINITY, -1.0] {
            let budget = RetryBudget::new(ratio, 2).window(SECOND);
            budget.deposit(now);
            assert_eq!(taken(&budget, now), 2);
            assert_eq!(budget.problems()[0].0, "ratio");
        }
        let never = RetryBudget::new(0.2, 10).window(Duration::ZERO);
        assert_eq!(never.problems()[0].0, "window");
        assert_eq!(taken(&never, now), 0);
        let huge = RetryBudget::new(f64::MAX, u32::MAX).window(Duration::MAX);
        huge.deposit(now);
        assert_eq!(taken(&huge, now + 1000 * SECOND), 10_000);
    }
}

#[cfg(all(test, not(bus_loom)))]
#[path = "budget_tests.rs"]
mod random;
