//! A scenario on a real bus, and what callers were told.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bus::prelude::*;
use bus::{MetricsConfig, Outcome};
use proptest::prelude::*;
use tokio::task::JoinSet;

use super::compare::{adds_up, compare};
use super::scenario::{Op, Scenario};
use super::{BLOCKED, Fate, Note, Short, Stuck, Unheard, Work, World};

/// What callers were told.
#[derive(Debug, Default)]
pub(crate) struct Told {
    pub(crate) sent: u64,
    pub(crate) executed: AtomicU64,
    /// Those whose callers have gone are not told.
    pub(crate) failed: AtomicU64,
    pub(crate) accepted: AtomicU64,
    pub(crate) rejected: AtomicU64,
    pub(crate) filtered: AtomicU64,
    pub(crate) dropped: AtomicU64,
}

impl Told {
    fn answered<E>(&self, answer: Result<(), E>) {
        let count = if answer.is_ok() { &self.executed } else { &self.failed };
        count.fetch_add(1, Relaxed);
    }
    fn published<E>(&self, answer: Result<bus::Published, bus::PublishError<E>>) {
        match answer.map(|published| published.outcome) {
            Ok(Outcome::Queued) => self.accepted.fetch_add(1, Relaxed),
            Ok(Outcome::QueuedAfterDropping(n)) => {
                self.dropped.fetch_add(n as u64, Relaxed);
                self.accepted.fetch_add(1, Relaxed)
            }
            Ok(Outcome::Filtered { .. }) => self.filtered.fetch_add(1, Relaxed),
            Err(_) => self.rejected.fetch_add(1, Relaxed),
            Ok(other) => panic!("{other:?}"),
        };
    }
}

pub(crate) async fn play(scenario: &Scenario) -> Result<(), TestCaseError> {
    let config = MetricsConfig::default().sampling(scenario.sampling);
    let bus = Bus::builder()
        .metrics(config)
        .provide(World::default())
        .backpressure_strategy(scenario.strategy)
        .event_queue_size(scenario.capacity)
        .concurrency(scenario.concurrency + 2)
        .shutdown_timeout(Duration::from_millis(100), Duration::from_millis(100))
        .build()
        .unwrap();
    let sent = scenario.ops.iter().filter(|op| matches!(op, Op::Execute(..))).count() as u64;
    let told = Arc::new(Told { sent, ..Told::default() });
    let mut tasks = JoinSet::new();
    for id in 0..scenario.stuck {
        told.published(bus.publish(Stuck(id)).await);
    }
    for (id, op) in (0..).zip(&scenario.ops) {
        do_one(id, *op, &bus, &told, &mut tasks).await;
        tokio::task::yield_now().await;
        adds_up(&bus.metrics().snapshot())?;
    }
    tokio::time::sleep(Duration::from_millis(scenario.ends_after)).await;
    let report = bus.shutdown().await;
    while tasks.join_next().await.is_some() {}
    let metrics = bus.metrics().snapshot();
    adds_up(&metrics)?;
    compare(&bus, &metrics, &told, scenario).map_err(|error| {
        let text = bus.metrics().to_prometheus();
        let is_told = |line: &&str| {
            !line.starts_with('#')
                && !line.contains("_bucket")
                && !line.ends_with(" 0")
                && !line.ends_with(" 0.0")
        };
        let counts: Vec<_> = text.lines().filter(is_told).collect();
        TestCaseError::fail(format!("{error}\n{told:?}\n{report:?}\n{}", counts.join("\n")))
    })
}

fn spawn(tasks: &mut JoinSet<()>, task: impl Future<Output = ()> + Send + 'static) {
    tasks.spawn(task);
}

async fn do_one(id: u64, op: Op, bus: &Bus, told: &Arc<Told>, tasks: &mut JoinSet<()>) {
    let (bus, told) = (bus.clone(), Arc::clone(told));
    match op {
        Op::Execute(fate, None) => spawn(tasks, async move {
            told.answered(bus.execute(Work(id, fate)).await);
        }),
        Op::Execute(fate, Some(gone)) => spawn(tasks, async move {
            let call = bus.execute(Work(id, fate));
            let answer = tokio::time::timeout(Duration::from_millis(gone), call).await;
            answer.into_iter().for_each(|answer| told.answered(answer));
        }),
        Op::Publish(fate) => spawn(tasks, async move {
            told.published(bus.publish(Note(id, fate)).await);
        }),
        Op::TryPublish(fate) => told.published(bus.try_publish(Note(id, fate))),
        Op::Short => told.published(bus.try_publish(Short(id))),
        Op::Unheard => told.published(bus.try_publish(Unheard)),
        Op::Blocked => told.published(bus.try_publish(Note(BLOCKED, Fate::Fails(0)))),
        Op::Wait(millis) => tokio::time::sleep(Duration::from_millis(millis)).await,
    }
}
