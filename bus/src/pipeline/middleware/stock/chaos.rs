//! Trouble on purpose.

use std::borrow::Cow;
use std::fmt;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;

use crate::pipeline::middleware::{Call, Handled, Layer, Middleware, Next};
use crate::resilience::timer::sleep;
use crate::sync::{Mutex, lock};

/// Trouble on purpose: [`chaos`].
#[derive(Clone)]
pub struct Chaos {
    latency: Option<(f64, Range<Duration>)>,
    fault: Option<(f64, Cow<'static, str>)>,
    panic: f64,
    on: Arc<AtomicBool>,
    chance: Arc<Mutex<fastrand::Rng>>,
}

/// Makes a part of the calls slow, fail or panic, in place of the handler: to see what then becomes of a
/// program. Stands inside of the timeout and of all other middleware, as the chaos strategies of Polly do
/// (`per_attempt`, at the lowest priority), so that what it does looks like trouble of the handler.
/// Feature `chaos`.
///
/// ```
/// use bus::{Bus, middleware};
/// use std::time::Duration;
///
/// let ms = Duration::from_millis;
/// let chaos = middleware::chaos().latency(0.1, ms(50)..ms(500)).fault(0.05, "no route").seed(42);
/// let switch = chaos.clone();
/// let bus = Bus::builder().middleware(chaos).build()?;
/// switch.enable(false); // at any time
/// # Ok::<(), bus::BuildError>(())
/// ```
#[must_use]
pub fn chaos() -> Chaos {
    Chaos {
        latency: None,
        fault: None,
        panic: 0.0,
        on: Arc::new(AtomicBool::new(true)),
        chance: Arc::new(Mutex::new(fastrand::Rng::new())),
    }
}

impl Chaos {
    /// Delays this part of the calls, from 0 (none) to 1 (all), by something in the range.
    #[must_use]
    pub fn latency(mut self, part: f64, range: Range<Duration>) -> Self {
        self.latency = Some((part, range));
        self
    }

    /// Rejects this part of the calls with a text, without calling the handler: a command with
    /// [`Rejected`](crate::CommandErrorKind::Rejected), as the type of its own error is not known here.
    #[must_use]
    pub fn fault(mut self, part: f64, text: impl Into<Cow<'static, str>>) -> Self {
        self.fault = Some((part, text.into()));
        self
    }

    /// Panics in this part of the calls; it is caught, as that of a handler is.
    #[must_use]
    pub fn panic(mut self, part: f64) -> Self {
        self.panic = part;
        self
    }

    /// Makes the same choices in each run of a program that makes the same calls.
    #[must_use]
    pub fn seed(self, seed: u64) -> Self {
        lock(&self.chance).seed(seed);
        self
    }

    /// Switches it, and its clones, on or off.
    pub fn enable(&self, on: bool) {
        self.on.store(on, Ordering::Relaxed);
    }

    fn happens(&self, part: f64) -> bool {
        lock(&self.chance).f64() < part
    }

    fn delay(&self) -> Option<Duration> {
        let (part, range) = self.latency.as_ref()?;
        let happens = self.happens(*part);
        let span = range.end.saturating_sub(range.start);
        happens.then(|| range.start.saturating_add(span.mul_f64(lock(&self.chance).f64())))
    }
}

#[async_trait]
impl Middleware for Chaos {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        if !self.on.load(Ordering::Relaxed) {
            return next.run(call).await;
        }
        if let Some(delay) = self.delay() {
            sleep(call.context().core(), delay).await;
        }
        assert!(!self.happens(self.panic), "chaos");
        match &self.fault {
            Some((part, text)) if self.happens(*part) => call.reject(text),
            _ => next.run(call).await,
        }
    }

    fn placed(self) -> Layer {
        Layer::new(self).per_attempt().priority(i32::MIN)
    }

    fn name(&self) -> Cow<'static, str> {
        "chaos".into()
    }
}

impl fmt::Debug for Chaos {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Chaos")
            .field("latency", &self.latency)
            .field("fault", &self.fault)
            .field("panic", &self.panic)
            .field("on", &self.on)
            .finish_non_exhaustive()
    }
}
