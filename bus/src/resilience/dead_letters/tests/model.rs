//! The store against a plain model of it, with random histories.

use std::collections::BTreeMap;

use proptest::collection::vec;
use proptest::prelude::*;

use super::{End, World, settle};
use crate::message::order::LaneId;
use crate::resilience::dead_letters::NotParked;
use crate::{Cause, DeadLetterId, DiscardError, RetryError};

const LANES: u64 = 3;

#[derive(Debug, Clone, Copy)]
enum Step {
    Bury(Option<u64>),
    Park(u64),
    /// Begins to retry the letter at this place: `true`, a copy of it.
    Begin(usize, bool),
    /// Ends the run of one of those that are being retried.
    End(usize, End),
    Discard(usize),
    /// Discards those at every second place.
    DiscardSome,
    Clear,
}

fn step() -> impl Strategy<Value = Step> {
    let end = prop_oneof![
        3 => Just(End::Well),
        1 => Just(End::WellUntold),
        2 => Just(End::Fails),
        1 => Just(End::NotBegun),
    ];
    prop_oneof![
        4 => proptest::option::weighted(0.7, 0..LANES).prop_map(Step::Bury),
        4 => (0..LANES).prop_map(Step::Park),
        5 => (0..12_usize, proptest::bool::weighted(0.2)).prop_map(|(n, copy)| Step::Begin(n, copy)),
        5 => (0..6_usize, end).prop_map(|(n, end)| Step::End(n, end)),
        2 => (0..12_usize).prop_map(Step::Discard),
        1 => Just(Step::DiscardSome),
        1 => Just(Step::Clear),
    ]
}

#[derive(Debug, Clone)]
struct Letter {
    id: DeadLetterId,
    lane: Option<u64>,
    cause: Cause,
    attempts: u32,
    /// It is being retried; with a copy?
    busy: Option<bool>,
}

#[derive(Debug, Default)]
struct Model {
    capacity: usize,
    letters: Vec<Letter>,
    gone: Vec<DeadLetterId>,
    buried: u64,
    parked: u64,
    evicted: u64,
    retried: u64,
    succeeded: u64,
    discarded: u64,
}

impl Model {
    fn head(&self, lane: u64) -> Option<DeadLetterId> {
        self.letters.iter().find(|letter| letter.lane == Some(lane)).map(|letter| letter.id)
    }

    fn get(&mut self, id: DeadLetterId) -> &mut Letter {
        self.letters.iter_mut().find(|letter| letter.id == id).expect("it is in the model")
    }

    fn take(&mut self, id: DeadLetterId) -> Letter {
        let at = self.letters.iter().position(|letter| letter.id == id).expect("it is there");
        self.gone.push(id);
        self.letters.remove(at)
    }

    fn make_room(&mut self, newest: Option<DeadLetterId>) {
        while self.letters.len() > self.capacity {
            let free = |letter: &&Letter| letter.busy.is_none() && Some(letter.id) != newest;
            let Some(oldest) = self.letters.iter().find(free).map(|letter| letter.id) else {
                return;
            };
            self.take(oldest);
            self.evicted += 1;
        }
    }

    fn add(&mut self, id: DeadLetterId, lane: Option<u64>, cause: Cause) {
        self.letters.push(Letter { id, lane, cause, attempts: 4, busy: None });
        self.buried += 1;
        self.make_room(Some(id));
    }

    /// What a letter that is gone has held up is run next.
    fn go_on(&mut self, lane: Option<u64>) {
        let Some(head) = lane.and_then(|lane| self.head(lane)) else { return };
        if self.get(head).busy.is_none() {
            self.get(head).busy = Some(false);
            self.retried += 1;
        }
    }

    fn end(&mut self, id: DeadLetterId, end: End) {
        match end {
            End::Well | End::WellUntold => {
                let letter = self.take(id);
                self.succeeded += 1;
                self.go_on(letter.lane);
            }
            End::Fails => {
                let letter = self.get(id);
                if letter.busy.take() == Some(false) {
                    letter.cause = Cause::Panicked;
                    letter.attempts += 1;
                }
                self.make_room(None);
            }
            End::NotBegun => {
                self.get(id).busy = None;
                self.make_room(None);
            }
        }
    }

    /// Those of them that are free; then what is left of their sequences goes on.
    fn discard(&mut self, ids: &[DeadLetterId]) -> usize {
        let mut lanes = BTreeMap::new();
        let mut count = 0;
        for id in ids {
            if self.get(*id).busy.is_some() {
                continue;
            }
            let lane = self.get(*id).lane;
            let was_head = lane.and_then(|lane| self.head(lane)) == Some(*id);
            self.take(*id);
            self.discarded += 1;
            count += 1;
            if let Some(lane) = lane.filter(|_| was_head) {
                lanes.insert(lane, ());
            }
        }
        lanes.into_keys().for_each(|lane| self.go_on(Some(lane)));
        count
    }

