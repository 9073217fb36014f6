//! Measures how long the calls of each handler take.

use std::borrow::Cow;
use std::collections::HashMap;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;

use crate::message::MessageInfo;
use crate::pipeline::middleware::{Call, Handled, Middleware, Next};
use crate::registry::HandlerInfo;
use crate::sync::{Mutex, lock};

/// Measures how long calls take: [`timing`].
#[derive(Clone, Default)]
pub struct Timing(Arc<Mutex<HashMap<Place, TimingStats>>>);

/// A place in the source, and what is handled there: handlers that come and go, as those of sessions do,
/// share a row, so that there are no more rows than places.
type Place = (&'static str, u32, &'static str, &'static str);

fn place(handler: &HandlerInfo, message: &MessageInfo) -> Place {
    // One line may have several handlers, made by a macro. A name that is made at run time tells
    // nothing more than the line.
    let name = match handler.name {
        Cow::Borrowed(name) => name,
        Cow::Owned(_) => "",
    };
    (handler.file, handler.line, name, message.name())
}

/// Measures how long the calls of each handler take, by the clock of the bus. Keep a clone, to ask for
/// its [`stats`](Timing::stats). A call that is cancelled from outside is not measured.
///
/// ```standalone_crate
/// use bus::{Bus, command, handler, middleware};
///
/// #[command]
/// struct Sweep;
/// #[handler]
/// async fn sweep(_: Sweep) -> bus::Result<()> { Ok(()) }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let timing = middleware::timing();
///     let bus = Bus::builder().middleware(timing.clone()).build()?;
///     bus.execute(Sweep).await?;
///     let stats = timing.stats();
///     assert_eq!((stats[0].handler.name.as_ref(), stats[0].calls), ("sweep", 1));
///     println!("{}", stats[0]);
///     Ok(())
/// }
/// ```
#[must_use]
pub fn timing() -> Timing {
    Timing::default()
}

/// How long the calls of one handler took; of those that are registered again and again at one place in
/// the source, all together.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TimingStats {
    /// What it handles.
    pub message: &'static MessageInfo,
    /// The handler: the first, of several.
    pub handler: HandlerInfo,
    /// How many calls have ended.
    pub calls: u64,
    /// How many of these did not end well.
    pub failed: u64,
    /// How long all of them took.
    pub total: Duration,
    /// The shortest.
    pub min: Duration,
    /// The longest.
    pub max: Duration,
}

impl TimingStats {
    /// How long a call took on average.
    #[must_use]
    pub fn mean(&self) -> Duration {
        let calls = u32::try_from(self.calls).unwrap_or(u32::MAX);
        self.total.checked_div(calls).unwrap_or_default()
    }
}

impl fmt::Display for TimingStats {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { handler, calls, failed, min, max, .. } = self;
        let mean = self.mean();
        write!(f, "{handler}: {calls} calls, {failed} failed, {min:?} .. {mean:?} .. {max:?}")
    }
}

impl Timing {
    /// What was measured so far: a row for each handler, the one that took most time first.
    #[must_use]
    pub fn stats(&self) -> Vec<TimingStats> {
        let mut stats: Vec<_> = lock(&self.0).values().cloned().collect();
        stats.sort_by(|a, b| b.total.cmp(&a.total).then_with(|| a.handler.order(&b.handler)));
        stats
    }
}

#[async_trait]
impl Middleware for Timing {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let began = call.now();
        let handled = next.run(call).await;
        let took = call.now().saturating_duration_since(began);
        let mut all = lock(&self.0);
        let stats =
            all.entry(place(call.handler(), call.handles())).or_insert_with(|| TimingStats {
                message: call.handles(),
                handler: call.handler().clone(),
                calls: 0,
                failed: 0,
                total: Duration::ZERO,
                min: Duration::MAX,
                max: Duration::ZERO,
            });
        stats.calls += 1;
        stats.failed += u64::from(!call.is_ok());
        stats.total = stats.total.saturating_add(took);
        stats.min = stats.min.min(took);
        stats.max = stats.max.max(took);
        handled
    }

    fn name(&self) -> Cow<'static, str> {
        "timing".into()
    }
}

impl fmt::Debug for Timing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Timing")
    }
}
