//! Says in the log how each call has ended.

use std::borrow::Cow;
use std::time::Duration;

use async_trait::async_trait;

use crate::pipeline::ended::Ended;
use crate::pipeline::middleware::{Call, Handled, Middleware, Next};

/// Says in the log how each call has ended: [`logging`].
#[derive(Debug, Clone, Copy)]
pub struct Logging {
    slow: Duration,
}

/// Writes a line for each call of a handler, with the message, its id, the handler and how long it took:
/// at the level `debug` when it ended well, `info` when it was refused, `warn` when it was
/// [slow](Logging::slow), and `error` when it failed. (NServiceBus and Wolverine log success at that
/// level too: at `info` it would be most of a log.)
///
/// ```
/// use bus::{Bus, middleware};
/// use std::time::Duration;
///
/// let bus = Bus::builder().middleware(middleware::logging().slow(Duration::from_secs(1))).build()?;
/// # Ok::<(), bus::BuildError>(())
/// ```
#[must_use]
pub fn logging() -> Logging {
    Logging { slow: Duration::MAX }
}

impl Logging {
    /// From which duration on a call that ended well is logged as slow.
    #[must_use]
    pub fn slow(mut self, slow: Duration) -> Self {
        self.slow = slow;
        self
    }
}

#[async_trait]
impl Middleware for Logging {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let began = call.now();
        let handled = next.run(call).await;
        let took = call.now().saturating_duration_since(began);
        macro_rules! log {
            ($level:ident, $text:literal $(, $field:tt)*) => {
                tracing::$level!(
                    message_name = call.info().name(),
                    id = %call.context().id(),
                    handler = %call.handler(),
                    ?took,
                    $($field,)*
                    $text
                )
            };
        }
        match call.ended() {
            Some(Ended::Ok) if took >= self.slow => log!(warn, "handled slowly"),
            Some(Ended::Ok) => log!(debug, "handled"),
            Some(ended @ (Ended::Rejected { .. } | Ended::RateLimited { .. })) => {
                let why = ended.to_string();
                log!(info, "refused", why);
            }
            Some(ended) => {
                let error = ended.to_string();
                log!(error, "not handled", error);
            }
            None => {}
        }
        handled
    }

    fn name(&self) -> Cow<'static, str> {
        "logging".into()
    }
}
