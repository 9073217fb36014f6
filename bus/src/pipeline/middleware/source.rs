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
    rejected: Rejected,
}

/// The events of a batch that its handler does not get, by their places, and why.
pub(crate) type Rejected = Arc<Mutex<BTreeMap<usize, String>>>;

impl BatchSource {
    pub(crate) fn new(
        plan: &Plan,
        batching: Batching,
        events: Arc<[OneOf]>,
        rejected: &Rejected,
    ) -> Self {
        let (slot, rejected) = (plan.slot.clone(), Arc::clone(rejected));
        Self { slot, deliver: batching.deliver, events, rejected }
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
            lock(&self.rejected).entry(at).or_insert(reason);
        }
    }
    fn keep(&mut self) -> bool {
        true
    }
    fn once(&mut self) -> Option<Self> {
        Some(self.clone())
    }
    fn begin(self, lender: &Lender<'_>) -> Begun<BatchAnswer> {
        let rejected = lock(&self.rejected);
        if rejected.is_empty() {
            drop(rejected);
            return (self.deliver)(self.slot.get(), &self.events, lender);
        }
        let left = self.events.iter().enumerate().filter(|(at, _)| !rejected.contains_key(at));
        let left: Vec<_> = left.map(|(_, event)| event.clone()).collect();
        drop(rejected);
        if left.is_empty() {
            return Begun::Done(Ok(Ok(BatchOutcome::all_ok())));
        }
        (self.deliver)(self.slot.get(), &left, lender)
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
