//! The attempts of one handler at one message: the runner of a (message, handler) pair, command or
//! event, that does what the handler's policy says about its failures.
//!
//! ```text
//! total timeout -> retry (budget) -> circuit breaker -> bulkhead -> attempt timeout -> a run of the handler
//! ```
//!
//! Where the handler has no policy, this is one [`Run`] and nothing else. What is needed only when
//! something goes wrong lies on the heap, made then.

mod trouble;
mod way_in;
mod way_out;

use std::any::Any;
use std::pin::Pin;
use std::task::{self, Poll};
use std::time::Instant;

use pin_project_lite::pin_project;

pub(crate) use self::trouble::Record;
use self::trouble::{Room, Step, Trouble, Wait};
use super::ended::Outcome;
use super::failure::Failure;
use super::frame::Lender;
use super::run::Run;
use crate::context::{Context, Seed};
use crate::core::Core;
use crate::handler::slot::Begun;
use crate::registry::plan::Plan;
use crate::registry::table::Found;
use crate::resilience::breaker::Ticket;
use crate::resilience::bulkhead::Place;
use crate::session::InSession;

pin_project! {
    /// The attempts of a handler. Dropping this cancels the one that runs.
    pub(crate) struct Attempts<'a, O> {
        #[pin]
        run: Run<'a, O>,
        phase: Phase,
        // How often the handler was called.
        made: u32,
        held: Held,
        trouble: Option<Box<Trouble<O>>>,
    }

    impl<O> PinnedDrop for Attempts<'_, O> {
        fn drop(this: Pin<&mut Self>) {
            let this = this.project();
            this.held.give_back(this.run.plan());
        }
    }
}

/// A handler and its message, to be called for each attempt. Behind `dyn`, so that what drives attempts on is compiled
/// once for a type of answers, and not for each message.
pub(crate) trait Start<O> {
    /// Why it cannot be called.
    fn refused(&self, _: &Context) -> Option<Failure> {
        None
    }
    /// The message, for those who watch, if there is one.
    fn message(&self) -> Option<&dyn Any>;
    /// Calls the handler, or makes the future that will.
    fn start(&mut self, plan: &Plan, lender: &Lender<'_>) -> Begun<O>;
}

/// What an attempt holds, and gives back when it ends.
#[derive(Default)]
struct Held {
    ticket: Option<Ticket>,
    place: Option<Place>,
    /// Where the breaker wants to know how long it took.
    begun: Option<Instant>,
}

impl Held {
    fn give_back(&mut self, plan: &Plan) {
        let Some(policy) = &plan.policy else { return };
        if let (Some(ticket), Some(breaker)) = (self.ticket.take(), &policy.breaker) {
            breaker.release(ticket);
        }
        self.leave(plan);
    }

    /// It has waited since it was let in. If the breaker has changed meanwhile, it is asked again: else all who
    /// have waited would call what is down again.
    fn look_again(&mut self, plan: &Plan) {
        let breaker = plan.policy.as_ref().and_then(|policy| policy.breaker.as_ref());
        if let Some(breaker) = breaker
            && let Some(ticket) = self.ticket.take_if(|ticket| !breaker.is_as_it_was(ticket))
        {
            breaker.release(ticket);
        }
    }

    /// The handler is about to be called. The clock is read only where somebody asks for it.
    #[inline]
    fn begin(&mut self, core: &Core, plan: &Plan) {
        let breaker = plan.policy.as_ref().and_then(|policy| policy.breaker.as_ref());
        if breaker.is_some_and(|breaker| breaker.needs_duration()) {
            self.begun = Some(core.settings.clock.now());
        }
    }

    /// Gives the place in the bulkhead back.
    fn leave(&mut self, plan: &Plan) -> bool {
        let bulkhead = plan.policy.as_ref().and_then(|policy| policy.bulkhead.as_ref());
        match (self.place.take(), bulkhead) {
            (Some(place), Some(bulkhead)) => {
                bulkhead.leave(place);
                true
            }
            _ => false,
        }
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// About to be let in by the breaker and the bulkhead.
    Entering,
    /// Let in.
    Begins,
    Running,
    /// For the next attempt, or to be let in.
    Waiting,
    /// What was waited for is there. An event's handler has to have a slot again.
    NeedsSlot,
    Ended,
}

/// What a handler needs of whoever drives its attempts, while they are pending.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Needs {
    Nothing,
    /// It waits for the handlers of other events: it can do without its slot.
    Others,
    /// It waits for long before it is called again: without a slot, and in nobody's way.
    Time,
    /// Its slot, to go on.
    Slot,
}

impl<O> Attempts<'_, O> {
    pub(crate) fn plan(&self) -> &Plan {
        self.run.plan()
    }
}

