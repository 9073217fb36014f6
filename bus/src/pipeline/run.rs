//! One run of one handler: the runner of every (message, handler) pair, command or event.
//!
//! It turns all that can happen to a call into a value: the handler's answer, or a [`Failure`]. A
//! panic is caught here, the timeout is kept here, and what the handler has emitted is sent or
//! discarded here.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;
use tracing::Span;

use super::attempts::Start;
use super::ended::{Ended, Outcome};
use super::failure::{Failure, Late, panic_text};
use super::frame::{Frame, Lender};
use super::hook;
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::error::CancelledBy;
use crate::handler::slot::Called;
use crate::observe::slow::SlowRun;
use crate::observe::spans;
use crate::observe::{What, tap};
use crate::probe::{self, Watch, who};
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::resilience::timer::{Timer, Watched};
use crate::session::{InSession, Owned};

pin_project! {
    /// A handler's call in progress. Dropping it cancels the call.
    pub(crate) struct Run<'a, O> {
        core: &'a Core,
        plan: Found<'a, Plan>,
        #[pin]
        frame: Frame<'a, O>,
        #[pin]
        timer: Timer,
        session: Option<Box<InSession>>,
        watch: Watch,
        stage: Stage,
        span: Option<Box<Span>>,
    }

    impl<O> PinnedDrop for Run<'_, O> {
        fn drop(this: Pin<&mut Self>) {
            if this.stage != Stage::Ended {
                let this = this.project();
                if *this.stage == Stage::Begun {
                    this.plan.ended(this.frame.context(), &Ended::Dropped);
                    spans::processed(this.span, || Ended::Dropped);
                }
                abandon(this.core, this.frame.context());
            }
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    New,
    /// The hooks were told that it begins, and will be told how it ends.
    Begun,
    Ended,
}

impl<'a, O> Run<'a, O> {
    #[inline]
    pub(crate) fn new(
        core: &'a Core,
        plan: Found<'a, Plan>,
        seed: Seed,
        session: Option<Box<InSession>>,
    ) -> Self {
        let frame = Frame::new(core, seed);
        let (timer, watch) = (Timer::Unarmed, Watch::default());
        Self { core, plan, frame, timer, session, watch, stage: Stage::New, span: None }
    }

    pub(crate) fn plan(&self) -> &Plan {
        &self.plan
    }

    pub(crate) fn context(&self) -> &Context {
        self.frame.context()
    }

    /// Calls the handler. `Some` when it has answered at once; else [`poll`](Self::poll).
    pub(crate) fn begin(
        self: Pin<&mut Self>,
        handler: &mut dyn Start<O>,
    ) -> Option<Result<O, Failure>>
    where
        O: Outcome,
    {
        let mut this = self.project();
        let (session, context) = (this.session.as_deref_mut(), this.frame.context());
        let kept_back = kept_back(this.core, context, session);
        if let Some(over) = kept_back.or_else(|| handler.refused(context)) {
            *this.stage = Stage::Ended;
            return Some(Err(over));
        }
        let plan = &**this.plan;
        *this.span = spans::process(plan, this.frame.context());
        let entered = spans::enter(this.span.as_deref());
        begins(this.core, plan, this.frame.context(), || handler.message());
        *this.stage = Stage::Begun;
        let _acts = probe::acting(this.core, &plan.handler);
        let start = |lender: &Lender<'_>| handler.start(plan, lender);
        let answer = catch_unwind(AssertUnwindSafe(|| this.frame.as_mut().begin(start)));
        let answer = match answer {
            Ok(None) => return None,
            Ok(Some(answer)) => answer.map_err(|failure| *failure),
            Err(panic) => Err(Failure::Panicked(panic_text(&*panic))),
        };
        *this.stage = Stage::Ended;
        plan.ended_with(this.frame.context(), answer.as_ref());
        drop(entered);
        let info = this.frame.context().message();
        spans::processed(this.span, || Ended::with(info, answer.as_ref()));
        Some(answer)
    }

    /// Makes room for the next attempt: of the last one, nothing is left. `time` and `deadline`:
    /// of all of them.
    pub(crate) fn renew(
        self: Pin<&mut Self>,
        attempt: u32,
        time: Option<Duration>,
        deadline: Option<Instant>,
    ) {
        let mut this = self.project();
        let seed = this.frame.context().again(attempt, time, deadline);
        this.frame.set(Frame::new(this.core, seed));
        this.timer.set(Timer::Unarmed);
        *this.watch = Watch::default();
        *this.stage = Stage::New;
    }

