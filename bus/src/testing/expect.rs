//! Expectations: what has to have been published, and what must not. One that fails prints what happened.

use std::collections::BTreeSet;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::record::{Entry, Step};
use super::unrecorded::must_be_recorded;
use super::{Pending, TestBus};
use crate::message::{Command, Event, Message, MessageId};
use crate::registry::HandlerInfo;
use crate::registry::entry::HandlerType;

/// Events that were published, and fit all that was expected of them so far: [`TestBus::expect`]. Each step
/// narrows them down, and panics with the tree of what happened when none is left.
pub struct Expected<'b, E> {
    bus: &'b TestBus,
    found: Vec<Found<E>>,
    /// What was asked for, in words.
    what: String,
}

/// One of them, and the entry of its publishing.
struct Found<E> {
    id: MessageId,
    event: Arc<E>,
    entry: Entry,
}

impl TestBus {
    /// At least one event of this type was published.
    ///
    /// # Panics
    /// When there is none: with the tree of what happened. And, as all that is said of events, of those that are not
    /// recorded: the bus's own, and [`AnyEvent`](crate::AnyEvent).
    #[track_caller]
    pub fn expect<E: Event>(&self) -> Expected<'_, E> {
        must_be_recorded(<E as Message>::INFO);
        let found = |entry: Entry| Some(Found { id: entry.id?, event: entry.event()?, entry });
        let found: Vec<_> = self.published_entries::<E>().into_iter().filter_map(found).collect();
        let what = <E as Message>::INFO.short_name().to_owned();
        if found.is_empty() {
            self.fail(format_args!("expected {what}, and there was none"));
        }
        Expected { bus: self, found, what }
    }

    /// No event of this type was published. Only a bus that has [settled](Self::settle) can show that.
    ///
    /// # Panics
    /// When there is one: with the tree of what happened. And when the bus has not settled.
    #[track_caller]
    pub fn expect_none<E: Event>(&self) {
        must_be_recorded(<E as Message>::INFO);
        self.must_have_settled();
        let name = <E as Message>::INFO.short_name();
        let there = self.published_entries::<E>();
        if !there.is_empty() {
            let (count, all) = (there.len(), values(&there));
            self.fail(format_args!("expected no {name}, and there were {count}{all}"));
        }
    }

    /// So many events of this type were published, and no more; also none. Only a bus that has
    /// [settled](Self::settle) can show that.
    ///
    /// # Panics
    /// When there are more or fewer: with the tree of what happened. And when the bus has not settled.
    #[track_caller]
    pub fn expect_count<E: Event>(&self, count: usize) {
        must_be_recorded(<E as Message>::INFO);
        self.must_have_settled();
        let name = <E as Message>::INFO.short_name();
        let there = self.published_entries::<E>();
        if there.len() != count {
            let (were, all) = (there.len(), values(&there));
            self.fail(format_args!("expected {count}x {name}, and there were {were}{all}"));
        }
    }

    /// A command of this type was executed so often, and no more: its handler was called, and has come to its end, well or
    /// not. One that was refused or answered before that does not count. Only a bus that has [settled](Self::settle) can
    /// show that.
    ///
    /// # Panics
    /// When it was not: with the tree of what happened. And when the bus has not settled.
    #[track_caller]
    pub fn expect_executed<C: Command>(&self, times: usize) {
        self.must_have_settled();
        let executed = |entry: &&Entry| {
            let was_called = matches!(entry.step, Step::Executed { attempts: 1.., .. });
            was_called && entry.is_of::<C>()
        };
        let count = self.recent().iter().filter(executed).count();
        if count != times {
            let name = <C as Message>::INFO.short_name();
            self.fail(format_args!("expected {name} to be executed {times}x, and it was {count}x"));
        }
    }

    /// A handler has given up on a message of this type.
    ///
    /// # Panics
    /// When none has: with the tree of what happened.
    #[track_caller]
    pub fn expect_dead_letter<M: Message>(&self) {
        must_be_recorded(M::INFO);
        let buried =
            |entry: &Entry| entry.is_of::<M>() && matches!(entry.step, Step::DeadLettered { .. });
        if !self.recent().iter().any(buried) {
            let name = M::INFO.short_name();
            self.fail(format_args!("expected a dead letter of {name}, and there was none"));
        }
    }

    /// These events, by the names of their types, and no others, in this order.
    #[doc(hidden)]
    #[track_caller]
    pub fn expect_types(&self, expected: &[&'static crate::MessageInfo], in_order: bool) {
        expected.iter().for_each(|message| must_be_recorded(message));
        self.must_have_settled();
        let recent = self.recent();
        let published = recent.iter().filter(|entry| entry.is_published());
        let mut there: Vec<_> = published.filter_map(|entry| entry.message).collect();
        let mut expected = expected.to_vec();
        let names = |all: &[&'static crate::MessageInfo]| {
            let names: Vec<_> = all.iter().map(|message| message.short_name()).collect();
            format!("[{}]", names.join(", "))
        };
        let said = (names(&expected), names(&there));
        if !in_order {
            expected.sort_by_key(|message| message.name());
            there.sort_by_key(|message| message.name());
        }
        let same = expected.len() == there.len()
            && expected.iter().zip(&there).all(|(a, b)| a.type_id() == b.type_id());
        if !same {
            let order = if in_order { "" } else { ", in any order," };
            self.fail(format_args!(
                "expected exactly {}{order} to be published, and it was {}",
                said.0, said.1
            ));
        }
    }

    /// The events of this type that were published.
    ///
    /// # Panics
    /// When they are not recorded: the bus's own, and [`AnyEvent`](crate::AnyEvent).
    #[must_use]
    #[track_caller]
    pub fn published<E: Event>(&self) -> Vec<Arc<E>> {
        must_be_recorded(<E as Message>::INFO);
        self.published_entries::<E>().iter().filter_map(Entry::event).collect()
    }

    pub(super) fn published_entries<E: Event>(&self) -> Vec<Entry> {
        let mut recent = self.recent();
        recent.retain(|entry| entry.is_published() && entry.is_of::<E>());
        recent
    }

    #[track_caller]
    pub(super) fn must_have_settled(&self) {
        if !self.is_settled() {
            let unsettled = self.unsettled();
            // What it takes to settle it is said: no riddle is made of it.
            let goes_on = fmt::from_fn(|f| unsettled.goes_on(f, ""));
            self.fail(format_args!(
                "that something has not happened can be said only when the bus has settled: \
                 `bus.settle().await` comes before{goes_on}"
            ));
        }
    }

    /// Fails the test, with what happened.
    #[track_caller]
    pub(super) fn fail(&self, why: fmt::Arguments<'_>) -> ! {
        panic!("{why}\n{}", self.what_happened())
    }

    pub(super) fn tree_so_far(&self) -> String {
        let mut text = String::from("what happened:\n");
        let tree = self.recorder.tree_since(self.mark());
        tree.lines().for_each(|line| text.extend(["  ", line, "\n"]));
        text
    }

    pub(super) fn what_happened(&self) -> String {
        let mut text = self.tree_so_far();
        if !self.is_settled() && self.untaken() == 0 {
            text.push_str("the bus has not settled: `bus.settle().await` waits until it has\n");
        }
        for pending in self.pending() {
            text.extend([Pending::to_string(&pending), "\n".to_owned()]);
        }
        if let Some(due) = self.next_due() {
            text.push_str(&format!("the next is due in {due:?}: `bus.advance(..)`\n"));
        }
        if let Some(seed) = self.seed {
            text.push_str(&format!("its handlers were interleaved by seed {seed}\n"));
        }
        text
    }
}

