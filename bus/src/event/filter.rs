//! Filters: what decides before the queue whether an event enters.

use std::any::{Any, type_name};
use std::borrow::Cow;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::{Event, MessageId, MessageInfo};
use crate::pipeline::options::{Headers, Principal};
use crate::pipeline::run::panic_text;
use crate::session::SessionId;

/// Decides before the queue whether an event enters. Runs where the event is published, also in
/// `try_publish`: must be quick, and cannot await. What it keeps out is counted, and its publisher
/// is told ([`Outcome::Filtered`](crate::Outcome::Filtered)). The bus's own events are not
/// filtered.
///
/// A closure is a filter:
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

    /// The name in outcomes and errors: that of the type, unless it says otherwise.
    fn name(&self) -> Cow<'static, str> {
        Cow::Borrowed(type_name::<Self>())
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

/// An event, as a filter sees it.
pub struct FilterView<'a>(&'a Envelope);

impl FilterView<'_> {
    /// The event, if it is of type `E`.
    #[must_use]
    pub fn get<E: Event>(&self) -> Option<&E> {
        let event: &dyn Any = &*self.0.event;
        event.downcast_ref()
    }

    /// What is known of its type: the name, the category.
    #[must_use]
    pub fn info(&self) -> &'static MessageInfo {
        self.0.info
    }

    /// The id that it will have.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.0.id
    }

    /// The headers that it is published with.
    #[must_use]
    pub fn headers(&self) -> &Headers {
        self.0.head.as_ref().map_or(Headers::NONE, |head| &head.headers)
    }

    /// The id of the session that it is published in; [`SessionId::BUS`] outside sessions.
    #[must_use]
    pub fn session_id(&self) -> SessionId {
        self.0.session_id()
    }

    /// On whose behalf it is published.
    #[must_use]
    pub fn principal(&self) -> Option<&Principal> {
        let own = self.0.head.as_ref().and_then(|head| head.principal.as_ref());
        own.or_else(|| self.0.origin.as_ref().and_then(|origin| origin.principal.as_ref()))
    }
}

impl fmt::Debug for FilterView<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "FilterView({} {})", self.0.info.name(), self.0.id)
    }
}

/// Why an event does not enter.
#[derive(Debug)]
pub(crate) enum KeptOut {
    Filtered { by: Cow<'static, str> },
    Panicked { filter: Cow<'static, str>, message: String },
}

/// Asks the filters, in the order in which they were given; the first that says no decides.
#[inline]
pub(crate) fn ask(core: &Core, envelope: &Envelope) -> Result<(), KeptOut> {
    let view = FilterView(envelope);
    for filter in &core.settings.filters {
        match catch_unwind(AssertUnwindSafe(|| filter.accepts(&view))) {
            Ok(true) => {}
            Ok(false) => {
                core.queue.filtered.add(1);
                return Err(KeptOut::Filtered { by: filter.name() });
            }
            Err(panic) => {
                let message = panic_text(&*panic);
                return Err(KeptOut::Panicked { filter: filter.name(), message });
            }
        }
    }
    Ok(())
}
