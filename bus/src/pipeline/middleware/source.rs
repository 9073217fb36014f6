//! A handler with its message: what can be called, more than once if need be.

use std::any::Any;
use std::collections::BTreeMap;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::handler::batch::{BatchAnswer, BatchOutcome};
use crate::handler::slot::Begun;
use crate::message::any::OneOf;
use crate::message::keep::Keep;
use crate::message::kind::{Deliver, DeliverBatch, Erased, EventOutcome};
use crate::message::{MessageInfo, Takes};
use crate::pipeline::burial::{self, Kept};
use crate::pipeline::command::admission::slot_of;
use crate::pipeline::ended::Outcome;
use crate::pipeline::frame::Lender;
use crate::registry::plan::{Batching, Plan, SlotRef};
use crate::resilience::dead_letters::Again;
use crate::sync::{Mutex, lock};

/// A handler with its message. Behind `dyn`, so that what middleware do is compiled once for a type of answers, and
/// not for each message.
pub(crate) trait Source<O: Outcome>: Send {
    /// The message, unless it is gone.
    fn message(&self) -> Option<&dyn Any>;
    /// The events of a batch, where there is no one message: those that were not dropped.
    fn events(&self) -> Vec<&OneOf> {
        Vec::new()
    }
    /// The handler does not get this one of them.
    fn reject_event(&mut self, _at: usize, _reason: String) {}
    /// Sees to it that there can be more than one call.
    fn keep(&mut self) -> bool;
    /// Is the message gone?
    fn is_gone(&self) -> bool {
        false
    }
    /// What is needed for one call, apart; `None` when the message is gone.
    fn once(&mut self) -> Option<Box<dyn Source<O>>>;
    /// Calls the handler. The message must not be gone.
    fn begin(&mut self, lender: &Lender<'_>) -> Begun<O>;
}

/// An event is shared, and can always be handled again.
#[derive(Clone)]
pub(crate) struct EventSource {
    slot: SlotRef,
    deliver: Deliver,
    event: Erased,
}

impl EventSource {
    pub(crate) fn new(plan: &Plan, deliver: Deliver, event: &Erased) -> Self {
        Self { slot: plan.slot.clone(), deliver, event: Arc::clone(event) }
    }
}

impl Source<EventOutcome> for EventSource {
    fn message(&self) -> Option<&dyn Any> {
        Some(&*self.event)
    }
    fn keep(&mut self) -> bool {
        true
    }
    fn once(&mut self) -> Option<Box<dyn Source<EventOutcome>>> {
        Some(Box::new(self.clone()))
    }
    fn begin(&mut self, lender: &Lender<'_>) -> Begun<EventOutcome> {
        (self.deliver)(self.slot.get(), &self.event, lender)
    }
}

/// Several events, for a handler that takes batches.
#[derive(Clone)]
pub(crate) struct BatchSource {
    slot: SlotRef,
    deliver: DeliverBatch,
    events: Arc<[OneOf]>,
    left_out: Arc<Mutex<LeftOut>>,
}

/// The events of a batch that its handler does not get, by their places, and why.
#[derive(Default)]
pub(crate) struct LeftOut {
    pub(crate) places: BTreeMap<usize, Why>,
    /// How often the handler was called with the batch.
    pub(crate) calls: u32,
}

/// Why a handler does not get an event of its batch.
pub(crate) enum Why {
    /// A middleware says so.
    Rejected(String),
    /// It was dropped while the handler waited, which had got it so often before.
    Dropped { calls: u32 },
}

impl Why {
    /// How often the handler had got it before it was dropped.
    pub(crate) fn calls(&self) -> Option<u32> {
        match self {
            Self::Rejected(_) => None,
            Self::Dropped { calls } => Some(*calls),
        }
    }
}

impl LeftOut {
    /// The handler is called: with these, unless it gets all.
    pub(crate) fn call(&mut self, events: &[OneOf]) -> Option<Vec<OneOf>> {
        self.calls += 1;
        if self.places.is_empty() {
            return None;
        }
        let left = events.iter().enumerate().filter(|(at, _)| !self.places.contains_key(at));
        Some(left.map(|(_, event)| event.clone()).collect())
    }

