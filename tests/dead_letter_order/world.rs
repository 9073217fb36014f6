//! Events with an order, handlers that do with them what a script says, and what they have done.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::{Builder, DeadLetterEntry, DeadLetterId};
use tokio::time::sleep;

pub(crate) const MS: Duration = Duration::from_millis(1);

/// What a handler does with an event, call after call, and then well.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Does {
    Well,
    Transient,
    Permanent,
    Panic,
    Hang,
}
pub(crate) use Does::{Hang, Panic, Permanent, Transient, Well};

/// A handler, by its name, and what it has handled, by its number.
type Pair = (&'static str, u32);

#[derive(Default)]
pub(crate) struct World {
    script: Mutex<HashMap<Pair, VecDeque<Does>>>,
    /// What went well, in the order in which it ended.
    done: Mutex<Vec<Pair>>,
    /// All calls, in the order in which they began.
    called: Mutex<Vec<Pair>>,
}

impl World {
    pub(crate) fn will(
        &self,
        handler: &'static str,
        nr: u32,
        script: impl IntoIterator<Item = Does>,
    ) {
        self.script.lock().unwrap().entry((handler, nr)).or_default().extend(script);
    }
    /// From now on all is well.
    pub(crate) fn all_is_well(&self) {
        self.script.lock().unwrap().clear();
    }
    pub(crate) fn next(&self, handler: &'static str, nr: u32) -> Does {
        self.called.lock().unwrap().push((handler, nr));
        let mut script = self.script.lock().unwrap();
        script.get_mut(&(handler, nr)).and_then(VecDeque::pop_front).unwrap_or(Well)
    }
    pub(crate) fn done(&self, handler: &'static str, nr: u32) {
        self.done.lock().unwrap().push((handler, nr));
    }
    pub(crate) async fn act(&self, handler: &'static str, nr: u32) -> bus::Result<()> {
        let does = self.next(handler, nr);
        sleep(Duration::from_millis(u64::from(nr % 3) * 5)).await;
        match does {
            Well => self.done(handler, nr),
            Transient => return Err(bus::Error::msg("not now")),
            Permanent => return Err(bus::Error::permanent(bus::Error::msg("never"))),
            Panic => panic!("it panics"),
            Hang => std::future::pending().await,
        }
        Ok(())
    }

    pub(crate) fn all_done(&self) -> Vec<(String, u32)> {
        self.done.lock().unwrap().iter().map(|(handler, nr)| ((*handler).to_owned(), *nr)).collect()
    }
    pub(crate) fn done_by(&self, handler: &'static str) -> Vec<u32> {
        numbers_of(&self.done.lock().unwrap(), handler)
    }
    pub(crate) fn called_by(&self, handler: &'static str) -> Vec<u32> {
        numbers_of(&self.called.lock().unwrap(), handler)
    }
}

fn numbers_of(pairs: &[Pair], handler: &'static str) -> Vec<u32> {
    pairs.iter().filter(|(name, _)| *name == handler).map(|(_, nr)| *nr).collect()
}

#[event(key = "order")]
pub(crate) struct Paid {
    pub(crate) order: u32,
    pub(crate) nr: u32,
}
/// Keeps what it gives up on.
#[handler(manual)]
pub(crate) async fn book(paid: &Paid, world: &Res<World>) -> bus::Result<()> {
    world.act("book", paid.nr).await
}
/// So does this, after a second call.
#[handler(manual, priority = 1, retry(max_retries = 1, initial_delay = "20ms", jitter = none))]
pub(crate) async fn ship(paid: &Paid, world: &Res<World>) -> bus::Result<()> {
    world.act("ship", paid.nr).await
}
/// This does not.
#[handler(manual)]
pub(crate) async fn thank(paid: &Paid, world: &Res<World>) -> bus::Result<()> {
    world.act("thank", paid.nr).await
}

pub(crate) fn bus(with: impl FnOnce(Builder) -> Builder) -> (Bus, Res<World>) {
    let builder = Bus::builder().without_registered().provide(World::default());
    let bus = with(builder).build().unwrap();
    let world = bus.resource().unwrap();
    (bus, world)
}

pub(crate) fn keeps<H: bus::__private::HandlerType>(builder: Builder) -> Builder {
    builder.handler::<H>().configure::<H>(|handler| handler.dead_letters(true))
}

/// The three of them.
pub(crate) fn all(builder: Builder) -> Builder {
    keeps::<book>(builder).handler::<ship>().handler::<thank>()
}

pub(crate) async fn pay(bus: &Bus, order: u32, numbers: impl IntoIterator<Item = u32>) {
    for nr in numbers {
        bus.publish(Paid { order, nr }).await.unwrap();
    }
}

/// The letters of a handler: numbers of the events, the oldest first.
pub(crate) fn kept_of(bus: &Bus, handler: &str) -> Vec<u32> {
    let letters = bus.dead_letters().list().into_iter();
    letters.filter(|letter| &*letter.handler.name == handler).map(|letter| nr(&letter)).collect()
}

pub(crate) fn nr(letter: &DeadLetterEntry) -> u32 {
    letter.message::<Paid>().map_or(u32::MAX, |paid| paid.nr)
}

/// The letter of a handler and an event.
pub(crate) fn id_of(bus: &Bus, handler: &str, number: u32) -> DeadLetterId {
    let letters = bus.dead_letters().list();
    let is_it = |l: &&DeadLetterEntry| &*l.handler.name == handler && nr(l) == number;
    letters.iter().find(is_it).map(|letter| letter.id).unwrap()
}

/// What must be true of the counts at any time, and of a bus at rest.
pub(crate) fn adds_up(bus: &Bus) {
    let stats = bus.dead_letters().stats();
    let ended = stats.evicted + stats.discarded + stats.succeeded;
    assert_eq!(stats.buried, stats.present as u64 + ended, "{stats:?}");
    let of_bus = bus.stats();
    assert_eq!(of_bus.dead_letters, stats.present);
    assert_eq!((of_bus.queued, of_bus.events_in_flight, of_bus.lanes), (0, 0, 0), "{of_bus:?}");
}

pub(crate) fn retry_in_background(
    bus: &Bus,
    id: DeadLetterId,
) -> tokio::task::JoinHandle<Result<bus::Retried, bus::RetryError>> {
    let bus = bus.clone();
    tokio::spawn(async move { bus.dead_letters().retry(id).await })
}

/// For tests that look at the order of those of one type only.
#[derive(Default, Clone)]
pub(crate) struct Log(pub(crate) Arc<Mutex<Vec<String>>>);
impl Log {
    pub(crate) fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    pub(crate) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}
