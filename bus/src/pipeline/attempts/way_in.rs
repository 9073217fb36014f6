//! The way in: circuit breaker, then bulkhead; and what is waited for on it.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll};

use super::{Attempts, Phase, Room, Wait, trouble_of};
use crate::core::Core;
use crate::handler::slot::BoxFuture;
use crate::pipeline::ended::Outcome;
use crate::pipeline::failure::{Failure, Late};
use crate::resilience::CircuitBreaker;
use crate::resilience::breaker::Ticket;
use crate::resilience::bulkhead::Bulkhead;
use crate::resilience::timer::sleep;

impl<'a, O: Outcome> Attempts<'a, O> {
    pub(super) fn enter(self: Pin<&mut Self>) -> Result<(), Failure> {
        let this = self.project();
        let (core, plan, context) = (this.run.core(), this.run.plan(), this.run.context());
        let Some(policy) = &plan.policy else {
            *this.phase = Phase::Begins;
            return Ok(());
        };
        if let (None, Some(breaker)) = (&this.held.ticket, &policy.breaker) {
            match breaker.admit(|| core.settings.clock.now()) {
                Ok(ticket) => this.held.ticket = Some(ticket),
                Err(open) if plan.message.is_command() => {
                    let (breaker, retry_after) = (breaker.shared_name(), open.retry_after);
                    return Err(Failure::CircuitOpen { breaker, retry_after });
                }
                // An event waits, as long as that takes: it would only be burnt.
                Err(_) => {
                    let trouble = trouble_of(this.trouble, context);
                    // However long that takes: else what waits would be burnt, and as a probe that fails.
                    trouble.begin_anew();
                    trouble.wait = Wait::Circuit(admitted(breaker.clone(), core.arc()));
                    trouble.without_slot = true;
                    *this.phase = Phase::Waiting;
                    return Ok(());
                }
            }
        }
        if let (None, Some(bulkhead)) = (&this.held.place, &policy.bulkhead)
            && !context.is_inside(plan.id)
        {
            match bulkhead.enter() {
                Some(place) => this.held.place = Some(place),
                None => {
                    let Some(seat) = bulkhead.wait() else {
                        let (size, room) = (bulkhead.size, bulkhead.room);
                        return Err(Failure::BulkheadFull { size, room });
                    };
                    let trouble = trouble_of(this.trouble, context);
                    let until = trouble.deadline(context);
                    trouble.wait = Wait::Room(Room::new(bulkhead, Some(seat), until));
                    *this.phase = Phase::Waiting;
                    return Ok(());
                }
            }
        }
        let has_slot = !this.trouble.as_ref().is_some_and(|trouble| trouble.without_slot);
        *this.phase = if has_slot { Phase::Begins } else { Phase::NeedsSlot };
        Ok(())
    }

    /// What it waits for, up to the end of its session; a command also to its deadline.
    pub(super) fn poll_wait(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<(), Failure>> {
        let mut this = self.project();
        if let Poll::Ready(over) = this.run.as_mut().poll_over(task) {
            return Poll::Ready(Err(over));
        }
        let core = this.run.core();
        let Some(trouble) = this.trouble else {
            *this.phase = Phase::Entering;
            return Poll::Ready(Ok(()));
        };
        match &mut trouble.wait {
            Wait::Nothing => {}
            Wait::Time { timer, until } => {
                let polled = timer.as_mut().poll(core, task, || *until);
                // Where there is no timer, nobody waits.
                if !timer.is_endless() {
                    task::ready!(polled);
                }
            }
            Wait::Circuit(admitted) => {
                this.held.ticket = Some(task::ready!(admitted.as_mut().poll(task)));
            }
            Wait::Room(room) => {
                if let Poll::Ready(permit) = room.place.as_mut().poll(task) {
                    this.held.place = permit.map(Bulkhead::take);
                } else if room.seat.is_none() {
                    // The handler is at work, and its time goes by.
                    return this.run.poll_end(task).map(Err);
                } else {
                    let Room { timer, until, .. } = room;
                    task::ready!(timer.as_mut().poll(core, task, || *until));
                    let late = trouble.whose(Failure::TimedOut(Late::Caller));
                    return Poll::Ready(Err(late));
                }
                if room.seat.is_none() {
                    trouble.wait = Wait::Nothing;
                    *this.phase = Phase::Running;
                    return Poll::Ready(Ok(()));
                }
                this.held.look_again(this.run.plan());
            }
        }
        trouble.wait = Wait::Nothing;
        if trouble.is_fixed() || *this.made > 0 {
            let (time, deadline) = trouble.time_left();
            this.run.renew(trouble.first.saturating_add(*this.made), time, deadline);
        }
        *this.phase = Phase::Entering;
        Poll::Ready(Ok(()))
    }

    /// It is not called any more. What an attempt has come to says more than that the next was kept
    /// from it.
    pub(super) fn end_without(self: Pin<&mut Self>, why: Failure) -> Result<O, Failure> {
        let this = self.project();
        *this.phase = Phase::Ended;
        this.held.give_back(this.run.plan());
        let last = this.trouble.as_mut().and_then(|trouble| trouble.last.0.take());
        match (why, last) {
            (why @ Failure::Cancelled(_), _) | (why, None) => Err(this.run.end(why)),
            (_, Some(last)) => last,
        }
    }

    /// A command's handler that waits for the handlers of events can do without its place, and those may
    /// need it. The next time it is woken it comes back for one.
    pub(super) fn make_room(self: Pin<&mut Self>) {
        let this = self.project();
        if this.held.place.is_none() || !this.run.context().waits_inside() {
            return;
        }
        let plan = this.run.plan();
        let bulkhead = plan.policy.as_ref().and_then(|policy| policy.bulkhead.as_ref());
        let Some(bulkhead) = bulkhead.filter(|_| this.held.leave(plan)) else { return };
        let trouble = trouble_of(this.trouble, this.run.context());
        trouble.wait = Wait::Room(Room::new(bulkhead, None, None));
        *this.phase = Phase::Waiting;
    }
}

/// Resolves when the breaker lets it in.
fn admitted(breaker: CircuitBreaker, core: Arc<Core>) -> BoxFuture<'static, Ticket> {
    Box::pin(async move { breaker.admitted(|time| sleep(&core, time)).await })
}
