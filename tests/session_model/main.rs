//! Random trees of sessions against a plain model: each event reaches each handler around it exactly
//! once, however sessions end meanwhile, and nothing is left.

mod handlers;
mod steps;
mod world;

use std::collections::{BTreeMap, HashMap};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};

use bus::{Bus, Registration, Session, SessionGuard, SessionId, command, event};
use proptest::prelude::*;
use proptest::test_runner::Config;

use steps::step;

#[event]
struct Sent {
    number: u32,
    /// Handlers react to what the driver sends, not to what they send.
    is_first: bool,
}
#[command(output = Option<u32>)]
struct Who;

/// What a handler does when an event of the driver comes.
#[derive(Debug, Clone, Copy)]
enum Does {
    Nothing,
    Waits(u64),
    Fails,
    Panics,
    Publishes,
    Executes,
    /// Opens a session inside the event's, with one handler, and publishes there.
    Opens {
        then: Ends,
    },
    /// Closes the event's session, from inside if it has one.
    Closes,
}

#[derive(Debug, Clone, Copy)]
enum Ends {
    Dropped,
    Closed,
    Detached,
}

#[derive(Debug, Clone)]
enum Step {
    Open { inside: usize, handlers: Vec<(i8, Does)>, answers: bool },
    Register { on: usize, priority: i8, does: Does },
    Unregister(usize),
    Publish(usize),
    Execute(usize),
    End(usize, Ends),
    Pause(u64),
}

/// What really happened, in this order.
#[derive(Default)]
struct Record {
    /// Event, handler, its priority, the session that it saw.
    runs: Mutex<Vec<(u32, u32, i8, SessionId)>>,
    /// What handlers have sent: event, and the session it was sent in.
    sent: Mutex<Vec<(u32, SessionId, Vec<u32>)>>,
    starts: Mutex<Vec<SessionId>>,
    ends: Mutex<Vec<SessionId>>,
    /// What handlers have seen that must not be. They may fail, so an assertion there says nothing.
    wrong: Mutex<Vec<&'static str>>,
    next: AtomicU32,
}

impl Record {
    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
    }

    fn wrong(&self, what: &'static str) {
        self.wrong.lock().unwrap().push(what);
    }
}

/// An open session, as the driver knows it. Index 0 is the bus.
struct Node {
    parent: usize,
    id: SessionId,
    guard: Option<SessionGuard>,
    handle: Session,
    answer: Option<u32>,
    /// Does it take no more?
    closing: bool,
}

#[derive(Default)]
struct Model {
    /// Handlers of each session: number, priority.
    handlers: BTreeMap<usize, Vec<(u32, i8)>>,
    /// Whom each event has to reach.
    expected: HashMap<u32, Vec<u32>>,
}

struct World {
    bus: Bus,
    record: Arc<Record>,
    /// Held by everything that is registered.
    token: Arc<()>,
    nodes: Vec<Node>,
    registered: Vec<(usize, u32, Registration)>,
    model: Model,
}

proptest! {
    #![proptest_config(Config { cases: cases(), failure_persistence: None, ..Config::default() })]

    #[test]
    fn sessions_reach_whom_they_should_and_leave_nothing(steps in prop::collection::vec(step(), 1..30)) {
        quiet();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut world = World::new();
            for step in steps {
                world.step(step).await;
            }
            world.finish().await;
        });
    }
}

fn cases() -> u32 {
    std::env::var("PROPTEST_CASES").ok().and_then(|cases| cases.parse().ok()).unwrap_or(200)
}

/// Handlers panic on purpose, with a value that is not text.
fn quiet() {
    static ONCE: std::sync::Once = std::sync::Once::new();
    ONCE.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            if !panic.payload().is::<()>() {
                former(panic);
            }
        }));
    });
}
