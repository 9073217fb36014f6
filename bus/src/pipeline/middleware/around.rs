//! A call inside of its outer middleware: once around all runs of the handler.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::task::{self, Poll};

use super::Next;
use super::answer::{Answer, Inner};
use super::attempt;
use super::call::Call;
use super::source::Source;
use crate::context::Context;
use crate::core::Core;
use crate::event::effects;
use crate::handler::slot::Begun;
use crate::message::MessageInfo;
use crate::message::any::OneOf;
use crate::pipeline::attempts::{Attempts, Needs, Record, Start};
use crate::pipeline::ended::Outcome;
use crate::pipeline::failure::Failure;
use crate::pipeline::frame::{Held, Lender};
use crate::pipeline::options::Headers;
use crate::pipeline::run::abandon;
use crate::probe::{Watch, who};
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::session::InSession;

/// A call that is about to go through its middleware.
pub(crate) struct Around<'a> {
    pub(crate) core: &'a Core,
    pub(crate) plan: &'a Plan,
    /// The context of the call: those of the runs are made after it.
    pub(crate) held: &'a Held<'a>,
    /// What the handler needs of whoever drives it: see [`Needs`].
    needs: AtomicU8,
    granted: AtomicBool,
    given_up: AtomicBool,
}

/// What has come of a call that went through its middleware.
pub(crate) struct Through<O> {
    pub(crate) answer: Result<O, Failure>,
    /// How often the handler was called.
    pub(crate) attempts: u32,
    /// Of the attempts that failed.
    pub(crate) record: Option<Record>,
    /// Of those after which one has ended well.
    pub(crate) former: Option<Record>,
}

impl<'a> Around<'a> {
    pub(crate) fn new(core: &'a Core, plan: &'a Plan, held: &'a Held<'a>) -> Self {
        let (needs, granted) = (AtomicU8::new(NOTHING), AtomicBool::new(false));
        Self { core, plan, held, needs, granted, given_up: AtomicBool::new(false) }
    }

    /// What it needs while it is pending.
    pub(crate) fn needs(&self) -> Needs {
        match self.needs.load(Ordering::Relaxed) {
            TIME => Needs::Time,
            SLOT => Needs::Slot,
            OTHERS => Needs::Others,
            _ if self.held.context().waits_inside() => Needs::Others,
            _ => Needs::Nothing,
        }
    }

    /// Here is the slot.
    pub(crate) fn grant(&self) {
        self.granted.store(true, Ordering::Relaxed);
    }

    /// Nobody waits any longer for the next attempt.
    pub(crate) fn give_up(&self) {
        self.given_up.store(true, Ordering::Relaxed);
    }

    fn tell(&self, needs: Needs) {
        let needs = match needs {
            Needs::Nothing => NOTHING,
            Needs::Others => OTHERS,
            Needs::Time => TIME,
            Needs::Slot => SLOT,
        };
        self.needs.store(needs, Ordering::Relaxed);
    }

