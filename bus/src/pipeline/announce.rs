//! The bus's own events: made only where somebody handles them, and never about those handlers.

use std::any::{Any, type_name};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use super::command::request::Sent;
use super::failure::panic_text;
use super::origin::Origin;
use crate::context::Context;
use crate::core::{Core, Listener};
use crate::envelope::Envelope;
use crate::event::completion::Share;
use crate::event::queue::Crossing;
use crate::event::{DropReason, Outcome, QueueMark, dispatcher};
use crate::message::{
    CircuitStateChangedEvent, CommandResultEvent, CommandStartedEvent, DeadLetteredEvent, Event,
    EventHandlerFailedEvent, EventsDroppedEvent, MessageId, QueueMarkEvent, UnhandledEvent,
};
use crate::observe::What;
use crate::observe::tap::{self, Queued};
use crate::registry::HandlerInfo;
use crate::registry::listens::Own;
use crate::resilience::dead_letters::DeadLetterData;
use crate::resilience::{CircuitChange, CircuitState};
use crate::session::{Member, Scope};

/// A command's handler is about to run.
#[inline]
pub(crate) fn started<'c>(
    core: &Core,
    context: &Context,
    sent: &Sent,
    handler: &HandlerInfo,
    command: impl FnOnce() -> Option<&'c dyn Any>,
) {
    if core.observers.is_on() {
        tap::of_context(core, context, What::Executing { handler, command: command() });
    }
    if core.hears(Own::CommandStarted, context.scope()) {
        announce_started(core, context, sent);
    }
}

#[inline(never)]
fn announce_started(core: &Core, context: &Context, sent: &Sent) {
    if !context.is_lifecycle() {
        let event = CommandStartedEvent {
            command_id: context.id(),
            command: sent.info.name(),
            session_id: context.session_id(),
        };
        announce(core, context, event);
    }
}

/// A command has ended.
#[inline]
pub(crate) fn result(
    core: &Core,
    context: &Context,
    sent: &Sent,
    handler: &HandlerInfo,
    error: Option<String>,
) {
    if core.observers.is_on() || core.hears(Own::CommandResult, context.scope()) {
        tell_result(core, context, sent, handler, error);
    }
}

#[inline(never)]
fn tell_result(
    core: &Core,
    context: &Context,
    sent: &Sent,
    handler: &HandlerInfo,
    error: Option<String>,
) {
    if core.observers.is_on() {
        let (attempts, error) = (sent.attempts, error.as_deref());
        tap::of_context(core, context, What::Executed { handler, attempts, error });
    }
    if !core.hears(Own::CommandResult, context.scope()) || context.is_lifecycle() {
        return;
    }
    let now = core.settings.clock.now();
    let event = CommandResultEvent {
        command_id: context.id(),
        command: sent.info.name(),
        session_id: context.session_id(),
        success: error.is_none(),
        error,
        attempts: sent.attempts,
        duration: sent.started.get().map_or(Duration::ZERO, |at| now.saturating_duration_since(at)),
        metadata: context.headers().iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
    };
    announce(core, context, event);
}

/// A handler of an event has failed for good.
pub(crate) fn handler_failed(
    core: &Core,
    context: &Context,
    handler: &str,
    error: &str,
    attempts: u32,
) {
    if core.hears(Own::HandlerFailed, context.scope()) && !context.is_lifecycle() {
        let event = EventHandlerFailedEvent {
            event_id: context.id(),
            event: context.message().name(),
            handler: handler.to_owned(),
            error: error.to_owned(),
            attempts,
        };
        announce(core, context, event);
    }
}

/// A handler has given up on a message. Of what the bus's own events have caused nothing is said.
pub(crate) fn dead_lettered(core: &Core, letter: &DeadLetterData) {
    if core.observers.is_on() {
        let (handler, error) = (&letter.handler, &*letter.error_chain);
        let what = What::DeadLettered { handler, letter: letter.id, error };
        tap::of_letter(core, letter, what);
    }
    if letter.is_lifecycle() {
        return;
    }
    let session = core.sessions.find(&letter.session_id);
    if core.hears(Own::DeadLettered, session.as_ref()) {
        let event = DeadLetteredEvent {
            id: letter.id,
            message_id: letter.message_id,
            message: letter.message,
            handler: letter.handler.clone(),
            error: letter.error.clone(),
            cause: letter.cause,
            attempts: letter.attempts,
            session_id: letter.session_id.clone(),
        };
        send(core, None, session.as_ref(), event, |_| None);
    }
}

