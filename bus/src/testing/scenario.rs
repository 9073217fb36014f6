//! Given, when, then: a test in one chain. Nothing happens until it is awaited.

use std::any::type_name;
use std::fmt;
use std::future::{Future, IntoFuture, poll_fn};
use std::panic::Location;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use super::TestBus;
use crate::clock::Clock;
use crate::error::{CommandError, CommandErrorKind, PublishError};
use crate::event::publish::Published;
use crate::handler::slot::BoxFuture;
use crate::message::{Command, Event, Message};

type Place = &'static Location<'static>;
type Act<'b, R> = Box<dyn FnOnce(&'b TestBus) -> BoxFuture<'b, R> + Send + 'b>;
type Check<'b, R> = Box<dyn FnOnce(&TestBus, &R) -> Result<(), String> + Send + 'b>;

/// What was before: [`TestBus::given`].
#[must_use = "nothing happens until the chain is awaited"]
pub struct Given<'b> {
    bus: &'b TestBus,
    steps: Vec<(Place, Act<'b, Result<(), String>>)>,
}

/// What happens: [`TestBus::when`], and what is expected of it. Awaiting it does all of that, in its order, and gives what
/// has become of the message that was sent.
#[must_use = "nothing happens until the chain is awaited"]
pub struct When<'b, R> {
    given: Given<'b>,
    place: Place,
    act: Act<'b, R>,
    after: Duration,
    checks: Vec<(Place, Check<'b, R>)>,
}

/// What has become of a command.
pub type Executed<C> = Result<<C as Command>::Output, CommandError<<C as Command>::Error>>;

impl TestBus {
    /// Begins a test with an event that was published and handled before.
    ///
    /// ```standalone_crate
    /// use bus::prelude::*;
    /// use bus::testing::TestBus;
    /// use std::sync::atomic::{AtomicU32, Ordering};
    ///
    /// #[event]
    /// struct Stocked(u32);
    /// #[command]
    /// struct Sell(u32);
    /// #[event]
    /// struct Sold(u32);
    /// #[derive(Debug, thiserror::Error)]
    /// #[error("sold out")]
    /// struct SoldOut;
    ///
    /// #[resource]
    /// fn stock() -> AtomicU32 { AtomicU32::new(0) }
    /// #[handler]
    /// fn stocked(event: &Stocked, stock: &Res<AtomicU32>) {
    ///     stock.fetch_add(event.0, Ordering::Relaxed);
    /// }
    /// #[handler]
    /// fn sell(command: Sell, stock: &Res<AtomicU32>, emit: Emit<Sold>) -> bus::Result<()> {
    ///     if stock.load(Ordering::Relaxed) < command.0 {
    ///         return Err(SoldOut.into());
    ///     }
    ///     stock.fetch_sub(command.0, Ordering::Relaxed);
    ///     emit.send(Sold(command.0));
    ///     Ok(())
    /// }
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), bus::BuildError> {
    ///     let bus = TestBus::from_registered()?;
    ///     bus.given(Stocked(3)).when(Sell(2)).then().succeeds().expect::<Sold>(|sold| sold.0 == 2).await.ok();
    ///     bus.when(Sell(2)).then().fails().expect_none::<Sold>().await.ok();
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn given<E: Event>(&self, event: E) -> Given<'_> {
        Given { bus: self, steps: Vec::new() }.event(event)
    }

    /// Begins a test with a command that was executed before, and has succeeded.
    #[track_caller]
    pub fn given_executed<C: Command>(&self, command: C) -> Given<'_> {
        Given { bus: self, steps: Vec::new() }.executed(command)
    }

    /// A test of a command.
    #[track_caller]
    pub fn when<C: Command>(&self, command: C) -> When<'_, Executed<C>> {
        Given { bus: self, steps: Vec::new() }.when(command)
    }

    /// A test of an event.
    #[track_caller]
    pub fn when_published<E: Event>(
        &self,
        event: E,
    ) -> When<'_, Result<Published, PublishError<E>>> {
        Given { bus: self, steps: Vec::new() }.when_published(event)
    }
}

impl<'b> Given<'b> {
    /// And an event that was published and handled.
    #[track_caller]
    pub fn event<E: Event>(self, event: E) -> Self {
        self.step(Location::caller(), move |bus| {
            Box::pin(async move {
                bus.bus().publish(event).await.map(drop).map_err(|error| error.to_string())
            })
        })
    }

    /// And a command that was executed, and has succeeded.
    #[track_caller]
    pub fn executed<C: Command>(self, command: C) -> Self {
        self.step(Location::caller(), move |bus| {
            Box::pin(async move {
                let done = bus.run(bus.bus().execute(command)).await;
                done.map(drop).map_err(|error| said(&error))
            })
        })
    }

    /// And so much time that has passed.
    #[track_caller]
    pub fn passed(self, time: Duration) -> Self {
        self.step(Location::caller(), move |bus| {
            Box::pin(async move { bus.try_advance(time).await.map_err(|error| error.to_string()) })
        })
    }

    fn step(
        mut self,
        place: Place,
        act: impl FnOnce(&'b TestBus) -> BoxFuture<'b, Result<(), String>> + Send + 'b,
    ) -> Self {
        self.steps.push((place, Box::new(act)));
        self
    }

    /// Then this command is executed.
    #[track_caller]
    pub fn when<C: Command>(self, command: C) -> When<'b, Executed<C>> {
        self.act(Location::caller(), move |bus| Box::pin(bus.bus().execute(command)))
    }