    fn is_dropped(&self, at: usize) -> bool {
        matches!(self.places.get(&at), Some(Why::Dropped { .. }))
    }

    /// Its event is dropped.
    pub(crate) fn drop_event(&mut self, at: usize) {
        let calls = self.calls;
        self.places.entry(at).or_insert(Why::Dropped { calls });
    }
}

impl BatchSource {
    pub(crate) fn new(
        plan: &Plan,
        batching: Batching,
        events: Arc<[OneOf]>,
        left_out: &Arc<Mutex<LeftOut>>,
    ) -> Self {
        let (slot, left_out) = (plan.slot.clone(), Arc::clone(left_out));
        Self { slot, deliver: batching.deliver, events, left_out }
    }
}

impl Source<BatchAnswer> for BatchSource {
    fn message(&self) -> Option<&dyn Any> {
        None
    }
    fn events(&self) -> Vec<&OneOf> {
        let left_out = lock(&self.left_out);
        let events = self.events.iter().enumerate().filter(|(at, _)| !left_out.is_dropped(*at));
        events.map(|(_, event)| event).collect()
    }
    fn reject_event(&mut self, at: usize, reason: String) {
        let mut left_out = lock(&self.left_out);
        // As who rejects it counts them.
        let place = (0..self.events.len()).filter(|at| !left_out.is_dropped(*at)).nth(at);
        if let Some(place) = place {
            left_out.places.entry(place).or_insert(Why::Rejected(reason));
        }
    }
    fn keep(&mut self) -> bool {
        true
    }
    fn once(&mut self) -> Option<Box<dyn Source<BatchAnswer>>> {
        Some(Box::new(self.clone()))
    }
    fn begin(&mut self, lender: &Lender<'_>) -> Begun<BatchAnswer> {
        let left = lock(&self.left_out).call(&self.events);
        match left.as_deref() {
            None => (self.deliver)(self.slot.get(), &self.events, lender),
            Some([]) => Begun::Done(Ok(Ok(BatchOutcome::all_ok()))),
            Some(left) => (self.deliver)(self.slot.get(), left, lender),
        }
    }
}

/// A command of whatever type, and what is left of it.
pub(crate) trait CommandOf<O, E>: Source<Result<O, E>> + Kept
where
    Result<O, E>: Outcome,
{
}

/// A command is moved into its handler. It can be handled again if it is [kept](Keep).
pub(crate) struct CommandSource<C, O, E> {
    slot: SlotRef,
    takes: Takes,
    info: &'static MessageInfo,
    command: Keep<C>,
    reply: PhantomData<fn() -> Result<O, E>>,
}

impl<C, O, E> CommandSource<C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    pub(crate) fn new(plan: &Plan, command: Keep<C>) -> Self {
        let (slot, takes, info) = (plan.slot.clone(), plan.takes, plan.message);
        let mut source = Self { slot, takes, info, command, reply: PhantomData };
        if source.command.is_shared() {
            // A dead letter, whatever is said of this handler.
            source.command.keep(takes, info);
        }
        source
    }
}

impl<C, O, E> Kept for CommandSource<C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn take(&mut self) -> Option<(Erased, Arc<dyn Again>)> {
        burial::take::<C, O, E>(&mut self.command)
    }
    fn done(&mut self) {
        self.command.done();
    }
}

impl<C, O, E> Source<Result<O, E>> for CommandSource<C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    fn message(&self) -> Option<&dyn Any> {
        Some(self.command.get()?)
    }

    fn is_gone(&self) -> bool {
        self.command.get().is_none()
    }

    fn keep(&mut self) -> bool {
        self.command.keep(self.takes, self.info)
    }

    fn once(&mut self) -> Option<Box<dyn Source<Result<O, E>>>> {
        let command = Keep::of(self.command.next()?);
        let (slot, takes, info) = (self.slot.clone(), self.takes, self.info);
        Some(Box::new(Self { slot, takes, info, command, reply: PhantomData }))
    }

    fn begin(&mut self, lender: &Lender<'_>) -> Begun<Result<O, E>> {
        match self.command.next() {
            Some(command) => slot_of::<C, O, E>(&self.slot).begin(command, lender),
            None => unreachable!("what is called again was kept"),
        }
    }
}

impl<C, O, E> CommandOf<O, E> for CommandSource<C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
}
