//! Slots: how many handler runs may be pending at once, on the bus and for a handler.
//!
//! The bus's own events have slots of their own, so that they never delay the user's.
//!
//! A plain function is never pending and needs a slot only where its handler is limited. An event
//! whose handler has to wait counts as queued again, see [`Parking`]; it holds up no other handler.

use std::collections::HashSet;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::Poll;

use tokio::sync::{Semaphore, SemaphorePermit};

use super::delivery::{Delivery, Taken};
use super::order::Turn;
use super::queue::{GivenUp, Parking};
use crate::core::Core;
use crate::registry::plan::Plan;

/// The slot of one run, given back when dropped.
pub(crate) struct Slot<'a> {
    needs: Needs<'a>,
    /// Of the handler, and of the bus.
    held: [Option<SemaphorePermit<'a>>; 2],
}

/// Of which semaphores a run needs a permit: first of its handler, then of the bus, so that what
/// waits for a handler keeps nothing from others.
#[derive(Clone, Copy)]
struct Needs<'a>([Option<&'a Semaphore>; 2]);

impl<'a> Slot<'a> {
    /// Waits for its turn, then for a slot, first come first served. Cancel-safe.
    pub(crate) async fn acquire(
        delivery: Delivery<'a>,
        plan: &'a Plan,
        parking: &'a Parking<'a>,
        turn: &mut Turn<'_>,
    ) -> Result<Self, GivenUp> {
        let core = delivery.core;
        let of_bus = if parking.is_own() { &core.own_slots } else { &core.slots };
        let of_bus = if plan.is_plain { None } else { Some(of_bus) };
        let needs = Needs([plan.slots.as_ref(), of_bus]);
        if turn.is_first()
            && let Some(held) = needs.now()
        {
            return Ok(Self { needs, held });
        }
        turn.stay();
        let waits = parking.wait()?;
        let held = {
            let mut given_up = pin!(waits.given_up());
            let mut acquired = pin!(async {
                turn.come().await;
                needs.wait().await
            });
            poll_fn(|task| match acquired.as_mut().poll(task) {
                Poll::Ready(held) => Poll::Ready(Ok(held)),
                Poll::Pending => given_up.as_mut().poll(task).map(|()| Err(GivenUp)),
            })
            .await?
        };
        waits.end()?;
        if delivery.envelope.is_expired(core) {
            return Err(parking.expire());
        }
        Ok(Self { needs, held })
    }

    /// As [`acquire`](Self::acquire), for a batch. Events that were dropped meanwhile are taken out.
    pub(crate) async fn acquire_for_batch(
        core: &'a Core,
        plan: &'a Plan,
        own: bool,
        taken: &mut Vec<Taken<'_>>,
    ) -> Self {
        let of_bus = if own { &core.own_slots } else { &core.slots };
        let of_bus = if plan.is_plain { None } else { Some(of_bus) };
        let needs = Needs([plan.slots.as_ref(), of_bus]);
        if leaders(taken).all(|turn| turn.is_first())
            && let Some(held) = needs.now()
        {
            return Self { needs, held };
        }
        let items: Vec<_> = taken.iter().map(|taken| taken.item).collect();
        let waits: Vec<_> = items.iter().map(|item| item.line.parking.wait().ok()).collect();
        let held = {
            let mut acquired = pin!(async {
                for turn in leaders(taken) {
                    turn.come().await;
                }
                needs.wait().await
            });
            let mut given_up = pin!(async {
                for waits in waits.iter().flatten() {
                    waits.given_up().await;
                }
            });
            poll_fn(|task| match acquired.as_mut().poll(task) {
                Poll::Pending => given_up.as_mut().poll(task).map(|()| [None, None]),
                acquired @ Poll::Ready(_) => acquired,
            })
            .await
        };
        let mut waits = waits.into_iter();
        taken.retain(|taken| {
            let parking = &taken.item.line.parking;
            let has_it = waits.next().flatten().is_some_and(|waits| waits.end().is_ok());
            let expired = has_it && taken.item.delivery.envelope.is_expired(core);
            if expired {
                parking.expire();
            }
            has_it && !expired
        });
        Self { needs, held }
    }

    /// Gives the slot back, for as long as the handler waits for others.
    pub(crate) fn release(&mut self) {
        self.held = [None, None];
    }

    /// Takes it again. Cancel-safe.
    pub(crate) async fn take_again(&mut self) {
        self.held = match self.needs.now() {
            Some(held) => held,
            None => self.needs.wait().await,
        };
    }
}

/// Of each lane the first event of the batch: the others are behind it and in its company.
fn leaders<'t>(taken: &'t [Taken<'_>]) -> impl Iterator<Item = &'t Turn<'t>> {
    let mut lanes = HashSet::new();
    let turns = taken.iter().map(|taken| &taken.turn);
    turns.filter(move |turn| turn.lane().is_some_and(|lane| lanes.insert(lane)))
}

impl<'a> Needs<'a> {
    fn now(self) -> Option<[Option<SemaphorePermit<'a>>; 2]> {
        let Self([handler, bus]) = self;
        // The semaphores are never closed, so an error says that there is no permit.
        let handler = handler.map(Semaphore::try_acquire).transpose().ok()?;
        let bus = bus.map(Semaphore::try_acquire).transpose().ok()?;
        Some([handler, bus])
    }

    async fn wait(self) -> [Option<SemaphorePermit<'a>>; 2] {
        let mut held = [None, None];
        for (semaphore, held) in self.0.into_iter().zip(&mut held) {
            if let Some(semaphore) = semaphore {
                *held = semaphore.acquire().await.ok();
            }
        }
        held
    }
}
