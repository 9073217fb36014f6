//! Filters: what decides before the queue whether an event enters, and before a handler whether it
//! is called.

mod combine;
mod limit;
mod select;
mod view;

use std::any::type_name;
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

pub use view::FilterView;

use crate::core::Core;
use crate::envelope::Envelope;
use crate::metrics::{Metrics, OTHERS};
use crate::pipeline::failure::panic_text;
use crate::registry::HandlerInfo;
use crate::sync::Sharded;

/// Filters that are ready to use: given to [`Builder::filter`](crate::Builder::filter), alone or
/// put together with [`and`](EventFilter::and), [`or`](EventFilter::or) and
/// [`not`](EventFilter::not).
///
/// ```
/// use bus::{Bus, Category, EventFilter, Rate, filters};
///
/// let bus = Bus::builder()
///     .filter(filters::name("metrics::*").not().or(filters::sample(0.1)))
///     .filter(filters::rate_limit(Rate::per_second(1_000)))
///     .filter(filters::sessions(["noisy"]).and(filters::category(Category::System)).not())
///     .build()?;
/// # Ok::<(), bus::BuildError>(())
/// ```
pub mod filters {
    pub use super::combine::{And, Named, Not, Or};
    pub use super::limit::{
        Debugged, Dedup, RateLimit, Sample, debug, dedup, rate_limit, rate_limit_by, sample,
    };
    pub use super::select::{
        HasHeader, InCategory, InSessions, NameLike, OfType, category, header, name, of_type,
        sessions,
    };
}

use filters::{And, Named, Not, Or};

/// Decides before the queue whether an event enters, or before a handler whether it is called. Runs
/// where the event is published, also in `try_publish`: must be quick, and cannot await. What it
/// keeps out is counted, and its publisher is told
/// ([`Outcome::Filtered`](crate::Outcome::Filtered)). The bus's own events are not filtered.
///
/// Those that are ready to use are in [`filters`]. A closure is a filter:
///
/// ```
/// use bus::{Bus, FilterView, event};
///
/// #[event]
/// struct Measured { celsius: f64 }
///
/// let sane = |event: &FilterView<'_>| {
///     event.get::<Measured>().is_none_or(|measured| measured.celsius > -273.15)
/// };
/// let bus = Bus::builder().filter(sane).build()?;
/// let published = bus.try_publish(Measured { celsius: -300.0 }).map_err(|e| e.to_string())?;
/// assert!(published.is_filtered());
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
pub trait EventFilter: Send + Sync + 'static {
    /// May the event enter? A panic fails this publish alone.
    fn accepts(&self, event: &FilterView<'_>) -> bool;

    /// Would the event enter? For [`Bus::explain`](crate::Bus::explain), which sends nothing: a filter
    /// that counts what it is asked, as a rate limit does, says so here without counting.
    fn would_accept(&self, event: &FilterView<'_>) -> bool {
        self.accepts(event)
    }

    /// The name in outcomes, counts and errors: that of the type, unless it says otherwise.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(type_name::<Self>())
    }

    /// Accepts what both accept. The other is asked only if this one accepts.
    fn and<F: EventFilter>(self, other: F) -> And<Self, F>
    where
        Self: Sized,
    {
        And(self, other)
    }

    /// Accepts what either accepts. The other is asked only if this one does not accept.
    fn or<F: EventFilter>(self, other: F) -> Or<Self, F>
    where
        Self: Sized,
    {
        Or(self, other)
    }

    /// Accepts what this one does not.
    fn not(self) -> Not<Self>
    where
        Self: Sized,
    {
        Not(self)
    }

    /// The same, with a name of its own.
    fn named(self, name: impl Into<Cow<'static, str>>) -> Named<Self>
    where
        Self: Sized,
    {
        Named(self, name.into())
    }
}

impl<F> EventFilter for F
where
    F: Fn(&FilterView<'_>) -> bool + Send + Sync + 'static,
{
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        self(event)
    }
}

/// Any filter.
#[derive(Clone)]
pub(crate) struct AnyFilter(pub(crate) Arc<dyn EventFilter>);

impl fmt::Debug for AnyFilter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&name_of(&*self.0))
    }
}

