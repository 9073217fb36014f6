//! What was before.

use std::convert::identity;
use std::fmt;
use std::panic::Location;
use std::time::Duration;

use super::said::Said;
use super::when::{Executed, When};
use super::{Act, Place};
use crate::error::PublishError;
use crate::event::Outcome;
use crate::event::publish::Published;
use crate::handler::slot::BoxFuture;
use crate::message::{Command, Event, Message, MessageId, MessageInfo};
use crate::testing::TestBus;
use crate::testing::no_failure::failures;

/// What was before: [`TestBus::given`].
#[must_use = "nothing happens until the chain is awaited"]
pub struct Given<'b> {
    pub(super) bus: &'b TestBus,
    pub(super) steps: Vec<(Place, Act<'b, Result<(), String>>)>,
}

/// An event that can be given: each is.
#[diagnostic::on_unimplemented(
    message = "`{Self}` is not an event",
    label = "expected a type annotated with `#[bus::event]`",
    note = "a command that was executed before is given by `bus.given_executed(command)`, or `.executed(command)` in the chain"
)]
pub trait IsGiven: Event {}

#[diagnostic::do_not_recommend]
impl<E: Event> IsGiven for E {}

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
    ///     bus.given(Stocked(3)).when(Sell(2)).then().succeeds().expect::<Sold>(|sold| sold.0 == 2).await;
    ///     bus.when(Sell(2)).then().fails().expect_none::<Sold>().await;
    ///     Ok(())
    /// }
    /// ```
    #[track_caller]
    pub fn given<E: IsGiven>(&self, event: E) -> Given<'_> {
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
    /// And an event that was published, that no filter has kept out, and that no handler has failed with.
    #[track_caller]
    pub fn event<E: IsGiven>(self, event: E) -> Self {
        self.step(Location::caller(), move |bus| {
            Box::pin(async move {
                let published = bus.run(bus.bus().publish(event)).await;
                let Published { id, outcome } = published.map_err(|error| error.to_string())?;
                if let Outcome::Filtered { by } = outcome {
                    let name = <E as Message>::INFO.short_name();
                    return Err(format!("{name} was kept out by {by}"));
                }
                bus.try_settle().await.map_err(|error| error.to_string())?;
                let mut failed = failures(&bus.record()).into_iter();
                let failed = failed.find(|entry| entry.id == Some(id));
                failed.map_or(Ok(()), |entry| Err(entry.to_string()))
            })
        })
    }

    /// And a command that was executed, and has succeeded.
    #[track_caller]
    pub fn executed<C: Command>(self, command: C) -> Self {
        self.step(Location::caller(), move |bus| {
            Box::pin(async move {
                let done = bus.run(bus.bus().execute(command)).await;
                done.map(drop).map_err(|error| error.said(<C as Message>::INFO))
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
        let (place, info) = (Location::caller(), <C as Message>::INFO);
        self.act((place, info), |_| None, move |bus| Box::pin(bus.bus().execute(command)))
    }

    /// Then this event is published.
    #[track_caller]
    pub fn when_published<E: Event>(
        self,
        event: E,
    ) -> When<'b, Result<Published, PublishError<E>>> {
        let (place, info) = (Location::caller(), <E as Message>::INFO);
        let id = |reply: &Result<Published, _>| reply.as_ref().ok().map(|published| published.id);
        self.act((place, info), id, move |bus| Box::pin(bus.bus().publish(event)))
    }

    fn act<R>(
        self,
        (place, info): (Place, &'static MessageInfo),
        event: fn(&R) -> Option<MessageId>,
        act: impl FnOnce(&'b TestBus) -> BoxFuture<'b, R> + Send + 'b,
    ) -> When<'b, R> {
        let (act, after, checks, gives) = (Box::new(act), Duration::ZERO, Vec::new(), identity);
        When { given: self, place, info, act, after, checks, event, gives }
    }
}

impl fmt::Debug for Given<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Given({} steps)", self.steps.len())
    }
}
