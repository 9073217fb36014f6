//! The events of a scenario, and how they are published.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use bus::{Bus, Context, Event, MessageBus, Outcome, PublishError, Published, Scheduled, event};

use super::log::Answer;
use super::scenario::Kind;

/// What an event carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Card {
    pub(crate) id: u64,
    pub(crate) kind: Kind,
    pub(crate) depth: u8,
}

#[event]
pub(crate) struct A(Card);
#[event(key = "1")]
pub(crate) struct B(Card, u64);
#[event(ordered)]
pub(crate) struct C(Card);
#[event(stream = "model.stream", key = "1")]
pub(crate) struct D(Card, u64);
#[event(stream = "model.stream", key = "1")]
pub(crate) struct E(Card, u64);

/// How many keys there are.
const KEYS: u64 = 2;

impl Card {
    fn key(self) -> u64 {
        self.id % KEYS
    }

    /// The lane that the event takes.
    pub(crate) fn lane(self) -> Option<(Kind, u64)> {
        match self.kind {
            Kind::A => None,
            Kind::B => Some((Kind::B, self.key())),
            Kind::C => Some((Kind::C, 0)),
            Kind::D | Kind::E => Some((Kind::D, self.key())),
        }
    }
}

/// One of the types.
pub(crate) trait Carries: Event {
    fn new(card: Card) -> Self;
    fn card(&self) -> Card;
}

macro_rules! carries {
    ($($event:ident($card:ident $(, $key:expr)?))*) => {$(
        impl Carries for $event {
            fn new($card: Card) -> Self {
                Self($card $(, $key)?)
            }
            fn card(&self) -> Card {
                self.0
            }
        }
    )*};
}
carries!(A(card) B(card, card.key()) C(card) D(card, card.key()) E(card, card.key()));

/// `of_kind!(card.kind, E => ..)`: the expression with `E` as the type of that kind.
macro_rules! of_kind {
    ($kind:expr, $event:ident => $body:expr) => {
        match $kind {
            Kind::A => {
                type $event = $crate::events::A;
                $body
            }
            Kind::B => {
                type $event = $crate::events::B;
                $body
            }
            Kind::C => {
                type $event = $crate::events::C;
                $body
            }
            Kind::D => {
                type $event = $crate::events::D;
                $body
            }
            Kind::E => {
                type $event = $crate::events::E;
                $body
            }
        }
    };
}

pub(crate) use of_kind;

/// Publishes the card, waiting if the bus says so.
pub(crate) async fn publish(bus: &impl MessageBus, card: Card) -> Answer {
    of_kind!(card.kind, E => answer(bus.publish(E::new(card)).await))
}

/// Publishes the card without waiting.
pub(crate) fn try_publish(bus: &impl MessageBus, card: Card) -> Answer {
    of_kind!(card.kind, E => answer(bus.try_publish(E::new(card))))
}

/// Schedules the card.
pub(crate) async fn later(bus: &Bus, card: Card, after: Duration) -> Result<Scheduled, Answer> {
    of_kind!(card.kind, E => bus.publish(E::new(card)).after(after).await.map_err(refused))
}

/// Publishes the card if the handler succeeds.
pub(crate) fn emit(cx: &Context, card: Card) {
    of_kind!(card.kind, E => cx.emit(E::new(card)));
}

fn answer<E: Carries>(result: Result<Published, PublishError<E>>) -> Answer {
    match result {
        Ok(Published { id, outcome, .. }) => {
            let dropped = match outcome {
                Outcome::QueuedAfterDropping(n) => n,
                _ => 0,
            };
            Answer::Accepted { id, dropped }
        }
        Err(error) => refused(error),
    }
}

fn refused<E: Carries>(error: PublishError<E>) -> Answer {
    let why = error.kind().clone();
    Answer::Refused { why, gave_back: error.into_event().card() }
}

/// Polls the future so often at most; `None` if it was not ready by then, and is dropped.
pub(crate) async fn polled<F: Future>(future: F, polls: u8) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut left = polls;
    poll_fn(|task| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        let polled = future.as_mut().poll(task).map(Some);
        if polled.is_pending() {
            // Polled again when all others had their turn, woken or not.
            task.waker().wake_by_ref();
        }
        polled
    })
    .await
}
