//! What a bus, and a session, is asked to listen to.

use super::{Subscription, WaitFor};
use crate::bus::Bus;
use crate::message::Event;
use crate::session::Session;

/// Listening.
impl Bus {
    /// Hears the events of a type, from now on, in a buffer of its own: for what is no handler, such as
    /// a connection that shows them. `AnyEvent` hears all types.
    ///
    /// An event is heard when it leaves the queue, before its handlers begin, whatever becomes of them;
    /// one that a filter keeps out is not.
    ///
    /// ```
    /// # use bus::{Bus, event};
    /// #[event]
    /// struct Moved { by: i32 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::from_registered()?;
    /// let mut moves = bus.subscribe::<Moved>();
    /// bus.publish(Moved { by: 3 }).await?;
    /// bus.shutdown().await;
    /// while let Some(event) = moves.recv().await {
    ///     println!("moved by {}", event.by);
    /// }
    /// # Ok(())
    /// # }
    /// ```
    pub fn subscribe<E: Event>(&self) -> Subscription<E> {
        Subscription::new(self.core(), None)
    }

    /// Waits for the next event of a type that matches. It listens from now on, not from its first
    /// await on: made before what causes the event, it cannot come too late. For a limit, put it into
    /// `tokio::time::timeout`.
    ///
    /// # Errors
    /// [`WaitError`](crate::WaitError): there will be none any more, or the predicate panicked.
    ///
    /// # Cancel safety
    /// Dropping the future stops listening.
    ///
    /// ```
    /// # use bus::{Bus, event};
    /// #[event]
    /// struct Paid { order: u64 }
    ///
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
    /// let bus = Bus::from_registered()?;
    /// let paid = bus.wait_for::<Paid>(|paid| paid.order == 7);
    /// bus.publish(Paid { order: 6 }).await?;
    /// bus.publish(Paid { order: 7 }).await?;
    /// assert_eq!(paid.await?.order, 7);
    /// # Ok(())
    /// # }
    /// ```
    pub fn wait_for<E: Event>(
        &self,
        matches: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> WaitFor<E> {
        WaitFor::new(self.core(), None, matches)
    }
}

/// Listening.
impl Session {
    /// As [`Bus::subscribe`], to what is in this session or in one inside of it, until it has ended.
    pub fn subscribe<E: Event>(&self) -> Subscription<E> {
        Subscription::new(self.core(), Some(self.scope()))
    }

    /// As [`Bus::wait_for`], for what is in this session or in one inside of it, until it has ended.
    ///
    /// # Errors
    /// As there.
    pub fn wait_for<E: Event>(
        &self,
        matches: impl Fn(&E) -> bool + Send + Sync + 'static,
    ) -> WaitFor<E> {
        WaitFor::new(self.core(), Some(self.scope()), matches)
    }
}
