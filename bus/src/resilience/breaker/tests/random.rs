//! The breaker against a plain account of what it should do, in random scenarios.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::ticket::Open;
use super::super::{CircuitBreaker, CircuitBreakerConfig, CircuitState, Ticket, Verdict};
use crate::clock::{Clock, Sleep};

/// Milliseconds of a bucket; time goes in such steps, so that the window is exact.
const BUCKET: u64 = 100;

struct Hand(Instant, AtomicU64);
impl Clock for Hand {
    fn now(&self) -> Instant {
        self.0 + Duration::from_millis(self.1.load(Ordering::Relaxed))
    }
    fn sleep_until(&self, _: Instant) -> Sleep {
        Sleep::new(std::future::pending())
    }
}

#[derive(Debug, Clone, Copy)]
enum Step {
    Admit,
    /// Which of those that are under way, whether it ends well, and after how many ms.
    End(usize, bool, u64),
    Drop(usize),
    Wait(u64),
    ForceOpen,
    Disable,
    Reset,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => Just(Step::Admit),
        12 => (0..6usize, prop::bool::weighted(0.4), 0..40u64).prop_map(|(n, ok, ms)| Step::End(n, ok, ms)),
        2 => (0..6usize).prop_map(Step::Drop),
        4 => (1..8u64).prop_map(Step::Wait),
        1 => (8..40u64).prop_map(Step::Wait),
        1 => prop::sample::select(vec![Step::ForceOpen, Step::Disable, Step::Reset, Step::Reset]),
    ]
}

