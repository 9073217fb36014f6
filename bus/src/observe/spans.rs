//! The spans of a message: `execute` around a command, `publish` up to the queue, `process` around each
//! call of a handler.
//!
//! All names of OpenTelemetry's semantic conventions for messaging are in this file: version 1.44 of them,
//! whose stability is "development". `otel.name`, `otel.kind` and `otel.status_code` are what the crate
//! `tracing-opentelemetry` makes a span's name, kind and status of.
//!
//! Producer and consumer are linked: a `process` span of an event is the root of a trace of its own that
//! *follows from* the `publish` span, since an event may have many handlers, and may wait for long. A
//! command's handler is a child of `execute`, which is a child of whatever span its caller is in.
//!
//! Their level is debug: a log of what is informative is not burdened with their fields, and pays nothing.
//!
//! A span is entered for each poll, wherever that is, and never held across an await. While no subscriber
//! is interested, each place costs one relaxed load.

use std::sync::Arc;
use std::task::Poll;

use tracing::field::{Empty, display};
use tracing::level_filters::{LevelFilter, STATIC_MAX_LEVEL};
use tracing::span::{Entered, EnteredSpan, Id};
use tracing::{Level, Span, debug_span};

use crate::context::Context;
use crate::core::Core;
use crate::envelope::Envelope;
use crate::error::{CommandErrorKind, PublishErrorKind};
use crate::event::DropReason;
use crate::message::{MessageId, MessageInfo};
use crate::pipeline::command::Reply;
use crate::pipeline::command::request::Request;
use crate::pipeline::ended::Ended;
use crate::pipeline::origin::Origin;
use crate::registry::plan::Plan;

/// `RUST_LOG=info,bus::spans=debug` is with them, and without the lines of the log that say that all is well.
const TARGET: &str = "bus::spans";
const SYSTEM: &str = "bus";

/// What the spans of a message's handlers follow from: the `publish` span of the event, or one for each event
/// of a batch, which is none where the event has none. Kept open until then, as a subscriber knows no others.
pub(crate) type Links = Arc<Vec<Span>>;

/// May somebody be interested?
#[inline]
pub(crate) fn are_on() -> bool {
    Level::DEBUG <= STATIC_MAX_LEVEL && Level::DEBUG <= LevelFilter::current()
}

#[inline]
pub(crate) fn enter(span: Option<&Span>) -> Option<Entered<'_>> {
    span.map(Span::enter)
}

/// For code that moves to another thread.
#[inline]
pub(crate) fn current() -> Span {
    if are_on() { Span::current() } else { Span::none() }
}

/// The span of a command, entered; begun at its first poll.
#[inline]
pub(crate) fn of_execute(
    core: &Core,
    request: &mut Request<'_>,
    is_new: bool,
) -> Option<EnteredSpan> {
    if is_new && are_on() {
        begin_execute(core, request);
    }
    request.span.as_ref().map(|span| Span::clone(span).entered())
}

#[cold]
#[inline(never)]
fn begin_execute(core: &Core, request: &mut Request<'_>) {
    let id = request.sent.name(core);
    let (info, origin) = (request.sent.info, request.origin());
    // Of a dead letter.
    let kept = request.head.as_ref().and_then(|head| head.correlation);
    let span = debug_span!(
        target: TARGET,
        "execute",
        otel.name = format_args!("execute {}", info.name()),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = SYSTEM,
        messaging.operation.name = "execute",
        "messaging.operation.type" = "send",
        messaging.destination.name = info.name(),
        messaging.message.id = %id,
        messaging.message.conversation_id = %kept.unwrap_or_else(|| conversation(id, origin)),
        bus.attempts = Empty,
        "error.type" = Empty,
    );
    request.span = keep(span);
}

/// Has the command ended? Then so does its span.
#[inline]
pub(crate) fn executed<O, E>(
    span: Option<EnteredSpan>,
    request: &mut Request<'_>,
    polled: &Poll<Reply<O, E>>,
) {
    if let Some(span) = span
        && let Poll::Ready(reply) = polled
    {
        span.record("bus.attempts", request.sent.attempts);
        if let Err(error) = reply {
            failed(&span, of_command(error.kind()));
        }
        request.span = None;
    }
}

/// Nobody waits for the command any more; the span of one that has ended is gone.
#[inline]
pub(crate) fn abandoned(span: Option<&Span>) {
    if let Some(span) = span {
        failed(span, "dropped");
    }
}

