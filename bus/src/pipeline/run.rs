//! One run of one handler: the runner of every (message, handler) pair, command or event.
//!
//! It turns all that can happen to a call into a value: the handler's answer, or a [`Failure`]. A
//! panic is caught here, the timeout is kept here, and what the handler has emitted is sent or
//! discarded here.

use std::any::Any;
use std::borrow::Cow;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Duration;

use pin_project_lite::pin_project;

use super::frame::{Frame, Lender};
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::error::CancelledBy;
use crate::handler::param::ParamError;
use crate::handler::slot::{Begun, Called};
use crate::resilience::timer::Timer;
use crate::session::{InSession, Owned};

pin_project! {
    /// A handler's call in progress. Dropping it cancels the call.
    pub(crate) struct Run<'a, O> {
        core: &'a Core,
        #[pin]
        frame: Frame<'a, O>,
        #[pin]
        timer: Timer,
        session: Option<Box<InSession>>,
        ended: bool,
    }

    impl<O> PinnedDrop for Run<'_, O> {
        fn drop(this: Pin<&mut Self>) {
            if !this.ended {
                abandon(this.core, this.frame.context());
            }
        }
    }
}

/// Why a call has no answer of its handler.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A parameter could not be made, so the handler was not called.
    Refused(ParamError),
    Panicked(String),
    /// The filter of an event's handler panicked, so the handler was not called.
    Filter {
        filter: Cow<'static, str>,
        message: String,
    },
    /// After so long; `None`: past the deadline of the caller.
    TimedOut(Option<Duration>),
    Cancelled(CancelledBy),
}

impl<'a, O> Run<'a, O> {
    #[inline]
    pub(crate) fn new(core: &'a Core, seed: Seed, session: Option<Box<InSession>>) -> Self {
        Self { core, frame: Frame::new(core, seed), timer: Timer::Unarmed, session, ended: false }
    }

    pub(crate) fn context(&self) -> &Context {
        self.frame.context()
    }

    /// Calls the handler. `Some` when it has answered at once; else [`poll`](Self::poll).
    #[inline]
    pub(crate) fn begin(
        self: Pin<&mut Self>,
        start: impl FnOnce(&Lender<'_>) -> Begun<O>,
    ) -> Option<Result<O, Failure>> {
        let mut this = self.project();
        if is_late(this.core, this.frame.context()) {
            *this.ended = true;
            return Some(Err(Failure::TimedOut(None)));
        }
        if let Some(session) = this.session
            && let Some(over) = session.over()
        {
            *this.ended = true;
            return Some(Err(over));
        }
        let answer = catch_unwind(AssertUnwindSafe(|| this.frame.as_mut().begin(start)));
        let answer = match answer {
            Ok(None) => return None,
            Ok(Some(answer)) => answer.map_err(Failure::Refused),
            Err(panic) => Err(Failure::Panicked(panic_text(&*panic))),
        };
        *this.ended = true;
        Some(answer)
    }

    /// Drives the handler on, up to its deadline.
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<O, Failure>>
    where
        O: 'static,
    {
        let mut this = self.as_mut().project();
        let polled = catch_unwind(AssertUnwindSafe(|| this.frame.as_mut().poll(task)));
        let answer = match polled {
            Ok(Poll::Ready(Called::Ok(answer))) => Ok(answer),
            Ok(Poll::Ready(Err(refused))) => Err(Failure::Refused(refused)),
            Err(panic) => Err(Failure::Panicked(panic_text(&*panic))),
            Ok(Poll::Pending) => return self.poll_end(task).map(Err),
        };
        *this.ended = true;
        if answer.is_err() {
            stop(this.core, this.frame);
        }
        Poll::Ready(answer)
    }

    /// Ends the call when its deadline has passed, or its session ends. The handler is not polled.
    pub(crate) fn poll_end(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Failure> {
        let this = self.project();
        if let Some(session) = this.session
            && let Poll::Ready(over) = session.poll_over(task)
        {
            *this.ended = true;
            stop(this.core, this.frame);
            return Poll::Ready(over);
        }
        let context = this.frame.context();
        task::ready!(this.timer.poll(this.core, task, || context.deadline()));
        let callers = context.callers_deadline();
        let own = context.timeout().filter(|_| callers != context.deadline());
        *this.ended = true;
        stop(this.core, this.frame);
        Poll::Ready(Failure::TimedOut(own))
    }

    /// Ends the call from outside.
    pub(crate) fn cancel(self: Pin<&mut Self>) {
        let this = self.project();
        *this.ended = true;
        stop(this.core, this.frame);
    }
}

impl InSession {
    /// Has the session ended what is its own?
    #[inline(never)]
    fn over(&mut self) -> Option<Failure> {
        self.owned().filter(|owned| owned.is_over()).map(|owned| ended_with(owned))
    }

    #[inline(never)]
    fn poll_over(&mut self, task: &mut task::Context<'_>) -> Poll<Failure> {
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

fn abandon(core: &Core, context: &Context) {
    if let Some(scratch) = context.used_scratch() {
        scratch.cancel.fire();
        scratch.outbox.discard(core.weak_for(scratch));
    }
}

/// A call whose caller is out of time already is not begun.
fn is_late(core: &Core, context: &Context) -> bool {
    context.callers_deadline().is_some_and(|deadline| deadline <= core.settings.clock.now())
}

/// The text of a user's error, which its `Display` writes: that may panic too.
pub(crate) fn text_of_users(write: impl FnOnce() -> String) -> String {
    catch_unwind(AssertUnwindSafe(write))
        .unwrap_or_else(|panic| format!("an error whose text panicked: {}", panic_text(&*panic)))
}

/// What `panic!` was given, if it was text.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a value that is not text".to_owned())
}