fn config() -> impl Strategy<Value = CircuitBreakerConfig> {
    let numbers = (1..4u32, prop::sample::select(vec![0.0, 0.3, 0.5, 0.75, 1.0]), 1..4u32, 1..4u32);
    let times = (1..6u64, prop::sample::select(vec![1.0, 1.5, 2.0, 3.0]), 0..20u64, any::<bool>());
    (numbers, times).prop_map(|((failure_threshold, failure_ratio, good, probes), times)| {
        let (recovery, recovery_growth, longer, slow) = times;
        let ms = |buckets: u64| Duration::from_millis(buckets * BUCKET);
        CircuitBreakerConfig {
            failure_threshold,
            failure_ratio,
            window_size: ms(10),
            recovery_timeout: ms(recovery),
            success_threshold: good,
            probes: probes.min(good),
            recovery_growth,
            max_recovery_timeout: ms(recovery + longer),
            slow_call: slow.then_some(Duration::from_millis(30)),
        }
    })
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Mode {
    Closed,
    Disabled,
    ForcedOpen,
    OpenUntil(f64),
    HalfOpen,
}

/// What it should do, in ms.
struct Plain {
    config: CircuitBreakerConfig,
    now: u64,
    mode: Mode,
    /// Goes up with each change, and each reset.
    era: u32,
    changes: u64,
    ended: Vec<(u64, bool)>,
    bad_rounds: i32,
    probes: u32,
    good: u32,
    rejected: u64,
}

impl Plain {
    fn change(&mut self, mode: Mode) {
        self.mode = mode;
        self.era += 1;
        self.changes += 1;
        (self.probes, self.good) = (0, 0);
    }

    fn open(&mut self) {
        let config = self.config;
        let time = config.recovery_timeout.as_millis() as f64;
        let time = time * config.recovery_growth.powi(self.bad_rounds);
        let time = time.min(config.max_recovery_timeout.as_millis() as f64);
        self.change(Mode::OpenUntil(self.now as f64 + time));
    }

    /// Is it let in, and else after how many ms again?
    fn admit(&mut self) -> Result<(u32, bool), Option<f64>> {
        let now = self.now as f64;
        if let Mode::OpenUntil(until) = self.mode
            && now >= until
        {
            self.change(Mode::HalfOpen);
        }
        let rejected = match self.mode {
            Mode::Closed | Mode::Disabled => return Ok((self.era, false)),
            Mode::HalfOpen if self.probes < self.config.probes => {
                self.probes += 1;
                return Ok((self.era, true));
            }
            Mode::OpenUntil(until) => Some(until - now),
            Mode::ForcedOpen | Mode::HalfOpen => None,
        };
        self.rejected += 1;
        Err(rejected)
    }

    fn end(&mut self, era: u32, is_ok: bool, took: u64) {
        if era != self.era {
            return;
        }
        let is_slow =
            self.config.slow_call.is_some_and(|limit| u128::from(took) > limit.as_millis());
        let failed = !is_ok || is_slow;
        if self.mode == Mode::HalfOpen {
            self.probes -= 1;
            if failed {
                self.bad_rounds += 1;
                return self.open();
            }
            self.good += 1;
            if self.good == self.config.success_threshold {
                self.forget();
                self.change(Mode::Closed);
            }
            return;
        }
        self.ended.push((self.now, failed));
        let (calls, failures) = self.counts();
        let enough = failures >= u64::from(self.config.failure_threshold);
        let much = failures as f64 / calls as f64 >= self.config.failure_ratio;
        if failed && self.mode == Mode::Closed && enough && much {
            self.open();
        }
    }

    fn drop(&mut self, era: u32) {
        if era == self.era && self.mode == Mode::HalfOpen {
            self.probes -= 1;
        }
    }

    fn forget(&mut self) {
        self.ended.clear();
        self.bad_rounds = 0;
    }

    fn counts(&self) -> (u64, u64) {
        let now = self.now;
        let recent = self.ended.iter().filter(|(at, _)| now - at < 10 * BUCKET);
        let failures = recent.clone().filter(|(_, failed)| *failed).count();
        (recent.count() as u64, failures as u64)
    }
}

fn ms(millis: f64) -> Duration {
    Duration::from_secs_f64(millis / 1000.0)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 512, ..ProptestConfig::default() })]
    #[test]
    fn it_does_what_a_plain_account_says(
        config in config(),
        steps in prop::collection::vec(step(), 1..150),
    ) {
        let clock = Arc::new(Hand(Instant::now(), AtomicU64::new(0)));
        let breaker = CircuitBreaker::new("random", config).unwrap();
        let breaker = breaker.with_clock(Arc::clone(&clock) as Arc<dyn Clock>);
        // Time begins now.
        let _ = breaker.snapshot();
        let mut plain = Plain {
            config, now: 0, mode: Mode::Closed, era: 0, changes: 0, ended: vec![],
            bad_rounds: 0, probes: 0, good: 0, rejected: 0,
        };
        let told = Arc::new(AtomicU64::new(0));
        let telling = Arc::clone(&told);
        breaker.on_change(move |change| {
            let before = telling.swap(change.number, Ordering::Relaxed);
            assert_eq!(before + 1, change.number);
        });
        let mut held: Vec<(u32, Ticket)> = Vec::new();
        let now = || clock.now();
        for step in steps {
            match step {
                Step::Admit if held.len() >= 6 => {}
                Step::Admit => match (breaker.admit(now), plain.admit()) {
                    (Ok(ticket), Ok((era, is_probe))) => {
                        prop_assert_eq!(ticket.is_probe(), is_probe);
                        held.push((era, ticket));
                    }
                    (Err(Open { retry_after }), Err(after)) => {
                        prop_assert_eq!(retry_after, after.map(ms));
                    }
                    (real, plain) => prop_assert!(false, "{real:?}, and not {plain:?}"),
                },
                Step::End(which, is_ok, took) => if which < held.len() {
                    let (era, ticket) = held.swap_remove(which);
                    let took_too = breaker.needs_duration().then_some(Duration::from_millis(took));
                    breaker.ended(ticket, Verdict::of(is_ok), took_too, now);
                    plain.end(era, is_ok, took);
                },
                Step::Drop(which) => if which < held.len() {
                    let (era, ticket) = held.swap_remove(which);
                    breaker.release(ticket);
                    plain.drop(era);
                },
                Step::Wait(buckets) => {
                    plain.now += buckets * BUCKET;
                    clock.1.store(plain.now, Ordering::Relaxed);
                }
                Step::ForceOpen => {
                    breaker.force_open();
                    if plain.mode != Mode::ForcedOpen {
                        plain.change(Mode::ForcedOpen);
                    }
                }
                Step::Disable => {
                    breaker.disable();
                    if plain.mode != Mode::Disabled {
                        plain.change(Mode::Disabled);
                    }
                }
                Step::Reset => {
                    breaker.reset();
                    plain.forget();
                    if plain.mode == Mode::Closed {
                        plain.era += 1;
                    } else {
                        plain.change(Mode::Closed);
                    }
                }
            }
            let is = breaker.snapshot();
            let (state, held_so, left) = match plain.mode {
                Mode::Closed => (CircuitState::Closed, false, None),
                Mode::Disabled => (CircuitState::Closed, true, None),
                Mode::ForcedOpen => (CircuitState::Open, true, None),
                Mode::HalfOpen => (CircuitState::HalfOpen, false, None),
                Mode::OpenUntil(until) => {
                    (CircuitState::Open, false, Some(ms((until - plain.now as f64).max(0.0))))
                }
            };
            prop_assert_eq!((is.state, is.held, is.retry_after), (state, held_so, left));
            prop_assert_eq!((is.calls, is.failures), plain.counts());
            prop_assert_eq!((is.probes, is.successes), (plain.probes, plain.good));
            prop_assert_eq!((is.rejected, is.changes), (plain.rejected, plain.changes));
            prop_assert_eq!(told.load(Ordering::Relaxed), plain.changes);
            prop_assert_eq!(breaker.history().last().map_or(0, |last| last.number), plain.changes);
        }
        held.into_iter().for_each(|(_, ticket)| breaker.release(ticket));
    }
}
