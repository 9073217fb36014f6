//! What happens, and what is expected of it.

use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::panic::Location;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use super::given::Given;
use super::said::Said;
use super::{Act, Check, Place};
use crate::clock::Clock;
use crate::error::{CommandError, CommandErrorKind};
use crate::handler::slot::BoxFuture;
use crate::message::{Command, Event, Message, MessageId, MessageInfo};
use crate::probe;
use crate::testing::TestBus;
use crate::testing::expect::values;
use crate::testing::no_failure::failures;
use crate::testing::record::Entry;
use crate::testing::unrecorded::must_be_recorded;

/// What happens: [`TestBus::when`], and what is expected of it. Awaiting it does all of that, in its order, and gives what
/// has become of the message that was sent: a `Result`; after [`succeeds`](Self::succeeds) or [`gives`](Self::gives) what it
/// has succeeded with, after [`fails`](Self::fails) or [`fails_with`](Self::fails_with) its error. So a chain that has said
/// how it ends leaves nothing that must be used.
#[must_use = "nothing happens until the chain is awaited"]
pub struct When<'b, R, G = R> {
    pub(super) given: Given<'b>,
    pub(super) place: Place,
    /// Of the message that is sent.
    pub(super) info: &'static MessageInfo,
    pub(super) act: Act<'b, R>,
    pub(super) after: Duration,
    pub(super) checks: Vec<(Place, Check<'b, R>)>,
    /// The event that it is about, if it is about one.
    pub(super) event: fn(&R) -> Option<MessageId>,
    /// What is given of a reply that has passed the checks.
    pub(super) gives: fn(R) -> G,
}

/// What has become of a command.
pub type Executed<C> = Result<<C as Command>::Output, CommandError<<C as Command>::Error>>;

impl<'b, R: Send + 'b, G: Send + 'b> When<'b, R, G> {
    /// And so much time passes.
    pub fn after(mut self, time: Duration) -> Self {
        self.after = self.after.saturating_add(time);
        self
    }

    /// What comes now is expected of it. For the sound of it.
    pub fn then(self) -> Self {
        self
    }

    /// An event of this type was published, of which this is true.
    #[track_caller]
    pub fn expect<E: Event>(self, is_so: impl Fn(&E) -> bool + Send + 'b) -> Self {
        must_be_recorded(<E as Message>::INFO);
        self.checked(Location::caller(), move |bus, _| {
            let there = bus.published_entries::<E>();
            if there.iter().filter_map(Entry::event).any(|event| is_so(&event)) {
                return Ok(());
            }
            let name = <E as Message>::INFO.short_name();
            let (count, all) = (there.len(), values(&there));
            Err(format!("expected {name} that fits the condition, and none of {count} does{all}"))
        })
    }

    /// So many events of this type were published.
    #[track_caller]
    pub fn expect_count<E: Event>(self, count: usize) -> Self {
        must_be_recorded(<E as Message>::INFO);
        self.checked(Location::caller(), move |bus, _| {
            let there = bus.published_entries::<E>();
            if there.len() == count {
                return Ok(());
            }
            let name = <E as Message>::INFO.short_name();
            let (were, all) = (there.len(), values(&there));
            Err(format!("expected {count}x {name}, and there were {were}{all}"))
        })
    }

    /// No event of this type was published.
    #[track_caller]
    pub fn expect_none<E: Event>(self) -> Self {
        self.expect_count::<E>(0)
    }

    /// Whatever else is to be looked at.
    #[track_caller]
    pub fn check(self, look: impl FnOnce(&TestBus, &R) + Send + 'b) -> Self {
        self.checked(Location::caller(), move |bus, reply| {
            look(bus, reply);
            Ok(())
        })
    }

    fn checked(
        mut self,
        place: Place,
        check: impl FnOnce(&TestBus, &R) -> Result<(), String> + Send + 'b,
    ) -> Self {
        self.checks.push((place, Box::new(check)));
        self
    }

    fn giving<H>(self, gives: fn(R) -> H) -> When<'b, R, H> {
        let Self { given, place, info, act, after, checks, event, .. } = self;
        When { given, place, info, act, after, checks, event, gives }
    }
}

/// Of one that was checked to be well.
fn output<T, X>(reply: Result<T, X>) -> T {
    reply.unwrap_or_else(|_| unreachable!("that it has failed was told before"))
}

/// Of one that was checked to have failed.
fn error<T, X>(reply: Result<T, X>) -> X {
    reply.err().unwrap_or_else(|| unreachable!("that it has succeeded was told before"))
}