/// `#[filter] fn`, or that of `#[handler(filter = ..)]`.
#[derive(Clone, Copy)]
pub struct FilterFn {
    /// What it is called.
    pub name: &'static str,
    /// The function.
    pub accepts: fn(&FilterView<'_>) -> bool,
}

impl fmt::Debug for FilterFn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl EventFilter for FilterFn {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        (self.accepts)(event)
    }
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(self.name)
    }
}

/// A filter of the bus or of a handler, and what it has kept out.
pub(crate) struct Installed {
    filter: AnyFilter,
    filtered: AtomicU64,
    panicked: AtomicU64,
    /// What all of this name have kept out, with those that are gone. There when it is wired.
    series: Option<Arc<Sharded>>,
}

/// A filter, and what it has kept out: [`Bus::filters`](crate::Bus::filters).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct FilterStats {
    /// Its name.
    pub filter: Cow<'static, str>,
    /// The handler that it stands before; `None`: it stands before the queue.
    pub handler: Option<HandlerInfo>,
    /// How many events it has kept out.
    pub filtered: u64,
    /// How often it has panicked.
    pub panicked: u64,
}

impl Installed {
    pub(crate) fn new(filter: AnyFilter) -> Self {
        let (filtered, panicked) = (AtomicU64::new(0), AtomicU64::new(0));
        Self { filter, filtered, panicked, series: None }
    }

    pub(crate) fn name(&self) -> Cow<'static, str> {
        name_of(&*self.filter.0)
    }

    /// Counts in a series of its name, and of that of the handler that it stands before.
    pub(crate) fn wire(&mut self, metrics: &Metrics, handler: Option<&HandlerInfo>) {
        let before = handler.map(|handler| handler.name.clone()).unwrap_or_default();
        // One that stands before the bus shares none with those that stand before handlers.
        let others = handler.map(|_| OTHERS).unwrap_or_default();
        let others = (Cow::Borrowed(OTHERS), Cow::Borrowed(others));
        self.series = Some(metrics.filtered.of((self.name(), before), others));
    }

    pub(crate) fn stats(&self, handler: Option<&HandlerInfo>) -> FilterStats {
        FilterStats {
            filter: self.name(),
            handler: handler.cloned(),
            filtered: self.filtered.load(Ordering::Relaxed),
            panicked: self.panicked.load(Ordering::Relaxed),
        }
    }
}

impl fmt::Debug for Installed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats(None).fmt(f)
    }
}

/// Why an event does not enter.
#[derive(Debug)]
pub(crate) enum KeptOut {
    Filtered { by: Cow<'static, str> },
    Panicked { filter: Cow<'static, str>, message: String },
}

/// Asks the filters of the bus, in their order; the first that says no decides.
#[inline]
pub(crate) fn ask(core: &Core, event: &Envelope) -> Result<(), KeptOut> {
    for filter in &core.settings.filters {
        if let Err(kept_out) = filter.ask(core, event) {
            if let KeptOut::Filtered { .. } = kept_out {
                core.queue.filtered.count(1);
            }
            return Err(kept_out);
        }
    }
    Ok(())
}

impl Installed {
    pub(crate) fn ask(&self, core: &Core, event: &Envelope) -> Result<(), KeptOut> {
        let (filter, view) = (&*self.filter.0, FilterView::of(core, event));
        match catch_unwind(AssertUnwindSafe(|| filter.accepts(&view))) {
            Ok(true) => Ok(()),
            Ok(false) => {
                // A word, and no shards: a session may have one of its own.
                self.filtered.fetch_add(1, Ordering::Relaxed);
                self.series.iter().for_each(|series| series.count(1));
                Err(KeptOut::Filtered { by: name_of(filter) })
            }
            Err(panic) => {
                self.panicked.fetch_add(1, Ordering::Relaxed);
                let message = panic_text(&*panic);
                Err(KeptOut::Panicked { filter: name_of(filter), message })
            }
        }
    }
}

impl Installed {
    /// Its name, and whether it would let the event in. One that panics would not.
    pub(crate) fn peek(&self, view: &FilterView<'_>) -> (String, bool) {
        let filter = &*self.filter.0;
        let would = catch_unwind(AssertUnwindSafe(|| filter.would_accept(view)));
        (name_of(filter).into_owned(), would.unwrap_or(false))
    }
}

/// Its name is written by a user too.
fn name_of(filter: &dyn EventFilter) -> Cow<'static, str> {
    catch_unwind(AssertUnwindSafe(|| filter.name())).unwrap_or(Cow::Borrowed("a filter"))
}