    /// Has the session ended what is its own? Asked between two attempts.
    pub(crate) fn poll_over(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Failure> {
        match self.project().session {
            Some(session) => session.poll_over(task),
            None => Poll::Pending,
        }
    }

    pub(crate) fn core(&self) -> &'a Core {
        self.core
    }

    /// Drives the handler on, up to its deadline.
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<O, Failure>>
    where
        O: Outcome,
    {
        let mut this = self.as_mut().project();
        let entered = spans::enter(this.span.as_deref());
        let (core, handler) = (*this.core, &this.plan.handler);
        let (who, mut frame) = (who(this.frame.context()), this.frame.as_mut());
        let frame = |task: &mut task::Context<'_>| frame.as_mut().poll(task);
        let polled =
            catch_unwind(AssertUnwindSafe(|| this.watch.poll(core, who, handler, task, frame)));
        let answer = match polled {
            Ok(Poll::Ready(Called::Ok(answer))) => Ok(answer),
            Ok(Poll::Ready(Err(failure))) => Err(*failure),
            Err(panic) => Err(Failure::Panicked(panic_text(&*panic))),
            Ok(Poll::Pending) => {
                drop(entered);
                return self.poll_end(task).map(Err);
            }
        };
        *this.stage = Stage::Ended;
        if answer.is_err() {
            stop(this.core, this.frame.as_mut());
        }
        this.plan.ended_with(this.frame.context(), answer.as_ref());
        drop(entered);
        let info = this.frame.context().message();
        spans::processed(this.span, || Ended::with(info, answer.as_ref()));
        Poll::Ready(answer)
    }

    /// Ends the call when its deadline has passed, or its session ends. The handler is not polled.
    pub(crate) fn poll_end(
        mut self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Failure> {
        let mut this = self.as_mut().project();
        let over = this.session.as_mut().map(|session| session.poll_over(task));
        if let Some(Poll::Ready(over)) = over {
            return Poll::Ready(self.end(over));
        }
        let context = this.frame.context();
        let pending = Pending { context, plan: this.plan };
        task::ready!(this.timer.as_mut().poll_watched(this.core, task, &pending));
        let own = context.time().filter(|_| context.callers_deadline() != context.deadline());
        let late = match own {
            None => Late::Caller,
            Some((after, true)) => Late::Attempt(after),
            Some((after, false)) => Late::Total(after),
        };
        Poll::Ready(self.end(Failure::TimedOut(late)))
    }

    /// Ends the call from outside.
    pub(crate) fn end(self: Pin<&mut Self>, why: Failure) -> Failure {
        let mut this = self.project();
        let was = std::mem::replace(this.stage, Stage::Ended);
        let entered = spans::enter(this.span.as_deref());
        stop(this.core, this.frame.as_mut());
        // It waits for nothing any more, though the attempt after it may come much later.
        *this.watch = Watch::default();
        if was == Stage::Begun {
            this.plan.ended(this.frame.context(), &Ended::without_answer(&why));
        }
        drop(entered);
        spans::processed(this.span, || Ended::without_answer(&why));
        why
    }
}

/// A handler that is pending, for the timer.
struct Pending<'r> {
    context: &'r Context,
    plan: &'r Plan,
}

impl Watched for Pending<'_> {
    fn deadline(&self) -> Option<Instant> {
        self.context.deadline()
    }

    fn since(&self, core: &Core) -> Instant {
        // What was fixed at the first `Pending` says when that was, and spares a look at the clock.
        let (deadline, callers) = (self.context.deadline(), self.context.callers_deadline());
        let own = deadline.filter(|_| deadline != callers).zip(self.context.time());
        let since = own.and_then(|(deadline, (timeout, _))| deadline.checked_sub(timeout));
        since.unwrap_or_else(|| core.settings.clock.now())
    }

    fn run(&self, since: Instant) -> SlowRun {
        let (handler, context) = (self.plan.handler.clone(), self.context);
        SlowRun { handler, message: context.message(), id: context.id(), since }
    }

    fn is_slow(&self, taken: Duration) {
        let handler = &self.plan.handler;
        tracing::warn!(
            message_name = self.context.message().name(),
            id = %self.context.id(),
            handler = &*handler.name,
            at = format_args!("{}:{}", handler.file, handler.line),
            ?taken,
            "a handler is slow"
        );
    }
}

