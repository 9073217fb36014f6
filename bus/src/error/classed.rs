//! An [`Error`] that says itself whether another attempt is of use.

use std::error::Error as StdError;
use std::fmt;
use std::time::Duration;

use super::Error;
use crate::resilience::ErrorClass;

/// An error and its class. Inside of the box, so that an [`Error`] without one is not larger for it; never
/// seen from outside.
struct Classed {
    class: ErrorClass,
    error: Box<dyn StdError + Send + Sync>,
}

/// # Classes
///
/// What the type of an error says with [`Classify`](crate::Classify), a single error can say itself:
///
/// ```
/// # fn parse(text: &str) -> bus::Result<u64> {
/// let number = text.parse().map_err(bus::Error::malformed)?;
/// if number == 13 {
///     return Err(bus::Error::permanent(bus::Error::msg("not that one")));
/// }
/// # Ok(number)
/// # }
/// ```
///
/// Text and source are those of the error inside.
impl Error {
    /// Of the class [`Permanent`](ErrorClass::Permanent): it is not tried again.
    pub fn permanent(error: impl Into<Self>) -> Self {
        Self::classed(ErrorClass::Permanent, error.into())
    }

    /// Of the class [`Transient`](ErrorClass::Transient): it may go well the next time.
    pub fn transient(error: impl Into<Self>) -> Self {
        Self::classed(ErrorClass::Transient, error.into())
    }

    /// Of the class [`Malformed`](ErrorClass::Malformed): the message is wrong, and will be.
    pub fn malformed(error: impl Into<Self>) -> Self {
        Self::classed(ErrorClass::Malformed, error.into())
    }

    /// Of the class [`Deferred`](ErrorClass::Deferred): not now, but after this long.
    pub fn deferred(error: impl Into<Self>, after: Duration) -> Self {
        Self::classed(ErrorClass::Deferred(after), error.into())
    }

    /// Of the class [`Discard`](ErrorClass::Discard): of no interest.
    pub fn discard(error: impl Into<Self>) -> Self {
        Self::classed(ErrorClass::Discard, error.into())
    }

    /// The class that it was given, if it was.
    #[must_use]
    pub fn class(&self) -> Option<ErrorClass> {
        self.as_classed().map(|classed| classed.class).or_else(|| known(self.inner()))
    }

    /// The last word counts.
    fn classed(class: ErrorClass, error: Self) -> Self {
        Self(Box::new(Classed { class, error: error.into_inner() }))
    }

    fn as_classed(&self) -> Option<&Classed> {
        self.0.downcast_ref()
    }

    /// The error, without what it says of its class.
    pub(super) fn inner(&self) -> &(dyn StdError + Send + Sync + 'static) {
        self.as_classed().map_or(&*self.0, |classed| &*classed.error)
    }

    pub(super) fn into_inner(self) -> Box<dyn StdError + Send + Sync> {
        match self.0.downcast::<Classed>() {
            Ok(classed) => classed.error,
            Err(error) => error,
        }
    }
}

/// The class of an error that has lost its type on the way, where that is a type of the bus's own.
#[cfg(feature = "testing")]
fn known(error: &(dyn StdError + Send + Sync + 'static)) -> Option<ErrorClass> {
    use crate::resilience::Classify;
    error.downcast_ref::<crate::testing::Fault>().map(Classify::class)
}
#[cfg(not(feature = "testing"))]
fn known(_: &(dyn StdError + Send + Sync + 'static)) -> Option<ErrorClass> {
    None
}

impl fmt::Display for Classed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
impl fmt::Debug for Classed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.error.fmt(f)
    }
}
impl StdError for Classed {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.error.source()
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::Error;
    use crate::resilience::ErrorClass;
    use std::error::Error as StdError;
    use std::time::Duration;

    #[derive(Debug, thiserror::Error)]
    #[error("no route")]
    struct NoRoute(#[source] std::fmt::Error);

    #[test]
    fn a_class_changes_nothing_else() {
        let plain = Error::from(NoRoute(std::fmt::Error));
        let classed = Error::permanent(NoRoute(std::fmt::Error));
        assert_eq!((plain.class(), classed.class()), (None, Some(ErrorClass::Permanent)));
        assert_eq!(classed.to_string(), plain.to_string());
        assert_eq!(format!("{classed:?} {classed:#?}"), format!("{plain:?} {plain:#?}"));
        assert_eq!(classed.chain(), plain.chain());
        assert!(classed.downcast_ref::<NoRoute>().is_some());
        assert!(classed.source().is_some_and(|source| source.is::<std::fmt::Error>()));
        let boxed: Box<dyn StdError + Send + Sync> = classed.into();
        assert!(boxed.is::<NoRoute>());
    }

    #[test]
    fn the_last_class_counts() {
        let text = Error::msg("busy");
        let later = Error::deferred(Error::transient(text), Duration::from_secs(5));
        assert_eq!(later.class(), Some(ErrorClass::Deferred(Duration::from_secs(5))));
        assert_eq!(later.to_string(), "busy");
        assert_eq!(Error::malformed(Error::discard(later)).class(), Some(ErrorClass::Malformed));
    }

    #[test]
    fn an_error_is_two_words() {
        assert_eq!(size_of::<Error>(), 2 * size_of::<usize>());
    }
}