impl<'a, O: Outcome> Attempts<'a, O> {
    #[inline]
    pub(crate) fn new(
        core: &'a Core,
        plan: Found<'a, Plan>,
        seed: Seed,
        session: Option<Box<InSession>>,
    ) -> Self {
        let phase = if plan.policy.is_some() { Phase::Entering } else { Phase::Begins };
        let run = Run::new(core, plan, seed, session);
        Self { run, phase, made: 0, held: Held::default(), trouble: None }
    }

    /// That of the last attempt.
    pub(crate) fn context(&self) -> &Context {
        self.run.context()
    }

    /// How often the handler was called.
    pub(crate) fn made(&self) -> u32 {
        self.made
    }

    /// Has it neither called the handler nor waited yet?
    pub(crate) fn is_new(&self) -> bool {
        self.made == 0 && self.trouble.is_none()
    }

    pub(crate) fn needs(&self) -> Needs {
        match self.phase {
            Phase::NeedsSlot => Needs::Slot,
            Phase::Waiting if self.trouble.as_ref().is_some_and(|t| t.waits_aside()) => Needs::Time,
            _ if self.context().waits_inside() => Needs::Others,
            _ => Needs::Nothing,
        }
    }

    /// Here is the slot.
    pub(crate) fn grant(self: Pin<&mut Self>) {
        let this = self.project();
        if *this.phase == Phase::NeedsSlot {
            this.held.look_again(this.run.plan());
            if let Some(trouble) = this.trouble {
                trouble.without_slot = false;
            }
            *this.phase = Phase::Entering;
        }
    }

    /// Nobody waits any longer for the next attempt. What the last one has come to.
    pub(crate) fn give_up(self: Pin<&mut Self>) -> Option<Result<O, Failure>> {
        let this = self.project();
        *this.phase = Phase::Ended;
        this.held.give_back(this.run.plan());
        this.trouble.as_mut()?.last.0.take()
    }

    /// What is known of the attempts that have failed.
    pub(crate) fn take_record(self: Pin<&mut Self>) -> Option<Record> {
        self.project().trouble.as_mut()?.record.take()
    }

    /// The same, where an attempt has ended well after these: of what had no part in that.
    pub(crate) fn take_former(self: Pin<&mut Self>) -> Option<Record> {
        self.project().trouble.as_mut()?.former.take()
    }

    /// Drives the attempts on.
    pub(crate) fn poll(
        mut self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
        handler: &mut dyn Start<O>,
    ) -> Poll<Result<O, Failure>> {
        loop {
            let answer = match self.phase {
                Phase::Begins => {
                    let this = self.as_mut().project();
                    *this.phase = Phase::Running;
                    *this.made += 1;
                    this.held.begin(this.run.core(), this.run.plan());
                    match this.run.begin(handler) {
                        Some(answer) => answer,
                        None => continue,
                    }
                }
                Phase::Running => match self.as_mut().project().run.poll(task) {
                    Poll::Ready(answer) => answer,
                    Poll::Pending => {
                        self.make_room();
                        return Poll::Pending;
                    }
                },
                Phase::Entering => match self.as_mut().enter() {
                    Ok(()) => continue,
                    Err(failure) => return Poll::Ready(self.end_without(failure)),
                },
                Phase::Waiting => match task::ready!(self.as_mut().poll_wait(task)) {
                    Ok(()) => continue,
                    Err(failure) => return Poll::Ready(self.end_without(failure)),
                },
                Phase::NeedsSlot | Phase::Ended => return Poll::Pending,
            };
            if self.run.plan().policy.is_none() {
                *self.as_mut().project().phase = Phase::Ended;
                return Poll::Ready(answer);
            }
            if let Some(answer) = self.as_mut().settle(answer) {
                return Poll::Ready(answer);
            }
        }
    }

    /// Ends the call from outside.
    pub(crate) fn end(self: Pin<&mut Self>, why: Failure) -> Failure {
        let this = self.project();
        *this.phase = Phase::Ended;
        this.held.give_back(this.run.plan());
        this.run.end(why)
    }

    /// Ends when its deadline has passed, or its session ends, without going on.
    pub(crate) fn poll_end(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Failure> {
        let mut this = self.project();
        match this.phase {
            Phase::Running => {
                let failure = task::ready!(this.run.as_mut().poll_end(task));
                *this.phase = Phase::Ended;
                this.held.give_back(this.run.plan());
                Poll::Ready(failure)
            }
            _ => this.run.poll_over(task),
        }
    }
}

/// Made when something goes wrong.
fn trouble_of<'t, O>(
    trouble: &'t mut Option<Box<Trouble<O>>>,
    context: &Context,
) -> &'t mut Trouble<O> {
    trouble.get_or_insert_with(|| Box::new(Trouble::new(context)))
}