    /// What comes of it. `over` is asked before each step: when it is ready, the call is ended.
    pub(crate) async fn run<O: Outcome>(
        &self,
        source: &mut (dyn Source<O> + 'static),
        mut session: Option<Box<InSession>>,
        over: &mut (dyn FnMut(&mut task::Context<'_>) -> Poll<Failure> + Send),
    ) -> Through<O> {
        let context = self.held.context();
        let mut abandoned = Abandon { core: self.core, context, armed: true };
        if let Some(over) = session.as_mut().and_then(|session| session.over()) {
            return Through::not_called(over);
        }
        let Some(layers) = &self.plan.layers else {
            return Through::not_called(unanswered());
        };
        let mut place = pin!(None);
        let mut runs = Runs {
            around: self,
            source,
            attempts: place.as_mut(),
            answer: None,
            made: 0,
            record: None,
            former: None,
        };
        let ended = {
            let mut call = Call::new(context, layers, &layers.outer, &mut runs);
            let mut inside = pin!(Some(Next::FIRST.run(&mut call)));
            let mut watch = Watch::default();
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
                let (who, handler) = (who(context), &self.plan.handler);
                let poll = |task: &mut task::Context<'_>| self.held.within(|| inside.poll(task));
                watch.poll(self.core, who, handler, task, poll).map(Ok)
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
        let Runs { made: attempts, record, former, .. } = runs;
        Through { answer, attempts, record, former }
    }
}

impl<O> Through<O> {
    fn not_called(why: Failure) -> Self {
        Self { answer: Err(why), attempts: 0, record: None, former: None }
    }
}

/// Each middleware leaves an answer behind.
fn unanswered() -> Failure {
    Failure::Rejected { by: "?".into(), reason: "there is no answer".to_owned() }
}

const NOTHING: u8 = 0;
const OTHERS: u8 = 1;
const TIME: u8 = 2;
const SLOT: u8 = 3;

/// The handler, called again by each `next`, and as often as its policy says by each of these.
struct Runs<'r, 'a, O: Outcome> {
    around: &'r Around<'a>,
    source: &'r mut (dyn Source<O> + 'static),
    attempts: Pin<&'r mut Option<Attempts<'a, O>>>,
    answer: Option<Result<O, Failure>>,
    /// How often the handler was called.
    made: u32,
    record: Option<Record>,
    former: Option<Record>,
}

impl<O: Outcome> Inner for Runs<'_, '_, O> {
    fn poll_run(&mut self, headers: Option<&Headers>, task: &mut task::Context<'_>) -> Poll<()> {
        if self.attempts.is_none() {
            if self.source.is_gone() {
                self.answer = Some(Err(moved(self.around.plan.message)));
                return Poll::Ready(());
            }
            self.begin(headers);
        }
        let Self { around, source, attempts, .. } = self;
        let Some(mut attempts) = attempts.as_mut().as_pin_mut() else { return Poll::Pending };
        if around.granted.swap(false, Ordering::Relaxed) {
            attempts.as_mut().grant();
        }
        let given_up = around.given_up.load(Ordering::Relaxed);
        let polled = match if given_up { attempts.as_mut().give_up() } else { None } {
            Some(last) => Poll::Ready(last),
            None => attempts.as_mut().poll(task, &mut Calls(&mut **source)),
        };
        around.tell(if polled.is_pending() { attempts.needs() } else { Needs::Nothing });
        let answer = task::ready!(polled);
        self.conclude(&answer);
        self.answer = Some(answer);
        self.attempts.set(None);
        Poll::Ready(())
    }

    fn stop(&mut self) {
        self.around.tell(Needs::Nothing);
        if let Some(attempts) = self.attempts.as_ref().as_pin_ref() {
            self.made += attempts.get_ref().made();
        }
        self.attempts.set(None);
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

impl<O: Outcome> Runs<'_, '_, O> {
    fn begin(&mut self, headers: Option<&Headers>) {
        let Around { core, plan, held, .. } = self.around;
        if plan.policy.as_ref().is_some_and(|policy| policy.keeps()) {
            self.source.keep();
        }
        let seed = held.context().of_attempt(held.run_after(self.made), headers);
        self.attempts.set(Some(Attempts::new(core, Found::Built(*plan), seed, None)));
    }

    /// What a run has emitted belongs to the call if it has ended well, and what it has inserted in any
    /// case.
    fn conclude(&mut self, answer: &Result<O, Failure>) {
        let Some(mut attempts) = self.attempts.as_mut().as_pin_mut() else { return };
        self.made += attempts.made();
        // A middleware may have called it before.
        let before = std::mem::replace(&mut self.record, attempts.as_mut().take_record());
        self.former = attempts.as_mut().take_former().or(before).or(self.former.take());
        let (core, call) = (self.around.core, self.around.held.context());
        let run = attempts.context();
        call.take_extensions(run);
        let is_ok = answer.as_ref().is_ok_and(|answer| answer.error().is_none());
        if is_ok { effects::hand_over(core, run, call) } else { effects::discard(core, run) }
    }
}

/// The handler, to be called for each attempt.
struct Calls<'s, O>(&'s mut (dyn Source<O> + 'static));

impl<O: Outcome> Start<O> for Calls<'_, O> {
    fn refused(&self, context: &Context) -> Option<Failure> {
        self.0.is_gone().then(|| moved(context.message()))
    }
    fn message(&self) -> Option<&dyn Any> {
        self.0.message()
    }
    fn start(&mut self, plan: &Plan, lender: &Lender<'_>) -> Begun<O> {
        let inside = plan.layers.as_ref().filter(|layers| !layers.per_attempt.is_empty());
        let Some(layers) = inside else { return self.0.begin(lender) };
        let Some(once) = self.0.once() else { unreachable!("what is gone is refused") };
        attempt::begin(Arc::clone(layers), once, lender)
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
