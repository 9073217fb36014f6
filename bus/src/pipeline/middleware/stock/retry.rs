//! Calls a handler again when it has failed.

use std::borrow::Cow;
use std::fmt;

use async_trait::async_trait;

use crate::pipeline::ended::Ended;
use crate::pipeline::middleware::{Call, Handled, Middleware, Next};
use crate::probe;
use crate::resilience::RetryConfig;
use crate::resilience::timer::sleep;

/// Calls a handler again when it has failed: [`retry`].
pub struct Retry {
    config: RetryConfig,
    only_if: Box<dyn Fn(&Ended<'_>) -> bool + Send + Sync>,
}

/// Calls what comes after it again when that has failed or was not done in time, after a delay that
/// [`RetryConfig`] says, and up to as many times. What was rejected or cancelled, and what panicked, is
/// not called again, nor a command that cannot be handled twice
/// ([`Call::keep`]): its handler takes it by value, and it is not `Clone`. Where the runtime has no timer,
/// the delays are left out.
///
/// A handler that has retries of its own, by `retry(..)` or on the builder, keeps to those, and of two of
/// these around it the inner one does nothing: retries of retries would multiply.
///
/// Each attempt has a timeout of its own and a context of its own, which counts them. A failed one has
/// emitted nothing.
///
/// ```standalone_crate
/// use bus::{Bus, Context, RetryConfig, command, handler, middleware};
/// use std::time::Duration;
///
/// #[command(output = u32)]
/// struct Fetch;
///
/// #[handler(middleware = middleware::retry(RetryConfig {
///     initial_delay: Duration::from_millis(1),
///     ..RetryConfig::default()
/// }))]
/// async fn fetch(_: &Fetch, cx: &Context) -> bus::Result<u32> {
///     if cx.attempt() < 3 { Err(bus::Error::msg("the other side is busy")) } else { Ok(cx.attempt()) }
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     assert_eq!(Bus::from_registered()?.execute(Fetch).await?, 3);
///     Ok(())
/// }
/// ```
#[must_use]
pub fn retry(config: RetryConfig) -> Retry {
    let passing = |ended: &Ended<'_>| matches!(ended, Ended::Failed(_) | Ended::TimedOut { .. });
    Retry { config, only_if: Box::new(passing) }
}

impl Retry {
    /// Decides which ends are worth another attempt, in place of "failed, or not in time".
    #[must_use]
    pub fn only_if(mut self, worth: impl Fn(&Ended<'_>) -> bool + Send + Sync + 'static) -> Self {
        self.only_if = Box::new(worth);
        self
    }
}

#[async_trait]
impl Middleware for Retry {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        if !call.may_retry() {
            return next.run(call).await;
        }
        let can_again = call.keep();
        // Made when it has failed: most calls need none.
        let mut delays = None;
        loop {
            let handled = next.run(call).await;
            let is_worth = call.ended().is_some_and(|ended| (self.only_if)(&ended));
            if !can_again || !is_worth {
                return handled;
            }
            let make = || probe::delays(call.context().core(), &self.config);
            let Some(delay) = delays.get_or_insert_with(make).next() else { return handled };
            let error = call.ended().map(|ended| ended.to_string()).unwrap_or_default();
            tracing::info!(handler = %call.handler(), id = %call.context().id(), error, ?delay, "will be called again");
            sleep(call.context().core(), delay).await;
        }
    }

    fn name(&self) -> Cow<'static, str> {
        "retry".into()
    }
}

impl fmt::Debug for Retry {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Retry({:?})", self.config)
    }
}
