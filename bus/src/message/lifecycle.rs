//! The bus's own events. They go through the queue in a lane of their own, so that they never
//! push out, delay or count as a user's event, and where nobody listens they are not even made.

use std::collections::BTreeMap;
use std::time::Duration;

use super::MessageId;
use crate::event::{DropReason, QueueMark};
use crate::registry::HandlerInfo;
use crate::resilience::dead_letters::{Cause, DeadLetterId};
use crate::resilience::{CircuitReason, CircuitState};
use crate::session::SessionId;

/// A command has been accepted and its handler is about to run.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CommandStartedEvent {
    /// The command.
    pub command_id: MessageId,
    /// Its name.
    pub command: &'static str,
    /// The session it runs in; [`SessionId::BUS`] outside sessions.
    pub session_id: SessionId,
}

/// A command has ended, well or not.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CommandResultEvent {
    /// The command.
    pub command_id: MessageId,
    /// Its name.
    pub command: &'static str,
    /// The session it ran in; [`SessionId::BUS`] outside sessions.
    pub session_id: SessionId,
    /// Did its handler return `Ok`, and could its effects be queued?
    pub success: bool,
    /// What went wrong, as text.
    pub error: Option<String>,
    /// How often the handler was called.
    pub attempts: u32,
    /// From the announcement of the start to this one.
    pub duration: Duration,
    /// The headers it was sent with.
    pub metadata: BTreeMap<String, String>,
}

/// One handler of an event has failed for good; its neighbours are not concerned.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventHandlerFailedEvent {
    /// The event.
    pub event_id: MessageId,
    /// Its name.
    pub event: &'static str,
    /// The name of the handler.
    pub handler: String,
    /// What went wrong, as text.
    pub error: String,
    /// How often the handler was called.
    pub attempts: u32,
}

/// A handler has given up on a message, which is a dead letter now: [`Bus::dead_letters`](crate::Bus::dead_letters). Said
/// once, when it comes; not when a retry fails.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct DeadLetteredEvent {
    /// The dead letter.
    pub id: DeadLetterId,
    /// The message.
    pub message_id: MessageId,
    /// Its name.
    pub message: &'static str,
    /// The handler.
    pub handler: HandlerInfo,
    /// What went wrong, as text.
    pub error: String,
    /// Why it is a dead letter.
    pub cause: Cause,
    /// How often the handler was called.
    pub attempts: u32,
    /// The session it was sent in; [`SessionId::BUS`] outside sessions.
    pub session_id: SessionId,
}

/// A session has been opened. Its own handlers hear it too, those that it was opened with.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionStartEvent {
    /// The session.
    pub session_id: SessionId,
    /// The session around it.
    pub parent: Option<SessionId>,
}

/// A session has ended: nothing is in flight in it any more, or its time to finish is over. Its own
/// handlers hear it too; they are unregistered when they have.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct SessionEndEvent {
    /// The session.
    pub session_id: SessionId,
    /// From its opening to this.
    pub duration: Duration,
    /// Why it ended, if for an error: that of its closure, or the one given to
    /// [`Session::fail`](crate::Session::fail).
    pub error: Option<String>,
}

/// An event that nobody handles.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct UnhandledEvent {
    /// The event.
    pub event_id: MessageId,
    /// Its name.
    pub event: &'static str,
    /// The session it was published in; [`SessionId::BUS`] outside sessions.
    pub session_id: SessionId,
}

/// The event queue has reached its high mark, or has come down to its low one: once a crossing.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct QueueMarkEvent {
    /// Which.
    pub mark: QueueMark,
    /// How many events were queued.
    pub queued: usize,
    /// How many the queue holds.
    pub capacity: usize,
    /// The number of the crossing, from 1. Two may be told at once: the greater is the newer.
    pub number: u64,
}

/// A circuit breaker of a handler has changed.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CircuitStateChangedEvent {
    /// Its name: that which several handlers share, or that of its handler.
    pub circuit: String,
    /// What it was before.
    pub from: CircuitState,
    /// What it is now.
    pub to: CircuitState,
    /// Why.
    pub reason: CircuitReason,
    /// The number of the change, from 1.
    pub number: u64,
}

/// Events did not reach their handlers. Losses are collected for a second: one event tells of all
/// that were lost of a type for one reason.
#[bus_macros::event(kind = system, crate = crate)]
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct EventsDroppedEvent {
    /// The name of the event.
    pub event: &'static str,
    /// Why.
    pub reason: DropReason,
    /// How many.
    pub count: u64,
}
