//! Plays a scenario on a real bus, to its end.

use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use bus::Bus;

use super::batches;
use super::handlers;
use super::log::{Entry, Fact};
use super::numbers::{Farewell, Numbers};
use super::plain;
use super::publishers::Publisher;
use super::scenario::{Ending, Scenario, Time};
use super::world::World;

/// No step of a scenario takes so long. On the paused clock this is nothing: it passes at once when
/// all wait for what never comes. (There a publisher may have to wait in vain 14 times.)
const fn too_long(time: Time) -> Duration {
    Duration::from_secs(if matches!(time, Time::Virtual) { 400 } else { 30 })
}
/// What a shutdown that is to wait for everything may take.
const DRAIN: Duration = Duration::from_secs(300);

/// What there is to judge.
pub(crate) struct Played {
    pub(crate) entries: Vec<Entry>,
    /// What was wrong already when it was seen.
    pub(crate) broken: Vec<String>,
    pub(crate) most_pending: usize,
    pub(crate) ended: Ended,
}

/// What the bus itself said at its end: nothing, if nobody had a handle then.
#[derive(Debug, Clone, Default)]
pub(crate) struct Ended {
    pub(crate) numbers: Option<Numbers>,
    pub(crate) dropped_before: u64,
    pub(crate) farewell: Option<Farewell>,
}

/// Plays it, on a runtime of its own.
///
/// # Errors
/// The step that never ended.
pub(crate) fn play(scenario: &Scenario, time: Time) -> Result<Played, String> {
    let mut runtime = match time {
        Time::Virtual => tokio::runtime::Builder::new_current_thread(),
        Time::Real => tokio::runtime::Builder::new_multi_thread(),
    };
    match time {
        Time::Virtual => runtime.enable_all().start_paused(true),
        Time::Real => runtime.worker_threads(2).enable_all(),
    };
    let runtime = runtime.build().map_err(|error| format!("no runtime: {error}"))?;
    runtime.block_on(async {
        let world = World::new(scenario, time);
        let (bus, publishers) = begin(&world)?;
        end(world, bus, publishers).await
    })
}

/// Those who publish: tasks, and where time is real also threads.
#[derive(Default)]
struct Publishers {
    tasks: Vec<tokio::task::JoinHandle<()>>,
    threads: Vec<std::thread::JoinHandle<()>>,
}

fn begin(world: &Arc<World>) -> Result<(Bus, Publishers), String> {
    let scenario = &world.scenario;
    let (drain, grace) = match scenario.ending {
        Ending::Midway { drain_ms, grace_ms, .. } if world.time == Time::Virtual => {
            (Duration::from_millis(drain_ms), Duration::from_millis(grace_ms))
        }
        _ => (DRAIN, Duration::from_secs(1)),
    };
    let settings = &scenario.settings;
    let bus = batches::add(plain::add(Bus::builder(), scenario), scenario)
        .provide(plain::Shared(Arc::clone(world)))
        // A plain thread may be the first to publish.
        .runtime(tokio::runtime::Handle::current())
        .without_registered()
        .event_queue_size(settings.capacity)
        .batch_size(settings.batch)
        .concurrency(settings.concurrency)
        .backpressure_strategy(settings.strategy.of_bus())
        .event_timeout(scenario.event_timeout_ms().map(Duration::from_millis))
        .shutdown_timeout(drain, grace)
        .build()
        .map_err(|error| error.to_string())?;
    handlers::register(&bus, world);
    let mut publishers = Publishers::default();
    for number in 0..scenario.publishers.len() {
        let publisher = Publisher { bus: bus.clone(), world: Arc::clone(world), number };
        if world.time == Time::Real && number % 2 == 1 {
            publishers.threads.push(std::thread::spawn(|| publisher.run_as_thread()));
        } else {
            publishers.tasks.push(tokio::spawn(publisher.run()));
        }
    }
    Ok((bus, publishers))
}

impl Publishers {
    async fn end(self, time: Time) -> Result<(), String> {
        for task in self.tasks {
            let ended = within(time, "a publisher", task).await?;
            ended.map_err(|error| format!("a publisher broke: {error}"))?;
        }
        for thread in self.threads {
            thread.join().map_err(|_| "a publisher's thread broke".to_owned())?;
        }
        Ok(())
    }
}

/// Waits for a step.
async fn within<F: Future>(time: Time, step: &str, work: F) -> Result<F::Output, String> {
    let limit = too_long(time);
    let ended = tokio::time::timeout(limit, work).await;
    ended.map_err(|_| format!("{step} has hung: it did not end within {limit:?}"))
}

async fn end(world: Arc<World>, bus: Bus, publishers: Publishers) -> Result<Played, String> {
    let time = world.time;
    let ended = match world.scenario.ending {
        Ending::Settled => {
            publishers.end(time).await?;
            within(time, "what was published", settle(&bus, &world)).await?;
            shut_down(&world, bus).await?
        }
        Ending::Drained => {
            publishers.end(time).await?;
            shut_down(&world, bus).await?
        }
        Ending::Midway { after, .. } => {
            match world.time {
                Time::Virtual => tokio::time::sleep(Duration::from_millis(after)).await,
                Time::Real => {
                    for _ in 0..after {
                        tokio::task::yield_now().await;
                    }
                }
            }
            let handle = bus.clone();
            let ended = shut_down(&world, bus).await?;
            publishers.end(time).await?;
            // Now all who were refused have been counted.
            Ended { numbers: Some(Numbers::of(&handle)), ..ended }
        }
        Ending::Dropped { after_ms } => {
            publishers.end(time).await?;
            tokio::time::sleep(Duration::from_millis(after_ms)).await;
            world.log.note(Fact::EndingBegan);
            drop(bus);
            // The dispatcher and what it has started are dropped at their next turn.
            tokio::time::sleep(Duration::from_millis(1)).await;
            world.log.note(Fact::EndingEnded);
            Ended::default()
        }
    };
    if world.time == Time::Virtual {
        // As above. The handlers hold the world, and the bus holds them.
        tokio::time::sleep(Duration::from_millis(1)).await;
        if Arc::strong_count(&world) > 1 {
            world
                .log
                .broken("the bus is gone, and its handlers are still there: a leak".to_owned());
        }
    }
    let (entries, broken) = world.log.read();
    Ok(Played { entries, broken, most_pending: world.pending.most(), ended })
}

/// Resolves when nothing is queued or at work, which the bus itself has to know.
async fn settle(bus: &Bus, world: &World) {
    bus.idle().await;
    let numbers = Numbers::of(bus);
    if !numbers.is_quiet() {
        world.log.broken(format!("the bus says that it is idle, and has {numbers:?}"));
    }
}

async fn shut_down(world: &World, bus: Bus) -> Result<Ended, String> {
    let dropped_before = Numbers::of(&bus).dropped;
    world.log.note(Fact::EndingBegan);
    let before = world.log.ms();
    let report = within(world.time, "the shutdown", bus.shutdown()).await;
    let report =
        report.map_err(|hung| format!("{hung}; now {:?}, {:?}", bus.stats(), bus.event_queue()))?;
    let farewell = Farewell::of(report, world.log.ms() - before);
    world.log.note(Fact::EndingEnded);
    Ok(Ended { numbers: Some(Numbers::of(&bus)), dropped_before, farewell: Some(farewell) })
}
