//! Choosing dead letters.

use std::fmt;
use std::sync::Arc;
use std::time::SystemTime;

use super::{CauseKind, DeadLetterEntry, DeadLetters};
use crate::message::Message;
use crate::session::{IntoSessionId, SessionId};

/// Which dead letters: those that pass all that is said here; all of them when nothing is. Where a single
/// question is enough, a closure does as well: see [`DeadLetters::filter`].
///
/// ```
/// use bus::{Bus, CauseKind, Select, event};
///
/// #[event]
/// struct Rang;
///
/// let bus = Bus::builder().build()?;
/// let stuck = Select::new().of::<Rang>().cause(CauseKind::TimedOut).handler("answer");
/// assert!(bus.dead_letters().filter(stuck).is_empty());
/// # Ok::<(), bus::BuildError>(())
/// ```
#[derive(Clone, Default)]
#[must_use = "it only says which"]
pub struct Select(Vec<Arc<Question>>);

type Question = dyn Fn(&DeadLetterEntry) -> bool + Send + Sync;

impl Select {
    /// All of them.
    pub fn new() -> Self {
        Self::default()
    }

    /// Those whose message is of this type.
    pub fn of<M: Message>(self) -> Self {
        self.matching(|entry| entry.message::<M>().is_some())
    }

    /// Those whose message has this name.
    pub fn message(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.matching(move |entry| entry.message == name)
    }

    /// Those of the handlers of this name.
    pub fn handler(self, name: impl Into<String>) -> Self {
        let name = name.into();
        self.matching(move |entry| *entry.handler.name == *name)
    }

    /// Those that are here for a cause of this kind.
    pub fn cause(self, kind: CauseKind) -> Self {
        self.matching(move |entry| entry.cause.kind() == kind)
    }

    /// Those that were sent in this session; [`SessionId::BUS`] for those outside sessions.
    pub fn session(self, id: impl IntoSessionId) -> Self {
        let id: SessionId = id.into();
        self.matching(move |entry| entry.session_id == id)
    }

    /// Those whose handler was called last at this time or later.
    pub fn since(self, time: SystemTime) -> Self {
        self.matching(move |entry| entry.last_attempted >= time)
    }

    /// Those whose handler was called last before this time.
    pub fn until(self, time: SystemTime) -> Self {
        self.matching(move |entry| entry.last_attempted < time)
    }

    /// Those that pass. Called by whoever asks for the letters, while nothing is locked.
    pub fn matching(
        mut self,
        passes: impl Fn(&DeadLetterEntry) -> bool + Send + Sync + 'static,
    ) -> Self {
        self.0.push(Arc::new(passes));
        self
    }

    pub(super) fn passes(&self, entry: &DeadLetterEntry) -> bool {
        self.0.iter().all(|passes| passes(entry))
    }
}

impl fmt::Debug for Select {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Select({} questions)", self.0.len())
    }
}

/// What chooses dead letters: a [`Select`], or a closure that takes a `&DeadLetterEntry`.
#[diagnostic::on_unimplemented(
    message = "`{Self}` does not choose dead letters",
    label = "expected a `bus::Select`, or a closure `|entry: &bus::DeadLetterEntry| -> bool`"
)]
pub trait IntoSelect {
    /// As a [`Select`].
    fn into_select(self) -> Select;
}

impl IntoSelect for Select {
    fn into_select(self) -> Select {
        self
    }
}
#[diagnostic::do_not_recommend]
impl<F: Fn(&DeadLetterEntry) -> bool + Send + Sync + 'static> IntoSelect for F {
    fn into_select(self) -> Select {
        Select::new().matching(self)
    }
}

/// The dead letters that pass a [`Select`]: [`DeadLetters::filter`]. Each verb looks anew which those are.
#[derive(Clone)]
pub struct Selected<'a> {
    pub(super) letters: DeadLetters<'a>,
    pub(super) select: Select,
}

impl Selected<'_> {
    /// These, the oldest first.
    #[must_use]
    pub fn list(&self) -> Vec<DeadLetterEntry> {
        let mut all = self.letters.core().dead_letters.all();
        all.retain(|entry| self.select.passes(entry));
        all
    }

    /// How many there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.list().len()
    }

    /// Is there none?
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.list().is_empty()
    }

    /// Throws these away; returns how many. What is being retried stays. What they have held up is run
    /// now, in the background.
    pub fn discard(&self) -> usize {
        let ids: Vec<_> = self.list().iter().map(|entry| entry.id).collect();
        self.letters.discard_all(&ids)
    }
}

impl fmt::Debug for Selected<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Selected").field("select", &self.select).finish_non_exhaustive()
    }
}
