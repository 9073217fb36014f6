//! Driving a handler on that is pending: what it needs meanwhile of the slots, and of those who wait.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{self, Poll};

use super::wayside::Wayside;
use crate::event::group::SteppedAside;
use crate::event::order::Turn;
use crate::event::queue::GivenUp;
use crate::event::slots::Slot;
use crate::pipeline::attempts::{Attempts, Needs, Start};
use crate::pipeline::ended::Outcome;
use crate::pipeline::failure::Failure;
use crate::pipeline::middleware::around::{Around, Through};
use crate::pipeline::middleware::source::Source;
use crate::session::InSession;

/// What is driven on.
trait Driven {
    type Answer;
    fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Self::Answer>;
    /// Asked when it is pending.
    fn needs(&self) -> Needs;
    /// It has its slot again.
    fn grant(&mut self);
    /// It may be over while it waits for its slot.
    fn poll_end(&mut self, task: &mut task::Context<'_>) -> Poll<Self::Answer>;
    /// Its event is dropped. What it has come to by now.
    fn give_up(&mut self, task: &mut task::Context<'_>) -> Option<Self::Answer>;
}

/// Drives a handler's attempts on.
pub(super) async fn drive<O: Outcome>(
    attempts: Pin<&mut Attempts<'_, O>>,
    handler: impl Start<O>,
    slot: &mut Slot<'_>,
    turn: Option<&mut Turn<'_>>,
    wayside: Wayside<'_>,
) -> Result<Result<O, Failure>, GivenUp> {
    on(&mut Alone { attempts, handler }, slot, turn, wayside).await
}

/// As [`drive`], a handler inside of its middleware.
pub(super) async fn drive_around<O: Outcome>(
    around: &Around<'_>,
    source: &mut (dyn Source<O> + 'static),
    session: Option<Box<InSession>>,
    slot: &mut Slot<'_>,
    wayside: Wayside<'_>,
) -> Result<Through<O>, GivenUp> {
    let mut never = |_: &mut task::Context<'_>| Poll::Pending;
    let inside = pin!(around.run(source, session, &mut never));
    on(&mut Within { around, inside }, slot, None, wayside).await
}

async fn on<D: Driven>(
    driven: &mut D,
    slot: &mut Slot<'_>,
    mut turn: Option<&mut Turn<'_>>,
    wayside: Wayside<'_>,
) -> Result<D::Answer, GivenUp> {
    let mut aside: Option<SteppedAside<'_>> = None;
    loop {
        let answer = poll_fn(|task| {
            let polled = driven.poll(task);
            if polled.is_pending() {
                if let Some(turn) = &mut turn {
                    turn.stay();
                }
                if driven.needs() != Needs::Nothing {
                    return Poll::Ready(None);
                }
            }
            polled.map(Some)
        });
        if let Some(answer) = answer.await {
            return Ok(answer);
        }
        let needs = driven.needs();
        if matches!(needs, Needs::Others | Needs::Time) {
            slot.release();
        }
        match needs {
            Needs::Nothing => continue,
            // It waits for what follows from events of its own, and those may need the slot.
            Needs::Others => woken().await,
            Needs::Time => {
                aside.get_or_insert_with(|| wayside.step_aside());
                if let Some(answer) = wait_aside(driven, wayside).await? {
                    return Ok(answer);
                }
                continue;
            }
            Needs::Slot => {}
        }
        let mut taken = pin!(slot.take_again());
        let over = poll_fn(|task| match taken.as_mut().poll(task) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => driven.poll_end(task).map(Some),
        });
        if let Some(answer) = over.await {
            return Ok(answer);
        }
        driven.grant();
    }
}

/// The handler waits for long: its event counts as queued meanwhile, and can be dropped like that.
async fn wait_aside<D: Driven>(
    driven: &mut D,
    wayside: Wayside<'_>,
) -> Result<Option<D::Answer>, GivenUp> {
    let Some(waits) = wayside.wait() else { return give_up(driven).await };
    let ended = {
        let mut given_up = pin!(waits.given_up());
        poll_fn(|task| match driven.poll(task) {
            Poll::Ready(answer) => Poll::Ready(Some(Some(answer))),
            Poll::Pending if driven.needs() != Needs::Time => Poll::Ready(Some(None)),
            Poll::Pending => given_up.as_mut().poll(task).map(|()| None),
        })
        .await
    };
    match (ended, waits.end()) {
        (Some(Some(answer)), _) => Ok(Some(answer)),
        (Some(None), true) => Ok(None),
        (None, _) | (Some(None), false) => give_up(driven).await,
    }
}

async fn give_up<D: Driven>(driven: &mut D) -> Result<Option<D::Answer>, GivenUp> {
    let answer = poll_fn(|task| Poll::Ready(driven.give_up(task))).await;
    answer.map(Some).ok_or(GivenUp)
}

/// Resolves at the next wake-up of this task. The run has left its waker with whom it waits for.
async fn woken() {
    let mut polled = false;
    poll_fn(|_| if std::mem::replace(&mut polled, true) { Poll::Ready(()) } else { Poll::Pending })
        .await;
}

/// A handler without middleware around it.
struct Alone<'p, 'r, O, H> {
    attempts: Pin<&'p mut Attempts<'r, O>>,
    handler: H,
}

impl<O: Outcome, H: Start<O>> Driven for Alone<'_, '_, O, H> {
    type Answer = Result<O, Failure>;

    fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Self::Answer> {
        self.attempts.as_mut().poll(task, &mut self.handler)
    }
    fn needs(&self) -> Needs {
        self.attempts.needs()
    }
    fn grant(&mut self) {
        self.attempts.as_mut().grant();
    }
    fn poll_end(&mut self, task: &mut task::Context<'_>) -> Poll<Self::Answer> {
        self.attempts.as_mut().poll_end(task).map(Err)
    }
    fn give_up(&mut self, _: &mut task::Context<'_>) -> Option<Self::Answer> {
        self.attempts.as_mut().give_up()
    }
}

/// A handler inside of its middleware.
struct Within<'p, 'a, T> {
    around: &'p Around<'a>,
    inside: Pin<&'p mut T>,
}

impl<T: Future> Driven for Within<'_, '_, T> {
    type Answer = T::Output;

    fn poll(&mut self, task: &mut task::Context<'_>) -> Poll<Self::Answer> {
        self.inside.as_mut().poll(task)
    }
    fn needs(&self) -> Needs {
        self.around.needs()
    }
    fn grant(&mut self) {
        self.around.grant();
    }
    fn poll_end(&mut self, _: &mut task::Context<'_>) -> Poll<Self::Answer> {
        Poll::Pending
    }
    fn give_up(&mut self, task: &mut task::Context<'_>) -> Option<Self::Answer> {
        self.around.give_up();
        match self.inside.as_mut().poll(task) {
            Poll::Ready(answer) => Some(answer),
            Poll::Pending => None,
        }
    }
}
