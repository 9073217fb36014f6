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
use crate::pipeline::admission::{Admitted, CommandSlot};
use crate::pipeline::ended::Outcome;
use crate::pipeline::frame::Lender;
use crate::registry::plan::{Batching, Plan, SlotRef};
use crate::sync::{Mutex, lock};

/// A handler with its message.
pub(crate) trait Source: Send + Sized + 'static {
    type Outcome: Outcome;
    /// The message, unless it is gone.
    fn message(&self) -> Option<&dyn Any>;
    /// The events of a batch, where there is no one message.
    fn events(&self) -> &[OneOf] {
        &[]
    }
    /// The handler does not get this one of them.
    fn reject_event(&mut self, _at: usize, _reason: String) {}
    /// Sees to it that [`once`](Self::once) gives more than one.
    fn keep(&mut self) -> bool;
    /// Is the message gone?
    fn is_gone(&self) -> bool {
        false
    }
    /// What is needed for one call; `None` when the message is gone.
    fn once(&mut self) -> Option<Self>;
    /// Calls the handler.
    fn begin(self, lender: &Lender<'_>) -> Begun<Self::Outcome>;
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

impl Source for EventSource {
    type Outcome = EventOutcome;

    fn message(&self) -> Option<&dyn Any> {
        Some(&*self.event)
    }
    fn keep(&mut self) -> bool {
        true
    }
    fn once(&mut self) -> Option<Self> {
        Some(self.clone())
    }
    fn begin(self, lender: &Lender<'_>) -> Begun<EventOutcome> {
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
    /// It was dropped while the handler waited; had that got it before?
    Dropped { was_called: bool },
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

    /// Its event is dropped.
    pub(crate) fn drop_event(&mut self, at: usize) {
        let was_called = self.calls > 0;
        self.places.entry(at).or_insert(Why::Dropped { was_called });
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

impl Source for BatchSource {
    type Outcome = BatchAnswer;

    fn message(&self) -> Option<&dyn Any> {
        None
    }
    fn events(&self) -> &[OneOf] {
        &self.events
    }
    fn reject_event(&mut self, at: usize, reason: String) {
        if at < self.events.len() {
            lock(&self.left_out).places.entry(at).or_insert(Why::Rejected(reason));
        }
    }
    fn keep(&mut self) -> bool {
        true
    }
    fn once(&mut self) -> Option<Self> {
        Some(self.clone())
    }
    fn begin(self, lender: &Lender<'_>) -> Begun<BatchAnswer> {
        let left = lock(&self.left_out).call(&self.events);
        match left.as_deref() {
            None => (self.deliver)(self.slot.get(), &self.events, lender),
            Some([]) => Begun::Done(Ok(Ok(BatchOutcome::all_ok()))),
            Some(left) => (self.deliver)(self.slot.get(), left, lender),
        }
    }
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
    pub(crate) fn new(plan: &Plan, _: &Admitted<'_, C, O, E>, command: Keep<C>) -> Self {
        let (slot, takes, info) = (plan.slot.clone(), plan.takes, plan.message);
        let mut source = Self { slot, takes, info, command, reply: PhantomData };
        if source.command.is_shared() {
            // A dead letter, whatever is said of this handler.
            source.keep();
        }
        source
    }

    /// The command, unless its handler has it.
    pub(crate) fn into_command(self) -> Keep<C> {
        self.command
    }
}

impl<C, O, E> Source for CommandSource<C, O, E>
where
    C: Send + Sync + 'static,
    O: Send + 'static,
    E: Send + 'static,
{
    type Outcome = Result<O, E>;

    fn message(&self) -> Option<&dyn Any> {
        Some(self.command.get()?)
    }

    fn is_gone(&self) -> bool {
        self.command.get().is_none()
    }

    fn keep(&mut self) -> bool {
        self.command.keep(self.takes, self.info)
    }

    fn once(&mut self) -> Option<Self> {
        let command = Keep::of(self.command.next()?);
        let (slot, takes, info) = (self.slot.clone(), self.takes, self.info);
        Some(Self { slot, takes, info, command, reply: PhantomData })
    }

    fn begin(mut self, lender: &Lender<'_>) -> Begun<Result<O, E>> {
        let slot = self.slot.get().downcast_ref::<CommandSlot<C, O, E>>();
        match (slot, self.command.next()) {
            (Some(slot), Some(command)) => slot.begin(command, lender),
            _ => unreachable!("a command is called once, with the handler filed under its TypeId"),
        }
    }
}
