//! Retries: who is called again, when, how often, and what is known afterwards. For commands and events the
//! same tables.

mod ends;
mod limits;
mod others;
mod table;

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};
use bus::{Classify, ErrorClass};

const MS: Duration = Duration::from_millis(1);

/// What a handler does, call after call; the last one again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    Transient,
    Permanent,
    Malformed,
    Discard,
    Deferred,
    Panic,
    Hang,
}
use Does::{Deferred, Discard, Hang, Malformed, Panic, Permanent, Transient, Well};

#[derive(Debug, thiserror::Error)]
#[error("it was {0:?}")]
struct Was(Does);
impl Classify for Was {
    fn class(&self) -> ErrorClass {
        match self.0 {
            Permanent => ErrorClass::Permanent,
            Malformed => ErrorClass::Malformed,
            Discard => ErrorClass::Discard,
            Deferred => ErrorClass::Deferred(700 * MS),
            _ => ErrorClass::Transient,
        }
    }
}

/// When the handler was called, and as which attempt.
#[derive(Default)]
struct Calls {
    script: std::sync::Mutex<Vec<Does>>,
    at: std::sync::Mutex<Vec<(u32, Instant)>>,
}

impl Calls {
    async fn act(&self, cx: &Context) -> Result<u32, Was> {
        let n = {
            let mut at = self.at.lock().unwrap();
            at.push((cx.attempt(), cx.now()));
            at.len() - 1
        };
        let script = self.script.lock().unwrap().clone();
        match script.get(n).or(script.last()) {
            Some(Well) | None => Ok(cx.attempt()),
            Some(Panic) => panic!("it panics"),
            Some(Hang) => {
                cx.sleep(3_600_000 * MS).await;
                panic!("it was left to hang")
            }
            Some(other) => Err(Was(*other)),
        }
    }

    /// The attempts and how long after the first they came, in ms.
    fn times(&self) -> Vec<(u32, u64)> {
        let at = self.at.lock().unwrap();
        let after = |time: &Instant| u64::try_from((*time - at[0].1).as_millis()).unwrap();
        at.iter().map(|(n, time)| (*n, after(time))).collect()
    }
}

#[command(output = u32, error = Was, timeout = "10s", attempt_timeout = "2s",
    retry(max_retries = 3, initial_delay = "100ms", jitter = none))]
struct Do;
#[handler]
async fn carry_out(_: &Do, calls: &Res<Calls>, cx: &Context) -> Result<u32, Was> {
    cx.emit(Happened);
    calls.act(cx).await
}

#[event]
struct Happened;
#[handler]
async fn count(_: &Happened, count: &Res<AtomicU32>) {
    count.fetch_add(1, Ordering::Relaxed);
}

#[event]
struct Done;
#[handler(timeout = "10s", attempt_timeout = "2s",
    retry(max_retries = 3, initial_delay = "100ms", jitter = none))]
async fn hear(_: &Done, calls: &Res<Calls>, cx: &Context) -> Result<(), Was> {
    cx.emit(Happened);
    calls.act(cx).await.map(drop)
}

fn build(script: &[Does], set: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<Calls>) {
    let calls = Calls { script: script.to_vec().into(), ..Calls::default() };
    let builder = TestBus::builder().provide(calls).provide(AtomicU32::new(0));
    let bus = set(builder.only("retry")).build().unwrap();
    let calls = bus.resource().unwrap();
    (bus, calls)
}
