//! What `retry(..)` and `circuit_breaker(..)` can be told, once parsed.

use std::num::NonZeroU32;
use std::time::Duration;

use super::argument::{Argument, Arguments};
use super::arguments::Keyed;
use super::jitter::Jitter;
use crate::diagnostic::Errors;

/// Of `retry(..)`. What is left out is the runtime's to say.
#[derive(Default)]
pub(crate) struct RetryArgs {
    pub(crate) max_retries: Option<u32>,
    pub(crate) initial_delay: Option<Keyed<Duration>>,
    pub(crate) max_delay: Option<Duration>,
    pub(crate) exponential_base: Option<f64>,
    pub(crate) jitter: Option<Jitter>,
}

/// Of `circuit_breaker(..)`, in the same way.
#[derive(Default)]
pub(crate) struct BreakerArgs {
    pub(crate) name: Option<String>,
    pub(crate) failure_threshold: Option<u32>,
    pub(crate) failure_ratio: Option<f64>,
    pub(crate) window_size: Option<Duration>,
    pub(crate) recovery_timeout: Option<Duration>,
    pub(crate) success_threshold: Option<u32>,
}

impl Arguments for RetryArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        match argument.name() {
            "max_retries" => {
                let zero = "`max_retries = 0` tries nothing again: leave `retry` out";
                self.max_retries = Some(at_least_1(argument, zero)?);
            }
            "initial_delay" => {
                let delay = argument.duration_or("the default of 100 ms")?;
                self.initial_delay = Some(argument.keyed(delay));
            }
            "max_delay" => {
                self.max_delay = Some(argument.duration_or("the default of 10 s")?);
            }
            "exponential_base" => {
                let what = "a number, at least 1";
                let why = "with 1 all delays are as long as the first, with 2 each is twice as long \
                           as the one before";
                self.exponential_base = Some(argument.number(1.0..=f64::MAX, what, why)?);
            }
            _ => self.jitter = Some(argument.jitter()?),
        }
        Ok(())
    }

    fn check(&self, errors: &mut Errors) {
        if let (Some(first), Some(longest)) = (&self.initial_delay, self.max_delay)
            && first.value > longest
        {
            errors.at(
                &first.key,
                format!(
                    "`initial_delay` is longer than `max_delay`, so that none would be {:?} long: \
                     lengthen `max_delay`, or shorten `initial_delay`",
                    first.value
                ),
            );
        }
    }
}

impl Arguments for BreakerArgs {
    fn take(&mut self, argument: &Argument<'_>) -> syn::Result<()> {
        match argument.name() {
            "name" => {
                let name = argument.text_or("a breaker that no other handler shares")?;
                self.name = Some(name);
            }
            "failure_threshold" => {
                let zero =
                    "`failure_threshold = 0` opens it before anything has failed: at least 1";
                self.failure_threshold = Some(at_least_1(argument, zero)?);
            }
            "failure_ratio" => {
                let why = "the part of the calls that must have failed; with 0 `failure_threshold` \
                           alone decides";
                let ratio = argument.number(0.0..=1.0, "a number from 0 to 1", why)?;
                self.failure_ratio = Some(ratio);
            }
            "window_size" => {
                self.window_size = Some(argument.duration_or("the default of 60 s")?);
            }
            "recovery_timeout" => {
                self.recovery_timeout = Some(argument.duration_or("the default of 60 s")?);
            }
            _ => {
                let zero =
                    "`success_threshold = 0` closes it before anything went well: at least 1";
                self.success_threshold = Some(at_least_1(argument, zero)?);
            }
        }
        Ok(())
    }
}

fn at_least_1(argument: &Argument<'_>, zero: &str) -> syn::Result<u32> {
    argument.count("a whole number, at least 1", zero).map(NonZeroU32::get)
}

/// An attempt is a part of the whole.
pub(super) fn check_timeouts(
    attempt: Option<&Keyed<Duration>>,
    whole: Option<Duration>,
    errors: &mut Errors,
) {
    if let (Some(attempt), Some(whole)) = (attempt, whole)
        && attempt.value > whole
    {
        errors.at(
            &attempt.key,
            "`attempt_timeout` is longer than `timeout`, which ends all attempts together: shorten \
             it, or lengthen `timeout`",
        );
    }
}