/// A dead letter has panicked when it was let go of, in a destructor of the user's.
pub(crate) fn letter_panicked(panic: &(dyn Any + Send)) {
    let panic = panic_text(panic);
    tracing::error!(panic, "a dead letter panicked when it was dropped");
}

/// Nobody handles an event.
pub(crate) fn unhandled(core: &Core, envelope: &Envelope) {
    if core.observers.is_on() {
        tap::of_envelope(core, envelope, What::Unhandled);
    }
    core.counters.unhandled.count(1);
    tracing::debug!(event = envelope.info.name(), id = %envelope.id, "nobody handles this event");
    let heard = core.hears(Own::Unhandled, envelope.scope());
    if core.settings.on_unhandled.is_none() && !heard {
        return;
    }
    let event = UnhandledEvent {
        event_id: envelope.id,
        event: envelope.info.name(),
        session_id: envelope.session_id(),
    };
    tell(core.settings.on_unhandled.as_ref(), &event);
    if heard && !envelope.origin.as_ref().is_some_and(|origin| origin.lifecycle) {
        send(core, envelope.origin.clone(), envelope.scope(), event, |_| None);
    }
}

/// A mark of the queue was crossed.
pub(crate) fn mark(core: &Core, crossing: Crossing) {
    let Crossing { mark, queued, number } = crossing;
    let capacity = core.queue.config.capacity;
    if core.observers.is_on() {
        tap::of_bus(core, What::QueueMark { mark, queued });
    }
    match mark {
        QueueMark::High => tracing::warn!(queued, capacity, "the event queue runs full"),
        QueueMark::Low => tracing::info!(queued, capacity, "the event queue is well again"),
    }
    let event = QueueMarkEvent { mark, queued, capacity, number };
    tell(core.settings.on_queue_mark.as_ref(), &event);
    if core.hears(Own::QueueMark, None) {
        send(core, None, None, event, |_| None);
    }
}

/// A circuit breaker has changed.
pub(crate) fn circuit_changed(core: &Core, circuit: &str, change: &CircuitChange) {
    if core.observers.is_on() {
        tap::of_bus(core, What::CircuitChanged { circuit, change });
    }
    match change.to {
        CircuitState::Open => tracing::warn!(circuit, %change, "a circuit breaker has opened"),
        _ => tracing::info!(circuit, %change, "a circuit breaker has changed"),
    }
    if core.hears(Own::CircuitChanged, None) {
        let CircuitChange { from, to, reason, number, .. } = *change;
        let circuit = circuit.to_owned();
        let event = CircuitStateChangedEvent { circuit, from, to, reason, number };
        send(core, None, None, event, |_| None);
    }
}

/// Events were lost.
pub(crate) fn dropped(core: &Core, event: &'static str, reason: DropReason, count: u64) {
    if core.hears(Own::Dropped, None) {
        send(core, None, None, EventsDroppedEvent { event, reason, count }, |_| None);
    }
}

/// The delivery of an event has panicked, in a destructor of the user's. What had become of its handlers by then was
/// counted, and those that were at work are cut off: it is no failure of any.
pub(crate) fn panicked(panic: &str) {
    tracing::error!(panic, "the delivery of an event panicked");
}

/// Calls a function of the user's, whose panic is its own.
fn tell<E>(listener: Option<&Listener<E>>, event: &E) {
    let Some(listener) = listener else { return };
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| listener(event))) {
        let panic = panic_text(&*panic);
        tracing::error!(panic, event = type_name::<E>(), "a listener of the bus panicked");
    }
}

fn announce<E: Event>(core: &Core, about: &Context, event: E) {
    send(core, Some(about.as_origin()), about.scope(), event, |_| None);
}

/// A session has begun, or ends. `share`: of whoever waits until that has been heard.
pub(crate) fn of_session<E: Event>(
    core: &Core,
    session: &Arc<Scope>,
    event: E,
    share: impl FnOnce(MessageId) -> Option<Box<Share>>,
) {
    send(core, None, Some(session), event, share);
}

fn send<E: Event>(
    core: &Core,
    origin: Option<Arc<Origin>>,
    session: Option<&Arc<Scope>>,
    event: E,
    share: impl FnOnce(MessageId) -> Option<Box<Share>>,
) {
    dispatcher::start(core);
    let id = MessageId::next(core.number);
    let envelope = Envelope {
        origin,
        session: session.map(Member::follow),
        share: share(id),
        lifecycle: true,
        ..Envelope::new(id, E::INFO, Arc::new(event))
    };
    let queued = Queued::of(core, &envelope);
    core.queue.push_own(envelope);
    queued.iter().for_each(|queued| queued.tell(core, &Outcome::Queued));
}
