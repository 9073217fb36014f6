//! The store and its verbs, with a runner that does what it is told.

mod looking;
mod model;
mod sequences;
mod threads;
mod verbs;
mod within;

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use tokio::sync::oneshot;

use super::{
    Again, Buried, Cause, DeadLetterId, DeadLetters, FailedAttempt, Letter, NotParked, RetryError,
};
use crate::bus::Bus;
use crate::core::Core;
use crate::handler::slot::BoxFuture;
use crate::message::order::LaneId;
use crate::message::{Message, MessageId};
use crate::registry::{HandlerId, HandlerInfo};
use crate::resilience::ErrorClass;
use crate::sync::{Mutex, lock};

#[bus_macros::event(crate = crate)]
#[derive(Debug, Clone, PartialEq)]
struct Fell(u32);

#[bus_macros::event(key = "0", crate = crate)]
#[derive(Debug, Clone)]
struct InTurn(u32);

#[bus_macros::command(crate = crate)]
#[derive(Debug)]
struct Lift;

/// How a run ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// The runner says so, and that it went well.
    Well,
    /// It went well, and the runner leaves it to the store to note that.
    WellUntold,
    /// The runner says that it has failed again.
    Fails,
    /// It could not be begun: the runner says nothing.
    NotBegun,
}

/// A runner that ends as it was told before, or else is told to: the first that waits, first.
#[derive(Default)]
struct Fake {
    plan: Mutex<VecDeque<End>>,
    waiting: Mutex<BTreeMap<DeadLetterId, oneshot::Sender<End>>>,
    /// What was run: with which message, and which headers.
    seen: Mutex<Vec<Seen>>,
}

#[derive(Debug, Clone, PartialEq)]
struct Seen {
    id: DeadLetterId,
    message_id: MessageId,
    fell: Option<u32>,
    header: Option<String>,
    lane: Option<LaneId>,
}

impl Fake {
    /// The next runs end so.
    fn will(&self, ends: impl IntoIterator<Item = End>) {
        lock(&self.plan).extend(ends);
    }

    /// Ends the run of a letter.
    fn end(&self, id: DeadLetterId, end: End) {
        let run = lock(&self.waiting).remove(&id).expect("it is being run");
        let _ = run.send(end);
    }

    fn running(&self) -> Vec<DeadLetterId> {
        lock(&self.waiting).keys().copied().collect()
    }

    fn seen(&self) -> Vec<DeadLetterId> {
        lock(&self.seen).iter().map(|seen| seen.id).collect()
    }

    async fn run(&self, core: &Core, letter: Letter) -> Result<(), String> {
        let id = letter.id;
        let header = letter.head.as_ref().and_then(|head| head.headers.get(super::DEAD_LETTER_OF));
        lock(&self.seen).push(Seen {
            id,
            message_id: letter.message_id,
            fell: letter.message.downcast_ref::<Fell>().map(|fell| fell.0),
            header: header.map(str::to_owned),
            lane: letter.lane,
        });
        let planned = lock(&self.plan).pop_front();
        let end = match planned {
            Some(end) => end,
            None => {
                let (tell, told) = oneshot::channel();
                lock(&self.waiting).insert(id, tell);
                told.await.unwrap_or(End::NotBegun)
            }
        };
        match end {
            End::Well => {
                core.dead_letters.succeeded(id);
                Ok(())
            }
            End::WellUntold => Ok(()),
            End::NotBegun => Err("the handler is gone".to_owned()),
            End::Fails => {
                let attempt = letter.attempts + 1;
                let history = vec![FailedAttempt::new(attempt, at(60), "again")];
                let (error, chain) = ("again".to_owned(), "again: and again".to_owned());
                core.dead_letters.failed_again(core, id, Cause::Panicked, error, chain, 1, history);
                Err("again".to_owned())
            }
        }
    }
}

/// The runner, as a letter knows it.
struct Runner(Arc<Fake>);

impl Again for Runner {
    fn again(&self, core: Arc<Core>, letter: Letter) -> BoxFuture<'static, Result<(), String>> {
        let fake = Arc::clone(&self.0);
        Box::pin(async move { fake.run(&core, letter).await })
    }
}

/// A bus that keeps so many, a handler, and its runner.
struct World {
    bus: Bus,
    handler: HandlerId,
    fake: Arc<Fake>,
}

impl World {
    fn new(capacity: usize) -> Self {
        let bus =
            Bus::builder().without_registered().dead_letters(capacity).build().expect("a bus");
        Self { bus, handler: HandlerId::next(), fake: Arc::default() }
    }

    fn core(&self) -> &Core {
        self.bus.core()
    }

    fn letters(&self) -> DeadLetters<'_> {
        self.bus.dead_letters()
    }

    fn buried_as<M: Message>(&self, message: M, lane: Option<u64>) -> Buried {
        let message_id = MessageId::next(self.core().number);
        Buried {
            message: Arc::new(message),
            info: M::INFO,
            message_id,
            handler: info("catch", 7),
            handler_id: self.handler,
            head: None,
            session: None,
            correlation: message_id,
            principal: None,
            parent: None,
            lifecycle: false,
            cause: Cause::Failed(ErrorClass::Transient),
            error: "broken".to_owned(),
            error_chain: "broken: in the middle".to_owned(),
            attempts: 4,
            history: vec![FailedAttempt::new(4, at(5), "broken")],
            first_attempted: at(1),
            last_attempted: at(5),
            lane: lane.map(LaneId),
            again: Arc::new(Runner(Arc::clone(&self.fake))),
        }
    }

    fn bury(&self, fell: u32) -> DeadLetterId {
        self.core().dead_letters.bury(self.core(), self.buried_as(Fell(fell), None))
    }

    fn bury_in(&self, lane: u64) -> DeadLetterId {
        self.core().dead_letters.bury(self.core(), self.buried_as(Fell(0), Some(lane)))
    }

    fn park_in(&self, lane: u64) -> Result<DeadLetterId, NotParked> {
        self.core().dead_letters.park(self.core(), self.buried_as(Fell(0), Some(lane)))
    }

    fn ids(&self) -> Vec<DeadLetterId> {
        self.letters().list().iter().map(|entry| entry.id).collect()
    }

    /// Whatever happens, nothing is lost from the counts.
    #[track_caller]
    fn adds_up(&self) {
        let stats = self.letters().stats();
        let sum = stats.present as u64 + stats.evicted + stats.discarded + stats.succeeded;
        assert_eq!(stats.buried, sum, "{stats:?}");
    }
}

fn info(name: &'static str, line: u32) -> HandlerInfo {
    HandlerInfo {
        name: name.into(),
        module: module_path!(),
        file: file!(),
        line,
        priority: 0,
        at_run_time: false,
    }
}

fn at(seconds: u64) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)
}

/// Lets all tasks run that can.
async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}

fn failed(id: DeadLetterId, error: &str) -> RetryError {
    RetryError::Failed { id, error: error.to_owned() }
}