    /// Then this event is published.
    #[track_caller]
    pub fn when_published<E: Event>(
        self,
        event: E,
    ) -> When<'b, Result<Published, PublishError<E>>> {
        self.act(Location::caller(), move |bus| Box::pin(bus.bus().publish(event)))
    }

    fn act<R>(
        self,
        place: Place,
        act: impl FnOnce(&'b TestBus) -> BoxFuture<'b, R> + Send + 'b,
    ) -> When<'b, R> {
        let (act, after, checks) = (Box::new(act), Duration::ZERO, Vec::new());
        When { given: self, place, act, after, checks }
    }
}

impl<'b, R: Send + 'b> When<'b, R> {
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
        self.checked(Location::caller(), move |bus, _| {
            let there = bus.published::<E>();
            if there.iter().any(|event| is_so(event)) {
                return Ok(());
            }
            let name = <E as Message>::INFO.short_name();
            let there = there.len();
            Err(format!("expected {name} that fits the condition, and none of {there} does"))
        })
    }

    /// So many events of this type were published.
    #[track_caller]
    pub fn expect_count<E: Event>(self, count: usize) -> Self {
        self.checked(Location::caller(), move |bus, _| {
            let there = bus.published::<E>().len();
            let name = <E as Message>::INFO.short_name();
            let why = || format!("expected {count}x {name}, and there were {there}");
            if there == count { Ok(()) } else { Err(why()) }
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
}

impl<'b, T: Send + 'b, X: Send + 'b> When<'b, Result<T, X>>
where
    X: Said,
{
    /// It has gone well.
    #[track_caller]
    pub fn succeeds(self) -> Self {
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(_) => Ok(()),
            Err(error) => Err(format!("expected success, and {}", error.said())),
        })
    }

    /// It has failed.
    #[track_caller]
    pub fn fails(self) -> Self {
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(_) => Err("expected a failure, and it has succeeded".to_owned()),
            Err(_) => Ok(()),
        })
    }
}

impl<'b, T: Send + 'b, E: Send + 'b> When<'b, Result<T, CommandError<E>>>
where
    E: 'static,
{
    /// Its handler has given an output of which this is true.
    #[track_caller]
    pub fn gives(self, is_so: impl FnOnce(&T) -> bool + Send + 'b) -> Self {
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(output) if is_so(output) => Ok(()),
            Ok(_) => Err("the output does not fit the condition".to_owned()),
            Err(error) => Err(format!("expected an output, and {}", error.said())),
        })
    }

    /// Its handler has failed, with an error of which this is true.
    #[track_caller]
    pub fn fails_with(self, is_so: impl FnOnce(&E) -> bool + Send + 'b) -> Self {
        self.checked(Location::caller(), |_, reply| match reply {
            Ok(_) => Err("expected a failure, and it has succeeded".to_owned()),
            Err(error) => match error.kind() {
                CommandErrorKind::Handler(error) if is_so(error) => Ok(()),
                CommandErrorKind::Handler(_) => {
                    Err("its handler has failed, and its error does not fit the condition"
                        .to_owned())
                }
                _ => Err(format!("expected an error of its handler, and {}", error.said())),
            },
        })
    }
}

impl<'b, R: Send + 'b> IntoFuture for When<'b, R> {
    type Output = R;
    type IntoFuture = BoxFuture<'b, R>;

    fn into_future(self) -> BoxFuture<'b, R> {
        Box::pin(async move {
            let Self { given: Given { bus, steps }, place, act, after, checks } = self;
            for (place, step) in steps {
                if let Err(why) = step(bus).await {
                    bus.fail_at(place, &format!("what is given is not so: {why}"));
                }
                bus.settled_at(place).await;
            }
            bus.forget();
            let end = bus.clock.now() + after;
            // It is there still when what happened is told.
            let mut act = act(bus);
            let Some(reply) = drive(bus, place, &mut act, after).await else {
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
            reply
        })
    }
}

/// Drives what was begun for so long at most. `None`: it takes more time.
async fn drive<R>(
    bus: &TestBus,
    place: Place,
    act: &mut BoxFuture<'_, R>,
    most: Duration,
) -> Option<R> {
    let end = bus.clock.now() + most;
    loop {
        let mut settled = pin!(bus.settled_at(place));
        let first = poll_fn(|task| match act.as_mut().poll(task) {
            Poll::Ready(reply) => Poll::Ready(Some(reply)),
            Poll::Pending => settled.as_mut().poll(task).map(|()| None),
        });
        if let Some(reply) = first.await {
            return Some(reply);
        }
        let due = bus.clock.next_due().filter(|due| *due <= end)?;
        bus.clock.move_to(due);
    }
}

impl TestBus {
    async fn settled_at(&self, place: Place) {
        if let Err(hangs) = self.try_settle().await {
            self.fail_at(place, &hangs.to_string());
        }
    }

    fn fail_at(&self, place: Place, why: &str) -> ! {
        panic!("{why}\nat {place}\n{}", self.what_happened())
    }
}

/// An error, in words.
pub trait Said {
    #[doc(hidden)]
    fn said(&self) -> String;
}

impl<E: 'static> Said for CommandError<E> {
    fn said(&self) -> String {
        said(self)
    }
}

impl<E> Said for PublishError<E> {
    fn said(&self) -> String {
        self.to_string()
    }
}

/// The handler's own error may not be one that can be written. What happened says more.
fn said<E>(error: &CommandError<E>) -> String {
    struct Text<'e, E>(&'e CommandError<E>);
    impl<E> fmt::Display for Text<'_, E> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            self.0.describe(f, |_, f| f.write_str(type_name::<E>()))
        }
    }
    Text(error).to_string()
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given({} steps)", self.steps.len())
    }
}

impl<R> fmt::Debug for When<'_, R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "When({} expectations)", self.checks.len())
    }
}
