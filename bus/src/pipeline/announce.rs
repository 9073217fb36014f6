//! The bus's own events: made only where somebody handles them, and never about those handlers.

use std::sync::Arc;
use std::time::Duration;

use super::execute::Call;
use crate::context::Context;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::event::dispatcher;
use crate::message::{
    CommandResultEvent, CommandStartedEvent, Event, EventHandlerFailedEvent, MessageId,
};

/// A command's handler is about to run.
pub(crate) fn started(core: &Core, context: &Context, call: &Call<'_>) {
    if core.listens().command_started && !context.is_lifecycle() {
        let event = CommandStartedEvent {
            command_id: context.id(),
            command: call.info.name(),
            session_id: context.session(),
        };
        announce(core, context, event);
    }
}

/// A command has ended; `error` is asked for only if somebody listens.
pub(crate) fn result(
    core: &Core,
    context: &Context,
    call: &Call<'_>,
    error: impl FnOnce() -> Option<String>,
) {
    if !core.listens().command_result || context.is_lifecycle() {
        return;
    }
    let now = core.settings.clock.now();
    let error = error();
    let event = CommandResultEvent {
        command_id: context.id(),
        command: call.info.name(),
        session_id: context.session(),
        success: error.is_none(),
        error,
        attempts: context.attempt(),
        duration: call.started.map_or(Duration::ZERO, |at| now.saturating_duration_since(at)),
        metadata: context.headers().iter().map(|(k, v)| (k.to_owned(), v.to_owned())).collect(),
    };
    announce(core, context, event);
}

/// A handler of an event has failed for good.
pub(crate) fn handler_failed(core: &Core, context: &Context, handler: &str, error: &str) {
    if core.listens().handler_failed && !context.is_lifecycle() {
        let event = EventHandlerFailedEvent {
            event_id: context.id(),
            event: context.message().name(),
            handler: handler.to_owned(),
            error: error.to_owned(),
            attempts: context.attempt(),
        };
        announce(core, context, event);
    }
}

fn announce<E: Event>(core: &Core, about: &Context, event: E) {
    dispatcher::start(core);
    core.queue.push_lifecycle(Envelope {
        id: MessageId::next(core.number),
        info: E::INFO,
        event: Arc::new(event),
        origin: about.inherited().origin,
        head: None,
        lifecycle: true,
    });
}