impl<'b, T: Send + 'b, X: Send + 'b, G: Send + 'b> When<'b, Result<T, X>, G>
where
    X: Said,
{
    /// It has gone well: also with the handlers of an event. Awaited, the chain gives what it has succeeded with.
    #[track_caller]
    pub fn succeeds(self) -> When<'b, Result<T, X>, T> {
        let (info, event) = (self.info, self.event);
        self.checked(Location::caller(), move |bus, reply| {
            if let Err(error) = reply {
                return Err(format!("expected success, and {}", error.said(info)));
            }
            let mut failed = failures(&bus.recent()).into_iter();
            match event(reply).and_then(|id| failed.find(|entry| entry.id == Some(id))) {
                Some(entry) => Err(format!("expected success, and {}", entry.step)),
                None => Ok(()),
            }
        })
        .giving(output)
    }

    /// It has failed. Awaited, the chain gives the error.
    #[track_caller]
    pub fn fails(self) -> When<'b, Result<T, X>, X> {
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(_) => Err("expected a failure, and it has succeeded".to_owned()),
            Err(_) => Ok(()),
        })
        .giving(error)
    }
}

impl<'b, T: Send + 'b, E: Send + 'b, G: Send + 'b> When<'b, Result<T, CommandError<E>>, G>
where
    E: 'static,
{
    /// Its handler has given an output of which this is true. Awaited, the chain gives it.
    #[track_caller]
    pub fn gives(
        self,
        is_so: impl FnOnce(&T) -> bool + Send + 'b,
    ) -> When<'b, Result<T, CommandError<E>>, T> {
        let info = self.info;
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(output) if is_so(output) => Ok(()),
            Ok(_) => Err("the output does not fit the condition".to_owned()),
            Err(error) => Err(format!("expected an output, and {}", error.said(info))),
        })
        .giving(output)
    }

    /// Its handler has failed, with an error of which this is true. Awaited, the chain gives
    /// the error of the command.
    #[track_caller]
    pub fn fails_with(
        self,
        is_so: impl FnOnce(&E) -> bool + Send + 'b,
    ) -> When<'b, Result<T, CommandError<E>>, CommandError<E>> {
        let info = self.info;
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(_) => Err("expected a failure, and it has succeeded".to_owned()),
            Err(error) => match error.kind() {
                CommandErrorKind::Handler(error) if is_so(error) => Ok(()),
                CommandErrorKind::Handler(_) => {
                    Err(format!("the error does not fit the condition: {}", error.said(info)))
                }
                _ => Err(format!("expected an error of its handler, and {}", error.said(info))),
            },
        })
        .giving(error)
    }
}

impl<'b, R: Send + 'b, G: Send + 'b> IntoFuture for When<'b, R, G> {
    type Output = G;
    type IntoFuture = BoxFuture<'b, G>;

    fn into_future(self) -> BoxFuture<'b, G> {
        Box::pin(async move {
            let Self { given: Given { bus, steps }, place, act, after, checks, gives, .. } = self;
            for (place, step) in steps {
                if let Err(why) = step(bus).await {
                    // Else what is told would be that it has not settled, and not what has become of it.
                    let _ = bus.try_settle().await;
                    bus.fail_at(place, &format!("what is given is not so: {why}"));
                }
                bus.settled_at(place).await;
            }
            bus.forget();
            let end = bus.clock.after(after);
            // It is there still when what happened is told.
            let mut act = pin!(probe::task(bus.core(), act(bus)));
            let Some(reply) = drive(bus, place, act.as_mut(), after).await else {
                let why = "it takes time, and is not done: `.after(..)` lets time pass";
                bus.fail_at(place, why)
            };
            let left = end.saturating_duration_since(bus.clock.now());
            if let Err(hangs) = bus.try_advance(left).await {
                bus.fail_at(place, &hangs.to_string());
            }
            for (place, check) in checks {
                if let Err(why) = check(bus, &reply) {
                    bus.fail_at(place, &why);
                }
            }
            gives(reply)
        })
    }
}

/// Drives what was begun for so long at most. `None`: it takes more time.
async fn drive<R>(
    bus: &TestBus,
    place: Place,
    mut act: Pin<&mut impl Future<Output = R>>,
    most: Duration,
) -> Option<R> {
    let end = bus.clock.after(most);
    loop {
        let mut settled = pin!(bus.settled_at(place));
        // First, as in `TestBus::run`.
        let first = poll_fn(|task| match settled.as_mut().poll(task) {
            Poll::Ready(()) => Poll::Ready(None),
            Poll::Pending => act.as_mut().poll(task).map(Some),
        });
        if let Some(reply) = first.await {
            return Some(reply);
        }
        let due = bus.clock.next_due().filter(|due| *due <= end)?;
        bus.clock.move_to(due);
    }
}

impl<R, G> fmt::Debug for When<'_, R, G> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When({} expectations)", self.checks.len())
    }
}
