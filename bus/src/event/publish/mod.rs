//! Publishing: from an event to the queue, waiting for room only where nothing can wait for us.
//!
//! [`call`] makes the envelope and pushes it, [`waiting`] waits for its turn, [`and_wait`] for all that
//! follows.

mod and_wait;
mod call;
mod waiting;

use std::borrow::Cow;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{self, Poll, ready};
use std::time::{Duration, Instant};

use pin_project_lite::pin_project;

pub use self::and_wait::{AndWait, Settled};
use self::call::{Call, Pushed};
use self::waiting::Waiting;
use super::completion::Completion;
#[cfg(feature = "cron")]
use super::schedule::Times;
use super::schedule::{Due, Later, Recurrence, Scheduled, When};
use super::{dispatcher, filter};
use crate::core::Core;
use crate::error::{PublishError, PublishErrorKind};
use crate::message::{Event, MessageId};
use crate::observe::spans;
use crate::pipeline::ambient;
use crate::pipeline::options::{Head, InScope, Principal};
use crate::pipeline::origin::Origin;
use crate::session::IntoSessionId;
#[cfg(doc)]
use crate::session::SessionId;

/// A published event.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Published {
    /// The id the event has.
    pub id: MessageId,
    /// What became of it.
    pub outcome: Outcome,
}

/// What became of an event that was accepted.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Outcome {
    /// It is queued.
    Queued,
    /// It is queued, and so many older events were dropped for it
    /// ([`DropOldest`](crate::BackpressureStrategy::DropOldest)).
    QueuedAfterDropping(usize),
    /// A filter has kept it out: no handler will see it.
    Filtered {
        /// The name of the filter.
        by: Cow<'static, str>,
    },
}

impl Published {
    /// Was the event kept out by a filter?
    #[must_use]
    pub fn is_filtered(&self) -> bool {
        matches!(self.outcome, Outcome::Filtered { .. })
    }
}

pin_project! {
    /// The future of [`Bus::publish`](crate::Bus::publish). Options come before the `.await`.
    #[must_use = "an event is published when its future is awaited"]
    pub struct Publish<'a, E> {
        call: Call<'a>,
        event: Option<E>,
        waiting: Option<Pin<Box<Waiting<'a>>>>,
    }
}

impl<'a, E: Event> Publish<'a, E> {
    #[inline]
    #[track_caller]
    pub(crate) fn new(core: &'a Core, event: E, origin: Option<Arc<Origin>>) -> Self {
        let mut call = Call::new(core, E::INFO, origin);
        call.head = Head::here(core.settings.track_callers, None);
        Self { call, event: Some(event), waiting: None }
    }
}

/// Options.
impl<'a, E> Publish<'a, E> {
    /// What a session says of it.
    pub(crate) fn with_head(mut self, head: Arc<Head>) -> Self {
        self.call.head = Some(head.in_place_of(self.call.head.as_ref()));
        self
    }

    /// Adds a header, which handlers read with [`Context::header`](crate::Context::header).
    pub fn header(mut self, name: impl Into<Cow<'static, str>>, value: impl Into<String>) -> Self {
        self.head().headers.set(name.into(), value.into());
        self
    }

    /// Publishes in the session of this id, which must be open, instead of in the one that the handler
    /// around this runs in. [`SessionId::BUS`] is outside all sessions.
    pub fn session(mut self, session: impl IntoSessionId) -> Self {
        self.head().session = Some(InScope::Named(session.into()));
        self
    }

    /// Publishes on behalf of a principal.
    pub fn principal(mut self, principal: Principal) -> Self {
        self.head().principal = Some(principal);
        self
    }

