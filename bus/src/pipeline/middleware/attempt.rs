//! One run of a handler inside of its middleware of the place `per_attempt`: they are a part of the run,
//! with its context and inside of its timeout.

use std::any::Any;
use std::future::Future as _;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::Next;
use super::answer::{Answer, Inner};
use super::call::Call;
use super::layers::Layers;
use super::source::Source;
use crate::handler::running::{Running, running};
use crate::handler::slot::{Begun, Called};
use crate::message::any::OneOf;
use crate::pipeline::ended::Outcome;
use crate::pipeline::failure::{Failure, panic_text};
use crate::pipeline::frame::{Handle, Lender};
use crate::pipeline::options::Headers;

/// Calls the handler through them.
pub(super) fn begin<O: Outcome>(
    layers: Arc<Layers>,
    source: Box<dyn Source<O>>,
    lender: &Lender<'_>,
) -> Begun<O> {
    let handle = lender.handle();
    Begun::Running(running(async move {
        let mut calls = Calls { source, handle: &handle, running: None, answer: None, emitted: 0 };
        let mut call = Call::new(handle.get(), &layers, &layers.per_attempt, &mut calls);
        let _handled = Next::FIRST.run(&mut call).await;
        match calls.answer {
            Some(answer) => answer.map_err(Box::new),
            None => Err(Box::new(Failure::Rejected {
                by: "a middleware".into(),
                reason: "it has given no answer".to_owned(),
            })),
        }
    }))
}

/// The calls of the handler, one after the other.
struct Calls<'h, O: Outcome> {
    source: Box<dyn Source<O>>,
    handle: &'h Handle,
    running: Option<Running<Called<O>>>,
    answer: Option<Result<O, Failure>>,
    /// How much the run had emitted when the call began.
    emitted: usize,
}

impl<O: Outcome> Inner for Calls<'_, O> {
    fn poll_run(&mut self, headers: Option<&Headers>, task: &mut task::Context<'_>) -> Poll<()> {
        // Caught here and not in the run, so that those around it see an end like any other.
        let polled = catch_unwind(AssertUnwindSafe(|| self.poll_call(headers, task)));
        let answer = match polled {
            Ok(Poll::Pending) => return Poll::Pending,
            Ok(Poll::Ready(answer)) => answer.map_err(|failure| *failure),
            Err(panic) => Err(Failure::Panicked(panic_text(&*panic))),
        };
        let is_ok = answer.as_ref().is_ok_and(|answer| answer.error().is_none());
        self.answer = Some(answer);
        self.running = None;
        if !is_ok {
            self.forget_emitted();
        }
        Poll::Ready(())
    }

    fn stop(&mut self) {
        if self.running.take().is_some() {
            self.forget_emitted();
        }
    }
    fn message(&self) -> Option<&dyn Any> {
        self.source.message()
    }
    fn events(&self) -> Vec<&OneOf> {
        self.source.events()
    }
    fn reject_event(&mut self, at: usize, reason: String) {
        self.source.reject_event(at, reason);
    }
    fn keep(&mut self) -> bool {
        self.source.keep()
    }
    fn answer(&mut self) -> &mut dyn Answer {
        &mut self.answer
    }
    fn answered(&self) -> &dyn Answer {
        &self.answer
    }
}

impl<O: Outcome> Calls<'_, O> {
    /// A call that has failed has emitted nothing, whatever becomes of the run.
    fn forget_emitted(&self) {
        if let Some(scratch) = self.handle.get().used_scratch() {
            scratch.outbox.discard_since(self.emitted);
        }
    }

    fn poll_call(
        &mut self,
        headers: Option<&Headers>,
        task: &mut task::Context<'_>,
    ) -> Poll<Called<O>> {
        let running = match &mut self.running {
            Some(running) => running,
            None => {
                let context = self.handle.get();
                if self.source.is_gone() {
                    return Poll::Ready(Err(Box::new(super::around::moved(context.message()))));
                }
                self.emitted = context.used_scratch().map_or(0, |scratch| scratch.outbox.len());
                if let Some(headers) = headers {
                    context.fix_headers(headers);
                }
                match self.source.begin(&self.handle.lender()) {
                    Begun::Done(answer) => return Poll::Ready(answer),
                    Begun::Running(running) => self.running.insert(running),
                }
            }
        };
        Pin::new(running).poll(task)
    }
}
