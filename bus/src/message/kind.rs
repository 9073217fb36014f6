//! The two kinds of message, and what follows from the kind: how a message is carried to its
//! handlers, what comes back, and whether the dispatcher may deliver it.

use std::any::Any;
use std::borrow::Borrow;
use std::marker::PhantomData;
use std::sync::Arc;

use crate::error::Error;
use crate::handler::batch::{Batch, BatchAnswer, BatchSlotOf};
use crate::handler::slot::{Begun, Slot};
use crate::message::Message;
use crate::message::any::{About, OneOf};
use crate::message::carrier::{Moved, Shared};
use crate::pipeline::frame::Lender;

/// A command, with its reply types inside: `#[handler]` needs to name nothing but the message.
#[derive(Debug)]
pub struct Command<O, E>(PhantomData<fn() -> (O, E)>);

/// An event.
#[derive(Debug)]
pub struct Event(());

/// How a message of this kind reaches its handlers and what comes back.
pub trait Kind<M> {
    /// Exactly one handler?
    const IS_COMMAND: bool;
    /// Starts one handler of an event that has lost its type in the queue. A command never does.
    const DELIVER: Option<Deliver>;
    /// What is given to a handler: the command itself, or a share of the event.
    type Carrier: Borrow<M>;
    /// What a handler gives back.
    type Outcome;
}

/// What [`Carrier`](Kind::Carrier) is for `M`.
pub type Carrier<M> = <<M as Message>::Kind as Kind<M>>::Carrier;
/// What [`Outcome`](Kind::Outcome) is for `M`.
pub type Outcome<M> = <<M as Message>::Kind as Kind<M>>::Outcome;
/// An event whose type only its handlers know.
pub type Erased = Arc<dyn Any + Send + Sync>;
/// What a handler of an event gives back.
pub type EventOutcome = Result<(), Error>;
/// Starts the handler in the slot with the event.
pub type Deliver = fn(&(dyn Any + Send + Sync), &Erased, &Lender<'_>) -> Begun<EventOutcome>;

/// Starts the batch handler in the slot with the events.
pub type DeliverBatch = fn(&(dyn Any + Send + Sync), &[OneOf], &Lender<'_>) -> Begun<BatchAnswer>;

impl<M: Message, O: Answer, E: Answer> Kind<M> for Command<O, E> {
    const IS_COMMAND: bool = true;
    const DELIVER: Option<Deliver> = None;
    type Carrier = Moved<M>;
    type Outcome = Result<O, E>;
}

/// What a command may be answered with: it is handed from the handler's task to the caller's.
#[diagnostic::on_unimplemented(
    message = "a command cannot be answered with `{Self}`: an answer crosses threads",
    label = "the `output` and the `error` of a command are `Send + 'static`"
)]
pub trait Answer: Send + 'static {}
#[diagnostic::do_not_recommend]
impl<T: Send + 'static> Answer for T {}

impl<M: Message> Kind<M> for Event {
    const IS_COMMAND: bool = false;
    const DELIVER: Option<Deliver> = Some(deliver::<M>);
    type Carrier = Shared<M>;
    type Outcome = EventOutcome;
}

/// [`DeliverBatch`] for `M`.
pub(crate) fn deliver_batch<M: Message>(
    slot: &(dyn Any + Send + Sync),
    events: &[OneOf],
    lender: &Lender<'_>,
) -> Begun<BatchAnswer> {
    let slot = slot.downcast_ref::<BatchSlotOf<M>>();
    let events: Option<Vec<_>> = events.iter().map(|event| About::one_of(event).typed()).collect();
    match (slot, events) {
        (Some(slot), Some(events)) => slot.begin(Batch(events), lender),
        _ => unreachable!("events and their handlers are filed under one TypeId"),
    }
}

fn deliver<M: Message>(
    slot: &(dyn Any + Send + Sync),
    event: &Erased,
    lender: &Lender<'_>,
) -> Begun<EventOutcome> {
    // Both were filed under the `TypeId` of `M`, so neither cast can fail.
    let slot = slot.downcast_ref::<Slot<Shared<M>, EventOutcome>>();
    let event = About::in_context(event, lender.context()).typed::<M>();
    match (slot, event) {
        (Some(slot), Some(event)) => slot.begin(Shared(event), lender),
        _ => unreachable!("events and their handlers are filed under one TypeId"),
    }
}