#[allow(clippy::return_self_not_must_use, reason = "each step is an assertion")]
impl<E: Event> Expected<'_, E> {
    /// Those of which this is true. At least one is.
    #[track_caller]
    pub fn with(self, is_so: impl Fn(&E) -> bool) -> Self {
        self.narrowed("that fits the condition", |found| is_so(&found.event))
    }

    /// Those that a handler of a message of this type has sent itself: not what followed from that.
    #[track_caller]
    pub fn caused_by<M: Message>(self) -> Self {
        must_be_recorded(M::INFO);
        let all = self.bus.record();
        // What a handler of several events sends has the run for its parent, and is caused by each of them.
        let ids = all.iter().filter(|entry| entry.is_of::<M>()).map(|entry| match entry.step {
            Step::Handling { batch: Some(run), .. } => Some(run),
            _ => entry.id,
        });
        let parents: BTreeSet<MessageId> = ids.flatten().collect();
        let what = format!("sent by a handler of {}", M::INFO.short_name());
        self.narrowed(&what, |found| found.entry.parent.is_some_and(|id| parents.contains(&id)))
    }

    /// Those that were published at this time, by the clock of the test: so long after it began. One that was scheduled
    /// is published when it is due.
    #[track_caller]
    pub fn at(self, time: Duration) -> Self {
        if !self.found.iter().any(|found| found.entry.at == time) {
            let (what, others) = (&self.what, listed(self.found.iter().map(|found| &found.entry)));
            self.bus.fail(format_args!("expected {what} at +{time:?}, and there was none{others}"));
        }
        self.narrowed(&format!("at +{time:?}"), |found| found.entry.at == time)
    }

    /// Those that this handler was called with, and has handled well: `.handled_by::<ship>()`.
    #[track_caller]
    pub fn handled_by<H: HandlerType>(self) -> Self {
        let meta = &H::ENTRY.meta;
        // Another module may have a function of the same name.
        let is_it = |handler: &HandlerInfo| {
            (&*handler.name, handler.module, handler.line) == (meta.name, meta.module, meta.line)
        };
        let all = self.bus.record();
        let handled = |id: MessageId| {
            let mut of_event = all.iter().filter(|entry| entry.id == Some(id));
            of_event.any(|entry| {
                matches!(entry.step, Step::Handled { attempts: 1.., error: None, .. })
                    && entry.handler.as_ref().is_some_and(is_it)
            })
        };
        self.narrowed(&format!("handled by {}", meta.name), |found| handled(found.id))
    }

    #[track_caller]
    fn narrowed(self, what: &str, is_so: impl Fn(&Found<E>) -> bool) -> Self {
        let Self { bus, found, what: before } = self;
        let what = format!("{before} {what}");
        let (found, others): (Vec<_>, Vec<_>) = found.into_iter().partition(is_so);
        if found.is_empty() {
            let others = values(others.iter().map(|found| &found.entry));
            bus.fail(format_args!("expected {what}, and there was none{others}"));
        }
        Self { bus, found, what }
    }

    /// There are so many of them, and no more: only a bus that has [settled](TestBus::settle) can show that. At least one:
    /// that there is none is said by [`expect_none`](TestBus::expect_none), or [`expect_count`](TestBus::expect_count).
    #[track_caller]
    pub fn times(self, times: usize) -> Self {
        if times == 0 {
            let why = "`times(0)` comes after there was one: `expect_none` says that there is none";
            self.bus.fail(format_args!("{why}"));
        }
        self.bus.must_have_settled();
        let (count, what) = (self.found.len(), &self.what);
        if count != times {
            let all = values(self.found.iter().map(|found| &found.entry));
            self.bus.fail(format_args!("expected {times}x {what}, and there were {count}{all}"));
        }
        self
    }

    /// There is one of them.
    #[track_caller]
    pub fn once(self) -> Self {
        self.times(1)
    }

    /// The first of them.
    #[must_use]
    pub fn event(&self) -> Arc<E> {
        Arc::clone(&self.found[0].event)
    }

    /// All of them, in the order in which they were published.
    #[must_use]
    pub fn events(&self) -> Vec<Arc<E>> {
        self.found.iter().map(|found| Arc::clone(&found.event)).collect()
    }

    /// When the first of them was published, by the clock of the test: how long after it began.
    #[must_use]
    pub fn time(&self) -> Duration {
        self.found[0].entry.at
    }

    /// The id of the first of them.
    #[must_use]
    pub fn id(&self) -> MessageId {
        self.found[0].id
    }
}

