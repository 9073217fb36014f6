//! Time, as the bus sees it.

mod word;

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Instant, SystemTime};

use pin_project_lite::pin_project;

pub(crate) use word::{MaybeDuration, MaybeInstant, OnceInstant};

/// Tells the time and waits for it. The default is tokio's, which stands still under
/// `#[tokio::test(start_paused = true)]`; one of your own is set with
/// [`Builder::clock`](crate::Builder::clock).
pub trait Clock: Send + Sync + 'static {
    /// Now. Never goes back. May be asked under a lock of the bus: must not use the bus.
    fn now(&self) -> Instant;

    /// What the wall clock shows: for what is due at a time of day.
    ///
    /// By default that of the system, moved by as much as `now()` is apart from the system's: a clock
    /// that stands still or is ahead shows the time that fits.
    fn system_time(&self) -> SystemTime {
        let (time, real, now) = (SystemTime::now(), Instant::now(), self.now());
        let moved = match now.checked_duration_since(real) {
            Some(ahead) => time.checked_add(ahead),
            None => time.checked_sub(real.saturating_duration_since(now)),
        };
        moved.unwrap_or(time)
    }

    /// Resolves when `now()` has reached `deadline`.
    fn sleep_until(&self, deadline: Instant) -> Sleep;
}

pin_project! {
    /// The future of [`Clock::sleep_until`].
    #[must_use = "a sleep does nothing unless it is awaited"]
    pub struct Sleep {
        #[pin]
        kind: Kind,
    }
}

pin_project! {
    #[project = KindProj]
    enum Kind {
        Tokio { #[pin] sleep: tokio::time::Sleep },
        Other { sleep: Pin<Box<dyn Future<Output = ()> + Send>> },
    }
}

impl Sleep {
    /// A sleep that is any future.
    pub fn new(future: impl Future<Output = ()> + Send + 'static) -> Self {
        Self { kind: Kind::Other { sleep: Box::pin(future) } }
    }
}

impl Future for Sleep {
    type Output = ();
    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        match self.project().kind.project() {
            KindProj::Tokio { sleep } => sleep.poll(task),
            KindProj::Other { sleep } => sleep.as_mut().poll(task),
        }
    }
}

impl fmt::Debug for Sleep {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Sleep")
    }
}

/// tokio's clock: the default.
#[derive(Debug, Clone, Copy, Default)]
pub struct TokioClock;

impl Clock for TokioClock {
    fn now(&self) -> Instant {
        tokio::time::Instant::now().into_std()
    }

    /// # Panics
    /// Outside a tokio runtime with its timers enabled.
    fn sleep_until(&self, deadline: Instant) -> Sleep {
        let sleep = tokio::time::sleep_until(tokio::time::Instant::from_std(deadline));
        Sleep { kind: Kind::Tokio { sleep } }
    }
}
