//! Who is told of what happens on a bus.

use std::any::type_name;
use std::borrow::Cow;

use super::happening::Happening;

/// Is told of everything that happens on a bus, on the thread on which it happens: must be quick, and must
/// not block. Added with [`Builder::observer`](crate::Builder::observer), or at run time with
/// [`Bus::observe`](crate::Bus::observe). A closure is an observer.
///
/// It cannot change what happens; what has to is a [`Middleware`](crate::Middleware). One that panics is
/// logged and counted, and disturbs nobody. What it does on a bus itself while it is told is told to no
/// observer: else one that publishes would be told for ever.
///
/// What follows from one another on one thread is told in that order. On several threads, a handler may be
/// told to begin before its event is told to be queued: the ids say what belongs together.
///
/// ```
/// use bus::{Bus, Happening, What, event};
/// use std::sync::Arc;
/// use std::sync::atomic::{AtomicU64, Ordering};
///
/// #[event]
/// struct Moved;
///
/// let published = Arc::new(AtomicU64::new(0));
/// let count = Arc::clone(&published);
/// let bus = Bus::builder()
///     .observer(move |happening: &Happening<'_>| {
///         if let What::Published { .. } = happening.what() {
///             count.fetch_add(1, Ordering::Relaxed);
///         }
///     })
///     .build()?;
/// bus.try_publish(Moved)?;
/// assert_eq!(published.load(Ordering::Relaxed), 1);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait Observer: Send + Sync + 'static {
    /// Something happens.
    fn observe(&self, happening: &Happening<'_>);

    /// Does it want to hear of the bus's own events, and of what their handlers do, too? Asked once, when it
    /// is added.
    fn lifecycle(&self) -> bool {
        false
    }

    /// The name in logs and lists: that of the type, unless it says otherwise. Asked once, when it is added.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(type_name::<Self>())
    }
}

impl<F> Observer for F
where
    F: Fn(&Happening<'_>) + Send + Sync + 'static,
{
    fn observe(&self, happening: &Happening<'_>) {
        self(happening);
    }
}
