//! Interleavings: one test under many orders in which handlers go on.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, Location, catch_unwind};
use std::pin::pin;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use super::watchdog::TooLong;
use super::{TestBus, TestBusBuilder};
use crate::pipeline::failure::panic_text;

/// The environment variable that names the one seed to be tried.
const SEED: &str = "BUS_TEST_SEED";

/// How long the test of one seed may take, in real time, until it is said that it hangs: more than a bus waits to settle,
/// which knows better what hangs.
const LIMIT: Duration = Duration::from_secs(30);

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
/// When the test panics, or is not done after 30 s of real time: with the seed, and what the test has said. When there is no seed, or `BUS_TEST_SEED` is no number.
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
        let all = scope
            .spawn(|| seeds.iter().find_map(|seed| Some((*seed, run(*seed, LIMIT, &test).err()?))));
        all.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
    });
    if let Some((seed, panic)) = failed {
        let text = panic_text(&*panic);
        panic!("the test fails with seed {seed}: {text}\nat {place}\n`{SEED}={seed}` replays it");
    }
}

fn run<F, Fut>(seed: u64, limit: Duration, test: &F) -> Result<(), Box<dyn Any + Send>>
where
    F: Fn(TestBusBuilder) -> Fut,
    Fut: Future<Output = ()>,
{
    // What the bus leaves to chance, jitter and chaos, is drawn on this thread, and is replayed too.
    fastrand::seed(seed);
    let runtime = catch_unwind(AssertUnwindSafe(|| {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        runtime.unwrap_or_else(|error| panic!("there is no runtime: {error}"))
    }))?;
    let ended = catch_unwind(AssertUnwindSafe(|| {
        let test = async { test(TestBus::builder().seed(seed)).await };
        runtime.block_on(within(limit, test));
    }));
    if ended.is_err() {
        // What it has left on threads may hang as well.
        runtime.shutdown_background();
    }
    ended
}

async fn within(limit: Duration, test: impl Future<Output = ()>) {
    let (mut test, mut too_long) = (pin!(test), pin!(TooLong::after(limit)));
    let is_late = poll_fn(|task| match test.as_mut().poll(task) {
        Poll::Ready(()) => Poll::Ready(false),
        Poll::Pending => too_long.as_mut().poll(task).map(|()| true),
    });
    assert!(
        !is_late.await,
        "it is not done after {limit:?} of real time: does it wait for what takes time of the bus's clock, which \
         `bus.run(..)` drives, or for itself?"
    );
}

#[cfg(all(test, not(bus_loom)))]
mod tests {
    use super::*;

    /// A test that hangs, in each of the ways there are but one: it holds its thread up.
    #[test]
    fn a_seed_that_hangs_is_named() {
        let limit = Duration::from_millis(30);
        let failed = run(7, limit, &|_| std::future::pending());
        let text = panic_text(&*failed.unwrap_err());
        assert!(text.contains("not done after 30ms of real time"), "{text}");
        // What it has left behind on a thread is not waited for.
        let (send, receive) = std::sync::mpsc::channel::<()>();
        let receive = std::sync::Arc::new(std::sync::Mutex::new(receive));
        let failed = run(7, limit, &|_| {
            let receive = std::sync::Arc::clone(&receive);
            async move {
                let blocked = move || drop(receive.lock().map(|receive| receive.recv()));
                let _ = tokio::task::spawn_blocking(blocked).await;
            }
        });
        assert!(failed.is_err());
        drop(send);
        assert!(run(7, limit, &|_| async {}).is_ok());
    }
}