    fn check(&self, world: &World) {
        let list = world.letters().list();
        let real = list.iter().map(|entry| (entry.id, entry.attempts, entry.cause));
        let expected = self.letters.iter().map(|letter| (letter.id, letter.attempts, letter.cause));
        assert_eq!(real.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        let busy = self.letters.iter().filter(|letter| letter.busy.is_some());
        assert_eq!(world.fake.running(), busy.map(|letter| letter.id).collect::<Vec<_>>());
        let store = &world.core().dead_letters;
        for lane in 0..LANES {
            assert_eq!(store.is_behind(world.handler, LaneId(lane)), self.head(lane));
        }
        let sequences = (0..LANES).filter(|lane| self.head(*lane).is_some()).count();
        assert_eq!(store.has_sequences(), sequences > 0);
        let stats = world.letters().stats();
        assert_eq!((stats.sequences, stats.present), (sequences, self.letters.len()));
        let counts = [
            stats.buried,
            stats.parked,
            stats.evicted,
            stats.retried,
            stats.succeeded,
            stats.discarded,
        ];
        let expected =
            [self.buried, self.parked, self.evicted, self.retried, self.succeeded, self.discarded];
        assert_eq!(counts, expected, "buried, parked, evicted, retried, succeeded, discarded");
        world.adds_up();
    }
}

/// The letter at a place, or one that is gone.
fn pick(model: &Model, n: usize) -> Option<DeadLetterId> {
    let there = model.letters.iter().map(|letter| letter.id);
    there.chain(model.gone.iter().rev().copied()).nth(n)
}

async fn begin(world: &World, model: &mut Model, id: DeadLetterId, is_copy: bool) {
    let bus = world.bus.clone();
    let retry = tokio::spawn(async move {
        let letters = bus.dead_letters();
        match is_copy {
            true => letters.edit_and_retry(id, super::Fell::clone).await,
            false => letters.retry(id).await,
        }
    });
    settle().await;
    let error = match model.letters.iter().find(|letter| letter.id == id).cloned() {
        None => RetryError::Gone { id },
        Some(letter) => match letter.lane.and_then(|lane| model.head(lane)) {
            Some(head) if head != id => RetryError::Behind { id, head },
            _ if letter.busy.is_some() => RetryError::Busy { id },
            _ => {
                model.get(id).busy = Some(is_copy);
                model.retried += 1;
                assert!(!retry.is_finished());
                return;
            }
        },
    };
    assert_eq!(retry.await.expect("it does not panic"), Err(error));
}

async fn run(capacity: usize, steps: Vec<Step>) {
    let world = World::new(capacity);
    let mut model = Model { capacity, ..Model::default() };
    for step in steps {
        match step {
            Step::Bury(lane) => {
                let id = match lane {
                    Some(lane) => world.bury_in(lane),
                    None => world.bury(0),
                };
                let cause = Cause::Failed(crate::ErrorClass::Transient);
                model.add(id, lane, cause);
            }
            Step::Park(lane) => match (world.park_in(lane), model.head(lane)) {
                (Ok(id), Some(behind)) => {
                    model.parked += 1;
                    model.add(id, Some(lane), Cause::Parked { behind });
                }
                (parked, head) => {
                    assert_eq!((parked, head), (Err(NotParked::Free), None));
                }
            },
            Step::Begin(n, is_copy) => {
                if let Some(id) = pick(&model, n) {
                    begin(&world, &mut model, id, is_copy).await;
                }
            }
            Step::End(n, end) => {
                if let Some(id) = world.fake.running().get(n).copied() {
                    world.fake.end(id, end);
                    model.end(id, end);
                }
            }
            Step::Discard(n) => {
                if let Some(id) = pick(&model, n) {
                    let known = model.letters.iter().find(|letter| letter.id == id).cloned();
                    let expected = match known.map(|letter| letter.busy.is_some()) {
                        None => Err(DiscardError::Gone { id }),
                        Some(true) => Err(DiscardError::Busy { id }),
                        Some(false) => {
                            model.discard(&[id]);
                            Ok(())
                        }
                    };
                    assert_eq!(world.letters().discard(id), expected);
                }
            }
            Step::DiscardSome => {
                let second = |id: &DeadLetterId| id.number().is_multiple_of(2);
                let ids: Vec<_> =
                    model.letters.iter().map(|letter| letter.id).filter(second).collect();
                let some =
                    world.letters().filter(move |entry: &crate::DeadLetterEntry| second(&entry.id));
                assert_eq!(some.discard(), model.discard(&ids));
            }
            Step::Clear => {
                let ids: Vec<_> = model.letters.iter().map(|letter| letter.id).collect();
                assert_eq!(world.letters().clear(), model.discard(&ids));
            }
        }
        settle().await;
        model.check(&world);
    }
    // All can be retried in the end.
    while let Some(id) = world.fake.running().first().copied() {
        world.fake.end(id, End::Fails);
        settle().await;
    }
    let left = world.ids();
    world.fake.will(left.iter().map(|_| End::Well));
    let report = world.letters().retry_all().await;
    assert_eq!((report.succeeded, report.failed), (left.len(), Vec::new()));
    assert!(world.letters().is_empty() && !world.core().dead_letters.has_sequences());
    world.adds_up();
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_plain_model_does(
        capacity in 1..8_usize,
        steps in vec(step(), 1..80),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_time()
            .start_paused(true)
            .build()
            .unwrap();
        runtime.block_on(run(capacity, steps));
    }
}
