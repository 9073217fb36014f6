//! How often a call is made again, and how long is waited before.

use std::time::Duration;

/// How often a call is made again, and how long is waited before. The defaults are those of the document
/// that this bus answers; the delays are clamped after the jitter, so that the longest one holds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct RetryConfig {
    /// How often at most, after the first attempt: 3.
    pub max_retries: u32,
    /// Before the first of them: 100 ms.
    pub initial_delay: Duration,
    /// Longer is none: 10 s.
    pub max_delay: Duration,
    /// How much longer each is than the one before: 2.0. Less than 1, or no number, counts as 1.
    pub exponential_base: f64,
    /// What chance does to them: [`Jitter::Full`], so that those who failed together do not come again
    /// together.
    pub jitter: Jitter,
}

/// What chance does to a delay. Full, equal and decorrelated are those of Marc Brooker, "Exponential
/// Backoff And Jitter" (AWS Architecture Blog, 2015), who measured the first to do best.
#[derive(Debug, Clone, Copy, PartialEq)]
#[non_exhaustive]
pub enum Jitter {
    /// Anything from nothing to the delay.
    Full,
    /// The delay, more or less by up to this part of it: from 0 to 1.
    Spread(f64),
    /// Half of the delay, and anything up to the other half.
    Equal,
    /// Anything from the initial delay to three times the last one.
    Decorrelated,
    /// The delay itself.
    None,
}

impl Default for RetryConfig {
    fn default() -> Self {
        Self {
            max_retries: 3,
            initial_delay: Duration::from_millis(100),
            max_delay: Duration::from_secs(10),
            exponential_base: 2.0,
            jitter: Jitter::Full,
        }
    }
}

impl RetryConfig {
    /// The delays before each further attempt, as many as there may be.
    pub fn delays(&self) -> impl Iterator<Item = Duration> + Send + use<> {
        self.delays_by(fastrand::f64)
    }

    /// With this for chance: numbers from 0 to 1.
    pub(crate) fn delays_by<C: FnMut() -> f64 + Send>(
        &self,
        mut chance: C,
    ) -> impl Iterator<Item = Duration> + Send + use<C> {
        let config = *self;
        let base = if config.exponential_base >= 1.0 { config.exponential_base } else { 1.0 };
        let mut last = config.initial_delay;
        (0..config.max_retries).map(move |retry| {
            let exponent = i32::try_from(retry).unwrap_or(i32::MAX);
            let delay = times(config.initial_delay, base.powi(exponent)).min(config.max_delay);
            let chance = chance().clamp(0.0, 1.0);
            let delay = match config.jitter {
                Jitter::Full => times(delay, chance),
                Jitter::Spread(part) => {
                    let part = if part.is_nan() { 0.0 } else { part.clamp(0.0, 1.0) };
                    times(delay, (2.0 * chance).mul_add(part, 1.0 - part))
                }
                Jitter::Equal => times(delay, chance.mul_add(0.5, 0.5)),
                Jitter::Decorrelated => {
                    let span = last.saturating_mul(3).saturating_sub(config.initial_delay);
                    config.initial_delay.saturating_add(times(span, chance))
                }
                Jitter::None => delay,
            };
            last = delay.min(config.max_delay);
            last
        })
    }
}

/// What is longer than any duration is the longest.
fn times(duration: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(duration.as_secs_f64() * factor).unwrap_or(Duration::MAX)
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::{Jitter, RetryConfig};
    use std::time::Duration;

    const MS: Duration = Duration::from_millis(1);

    fn delays(jitter: Jitter, chance: f64) -> Vec<Duration> {
        let config =
            RetryConfig { max_retries: 4, max_delay: 500 * MS, jitter, ..RetryConfig::default() };
        config.delays_by(move || chance).collect()
    }

    #[test]
    fn each_jitter_is_what_it_says() {
        let ms = |of: [u32; 4]| of.map(|n| n * MS);
        assert_eq!(delays(Jitter::None, 0.3), ms([100, 200, 400, 500]));
        assert_eq!(delays(Jitter::Full, 0.5), ms([50, 100, 200, 250]));
        assert_eq!(delays(Jitter::Equal, 0.0), ms([50, 100, 200, 250]));
        assert_eq!(delays(Jitter::Equal, 1.0), ms([100, 200, 400, 500]));
        assert_eq!(delays(Jitter::Spread(0.5), 0.0), ms([50, 100, 200, 250]));
        // Clamped after the jitter: half as much again would be 750 ms.
        assert_eq!(delays(Jitter::Spread(0.5), 1.0), ms([150, 300, 500, 500]));
        // From 100 ms to three times the last one.
        assert_eq!(delays(Jitter::Decorrelated, 0.5), ms([200, 350, 500, 500]));
    }

    #[test]
    fn numbers_that_make_no_sense_do_no_harm() {
        for base in [f64::NAN, f64::INFINITY, -1.0, 0.0, f64::MAX] {
            for jitter in [Jitter::Spread(f64::NAN), Jitter::Spread(9.0), Jitter::Decorrelated] {
                let config = RetryConfig {
                    max_retries: 50,
                    initial_delay: Duration::MAX,
                    max_delay: 7 * MS,
                    exponential_base: base,
                    jitter,
                };
                assert!(config.delays().all(|delay| delay <= 7 * MS), "{config:?}");
            }
        }
    }
}