impl<E> fmt::Debug for Expected<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Expected({}x {})", self.found.len(), self.what)
    }
}

/// A list of so many at most: the tree has the rest.
const LISTED: usize = 10;

/// The events that were looked at, a line for each, where their type is `Debug`.
pub(super) fn values<'e>(entries: impl IntoIterator<Item = &'e Entry>) -> String {
    let is_debug = |entry: &&Entry| entry.message.is_some_and(|info| info.capabilities().debug);
    listed(entries.into_iter().filter(is_debug))
}

fn listed<'e>(entries: impl Iterator<Item = &'e Entry>) -> String {
    list(entries.map(|entry| entry.shown() + &entry.shown_time()))
}

/// `:`, and a line for each.
pub(super) fn list(lines: impl Iterator<Item = String>) -> String {
    let (mut text, mut more) = (String::new(), 0);
    for (n, line) in lines.enumerate() {
        if n < LISTED {
            let before = if n == 0 { ":\n  " } else { "\n  " };
            text.extend([before, &line]);
        } else {
            more += 1;
        }
    }
    if more > 0 {
        text.push_str(&format!("\n  and {more} more"));
    }
    text
}

/// Exactly these events were published, and no others, in this order:
/// `expect_exactly!(bus, Placed, Shipped)`; or in any: `expect_exactly!(bus, in any order, Placed, Shipped)`.
/// The bus must have [settled](crate::testing::TestBus::settle).
///
/// # Panics
/// When it was otherwise: with the tree of what happened.
#[macro_export]
#[doc(hidden)]
macro_rules! __expect_exactly {
    ($bus:expr, in any order $(, $event:ty)* $(,)?) => {
        $bus.expect_types(&[$(<$event as $crate::Message>::INFO),*], false)
    };
    ($bus:expr $(, $event:ty)* $(,)?) => {
        $bus.expect_types(&[$(<$event as $crate::Message>::INFO),*], true)
    };
}
