//! A switch for what is outside: it fails when the test says so.

use std::sync::Arc;

use crate::resilience::{Classify, ErrorClass};
use crate::sync::{Mutex, lock};

/// A switch that a resource of a test asks before it does its work: a store, a transport, a service that can
/// fail on demand. A clone is the same switch.
///
/// ```
/// use bus::testing::{Fault, Faulty};
///
/// struct Store { faulty: Faulty }
/// impl Store {
///     fn save(&self) -> Result<(), Fault> {
///         self.faulty.check()?;
///         Ok(())
///     }
/// }
///
/// let faulty = Faulty::new("the store");
/// let store = Store { faulty: faulty.clone() };
/// faulty.fail_next(1);
/// assert_eq!(store.save().unwrap_err().to_string(), "the store has failed, as the test says");
/// assert!(store.save().is_ok());
/// assert_eq!(faulty.calls(), 2);
/// ```
#[derive(Debug, Clone)]
pub struct Faulty(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    name: String,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// How many calls go well before it fails.
    after: u64,
    /// How many calls fail then; `None`: all of them.
    failing: Option<u64>,
    permanent: bool,
    calls: u64,
    failed: u64,
}

/// [`Faulty`] was told to fail.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{name} has failed, as the test says")]
#[non_exhaustive]
pub struct Fault {
    /// What has failed.
    pub name: String,
    /// Is it of no use to try again?
    pub is_permanent: bool,
}

impl Classify for Fault {
    fn class(&self) -> ErrorClass {
        if self.is_permanent { ErrorClass::Permanent } else { ErrorClass::Transient }
    }
}

impl Faulty {
    /// One that does not fail yet. The name is told in its errors.
    #[must_use]
    pub fn new(name: impl Into<String>) -> Self {
        let state = State { failing: Some(0), ..State::default() };
        Self(Arc::new(Shared { name: name.into(), state: Mutex::new(state) }))
    }

    /// The next calls fail.
    pub fn fail_next(&self, calls: u64) {
        self.set(|state| (state.after, state.failing) = (0, Some(calls)));
    }

    /// All calls fail, until [`recover`](Self::recover).
    pub fn fail_always(&self) {
        self.set(|state| (state.after, state.failing) = (0, None));
    }

    /// So many calls go well, and all after them fail.
    pub fn fail_after(&self, calls: u64) {
        self.set(|state| (state.after, state.failing) = (calls, None));
    }

    /// Whether trying again is of use: it is, unless this says no. See [`Classify`]. A [`bus::Error`](crate::Error) that is
    /// made of a [`Fault`] keeps that; another error that holds one says itself what it is.
    pub fn permanently(&self, permanent: bool) {
        self.set(|state| state.permanent = permanent);
    }

    /// Nothing fails any more.
    pub fn recover(&self) {
        self.set(|state| (state.after, state.failing) = (0, Some(0)));
    }

    /// Counts a call, and says whether it fails.
    ///
    /// # Errors
    /// [`Fault`], when it was told so.
    pub fn check(&self) -> Result<(), Fault> {
        let mut state = lock(&self.0.state);
        state.calls += 1;
        if state.after > 0 {
            state.after -= 1;
            return Ok(());
        }
        match &mut state.failing {
            Some(0) => return Ok(()),
            Some(left) => *left -= 1,
            None => {}
        }
        state.failed += 1;
        Err(Fault { name: self.0.name.clone(), is_permanent: state.permanent })
    }

    /// How often it was asked.
    #[must_use]
    pub fn calls(&self) -> u64 {
        lock(&self.0.state).calls
    }

    /// How often it has failed.
    #[must_use]
    pub fn failed(&self) -> u64 {
        lock(&self.0.state).failed
    }

    fn set(&self, set: impl FnOnce(&mut State)) {
        set(&mut lock(&self.0.state));
    }
}
