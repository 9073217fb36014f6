//! Dead letters of real handlers: what is known of them, what a retry does, and what touches them.
//! The store alone is tested beside its code; order is in `dead_letter_order/`.

mod around;
mod ends;
mod handlers;
mod known;
mod retried;
mod told;

use std::collections::VecDeque;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};
use bus::{Call, DEAD_LETTER_OF, DeadLetterEntry, Handled, Next, Principal, middleware};

const MS: Duration = Duration::from_millis(1);

/// What handlers do, call after call, and then well; and what was called.
#[derive(Default)]
struct World {
    script: Mutex<VecDeque<Does>>,
    log: Mutex<Vec<String>>,
    effects: AtomicU32,
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum Does {
    Well,
    Transient,
    Permanent,
    Panic,
    Hang,
}
use Does::{Hang, Panic, Permanent, Transient, Well};

#[derive(Debug, thiserror::Error)]
#[error("the bank does not answer")]
struct Unreachable(#[source] Refused);
#[derive(Debug, thiserror::Error)]
#[error("connection refused")]
struct Refused;

impl World {
    fn say(&self, what: impl Into<String>) {
        self.log.lock().unwrap().push(what.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.log.lock().unwrap())
    }
    fn will(&self, script: impl IntoIterator<Item = Does>) {
        self.script.lock().unwrap().extend(script);
    }
    async fn act(&self, cx: &Context, what: String) -> bus::Result<()> {
        self.say(what);
        let next = self.script.lock().unwrap().pop_front().unwrap_or(Well);
        match next {
            Well => Ok(()),
            Transient => Err(Unreachable(Refused).into()),
            Permanent => Err(bus::Error::permanent(bus::Error::msg("no such account"))),
            Panic => panic!("it panics"),
            Hang => {
                cx.sleep(3_600_000 * MS).await;
                panic!("it was left to hang")
            }
        }
    }
}

fn bus(with: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<World>) {
    let builder = TestBus::builder().without_registered().provide(World::default());
    let bus = with(builder).build().unwrap();
    let world = bus.resource().unwrap();
    (bus, world)
}

fn only(bus: &Bus) -> DeadLetterEntry {
    let mut letters = bus.dead_letters().list();
    assert_eq!(letters.len(), 1, "{letters:?}");
    letters.remove(0)
}

#[event]
struct Effect;
#[handler(manual)]
async fn effect(_: &Effect, world: &Res<World>) {
    world.effects.fetch_add(1, Ordering::Relaxed);
}

/// How the context looks to the handler.
fn seen(cx: &Context) -> String {
    let header = |name| cx.header(name).unwrap_or("-").to_owned();
    let (tenant, of) = (header("tenant"), header(DEAD_LETTER_OF));
    let who = cx.principal().map_or("-", Principal::id);
    format!("in {} for {who}, tenant {tenant}, of {of}", cx.session_id())
}

#[command(version = 7, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
#[derive(Debug, PartialEq)]
struct Pay(u32);
#[handler(manual)]
async fn pay(pay: &Pay, cx: &Context, world: &Res<World>, emit: Emit<Effect>) -> bus::Result<()> {
    emit.send(Effect);
    world.act(cx, format!("pay {} {}", pay.0, seen(cx))).await
}
/// Where `pay` stands.
const PAY_AT: (&str, u32) = (file!(), line!() - 5);

#[event(version = 3)]
#[derive(Debug, PartialEq)]
struct Paid(u32);
#[handler(manual, retry(max_retries = 1, initial_delay = "100ms", jitter = none))]
async fn book(
    paid: &Paid,
    cx: &Context,
    world: &Res<World>,
    emit: Emit<Effect>,
) -> bus::Result<()> {
    emit.send(Effect);
    world.act(cx, format!("book {} {}", paid.0, seen(cx))).await
}
/// A neighbour, whom all of this does not concern.
#[handler(manual)]
async fn beside(paid: &Paid, world: &Res<World>) {
    world.say(format!("beside {}", paid.0));
}

fn all(builder: Builder) -> Builder {
    builder.handler::<pay>().handler::<book>().handler::<beside>().handler::<effect>()
}

#[middleware(manual)]
async fn passes(call: &mut Call<'_>, next: Next) -> Handled {
    next.run(call).await
}
