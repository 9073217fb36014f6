//! An event that waits for its turn: for room, or for the rate to allow it.

use std::pin::Pin;
use std::task::{self, Poll, ready};
use std::time::Instant;

use pin_project_lite::pin_project;

use super::{Outcome, Published};
use crate::core::Core;
use crate::envelope::Envelope;
use crate::error::PublishErrorKind;
use crate::event::queue::{BackpressureStrategy, Place, Push};
use crate::message::MessageId;
use crate::observe::tap::{self, Queued};
use crate::observe::{What, spans};
use crate::resilience::timer::Timer;

pin_project! {
    /// Dropping it leaves the line: the event was never queued.
    pub(super) struct Waiting<'a> {
        core: &'a Core,
        id: MessageId,
        event: Option<Envelope>,
        place: Place<'a>,
        #[pin]
        timer: Timer,
        // What the timer is armed for.
        until: Option<Instant>,
    }

    impl PinnedDrop for Waiting<'_> {
        fn drop(this: Pin<&mut Self>) {
            if let Some(event) = &this.event {
                spans::given_up(event.links.as_ref());
                if this.core.observers.is_on() {
                    tap::of_envelope(this.core, event, What::Abandoned);
                }
            }
        }
    }
}

impl<'a> Waiting<'a> {
    pub(super) fn new(core: &'a Core, event: Envelope) -> Self {
        let (id, place) = (event.id, core.queue.place());
        Self { core, id, event: Some(event), place, timer: Timer::Unarmed, until: None }
    }

    pub(super) fn poll(
        self: Pin<&mut Self>,
        task: &mut task::Context<'_>,
    ) -> Poll<Result<Published, (Envelope, PublishErrorKind)>> {
        let mut this = self.project();
        let core = *this.core;
        let why = loop {
            let queued = this.event.as_ref().and_then(|event| Queued::of(core, event));
            let push = core.queue.poll_push(this.place, this.event, task.waker());
            match (push, core.queue.config.strategy) {
                (Push::Accepted, _) => {
                    queued.iter().for_each(|queued| queued.tell(core, &Outcome::Queued));
                    return Poll::Ready(Ok(Published { id: *this.id, outcome: Outcome::Queued }));
                }
                (Push::Refused(why), _) => break why.into(),
                (Push::Waiting, BackpressureStrategy::Block { timeout }) => {
                    let deadline = || core.settings.clock.now().checked_add(timeout);
                    ready!(this.timer.poll(core, task, deadline));
                    let capacity = core.queue.config.capacity;
                    break PublishErrorKind::TimedOut { capacity, waited: timeout };
                }
                (Push::Waiting, _) => return Poll::Pending,
                (Push::Until(at), _) => {
                    if this.until.replace(at) != Some(at) {
                        this.timer.set(Timer::Unarmed);
                    }
                    ready!(this.timer.as_mut().poll(core, task, || Some(at)));
                }
            }
        };
        match this.event.take() {
            Some(event) => Poll::Ready(Err((event, why))),
            None => unreachable!("an event that is not accepted is still here"),
        }
    }
}
