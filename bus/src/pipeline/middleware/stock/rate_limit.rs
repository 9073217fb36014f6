//! Calls handlers so often, and not more often.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use async_trait::async_trait;

use crate::pipeline::middleware::{Call, Handled, Middleware, Next};
use crate::resilience::Rate;
use crate::resilience::timer::sleep;
use crate::resilience::token_bucket::TokenBuckets;

/// How a key is made of a call; `None` for one that is not limited.
type KeyOf<K> = Box<dyn Fn(&Call<'_>) -> Option<K> + Send + Sync>;

/// So many calls in a time: [`rate_limit`].
pub struct RateLimit<K> {
    buckets: TokenBuckets<K>,
    key: KeyOf<K>,
    rate: Rate,
    delay: Duration,
}

/// Lets the handlers of each type of message be called as often as `rate` says, and rejects what comes
/// more often: a command with [`RateLimited`](crate::CommandErrorKind::RateLimited), which says when to
/// come again. Each call counts: an event with two handlers is two. Remembers 10 000 keys at most, those that are nearest to their limit.
///
/// ```standalone_crate
/// use bus::{Bus, CommandErrorKind, Rate, command, handler, middleware};
///
/// #[command]
/// struct Search;
/// #[handler(middleware = middleware::rate_limit(Rate::per_second(2)))]
/// async fn search(_: Search) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let bus = Bus::from_registered()?;
///     bus.execute(Search).await?;
///     bus.execute(Search).await?;
///     let refused = bus.execute(Search).await.unwrap_err();
///     assert!(matches!(refused.kind(), CommandErrorKind::RateLimited { .. }));
///     Ok(())
/// }
/// ```
#[must_use]
pub fn rate_limit(rate: Rate) -> RateLimit<&'static str> {
    rate_limit_by(rate, |call| Some(call.info().name()))
}

/// As [`rate_limit`], for each key on its own: a tenant, a principal. A call without a key (`None`) is
/// not limited.
pub fn rate_limit_by<K: Hash + Eq + Send + 'static>(
    rate: Rate,
    key: impl Fn(&Call<'_>) -> Option<K> + Send + Sync + 'static,
) -> RateLimit<K> {
    RateLimit { buckets: TokenBuckets::new(rate), key: Box::new(key), rate, delay: Duration::ZERO }
}

impl<K> RateLimit<K> {
    /// Lets a call wait for its turn for up to this long, first come first served, before it is rejected.
    /// One that is dropped while it waits has used up its turn. Where the runtime has no timer, calls are
    /// rejected at once.
    #[must_use]
    pub fn delay(mut self, at_most: Duration) -> Self {
        self.delay = at_most;
        self
    }
}

#[async_trait]
impl<K: Hash + Eq + Send + 'static> Middleware for RateLimit<K> {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let Some(key) = (self.key)(call) else { return next.run(call).await };
        match self.buckets.reserve(key, call.now(), self.delay) {
            Ok(Duration::ZERO) => {}
            Ok(wait) => {
                if !sleep(call.context().core(), wait).await {
                    return call.reject_for(wait);
                }
            }
            Err(wait) => return call.reject_for(wait),
        }
        next.run(call).await
    }

    fn name(&self) -> Cow<'static, str> {
        "rate limit".into()
    }
}

impl<K> fmt::Debug for RateLimit<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RateLimit({:?}, delay {:?})", self.rate, self.delay)
    }
}
