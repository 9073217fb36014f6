//! A command that is answered by a test.

use std::any::Any;
use std::fmt;
use std::future::ready;
use std::sync::Arc;

use super::TestBus;
use crate::message::{Command, Message};
use crate::registry::{HandlerOptions, Registration};
use crate::sync::{Mutex, lock};

/// A command that is answered by a test, and the commands that have come: [`TestBus::fake`]. Dropping this
/// changes nothing.
pub struct Fake<C> {
    calls: Calls<C>,
}

type Calls<C> = Arc<Mutex<Vec<Arc<C>>>>;

/// A fake that answers.
pub(super) struct Answers {
    registration: Registration,
    /// The [`Calls`] of its command.
    calls: Box<dyn Any + Send + Sync>,
}

impl<C> Fake<C> {
    /// The commands that have come, in their order. Attempts of one command count each.
    #[must_use]
    pub fn calls(&self) -> Vec<Arc<C>> {
        lock(&self.calls).clone()
    }

    /// How often it was called.
    #[must_use]
    pub fn count(&self) -> usize {
        lock(&self.calls).len()
    }
}

impl<C> fmt::Debug for Fake<C> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Fake<{}>({} calls)", std::any::type_name::<C>(), self.count())
    }
}

impl TestBus {
    /// From now on answers a command in place of its handler. What stands around the command stays: middleware and hooks
    /// of the bus, and what `#[command]` says of its failures. What `#[handler]` says is that handler's, and goes with it; a
    /// handler that a session has registered answers in that session still. A stand-in that waits, takes parameters or
    /// emits is a handler: `.without::<f>().handler::<g>()` on the builder.
    ///
    /// ```standalone_crate
    /// use bus::prelude::*;
    /// use bus::testing::TestBus;
    ///
    /// #[command(output = u32)]
    /// struct Price { of: String }
    /// #[handler]
    /// async fn price(_: &Price) -> bus::Result<u32> { todo!("asks somebody far away") }
    ///
    /// #[tokio::main(flavor = "current_thread")]
    /// async fn main() -> Result<(), Box<dyn std::error::Error>> {
    ///     let bus = TestBus::from_registered()?;
    ///     let prices = bus.fake::<Price>(|price| Ok(price.of.len() as u32));
    ///     assert_eq!(bus.execute(Price { of: "tea".into() }).await?, 3);
    ///     assert_eq!(prices.calls()[0].of, "tea");
    ///     Ok(())
    /// }
    /// ```
    ///
    /// # Panics
    /// When the registry of the bus refuses.
    #[track_caller]
    pub fn fake<C: Command>(
        &self,
        answer: impl Fn(&C) -> Result<C::Output, C::Error> + Send + Sync + 'static,
    ) -> Fake<C> {
        let calls: Calls<C> = Arc::default();
        let seen = Arc::clone(&calls);
        let id = <C as Message>::INFO.type_id();
        // The registry may be a user's: never asked under the lock.
        self.unfake::<C>();
        // Above all others.
        let options = HandlerOptions::new().priority(i32::MAX).name("fake");
        let fake = self.bus().register_command_handler_with(options, move |command: Arc<C>, _| {
            lock(&seen).push(Arc::clone(&command));
            ready(answer(&command))
        });
        match fake {
            Ok(registration) => {
                let answers = Answers { registration, calls: Box::new(Arc::clone(&calls)) };
                lock(&self.fakes).insert(id, answers);
            }
            Err(refused) => panic!("{} cannot be faked: {refused}", <C as Message>::INFO.name()),
        }
        Fake { calls }
    }

    /// The fake that answers a command: what it was called with, also of one that the
    /// [builder](super::TestBusBuilder::fake) was given.
    ///
    /// # Panics
    /// When the command has none.
    #[must_use]
    #[track_caller]
    pub fn faked<C: Command>(&self) -> Fake<C> {
        let info = <C as Message>::INFO;
        let fakes = lock(&self.fakes);
        let calls = fakes.get(&info.type_id()).and_then(|fake| fake.calls.downcast_ref());
        let calls: Option<Calls<C>> = calls.cloned();
        drop(fakes);
        let Some(calls) = calls else {
            let name = info.name();
            panic!(
                "{name} is not faked: `bus.fake::<{name}>(..)` or the same of the builder fakes it"
            )
        };
        Fake { calls }
    }

    /// Lets the command's own handler answer again, if it was not left out when the bus was built.
    pub fn unfake<C: Command>(&self) {
        let fake = lock(&self.fakes).remove(&<C as Message>::INFO.type_id());
        if let Some(fake) = fake {
            fake.registration.unregister();
        }
    }
}
