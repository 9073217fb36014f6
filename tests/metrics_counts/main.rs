//! Counters under load, with retries, panics, timeouts, cancelled calls, filters, a full queue and a shutdown in the
//! middle: each is what callers were told and what handlers have done.

mod compare;
mod play;
mod scenario;
mod threads;

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use bus::FilterView;
use bus::prelude::*;
use proptest::prelude::*;
use proptest::test_runner::{Config, FileFailurePersistence};

use play::play;
use scenario::scenarios;

/// What a handler does with a message.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Fails so often, then succeeds.
    Fails(u32),
    Panics,
    /// Until its timeout.
    Hangs,
}

#[command]
struct Work(u64, Fate);
#[event]
struct Note(u64, Fate);
/// Is not worth much after a while.
#[event(ttl = "3ms")]
struct Short(u64);
/// Its handler is at work at the end.
#[event]
struct Stuck(u64);
#[event]
struct Unheard;

/// What one handler has done.
#[derive(Default)]
struct Done {
    began: Mutex<BTreeSet<u64>>,
    well: AtomicU64,
    retries: AtomicU64,
}

impl Done {
    fn begins(&self, id: u64, cx: &Context) {
        self.began.lock().unwrap().insert(id);
        self.retries.fetch_add(u64::from(cx.attempt() > 1), Relaxed);
    }
    fn ends_well(&self) -> bus::Result<()> {
        self.well.fetch_add(1, Relaxed);
        Ok(())
    }
    /// Calls that began, once for each message; those that ended well; retries.
    fn counts(&self) -> [u64; 3] {
        let began = self.began.lock().unwrap().len() as u64;
        [began, self.well.load(Relaxed), self.retries.load(Relaxed)]
    }
}

#[derive(Default)]
struct World {
    work: Done,
    first: Done,
    second: Done,
    short: Done,
    stuck: Done,
}

async fn meets(fate: Fate, cx: &Context) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(1)).await;
    match fate {
        Fate::Fails(times) if cx.attempt() <= times => Err(bus::Error::msg("not yet")),
        Fate::Fails(_) => Ok(()),
        Fate::Panics => panic!("as it was told to"),
        Fate::Hangs => std::future::pending().await,
    }
}

#[handler(timeout = "50ms", retry(max_retries = 2, initial_delay = "5ms", jitter = none))]
async fn work(work: &Work, cx: &Context, world: &Res<World>, emit: Emit<Note>) -> bus::Result<()> {
    world.work.begins(work.0, cx);
    meets(work.1, cx).await?;
    emit.send(Note(work.0, Fate::Fails(0)));
    world.work.ends_well()
}

#[handler(priority = 1, timeout = "50ms", retry(max_retries = 2, initial_delay = "5ms", jitter = none))]
async fn first(note: &Note, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.first.begins(note.0, cx);
    meets(note.1, cx).await?;
    world.first.ends_well()
}
fn is_even(event: &FilterView<'_>) -> bool {
    event.get::<Note>().is_some_and(|note| note.0.is_multiple_of(2))
}
#[handler(filter = is_even)]
fn second(note: &Note, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.second.begins(note.0, cx);
    if note.0.is_multiple_of(4) { Err(bus::Error::msg("no")) } else { world.second.ends_well() }
}
#[handler]
async fn short(event: &Short, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.short.begins(event.0, cx);
    cx.sleep(Duration::from_millis(2)).await;
    world.short.ends_well()
}
#[handler(timeout = "1h")]
async fn stuck(event: &Stuck, cx: &Context, world: &Res<World>) -> bus::Result<()> {
    world.stuck.begins(event.0, cx);
    std::future::pending::<()>().await;
    world.stuck.ends_well()
}

/// In milliseconds: all has come to its end.
const LATE: u64 = 60_000;
const BLOCKED: u64 = u64::MAX;

#[filter]
fn is_not_blocked(event: &FilterView<'_>) -> bool {
    event.get::<Note>().is_none_or(|note| note.0 != BLOCKED)
}

proptest! {
    #![proptest_config(Config {
        failure_persistence: Some(Box::new(FileFailurePersistence::Off)),
        ..Config::default()
    })]

    #[test]
    fn counters_are_what_has_happened(scenario in scenarios()) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_time().start_paused(true).build().unwrap();
        runtime.block_on(play(&scenario))?;
    }
}
