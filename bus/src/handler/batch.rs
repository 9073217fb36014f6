//! `#[handler(batch = 100)]`: a handler of several events at once, with an outcome for each.

use std::fmt;
use std::sync::Arc;

use super::reply::IntoError;
use super::slot::Slot;
use crate::error::Error;
use crate::message::{Message, kind};

/// What became of the events of a batch: which have failed, and why. The others have not.
///
/// ```standalone_crate
/// use bus::{BatchOutcome, Bus, event, handler};
/// use std::sync::Arc;
///
/// #[event]
/// struct Measured { celsius: f64 }
///
/// #[handler(batch = 100)]
/// async fn store(events: &[Arc<Measured>]) -> BatchOutcome {
///     let mut outcome = BatchOutcome::all_ok();
///     for (at, event) in events.iter().enumerate() {
///         if event.celsius < -273.15 {
///             outcome.fail(at, bus::Error::msg("colder than anything"));
///         }
///     }
///     outcome
/// }
///
/// #[tokio::main(flavor = "current_thread")]
/// async fn main() -> Result<(), Box<dyn std::error::Error>> {
///     let bus = Bus::from_registered()?;
///     for celsius in [20.5, -300.0, 19.0] {
///         bus.publish(Measured { celsius }).await?;
///     }
///     let report = bus.shutdown().await;
///     assert_eq!((report.completed, report.failed), (2, 1));
///     Ok(())
/// }
/// ```
#[derive(Default)]
#[must_use = "what has failed is known to nobody else"]
pub struct BatchOutcome {
    pub(crate) failed: Vec<(usize, Error)>,
}

impl BatchOutcome {
    /// None has failed.
    pub fn all_ok() -> Self {
        Self::default()
    }

    /// The event at this place of the slice has failed. Of two errors for one event, the first counts. A
    /// place outside of the slice is a mistake in the handler: the whole batch has failed then.
    pub fn fail(&mut self, at: usize, error: impl Into<Error>) {
        self.failed.push((at, error.into()));
    }

    /// Has none failed?
    #[must_use]
    pub fn is_ok(&self) -> bool {
        self.failed.is_empty()
    }
}

impl<E: Into<Error>> FromIterator<Result<(), E>> for BatchOutcome {
    /// A result for each event, in the order of the slice.
    fn from_iter<I: IntoIterator<Item = Result<(), E>>>(results: I) -> Self {
        let failed = results.into_iter().enumerate();
        let failed = failed.filter_map(|(at, result)| Some((at, result.err()?.into())));
        Self { failed: failed.collect() }
    }
}

impl fmt::Debug for BatchOutcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BatchOutcome").field("failed", &self.failed).finish()
    }
}

/// What a batch handler gives back, or why all of it has failed.
pub(crate) type BatchAnswer = Result<BatchOutcome, Error>;
/// The slot of a batch handler of `M`.
pub type BatchSlotOf<M> = Slot<Batch<M>, BatchAnswer>;

/// What travels to a batch handler.
#[derive(Debug)]
pub struct Batch<M>(pub(crate) Vec<Arc<M>>);

impl<M> Batch<M> {
    /// The events, in order.
    #[must_use]
    pub fn events(&self) -> &[Arc<M>] {
        &self.0
    }
}

/// An element of the slice that a batch handler takes.
#[diagnostic::on_unimplemented(
    message = "a batch handler takes `&[Arc<Event>]`, not `&[{Self}]`",
    label = "expected `Arc<_>` of an event",
    note = "the events of a batch are shared with their other handlers, so each is in an `Arc`"
)]
pub trait BatchItem {
    /// The event.
    type Message: Message;
}
#[diagnostic::do_not_recommend]
impl<M: Message> BatchItem for Arc<M> {
    type Message = M;
}

/// The key `batch`, as a type.
#[derive(Debug)]
pub struct Batching(());

/// The key is for handlers of `M`, whose kind is `K`.
#[diagnostic::on_unimplemented(
    message = "`batch` is for a handler of events, but `{M}` is a command, which is executed alone",
    label = "remove `batch`",
    note = "to act on many things at once, put them into one command"
)]
pub trait BatchesEvents<K, M> {
    /// Named by the check that the macro emits beside the key.
    const CHECK: () = ();
}
impl<M> BatchesEvents<kind::Event, M> for Batching {}

/// What a batch handler may return.
#[diagnostic::on_unimplemented(
    message = "a batch handler cannot return `{Self}`",
    label = "not an outcome of a batch",
    note = "it returns nothing, `Result<(), E>`, `BatchOutcome` or `Result<BatchOutcome, E>`; a result for each event is collected: `results.into_iter().collect::<BatchOutcome>()`"
)]
pub trait IntoBatchOutcome {
    /// What became of the events.
    #[doc(hidden)]
    fn into_outcome(self) -> Result<BatchOutcome, Error>;
}
impl IntoBatchOutcome for () {
    fn into_outcome(self) -> BatchAnswer {
        Ok(BatchOutcome::all_ok())
    }
}
impl IntoBatchOutcome for BatchOutcome {
    fn into_outcome(self) -> BatchAnswer {
        Ok(self)
    }
}
impl<T: IntoBatchOutcome, X: IntoError<Error>> IntoBatchOutcome for Result<T, X> {
    fn into_outcome(self) -> BatchAnswer {
        self.map_err(IntoError::into_error)?.into_outcome()
    }
}
