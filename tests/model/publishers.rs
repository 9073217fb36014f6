//! Those who publish from outside all handlers, and what they can see of the queue meanwhile.

use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, PublishErrorKind};

use super::events::{Card, later, polled, publish, try_publish};
use super::log::{Answer, By, Fact};
use super::numbers::Numbers;
use super::scenario::{Action, Kind, Strategy, Time};
use super::world::World;

/// Ids of a publisher's events begin at its number times this.
const IDS_EACH: u64 = 1000;

pub(crate) struct Publisher {
    pub(crate) bus: Bus,
    pub(crate) world: Arc<World>,
    pub(crate) number: usize,
}

impl Publisher {
    /// Does all its actions, as a task.
    pub(crate) async fn run(self) {
        let mut scheduled = Vec::new();
        for (index, action) in self.actions() {
            match action {
                Action::Publish(kind) => {
                    let card = self.offer(index, kind);
                    self.told(card, publish(&self.bus, card).await);
                }
                Action::TryPublish(kind) => {
                    let card = self.offer(index, kind);
                    self.told(card, try_publish(&self.bus, card));
                }
                Action::PublishForPolls { kind, polls } => {
                    let card = self.offer(index, kind);
                    let answer = polled(publish(&self.bus, card), polls).await;
                    self.told(card, answer.unwrap_or(Answer::Cancelled));
                }
                Action::PublishFor { kind, ms } => {
                    let card = self.offer(index, kind);
                    let limit = Duration::from_millis(ms);
                    let answer = tokio::time::timeout(limit, publish(&self.bus, card)).await;
                    self.told(card, answer.unwrap_or(Answer::Cancelled));
                }
                Action::Later { kind, ms } => {
                    let card = self.offer(index, kind);
                    let due_ms = self.world.log.ms() + ms;
                    match later(&self.bus, card, Duration::from_millis(ms)).await {
                        Ok(handle) => {
                            self.world.log.note(Fact::Scheduled { card, due_ms });
                            scheduled.push((card, handle));
                        }
                        Err(answer) => self.told(card, answer),
                    }
                }
                Action::TakeBack => {
                    if let Some((card, handle)) = scheduled.pop() {
                        let taken = handle.cancel();
                        self.world.log.note(Fact::TakenBack { card, taken });
                    }
                }
                Action::Sleep { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
                Action::Yield { times } => {
                    for _ in 0..times {
                        tokio::task::yield_now().await;
                    }
                }
            }
        }
    }

    /// Does what it can of its actions outside any runtime, as a thread.
    pub(crate) fn run_as_thread(self) {
        for (index, action) in self.actions() {
            match action {
                Action::Publish(kind)
                | Action::TryPublish(kind)
                | Action::PublishForPolls { kind, .. }
                | Action::Later { kind, .. }
                | Action::PublishFor { kind, .. } => {
                    let card = self.offer(index, kind);
                    self.told(card, try_publish(&self.bus, card));
                }
                Action::TakeBack | Action::Sleep { .. } | Action::Yield { .. } => {
                    std::thread::yield_now();
                }
            }
        }
    }

    fn actions(&self) -> impl Iterator<Item = (u64, Action)> {
        (1..).zip(self.world.scenario.publishers[self.number].iter().copied())
    }

    fn offer(&self, index: u64, kind: Kind) -> Card {
        let id = (self.number as u64 + 1) * IDS_EACH + index;
        let card = Card { id, kind, depth: 0 };
        self.world.log.note(Fact::Offered { card, by: By::Publisher(self.number) });
        card
    }

    fn told(&self, card: Card, answer: Answer) {
        self.world.log.note(Fact::Told { card, answer: answer.clone() });
        // On several threads the queue has changed before one can look.
        if self.world.time == Time::Virtual {
            self.look_at_the_queue(card, &answer);
        }
    }

    /// Nothing has run since the answer was given, so it has to fit the queue as it is now.
    fn look_at_the_queue(&self, card: Card, answer: &Answer) {
        let settings = &self.world.scenario.settings;
        let capacity = settings.capacity;
        let numbers = Numbers::of(&self.bus);
        let gone = usize::try_from(numbers.unhandled + numbers.dropped).unwrap_or(usize::MAX);
        let queued = numbers.queued;
        let broken = |what: String| self.world.log.broken(format!("event {}: {what}", card.id));
        let full = match answer {
            Answer::Accepted { dropped, .. } => {
                let bounded = settings.strategy != Strategy::DropOldest;
                let over = self.world.log.may_be_over(&self.world.scenario);
                if bounded && queued > capacity + over {
                    broken(format!(
                        "was accepted, and now {queued} of {capacity} are queued, of which {over} \
                         may be too many"
                    ));
                }
                *dropped > 0
            }
            Answer::Refused { why: PublishErrorKind::Full { capacity: said }, .. } => {
                if *said != capacity {
                    broken(format!("was refused with a capacity of {said}, but it is {capacity}"));
                }
                true
            }
            Answer::Refused { why: PublishErrorKind::TimedOut { .. }, .. } => {
                self.had_no_room_until_now(queued, &broken);
                false
            }
            Answer::Refused { .. } | Answer::Cancelled => return,
        };
        // Room that was made is kept for those who wait for it.
        let promised = self.world.log.not_told();
        if full && queued + promised < capacity {
            broken(format!(
                "met a full queue, but only {queued} of {capacity} are queued, and {promised} wait"
            ));
        }
        // What has begun counts too while some of its handlers wait for a slot, and may be dropped.
        let not_begun = self.world.log.accepted_and_not_begun();
        let partly = self.world.log.partly_begun(&self.world.scenario);
        let came = self.world.log.may_have_come();
        let Some(most) = (not_begun + partly + came).checked_sub(gone) else {
            return broken(format!(
                "{gone} events were dropped or unhandled, but only {not_begun} have not begun, and \
                 {partly} for some of their handlers"
            ));
        };
        if queued < not_begun.saturating_sub(gone) || queued > most {
            broken(format!(
                "the bus says that {queued} are queued, but {not_begun} have not begun, {partly} \
                 for some of their handlers, and {gone} never will"
            ));
        }
    }

    /// A publish that waited in vain while there was room was forgotten. Room that came in this very
    /// millisecond came too late.
    fn had_no_room_until_now(&self, queued: usize, broken: &dyn Fn(String)) {
        let world = &self.world;
        // Where nobody handles an event, its place is free without a trace in the log.
        let all_traced = world.scenario.handlers.iter().all(|handlers| !handlers.is_empty());
        let now = world.log.ms();
        let just_now = world.log.last_began_ms().is_some_and(|began| now <= began + 1);
        if all_traced && !just_now && queued < world.scenario.settings.capacity {
            broken(format!(
                "waited in vain, though only {queued} of {} are queued since {:?} ms (now {now} ms)",
                world.scenario.settings.capacity,
                world.log.last_began_ms()
            ));
        }
    }
}
