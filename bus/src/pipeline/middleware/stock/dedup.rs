//! Handles each key once in a window.

use std::borrow::Cow;
use std::fmt;
use std::hash::Hash;
use std::time::Duration;

use async_trait::async_trait;

use crate::pipeline::middleware::{Call, Handled, Middleware, Next};
use crate::registry::HandlerId;
use crate::resilience::recent::Recent;

/// How a key is made of a call; `None` for one that is not concerned.
type KeyOf<K> = Box<dyn Fn(&Call<'_>) -> Option<K> + Send + Sync>;

/// Handles each key once in a window: [`dedup`].
pub struct Dedup<K> {
    recent: Recent<(HandlerId, K)>,
    key: KeyOf<K>,
}

/// Calls a handler once for a key in `window`: what comes again is skipped if it is an event, and rejected
/// if it is a command, since that has to be answered. Each handler has keys of its own, so all handlers of
/// an event see it once. While the first call is under way, another one of its key is one too many. A
/// call without a key (`None`) is handled. Remembers 100 000 keys at most.
///
/// A call that does not end well gives its key back, also when its caller drops it: what is tried again
/// is handled. (Symfony Messenger kept it, and lost what was retried: its issue 61917.)
///
/// ```standalone_crate
/// use bus::{Bus, Res, event, handler, middleware, resource};
/// use std::sync::atomic::{AtomicU32, Ordering};
/// use std::time::Duration;
///
/// #[event]
/// struct Paid { order: u64 }
///
/// #[resource]
/// fn shipped() -> AtomicU32 { AtomicU32::new(0) }
///
/// #[handler]
/// fn ship(_: &Paid, shipped: &Res<AtomicU32>) {
///     shipped.fetch_add(1, Ordering::Relaxed);
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let once = middleware::dedup(Duration::from_secs(300), |call| Some(call.get::<Paid>()?.order));
///     let bus = Bus::builder().middleware(once).build()?;
///     bus.publish(Paid { order: 7 }).await?;
///     bus.publish(Paid { order: 7 }).await?;
///     bus.idle().await;
///     assert_eq!(bus.resource::<AtomicU32>()?.load(Ordering::Relaxed), 1);
///     Ok(())
/// }
/// ```
pub fn dedup<K: Hash + Eq + Clone + Send + Sync + 'static>(
    window: Duration,
    key: impl Fn(&Call<'_>) -> Option<K> + Send + Sync + 'static,
) -> Dedup<K> {
    Dedup { recent: Recent::new(window), key: Box::new(key) }
}

#[async_trait]
impl<K: Hash + Eq + Clone + Send + Sync + 'static> Middleware for Dedup<K> {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let Some(key) = (self.key)(call) else { return next.run(call).await };
        let key = (call.handler_id(), key);
        if !self.recent.is_new(key.clone(), call.now()) {
            return if call.info().is_command() {
                call.reject("it was handled a short while ago, or is being handled")
            } else {
                call.skip()
            };
        }
        let mut claim = Claim { recent: &self.recent, key: Some(key) };
        let handled = next.run(call).await;
        if call.is_ok() {
            claim.key = None;
        }
        handled
    }

    fn name(&self) -> Cow<'static, str> {
        "dedup".into()
    }
}

/// Gives the key back, unless it is taken out.
struct Claim<'a, K: Hash + Eq + Clone> {
    recent: &'a Recent<K>,
    key: Option<K>,
}

impl<K: Hash + Eq + Clone> Drop for Claim<'_, K> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.recent.forget(key);
        }
    }
}

impl<K> fmt::Debug for Dedup<K> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Dedup")
    }
}
