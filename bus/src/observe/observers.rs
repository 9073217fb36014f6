//! The observers of a bus: who is told, and whether anybody is.

use std::borrow::Cow;
use std::cell::Cell;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Weak};

use super::happening::Happening;
use super::observer::Observer;
use crate::bus::Bus;
use crate::core::Core;
use crate::pipeline::failure::panic_text;
use crate::pipeline::run::drop_users;
use crate::sync::{Mutex, lock};

/// Those of one bus.
#[derive(Default)]
pub(crate) struct Observers {
    /// Is one there that is switched on? All that a tap costs where none is.
    on: AtomicBool,
    /// In the order in which they were added. Copied when it changes, so that nobody is told under the lock.
    all: Mutex<Arc<[Arc<Entry>]>>,
}

struct Entry {
    /// There until this is dropped.
    observer: Option<Box<dyn Observer>>,
    name: Cow<'static, str>,
    lifecycle: bool,
    enabled: AtomicBool,
    panics: AtomicU64,
}

thread_local! {
    /// This thread is telling an observer.
    static TELLING: Cell<bool> = const { Cell::new(false) };
}

impl Observers {
    pub(crate) fn of(observers: Vec<Box<dyn Observer>>) -> Self {
        let this = Self::default();
        observers.into_iter().for_each(|observer| drop(this.add(observer)));
        this
    }

    /// Does somebody want to be told?
    #[inline]
    pub(crate) fn is_on(&self) -> bool {
        self.on.load(Ordering::Relaxed)
    }

    /// Tells those who want to know.
    #[cold]
    pub(super) fn tell(&self, happening: &Happening<'_>) {
        let Some(_telling) = Telling::begin() else { return };
        let all = Arc::clone(&lock(&self.all));
        for entry in all.iter().filter(|entry| entry.enabled.load(Ordering::Relaxed)) {
            if !happening.is_lifecycle() || entry.lifecycle {
                entry.tell(happening);
            }
        }
    }

    fn add(&self, observer: Box<dyn Observer>) -> Arc<Entry> {
        // Both are a user's code.
        let name = catch_unwind(AssertUnwindSafe(|| observer.name()));
        let lifecycle = catch_unwind(AssertUnwindSafe(|| observer.lifecycle()));
        let entry = Arc::new(Entry {
            observer: Some(observer),
            name: name.unwrap_or(Cow::Borrowed("an observer")),
            lifecycle: lifecycle.unwrap_or(false),
            enabled: AtomicBool::new(true),
            panics: AtomicU64::new(0),
        });
        self.change(|all| all.push(Arc::clone(&entry)));
        entry
    }

    /// The flag is set under the lock: it is always that of the last change.
    fn change(&self, change: impl FnOnce(&mut Vec<Arc<Entry>>)) {
        let mut all = lock(&self.all);
        let mut changed = all.to_vec();
        change(&mut changed);
        let is_on = changed.iter().any(|entry| entry.enabled.load(Ordering::Relaxed));
        let former = std::mem::replace(&mut *all, changed.into());
        self.on.store(is_on, Ordering::Relaxed);
        drop(all);
        // Not under the lock: it may be the last to hold an observer, whose destructor is a user's code.
        drop(former);
    }
}

impl Entry {
    fn tell(&self, happening: &Happening<'_>) {
        let Some(observer) = &self.observer else { return };
        let told = catch_unwind(AssertUnwindSafe(|| observer.observe(happening)));
        if let Err(panic) = told {
            let panics = self.panics.fetch_add(1, Ordering::Relaxed) + 1;
            // One that always panics is not to fill the log.
            if panics.is_power_of_two() {
                let (observer, panic) = (&*self.name, panic_text(&*panic));
                tracing::error!(observer, panic, panics, "an observer panicked");
            }
        }
    }
}

/// The last to hold an observer may be a thread that is just telling it, in the midst of a call.
impl Drop for Entry {
    fn drop(&mut self) {
        drop_users(self.observer.take());
    }
}

/// While an observer is told, what happens on this thread is its own doing.
struct Telling;

impl Telling {
    fn begin() -> Option<Self> {
        // A thread that is ending tells nobody any more.
        let was_telling = TELLING.try_with(|telling| telling.replace(true)).unwrap_or(true);
        (!was_telling).then_some(Self)
    }
}

impl Drop for Telling {
    fn drop(&mut self) {
        let _ = TELLING.try_with(|telling| telling.set(false));
    }
}

/// An observer that was added at run time. Dropping this changes nothing: the observer stays.
#[derive(Clone)]
pub struct ObserverHandle {
    core: Weak<Core>,
    entry: Arc<Entry>,
}

impl ObserverHandle {
    /// Takes the observer out. What is being told on other threads at this moment may still reach it. It is dropped by
    /// who is the last to have it, most often this call: one that waits for a file when it is dropped waits here.
    pub fn remove(self) {
        if let Some(core) = self.core.upgrade() {
            core.observers.change(|all| all.retain(|other| !Arc::ptr_eq(other, &self.entry)));
        }
    }

    /// Switches the observer on or off.
    pub fn set_enabled(&self, enabled: bool) {
        let set = || self.entry.enabled.store(enabled, Ordering::Relaxed);
        match self.core.upgrade() {
            Some(core) => core.observers.change(|_| set()),
            None => set(),
        }
    }

    /// Is the observer switched on?
    #[must_use]
    pub fn is_enabled(&self) -> bool {
        self.entry.enabled.load(Ordering::Relaxed)
    }

    /// How often it has panicked.
    #[must_use]
    pub fn panics(&self) -> u64 {
        self.entry.panics.load(Ordering::Relaxed)
    }
}

impl fmt::Debug for ObserverHandle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ObserverHandle")
            .field("name", &self.entry.name)
            .field("enabled", &self.is_enabled())
            .finish_non_exhaustive()
    }
}

/// An observer of a bus: [`Bus::observers`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct ObserverStats {
    /// Its name.
    pub name: Cow<'static, str>,
    /// Is it switched on?
    pub enabled: bool,
    /// How often it has panicked.
    pub panics: u64,
}

impl Bus {
    /// Adds an observer, which is told from now on. The handle switches it off and on, and takes it out
    /// again; it may be ignored.
    ///
    /// ```
    /// # use bus::{Bus, Happening};
    /// let bus = Bus::from_registered()?;
    /// let log = bus.observe(|happening: &Happening<'_>| println!("{happening}"));
    /// log.set_enabled(false);
    /// log.remove();
    /// # Ok::<(), bus::BuildError>(())
    /// ```
    pub fn observe(&self, observer: impl Observer) -> ObserverHandle {
        let core = self.core();
        let entry = core.observers.add(Box::new(observer));
        ObserverHandle { core: core.weak(), entry }
    }

    /// Its observers, in the order in which they were added.
    #[must_use]
    pub fn observers(&self) -> Vec<ObserverStats> {
        let all = Arc::clone(&lock(&self.core().observers.all));
        let stats = |entry: &Arc<Entry>| ObserverStats {
            name: entry.name.clone(),
            enabled: entry.enabled.load(Ordering::Relaxed),
            panics: entry.panics.load(Ordering::Relaxed),
        };
        all.iter().map(stats).collect()
    }
}
