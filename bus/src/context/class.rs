//! What the error of a run says of another attempt, noted before the error loses its type.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use super::Context;
use crate::resilience::ErrorClass;

/// A class, or none yet. In one word, as a context is moved on the hot path.
#[derive(Default)]
pub(super) struct ClassCell(AtomicU64);

/// From here on it is the number of nanoseconds that the message is deferred by.
const DEFERRED: u64 = 5;

impl ClassCell {
    fn set(&self, class: ErrorClass) {
        let word = match class {
            ErrorClass::Transient => 1,
            ErrorClass::Permanent => 2,
            ErrorClass::Malformed => 3,
            ErrorClass::Discard => 4,
            // Centuries are enough.
            ErrorClass::Deferred(after) => {
                u64::try_from(after.as_nanos()).unwrap_or(u64::MAX).saturating_add(DEFERRED)
            }
        };
        // It is read by whoever has the answer, which orders the two.
        self.0.store(word, Ordering::Relaxed);
    }

    fn get(&self) -> Option<ErrorClass> {
        Some(match self.0.load(Ordering::Relaxed) {
            0 => return None,
            1 => ErrorClass::Transient,
            2 => ErrorClass::Permanent,
            3 => ErrorClass::Malformed,
            4 => ErrorClass::Discard,
            deferred => ErrorClass::Deferred(Duration::from_nanos(deferred - DEFERRED)),
        })
    }
}

impl Context {
    /// The handler has failed with an error of this class. Called by generated code.
    #[doc(hidden)]
    pub fn note_class(&self, class: ErrorClass) {
        self.class.set(class);
    }

    /// The class of the error that the handler has failed with, where one is known.
    pub(crate) fn class(&self) -> Option<ErrorClass> {
        self.class.get()
    }
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::ClassCell;
    use crate::resilience::ErrorClass;
    use std::time::Duration;

    #[test]
    fn each_class_comes_back_as_it_was() {
        let cell = ClassCell::default();
        assert_eq!(cell.get(), None);
        for class in [
            ErrorClass::Transient,
            ErrorClass::Permanent,
            ErrorClass::Malformed,
            ErrorClass::Discard,
            ErrorClass::Deferred(Duration::ZERO),
            ErrorClass::Deferred(Duration::from_nanos(1)),
            ErrorClass::Deferred(Duration::from_secs(86_400)),
        ] {
            cell.set(class);
            assert_eq!(cell.get(), Some(class));
        }
        cell.set(ErrorClass::Deferred(Duration::MAX));
        let Some(ErrorClass::Deferred(long)) = cell.get() else { panic!("it is deferred") };
        assert!(long > Duration::from_secs(86_400 * 365 * 500), "{long:?}");
    }
}
