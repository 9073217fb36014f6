//! Random scripts: events of a few keys, handlers that fail by script, and whatever an operator may do
//! meanwhile. Played on a real bus; [`judge`](crate::judge) says what must be true of what has happened.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    Call, CircuitBreakerConfig, DeadLetterId, EventHandlerFailedEvent, Handled, HandlerOptions,
    Next, Registration, RetryError, middleware,
};
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence, TestCaseError, TestRunner};
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::judge::{self, Coverage};
use crate::world::{Does, MS, Paid, Panic, Permanent, Transient, Well, World, book, bus, nr, ship};

#[derive(Debug, Clone)]
pub(crate) struct Scenario {
    capacity: usize,
    /// With a middleware around all handlers.
    around: bool,
    /// `ship` has a second round.
    rounds: bool,
    steps: Vec<Step>,
    pub(crate) ends: Ends,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Ends {
    /// All is well again, and what is kept is retried.
    Rest,
    Shutdown,
}

#[derive(Debug, Clone)]
enum Step {
    Publish {
        order: u32,
        book: Vec<Does>,
        ship: Vec<Does>,
    },
    Retry(prop::sample::Index),
    /// Its caller goes away.
    GiveUpRetry(prop::sample::Index, u64),
    Edit(prop::sample::Index),
    Discard(prop::sample::Index),
    /// All of a handler.
    DiscardOf(&'static str),
    Clear,
    RetryAll,
    Register,
    Unregister,
    ForceOpen(&'static str),
    Reset(&'static str),
    Pause(u64),
}

fn step() -> impl Strategy<Value = Step> {
    let does =
        prop_oneof![2 => Just(Well), 4 => Just(Transient), 3 => Just(Permanent), 1 => Just(Panic)];
    let script = || prop_oneof![3 => Just(Vec::new()), 2 => vec(does.clone(), 1..4)];
    let publish = (0..3u32, script(), script());
    let publish = publish.prop_map(|(order, book, ship)| Step::Publish { order, book, ship });
    let index = any::<prop::sample::Index>;
    let handler = || prop_oneof![Just("book"), Just("ship")];
    prop_oneof![
        20 => publish,
        5 => index().prop_map(Step::Retry),
        1 => (index(), 0..12u64).prop_map(|(index, ms)| Step::GiveUpRetry(index, ms)),
        2 => index().prop_map(Step::Edit),
        3 => index().prop_map(Step::Discard),
        1 => handler().prop_map(Step::DiscardOf),
        1 => Just(Step::Clear),
        2 => Just(Step::RetryAll),
        1 => Just(Step::Register),
        1 => Just(Step::Unregister),
        1 => handler().prop_map(Step::ForceOpen),
        2 => handler().prop_map(Step::Reset),
        8 => prop_oneof![0..4u64, 5..30u64, 100..2_000u64].prop_map(Step::Pause),
    ]
}

fn scenario() -> impl Strategy<Value = Scenario> {
    let capacity = prop_oneof![1 => 1..6usize, 2 => Just(1_000)];
    let ends = prop_oneof![3 => Just(Ends::Rest), 1 => Just(Ends::Shutdown)];
    let all = (capacity, any::<bool>(), any::<bool>(), vec(step(), 1..80), ends);
    all.prop_map(|(capacity, around, rounds, steps, ends)| Scenario {
        capacity,
        around,
        rounds,
        steps,
        ends,
    })
}

/// What has happened.
pub(crate) struct Played {
    pub(crate) bus: Bus,
    pub(crate) world: Res<World>,
    /// The events of each key.
    pub(crate) published: BTreeMap<u32, u32>,
    /// By handler and number.
    pub(crate) discarded: Vec<(String, u32)>,
    pub(crate) registered: usize,
    pub(crate) retried: Vec<Retried>,
    pub(crate) report: Option<bus::ShutdownReport>,
    /// Handler runs that have failed for good, as the bus has announced them.
    pub(crate) failed: u64,
}

/// What one call of a verb has come to: letters that are gone, or why none is.
pub(crate) type Retried = Result<Vec<DeadLetterId>, RetryError>;

#[derive(Default)]
struct Failures(AtomicU64);
#[handler(manual)]
fn count(_: &EventHandlerFailedEvent, failures: &Res<Failures>) {
    failures.0.fetch_add(1, Ordering::Relaxed);
}
#[middleware(manual)]
async fn passes(call: &mut Call<'_>, next: Next) -> Handled {
    tokio::task::yield_now().await;
    next.run(call).await
}

fn build(scenario: &Scenario) -> (Bus, Res<World>) {
    let breaker = CircuitBreakerConfig {
        failure_threshold: 3,
        recovery_timeout: 200 * MS,
        success_threshold: 1,
        ..CircuitBreakerConfig::default()
    };
    bus(|builder| {
        let builder = builder.handler::<book>().handler::<ship>().dead_letters(scenario.capacity);
        let builder = builder.provide(Failures::default()).handler::<count>();
        let rounds = if scenario.rounds { vec![300 * MS] } else { Vec::new() };
        let builder = builder
            .configure::<book>(|handler| handler.dead_letters(true).circuit_breaker(breaker))
            .configure::<ship>(|handler| handler.delayed_retries(rounds).circuit_breaker(breaker));
        if scenario.around { builder.middleware(passes {}) } else { builder }
    })
}

/// One that comes and goes. Its name tells it from the others of its kind.
fn register(bus: &Bus, world: &Res<World>, n: usize) -> Registration {
    let name: &'static str = Box::leak(format!("late-{n}").into_boxed_str());
    let world = world.clone();
    let late = move |paid: Arc<Paid>, _: OwnedContext| {
        let world = world.clone();
        async move { world.act(name, paid.nr).await }
    };
    let options = HandlerOptions::new().name(name).dead_letters(true);
    bus.register_event_handler_with(options, late).unwrap()
}

struct Player {
    played: Played,
    late: Option<Registration>,
    retries: Vec<JoinHandle<Vec<Retried>>>,
}

async fn play(scenario: &Scenario) -> Played {
    let (bus, world) = build(scenario);
    let played = Played {
        bus,
        world,
        published: BTreeMap::new(),
        discarded: Vec::new(),
        registered: 0,
        retried: Vec::new(),
        report: None,
        failed: 0,
    };
    let mut player = Player { played, late: None, retries: Vec::new() };
    for step in &scenario.steps {
        player.step(step).await;
    }
    player.end(scenario.ends).await;
    player.played
}

impl Player {
    async fn step(&mut self, step: &Step) {
        let bus = self.played.bus.clone();
        let letters = bus.dead_letters().list();
        let one =
            |index: &prop::sample::Index| (!letters.is_empty()).then(|| index.get(&letters).id);
        match step {
            Step::Publish { order, book, ship } => {
                let nr = u32::try_from(self.played.published.len()).unwrap();
                let world = &self.played.world;
                world.will("book", nr, book.iter().copied());
                world.will("ship", nr, ship.iter().copied());
                self.played.published.insert(nr, *order);
                bus.publish(Paid { order: *order, nr }).await.unwrap();
            }
            Step::Retry(index) => {
                if let Some(id) = one(index) {
                    self.spawn(async move { vec![bus.dead_letters().retry(id).await.map(gone)] });
                }
            }
            Step::GiveUpRetry(index, ms) => {
                if let Some(id) = one(index) {
                    let _ = timeout(Duration::from_millis(*ms), bus.dead_letters().retry(id)).await;
                }
            }
            Step::Edit(index) => {
                if let Some(id) = one(index) {
                    let same = |paid: &Paid| Paid { order: paid.order, nr: paid.nr };
                    self.spawn(async move {
                        vec![bus.dead_letters().edit_and_retry(id, same).await.map(gone)]
                    });
                }
            }
            Step::Discard(index) => {
                let id = one(index);
                self.discards(|bus| {
                    id.is_some_and(|id| bus.dead_letters().discard(id).is_ok()).into()
                });
            }
            Step::DiscardOf(handler) => {
                let of = |letter: &bus::DeadLetterEntry| &*letter.handler.name == *handler;
                let ids: Vec<_> = letters.iter().filter(|l| of(l)).map(|l| l.id).collect();
                let is_one = move |letter: &bus::DeadLetterEntry| ids.contains(&letter.id);
                self.discards(|bus| bus.dead_letters().filter(is_one).discard());
            }
            Step::Clear => self.discards(|bus| bus.dead_letters().clear()),
            Step::RetryAll => self.spawn(async move {
                let report = bus.dead_letters().retry_all().await;
                report.failed.into_iter().map(|(_, error)| Err(error)).collect()
            }),
            Step::Register => {
                if self.late.is_none() {
                    let n = self.played.registered;
                    self.late = Some(register(&bus, &self.played.world, n));
                    self.played.registered += 1;
                }
            }
            Step::Unregister => self.unregister(),
            Step::ForceOpen(name) => bus.circuit_breaker(name).unwrap().force_open(),
            Step::Reset(name) => bus.circuit_breaker(name).unwrap().reset(),
            Step::Pause(ms) => sleep(Duration::from_millis(*ms)).await,
        }
    }

    fn unregister(&mut self) {
        if let Some(late) = self.late.take() {
            late.unregister();
        }
    }

    fn spawn(&mut self, retry: impl Future<Output = Vec<Retried>> + Send + 'static) {
        self.retries.push(tokio::spawn(retry));
    }

    /// There is one thread, and nothing else runs meanwhile: what is not there any more is what was thrown away.
    fn discards(&mut self, discard: impl FnOnce(&Bus) -> usize) {
        let bus = &self.played.bus;
        let before = bus.dead_letters().list();
        let discarded = discard(bus);
        let gone = before.iter().filter(|letter| bus.dead_letters().get(letter.id).is_none());
        let gone: Vec<_> = gone.map(|l| (l.handler.name.to_string(), nr(l))).collect();
        assert_eq!(gone.len(), discarded);
        self.played.discarded.extend(gone);
    }

    async fn end(&mut self, ends: Ends) {
        let bus = self.played.bus.clone();
        match ends {
            Ends::Shutdown => {
                self.played.report = Some(bus.shutdown().await);
                self.join().await;
            }
            Ends::Rest => {
                self.played.world.all_is_well();
                for name in ["book", "ship"] {
                    bus.circuit_breaker(name).unwrap().reset();
                }
                self.join().await;
                bus.idle().await;
                self.unregister();
                // Nobody is there to be called with these.
                self.discards(|bus| {
                    let is_late = |l: &bus::DeadLetterEntry| l.handler.name.starts_with("late");
                    bus.dead_letters().filter(is_late).discard()
                });
                bus.idle().await;
                let report = bus.dead_letters().retry_all().await;
                assert!(report.is_ok(), "{report:?}");
                bus.idle().await;
            }
        }
        let failures = bus.resource::<Failures>().unwrap();
        self.played.failed = failures.0.load(Ordering::Relaxed);
    }

    async fn join(&mut self) {
        for retry in self.retries.drain(..) {
            self.played.retried.extend(retry.await.unwrap());
        }
    }
}

fn gone(retried: bus::Retried) -> Vec<DeadLetterId> {
    std::iter::once(retried.id).chain(retried.followed).collect()
}

#[test]
fn whatever_is_done_the_order_is_kept_and_nothing_is_lost() {
    let coverage = RefCell::new(Coverage::default());
    let failed = Cell::new(false);
    // What failed once is tried first the next time.
    let seeds = FileFailurePersistence::Direct("tests/dead_letter_order/regressions.txt");
    let config = Config { failure_persistence: Some(Box::new(seeds)), ..Config::default() };
    let config = Config { max_shrink_iters: 20_000, ..config };
    let outcome = TestRunner::new(config).run(&scenario(), |scenario| {
        let mut runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = runtime.enable_time().start_paused(true).build().unwrap();
        let judged = runtime.block_on(async {
            let played = timeout(Duration::from_secs(36_000), play(&scenario)).await;
            match played {
                Ok(played) => judge::judge(&scenario, played, &coverage, failed.get()).await,
                Err(_) => vec!["it hangs".to_owned()],
            }
        });
        if judged.is_empty() {
            return Ok(());
        }
        failed.set(true);
        Err(TestCaseError::fail(judged.join("\n")))
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    coverage.into_inner().is_enough();
}
