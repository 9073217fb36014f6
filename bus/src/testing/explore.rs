//! Interleavings: one test under many orders in which handlers go on.

use std::any::Any;
use std::future::Future;
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::thread;

use super::{TestBus, TestBusBuilder};
use crate::pipeline::failure::panic_text;

/// The environment variable that names the one seed to be tried.
const SEED: &str = "BUS_TEST_SEED";

/// Runs a test once for each seed. The builder that it is given makes a bus whose handlers are interleaved by that
/// seed: each time a handler could go on, it may let others go first. So what is read before an `.await` and
/// written after it is tried with somebody else in between.
///
/// Each run has a runtime of one thread of its own; the same seed gives the same order, and the same jitter, as long as the test does
/// nothing else that is random (`tokio::select!` is, without `biased`). With `BUS_TEST_SEED=7` in the environment,
/// seed 7 alone is tried.
///
/// ```standalone_crate
/// use bus::prelude::*;
///
/// #[event]
/// struct Ticked;
///
/// bus::testing::explore(0..10, |builder| async move {
///     let bus = builder.build().unwrap();
///     bus.publish(Ticked).await.unwrap();
///     bus.settle().await;
///     bus.expect::<Ticked>().once();
/// });
/// ```
///
/// # Panics
/// When the test panics: with the seed, and what the test has said. When there is no seed, or `BUS_TEST_SEED` is no number.
#[track_caller]
pub fn explore<F, Fut>(seeds: impl IntoIterator<Item = u64>, test: F)
where
    F: Fn(TestBusBuilder) -> Fut + Sync,
    Fut: Future<Output = ()>,
{
    let place = Location::caller();
    let only = std::env::var(SEED).ok().map(|seed| {
        let number = seed.trim().parse::<u64>();
        number.unwrap_or_else(|_| {
            panic!("`{SEED}={seed}` names no seed: a number from 0 to 2^64 - 1")
        })
    });
    let seeds: Vec<u64> = match only {
        Some(seed) => vec![seed],
        None => seeds.into_iter().collect(),
    };
    assert!(!seeds.is_empty(), "there is no seed to explore: the test was not run at all");
    // Inside of a runtime there cannot be another one, on this thread.
    let failed = thread::scope(|scope| {
        let all =
            scope.spawn(|| seeds.iter().find_map(|seed| Some((*seed, run(*seed, &test).err()?))));
        all.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    if let Some((seed, panic)) = failed {
        let text = panic_text(&*panic);
        panic!("the test fails with seed {seed}: {text}\nat {place}\n`{SEED}={seed}` replays it");
    }
}

fn run<F, Fut>(seed: u64, test: &F) -> Result<(), Box<dyn Any + Send>>
where
    F: Fn(TestBusBuilder) -> Fut,
    Fut: Future<Output = ()>,
{
    // What the bus leaves to chance, jitter and chaos, is drawn on this thread, and is replayed too.
    fastrand::seed(seed);
    catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
        let runtime = runtime.unwrap_or_else(|error| panic!("there is no runtime: {error}"));
        runtime.block_on(test(TestBus::builder().seed(seed)));
    }))
}