impl Plan {
    /// A run has ended, with an answer or without.
    #[inline]
    pub(super) fn ended_with<O: Outcome>(&self, context: &Context, answer: Result<&O, &Failure>) {
        let is_ok = answer.is_ok_and(|answer| answer.error().is_none());
        if is_ok && self.hooks.is_empty() {
            return self.counts.ended_well();
        }
        self.ended(context, &Ended::with(context.message(), answer));
    }

    #[inline(never)]
    fn ended(&self, context: &Context, ended: &Ended<'_>) {
        match ended {
            Ended::Ok => self.counts.ended_well(),
            Ended::Dropped | Ended::Cancelled(_) => {}
            failed => self.counts.failed(context, failed),
        }
        if !self.hooks.is_empty() {
            hook::after(&self.hooks, context, &self.handler, ended);
        }
    }
}

impl InSession {
    /// Has the session ended what is its own?
    #[inline(never)]
    pub(super) fn over(&mut self) -> Option<Failure> {
        self.owned().filter(|owned| owned.is_over()).map(|owned| ended_with(owned))
    }

    #[inline(never)]
    pub(super) fn poll_over(&mut self, task: &mut task::Context<'_>) -> Poll<Failure> {
        let Some(owned) = self.owned() else { return Poll::Pending };
        owned.poll_over(task).map(|()| ended_with(owned))
    }
}

fn ended_with(owned: &Owned) -> Failure {
    Failure::Cancelled(CancelledBy::Session(owned.scope().id.clone()))
}

/// Ends a call that has no answer: drops its future, then tells those it has left behind.
fn stop<O>(core: &Core, mut frame: Pin<&mut Frame<'_, O>>) {
    // A destructor of the user's may panic, and has to be kept from the bus as the handler is.
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| frame.as_mut().stop())) {
        let text = panic_text(&*panic);
        tracing::error!(panic = text, "a handler's future panicked when it was dropped");
    }
    abandon(core, frame.context());
}

pub(crate) fn abandon(core: &Core, context: &Context) {
    if let Some(scratch) = context.used_scratch() {
        scratch.cancel.fire();
        scratch.outbox.discard(core.weak_for(scratch));
    }
}

/// A call whose caller is out of time already is not begun, nor one whose session has ended what is its own.
#[inline]
pub(super) fn kept_back(
    core: &Core,
    context: &Context,
    session: Option<&mut InSession>,
) -> Option<Failure> {
    if let Some(deadline) = context.callers_deadline()
        && deadline <= core.settings.clock.now()
    {
        return Some(Failure::TimedOut(Late::Caller));
    }
    session?.over()
}

/// The handler is about to be called: what counts and watches is told.
#[inline]
pub(super) fn begins<'m>(
    core: &Core,
    plan: &Plan,
    context: &Context,
    message: impl FnOnce() -> Option<&'m dyn Any>,
) {
    if !plan.hooks.is_empty() {
        hook::before(&plan.hooks, context, &plan.handler, message());
    }
    plan.counts.begun();
    if context.is_retry()
        && !context.is_lifecycle()
        && let Some(meter) = &plan.meter
    {
        core.settings.metrics.retried(meter);
    }
    if core.observers.is_on() && plan.batch.is_none() {
        let (handler, attempt) = (&plan.handler, context.attempt());
        tap::of_context(core, context, What::Handling { handler, attempt, batch: None });
    }
}

/// The text of a user's error, which its `Display` writes: that may panic too.
pub(crate) fn text_of_users(write: impl FnOnce() -> String) -> String {
    catch_unwind(AssertUnwindSafe(write))
        .unwrap_or_else(|panic| format!("an error whose text panicked: {}", panic_text(&*panic)))
}

/// Drops what is the user's: its destructor may panic, and nobody else is to know.
pub(crate) fn drop_users<T>(thing: T) {
    if let Err(panic) = catch_unwind(AssertUnwindSafe(|| drop(thing))) {
        tracing::error!(panic = panic_text(&*panic), "a destructor panicked");
    }
}