/// The span of a call of a handler.
#[inline]
pub(crate) fn process(plan: &Plan, context: &Context) -> Option<Box<Span>> {
    if are_on() { begin_process(plan, context) } else { None }
}

#[cold]
#[inline(never)]
fn begin_process(plan: &Plan, context: &Context) -> Option<Box<Span>> {
    let (message, handler) = (context.message(), &plan.handler);
    let parent = if message.is_command() { Span::current().id() } else { None };
    // A batch is no message, and its id is that of the run.
    let batch = plan.batch.is_some().then(|| context.id());
    let message_id = if batch.is_none() { Some(context.id()) } else { None };
    let count = batch.map(|_| context.follows().len()).filter(|count| *count > 0);
    let span = debug_span!(
        target: TARGET,
        parent: parent,
        "process",
        otel.name = format_args!("process {}", message.name()),
        otel.kind = "consumer",
        otel.status_code = Empty,
        messaging.system = SYSTEM,
        messaging.operation.name = "process",
        "messaging.operation.type" = "process",
        messaging.destination.name = message.name(),
        messaging.message.id = message_id.map(display),
        messaging.message.conversation_id = %context.correlation_id(),
        messaging.batch.message_count = count,
        bus.batch = batch.map(display),
        bus.handler = &*handler.name,
        bus.handler.at = format_args!("{}:{}", handler.file, handler.line),
        bus.session = context.scope().map(|scope| display(&scope.id)),
        bus.attempt = context.attempt(),
        "error.type" = Empty,
    );
    for published in context.follows() {
        span.follows_from(published);
    }
    keep(span)
}

/// A call of a handler has ended.
#[inline]
pub(crate) fn processed<'e>(span: &mut Option<Box<Span>>, ended: impl FnOnce() -> Ended<'e>) {
    if let Some(span) = span.take()
        && let Some(why) = of_ended(&ended())
    {
        failed(&span, why);
    }
}

/// The span of a publish.
#[inline]
pub(crate) fn publish(info: &'static MessageInfo, origin: Option<&Arc<Origin>>) -> Option<Links> {
    if are_on() { begin_publish(Span::current().id(), info, None, origin) } else { None }
}

/// The event of a publish has its id.
pub(crate) fn named(links: Option<&Links>, id: MessageId, origin: Option<&Arc<Origin>>) {
    for span in links.into_iter().flat_map(|links| links.iter()) {
        span.record("messaging.message.id", display(id));
        span.record("messaging.message.conversation_id", display(conversation(id, origin)));
    }
}

#[inline]
pub(crate) fn within(links: Option<&Links>) -> Option<EnteredSpan> {
    links.and_then(|links| links.first()).map(|span| Span::clone(span).entered())
}

/// An event is not queued.
pub(crate) fn not_published(links: Option<&Links>, why: &PublishErrorKind) {
    links.into_iter().flat_map(|links| links.iter()).for_each(|span| failed(span, of_publish(why)));
}

/// Its publisher has gone away while it waited for room.
pub(crate) fn given_up(links: Option<&Links>) {
    links.into_iter().flat_map(|links| links.iter()).for_each(|span| failed(span, "dropped"));
}

/// It was queued, and is lost.
pub(crate) fn lost(links: Option<&Links>, why: DropReason) {
    links.into_iter().flat_map(|links| links.iter()).for_each(|span| failed(span, why.label()));
}

/// What keeps an event that is emitted back remembers who emits it.
#[inline]
pub(crate) fn cause() -> Option<Links> {
    if are_on() { keep(Span::current()).map(|span| Arc::new(vec![*span])) } else { None }
}

/// The event is about to be queued, and nobody waits for that: it was emitted, or is due.
#[inline]
pub(crate) fn emitted(envelope: &mut Envelope) {
    if envelope.links.is_some() || are_on() {
        let by = envelope.links.take();
        let by = by.as_ref().and_then(|links| links.first()).and_then(Span::id);
        let (info, id, origin) = (envelope.info, envelope.id, envelope.origin.as_ref());
        envelope.links = begin_publish(by, info, Some(id), origin);
    }
}

