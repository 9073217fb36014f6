//! A call inside of its outer middleware: once around all runs of the handler.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{self, Poll};

use super::Next;
use super::answer::{Answer, Inner};
use super::attempt;
use super::call::Call;
use super::source::Source;
use crate::context::Context;
use crate::core::Core;
use crate::event::effects;
use crate::message::MessageInfo;
use crate::message::any::OneOf;
use crate::pipeline::ended::Outcome as _;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::Held;
use crate::pipeline::options::Headers;
use crate::pipeline::run::{Run, abandon};
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::session::InSession;

/// A call that is about to go through its middleware.
pub(crate) struct Around<'a> {
    pub(crate) core: &'a Core,
    pub(crate) plan: &'a Plan,
    /// The context of the call: those of the runs are made after it.
    pub(crate) held: &'a Held<'a>,
    /// Does the handler wait for the handlers of other events?
    waits: AtomicBool,
}

impl<'a> Around<'a> {
    pub(crate) fn new(core: &'a Core, plan: &'a Plan, held: &'a Held<'a>) -> Self {
        Self { core, plan, held, waits: AtomicBool::new(false) }
    }

    /// Does something in it wait for the handlers of other events?
    pub(crate) fn waits_inside(&self) -> bool {
        self.waits.load(Ordering::Relaxed) || self.held.context().waits_inside()
    }

    /// The answer, and how often the handler was called. `over` is asked before each step: when it is
    /// ready, the call is ended.
    pub(crate) async fn run<S: Source>(
        &self,
        source: S,
        mut session: Option<Box<InSession>>,
        mut over: impl FnMut(&mut task::Context<'_>) -> Poll<Failure>,
    ) -> (Result<S::Outcome, Failure>, u32) {
        let context = self.held.context();
        let mut abandoned = Abandon { core: self.core, context, armed: true };
        if let Some(over) = session.as_mut().and_then(|session| session.over()) {
            return (Err(over), 0);
        }
        let Some(layers) = &self.plan.layers else { return (Err(unanswered()), 0) };
        let mut place = pin!(None);
        let mut runs =
            Runs { around: self, source, run: place.as_mut(), answer: None, attempts: 0 };
        let ended = {
            let mut call = Call::new(context, layers, &layers.outer, &mut runs);
            let mut inside = pin!(Some(Next::FIRST.run(&mut call)));
            let ended = poll_fn(|task| {
                if let Poll::Ready(why) = over(task) {
                    return Poll::Ready(Err(why));
                }
                if let Some(session) = &mut session
                    && let Poll::Ready(why) = session.poll_over(task)
                {
                    return Poll::Ready(Err(why));
                }
                let Some(inside) = inside.as_mut().as_pin_mut() else { return Poll::Pending };
                self.held.within(|| inside.poll(task)).map(Ok)
            })
            .await;
            // A destructor of the user's may panic.
            let dropped = catch_unwind(AssertUnwindSafe(|| self.held.within(|| inside.set(None))));
            if dropped.is_err() {
                tracing::error!("the future of a middleware panicked when it was dropped");
            }
            ended
        };
        let answer = match ended {
            Ok(_) => runs.answer.take().unwrap_or_else(|| Err(unanswered())),
            Err(why) => Err(why),
        };
        // As of a handler alone: what it has spawned goes on if it has answered, and is told else.
        abandoned.armed = answer.is_err();
        (answer, runs.attempts)
    }
}

/// Each middleware leaves an answer behind.
fn unanswered() -> Failure {
    Failure::Rejected { by: "?".into(), reason: "there is no answer".to_owned() }
}

/// The runs of the handler, one after the other.
struct Runs<'r, 'a, S: Source> {
    around: &'r Around<'a>,
    source: S,
    run: Pin<&'r mut Option<Run<'a, S::Outcome>>>,
    answer: Option<Result<S::Outcome, Failure>>,
    attempts: u32,
}

impl<S: Source> Inner for Runs<'_, '_, S> {
    fn poll_run(&mut self, headers: Option<&Headers>, task: &mut task::Context<'_>) -> Poll<()> {
        let answer = if self.run.is_none() { self.begin(headers) } else { None };
        let answer = match (answer, self.run.as_mut().as_pin_mut()) {
            (Some(answer), _) => answer,
            (None, Some(mut run)) => {
                let polled = run.as_mut().poll(task);
                let waits = polled.is_pending() && run.context().waits_inside();
                self.around.waits.store(waits, Ordering::Relaxed);
                task::ready!(polled)
            }
            (None, None) => Err(unanswered()),
        };
        self.conclude(&answer);
        self.answer = Some(answer);
        self.run.set(None);
        Poll::Ready(())
    }

    fn stop(&mut self) {
        self.around.waits.store(false, Ordering::Relaxed);
        self.run.set(None);
    }
    fn message(&self) -> Option<&dyn Any> {
        self.source.message()
    }
    fn events(&self) -> &[OneOf] {
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

impl<S: Source> Runs<'_, '_, S> {
    fn begin(&mut self, headers: Option<&Headers>) -> Option<Result<S::Outcome, Failure>> {
        let Around { core, plan, held, .. } = self.around;
        let Some(once) = self.source.once() else {
            return Some(Err(moved(plan.message)));
        };
        self.attempts += 1;
        let seed = held.context().of_attempt(self.attempts, headers);
        let run = Run::new(core, Found::Built(*plan), seed, None);
        self.run.set(Some(run));
        let run = self.run.as_mut().as_pin_mut()?;
        run.begin(once, S::message, |once, plan, lender| match &plan.layers {
            Some(layers) if !layers.per_attempt.is_empty() => {
                attempt::begin(Arc::clone(layers), once, lender)
            }
            _ => once.begin(lender),
        })
    }

    /// What a run has emitted belongs to the call if it has ended well, and what it has inserted in any
    /// case.
    fn conclude(&self, answer: &Result<S::Outcome, Failure>) {
        let Some(run) = self.run.as_ref().as_pin_ref() else { return };
        let (core, call) = (self.around.core, self.around.held.context());
        let run = run.get_ref().context();
        call.take_extensions(run);
        let is_ok = answer.as_ref().is_ok_and(|answer| answer.error().is_none());
        if is_ok { effects::hand_over(core, run, call) } else { effects::discard(core, run) }
    }
}

pub(super) fn moved(message: &MessageInfo) -> Failure {
    let command = message.short_name();
    let reason = format!(
        "{command} was moved into its handler, which cannot be called again: call `keep` before, \
         and derive `Clone` for it, or let the handler take `&{command}`"
    );
    Failure::Rejected { by: "a middleware that calls `next` again".into(), reason }
}

/// Tells what a call has left behind that it is over without an answer.
struct Abandon<'a> {
    core: &'a Core,
    context: &'a Context,
    armed: bool,
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if self.armed {
            abandon(self.core, self.context);
        }
    }
}