    /// Publishes the event after this long: filters are asked and room is found when it is due. Resolves
    /// at once, to a handle that takes the event back or moves it.
    ///
    /// It inherits what it would inherit now, but is no part of the call that schedules it: nobody who
    /// waits for that waits for this, and it does not count as a link of a chain. In a session it is an
    /// event of the session; if that has ended by then, of the bus. What is not yet due when the bus
    /// shuts down is not published: the report says so.
    ///
    /// ```
    /// # use bus::{Bus, event};
    /// # use std::time::Duration;
    /// #[event]
    /// struct Remind { order: u64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::from_registered()?;
    /// let reminder = bus.publish(Remind { order: 7 }).after(Duration::from_secs(3600)).await?;
    /// assert!(reminder.reschedule(Duration::from_secs(60)));
    /// assert!(reminder.cancel());
    /// # Ok(())
    /// # }
    /// ```
    pub fn after(self, delay: Duration) -> Later<'a, E> {
        Later::new(self, Due::At(delay.into()))
    }

    /// Publishes the event at a time: a `SystemTime`, or an `Instant`. One that has passed is now. As
    /// [`after`](Self::after).
    pub fn at(self, time: impl Into<When>) -> Later<'a, E> {
        Later::new(self, Due::At(time.into()))
    }

    /// Publishes the event again and again, for the first time after one period. What is late is not
    /// made up for: times that were missed are skipped. It does not come again before all that followed
    /// from the last time is done: there are never two at once. Each time it has an id of its own. As
    /// [`after`](Self::after); in a session it ends with that.
    pub fn every(self, period: Duration) -> Later<'a, E> {
        Later::new(self, Recurrence::every(period))
    }

    /// Publishes the event whenever a cron pattern says so, in UTC: `"0 3 * * *"` is at three in the
    /// morning. Five fields: minute, hour, day, month, day of the week; with seconds before them six. As
    /// [`every`](Self::every).
    #[cfg(feature = "cron")]
    pub fn cron(self, pattern: &str) -> Later<'a, E> {
        self.cron_in("UTC", pattern)
    }

    /// As [`cron`](Self::cron), in a time zone of the IANA database, such as `"Europe/Berlin"`. The
    /// database is that of the system; where there is none, `"UTC"` alone is known.
    #[cfg(feature = "cron")]
    pub fn cron_in(self, zone: &str, pattern: &str) -> Later<'a, E> {
        Later::new(self, Times::parse(pattern, zone))
    }

    /// Waits until the handlers of the event, and of everything that they emit or publish, are done,
    /// and tells what has failed of it. It waits for nothing else. Inside a handler it gives the
    /// handler's slot back meanwhile, so that a bus of one slot does not wait for itself.
    ///
    /// # Cancel safety
    /// If the future is dropped, nobody waits any more; an event that was queued stays queued.
    ///
    /// ```
    /// # use bus::{Bus, event};
    /// #[event]
    /// struct Moved;
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::from_registered()?;
    /// let settled = bus.publish(Moved).and_wait().await?;
    /// assert!(settled.failures.is_empty());
    /// # Ok(())
    /// # }
    /// ```
    pub fn and_wait(mut self) -> AndWait<'a, E> {
        let parent = self.call.origin.as_ref().and_then(|origin| origin.completion.upgrade());
        let (completion, done) = Completion::new(parent);
        self.call.completion = Some(completion);
        AndWait::new(self, done)
    }

    /// Gives it to the timers instead of the queue.
    pub(in crate::event) fn schedule(
        self: Pin<&mut Self>,
        at: Instant,
        again: Option<Box<Recurrence>>,
    ) -> Result<Scheduled, PublishError<E>>
    where
        E: Send + Sync + 'static,
    {
        let this = self.project();
        let Some(event) = this.event.take() else {
            unreachable!("an event is scheduled or published, not both")
        };
        this.call.schedule(event, at, again)
    }

    /// Does not publish it.
    pub(in crate::event) fn give_back(
        self: Pin<&mut Self>,
        why: PublishErrorKind,
    ) -> PublishError<E> {
        let this = self.project();
        match this.event.take() {
            Some(event) => this.call.turn_away(event, why),
            None => unreachable!("an event is given back once"),
        }
    }

    /// A handler that waits holds its lane: what is in it cannot be waited for.
    fn check_lanes(self: Pin<&mut Self>) -> Result<(), PublishError<E>>
    where
        E: Send + Sync + 'static,
    {
        let this = self.project();
        let (Some(event), Some(completion)) = (this.event.as_ref(), &this.call.completion) else {
            return Ok(());
        };
        completion.hold(ambient::lanes_held(this.call.core));
        if !completion.is_behind_itself(this.call.info, event) {
            return Ok(());
        }
        let origin = this.call.origin.as_ref();
        let chain = origin.map(|origin| origin.chain_to(this.call.info)).unwrap_or_default();
        match this.event.take() {
            Some(event) => Err(this.call.turn_away(event, PublishErrorKind::OwnLane { chain })),
            None => Ok(()),
        }
    }

    pub(in crate::event) fn core(&self) -> &'a Core {
        self.call.core
    }

    fn head(&mut self) -> &mut Head {
        Arc::make_mut(self.call.head.get_or_insert_default())
    }
}

/// The flow of an event, up to the queue. The dispatcher's part is `super::dispatcher`.
///
/// Not bounded by `Event`, which `publish` has asked for: a wrong type is one error.
impl<E: Send + Sync + 'static> Future for Publish<'_, E> {
    type Output = Result<Published, PublishError<E>>;

    fn poll(self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        let call = this.call;
        if this.event.is_some() {
            call.links = spans::publish(call.info, call.origin.as_ref());
        }
        let _entered = spans::within(call.links.as_ref());
        if let Some(event) = this.event.take() {
            dispatcher::start(call.core);
            let (event, session) = call.enter_session(event)?;
            let envelope = call.envelope(event, session);
            if let Err(kept_out) = filter::ask(call.core, &envelope) {
                return Poll::Ready(call.keep_out(envelope, kept_out));
            }
            match call.push_or_wait(envelope) {
                Pushed::Accepted(published) => {
                    call.links = None;
                    return Poll::Ready(Ok(published));
                }
                Pushed::Refused(event, why) => {
                    return Poll::Ready(Err(call.refuse(event, call.kind(why))));
                }
                Pushed::Waits(event) => {
                    *this.waiting = Some(Box::pin(Waiting::new(call.core, event)));
                }
            }
        }
        let Some(waiting) = this.waiting.as_mut() else {
            panic!("`Publish` was polled after it was ready")
        };
        let result = ready!(waiting.as_mut().poll(task));
        *this.waiting = None;
        let result = result.map_err(|(event, why)| call.refuse(event, why));
        call.links = None;
        Poll::Ready(result)
    }
}

/// Publishes without waiting.
#[track_caller]
pub(crate) fn try_publish<E: Event>(
    core: &Core,
    event: E,
    origin: Option<Arc<Origin>>,
    head: Option<Arc<Head>>,
) -> Result<Published, PublishError<E>> {
    dispatcher::start(core);
    let mut call = Call::new(core, E::INFO, origin);
    call.head = Head::here(core.settings.track_callers, head);
    call.links = spans::publish(call.info, call.origin.as_ref());
    let _entered = spans::within(call.links.as_ref());
    let (event, session) = call.enter_session(event)?;
    let envelope = call.envelope(event, session);
    if let Err(kept_out) = filter::ask(core, &envelope) {
        return call.keep_out(envelope, kept_out);
    }
    call.push(envelope).map_err(|(event, why)| call.refuse(event, call.kind(why)))
}

impl<E> fmt::Debug for Publish<'_, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Publish({})", std::any::type_name::<E>())
    }
}
