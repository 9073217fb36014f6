//! The delivery of one event: its handlers in priority groups, each on its own.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::{Arc, OnceLock};
use std::task::Poll;

use super::effects::{discard, flush};
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::message::kind::EventOutcome;
use crate::pipeline::announce;
use crate::pipeline::run::{Failure, Run, text_of_users};
use crate::registry::plan::Plan;
use crate::sync::lock;

/// Runs all handlers of the event: group after group, concurrently inside a group.
pub(crate) async fn deliver(core: Arc<Core>, envelope: Envelope) {
    let _at_work = core.work.begin_delivery();
    let Some(route) = core.route(envelope.info.type_id()) else {
        if !envelope.lifecycle {
            core.counters.unhandled.add(1);
            tracing::debug!(event = envelope.info.name(), id = %envelope.id, "nobody handles this event");
        }
        return;
    };
    for group in route.groups() {
        match group {
            [alone] => handle(&core, alone, &envelope).await,
            group => all(group.iter().map(|plan| handle(&core, plan, &envelope))).await,
        }
    }
}

/// Polls each in turn until all are done.
async fn all<F: Future<Output = ()>>(handlers: impl Iterator<Item = F>) {
    let mut running: Vec<Pin<Box<F>>> = handlers.map(Box::pin).collect();
    poll_fn(|task| {
        running.retain_mut(|handler| handler.as_mut().poll(task).is_pending());
        if running.is_empty() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
}

/// Runs one handler. Whatever becomes of it touches nobody else.
async fn handle(core: &Core, plan: &Plan, envelope: &Envelope) {
    let Some(deliver) = plan.deliver else { return };
    let quiet = envelope.lifecycle || envelope.origin.as_ref().is_some_and(|o| o.lifecycle);
    let seed = Seed {
        id: envelope.id,
        info: envelope.info,
        attempt: 1,
        lifecycle: quiet,
        timeout: plan.timeout.or(core.settings.event_timeout),
        deadline: None,
        origin: envelope.origin.clone(),
        head: envelope.head.clone(),
        cancel: None,
        shared: OnceLock::new(),
    };
    let mut run = pin!(Run::new(core, seed));
    let mut cut_off = CutOff { core, plan, armed: true };
    let answer = run.as_mut().begin(|lender| deliver(plan.slot.get(), &envelope.event, lender));
    let answer = match answer {
        Some(answer) => answer,
        None => poll_fn(|task| run.as_mut().poll(task)).await,
    };
    cut_off.armed = false;
    conclude(core, plan, run.context(), envelope.lifecycle, answer);
}

fn conclude(
    core: &Core,
    plan: &Plan,
    context: &Context,
    lifecycle: bool,
    answer: Result<EventOutcome, Failure>,
) {
    let failure = match answer {
        Ok(Ok(())) => flush(core, context).err().map(|not_flushed| not_flushed.to_string()),
        Ok(Err(error)) => Some(text_of_users(|| error.chain())),
        Err(Failure::Refused(reason)) => Some(reason.to_string()),
        Err(Failure::Panicked(message)) => Some(format!("panicked: {message}")),
        Err(Failure::TimedOut(Some(after))) => Some(format!("timed out after {after:?}")),
        Err(Failure::TimedOut(None)) => Some("timed out".to_owned()),
        Err(Failure::Cancelled(by)) => Some(format!("was cancelled by {by}")),
    };
    let Some(error) = failure else {
        if !lifecycle {
            core.counters.processed.add(1);
        }
        return;
    };
    discard(core, context);
    if !lifecycle {
        core.counters.failed.add(1);
    }
    let handler = &plan.handler;
    tracing::error!(
        event = context.message().name(),
        event_id = %context.id(),
        handler = &*handler.name,
        at = format_args!("{}:{}", handler.file, handler.line),
        error,
        "an event handler failed"
    );
    announce::handler_failed(core, context, &handler.name, &error);
}

/// Notes the name of a handler that is cut off, by the shutdown or by the end of its runtime.
struct CutOff<'a> {
    core: &'a Core,
    plan: &'a Plan,
    armed: bool,
}

impl Drop for CutOff<'_> {
    fn drop(&mut self) {
        if self.armed {
            lock(&self.core.work.abandoned).push(self.plan.handler.name.to_string());
        }
    }
}