#[cold]
#[inline(never)]
fn begin_publish(
    by: Option<Id>,
    info: &'static MessageInfo,
    id: Option<MessageId>,
    origin: Option<&Arc<Origin>>,
) -> Option<Links> {
    let span = debug_span!(
        target: TARGET,
        parent: by,
        "publish",
        otel.name = format_args!("publish {}", info.name()),
        otel.kind = "producer",
        otel.status_code = Empty,
        messaging.system = SYSTEM,
        messaging.operation.name = "publish",
        "messaging.operation.type" = "send",
        messaging.destination.name = info.name(),
        messaging.message.id = Empty,
        messaging.message.conversation_id = Empty,
        bus.filtered_by = Empty,
        "error.type" = Empty,
    );
    let links = keep(span).map(|span| Arc::new(vec![*span]));
    if let Some(id) = id {
        named(links.as_ref(), id, origin);
    }
    links
}

/// A filter has kept the event out.
pub(crate) fn filtered(links: Option<&Links>, by: &str) {
    for span in links.into_iter().flat_map(|links| links.iter()) {
        span.record("bus.filtered_by", by);
    }
}

/// What a batch follows from, of whose events each has its place; `None` if no event has a span.
#[inline]
pub(crate) fn all<'l>(links: impl Iterator<Item = Option<&'l Links>> + Clone) -> Option<Links> {
    if !links.clone().any(|links| links.is_some()) {
        return None;
    }
    let first = |links: &Links| links.first().cloned();
    let spans = links.map(|links| links.and_then(first).unwrap_or_else(Span::none));
    Some(Arc::new(spans.collect()))
}

fn keep(span: Span) -> Option<Box<Span>> {
    if span.is_none() || span.is_disabled() { None } else { Some(Box::new(span)) }
}

fn conversation(id: MessageId, origin: Option<&Arc<Origin>>) -> MessageId {
    origin.map_or(id, |origin| origin.correlation)
}

fn failed(span: &Span, why: &'static str) {
    span.record("error.type", why);
    span.record("otel.status_code", "ERROR");
}

/// `error.type` has few values.
fn of_ended(ended: &Ended<'_>) -> Option<&'static str> {
    Some(match ended {
        Ended::Ok => return None,
        Ended::Failed(_) => "failed",
        Ended::Panicked { .. } => "panicked",
        Ended::TimedOut { .. } => "timed_out",
        Ended::Cancelled(_) => "cancelled",
        Ended::Rejected { .. } => "rejected",
        Ended::RateLimited { .. } => "rate_limited",
        Ended::CircuitOpen { .. } => "circuit_open",
        Ended::BulkheadFull => "bulkhead_full",
        Ended::Dropped => "dropped",
    })
}

fn of_command<E>(kind: &CommandErrorKind<E>) -> &'static str {
    match kind {
        CommandErrorKind::NoHandler => "no_handler",
        CommandErrorKind::Handler(_) => "failed",
        CommandErrorKind::Panicked { .. } => "panicked",
        CommandErrorKind::TimedOut { .. } => "timed_out",
        CommandErrorKind::Cancelled(_) => "cancelled",
        CommandErrorKind::Rejected { .. } => "rejected",
        CommandErrorKind::RateLimited { .. } => "rate_limited",
        CommandErrorKind::CircuitOpen { .. } => "circuit_open",
        CommandErrorKind::BulkheadFull { .. } => "bulkhead_full",
        CommandErrorKind::Overloaded { .. } => "overloaded",
        CommandErrorKind::SessionClosed { .. } => "session_closed",
        CommandErrorKind::ShuttingDown => "shutting_down",
        CommandErrorKind::TooDeep { .. } => "too_deep",
    }
}

fn of_publish(kind: &PublishErrorKind) -> &'static str {
    match kind {
        PublishErrorKind::Full { .. } => "queue_full",
        PublishErrorKind::TimedOut { .. } => "timed_out",
        PublishErrorKind::Ceiling { .. } => "overloaded",
        PublishErrorKind::FilterPanicked { .. } => "filter_panicked",
        PublishErrorKind::TooDeep { .. } => "too_deep",
        PublishErrorKind::OwnLane { .. } => "own_lane",
        PublishErrorKind::BadSchedule { .. } => "bad_schedule",
        PublishErrorKind::SessionClosed { .. } => "session_closed",
        PublishErrorKind::ShuttingDown => "shutting_down",
        PublishErrorKind::Closed => "closed",
    }
}
