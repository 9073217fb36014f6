//! Random trees of sessions against a plain model: each event reaches each handler around it exactly
//! once, however sessions end meanwhile, and nothing is left.

use std::collections::{BTreeMap, HashMap};
use std::pin::Pin;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    Bus, HandlerOptions, OwnedContext, Registration, Session, SessionEndEvent, SessionGuard,
    SessionId, SessionStartEvent, command, event,
};
use proptest::prelude::*;
use proptest::test_runner::Config;

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

fn does() -> impl Strategy<Value = Does> {
    prop_oneof![
        3 => Just(Does::Nothing),
        3 => (1..40_u64).prop_map(Does::Waits),
        1 => Just(Does::Fails),
        1 => Just(Does::Panics),
        2 => Just(Does::Publishes),
        1 => Just(Does::Executes),
        2 => ends().prop_map(|then| Does::Opens { then }),
        1 => Just(Does::Closes),
    ]
}
fn ends() -> impl Strategy<Value = Ends> {
    prop_oneof![Just(Ends::Dropped), Just(Ends::Closed), Just(Ends::Detached)]
}
fn step() -> impl Strategy<Value = Step> {
    let handlers = prop::collection::vec((-2..3_i8, does()), 0..3);
    prop_oneof![
        4 => (any::<prop::sample::Index>(), handlers, any::<bool>())
            .prop_map(|(i, handlers, answers)| Step::Open { inside: i.index(16), handlers, answers }),
        2 => (0..16_usize, -2..3_i8, does())
            .prop_map(|(on, priority, does)| Step::Register { on, priority, does }),
        1 => (0..16_usize).prop_map(Step::Unregister),
        6 => (0..16_usize).prop_map(Step::Publish),
        2 => (0..16_usize).prop_map(Step::Execute),
        3 => (0..16_usize, ends()).prop_map(|(which, how)| Step::End(which, how)),
        2 => (0..60_u64).prop_map(Step::Pause),
    ]
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
    next: AtomicU32,
}

impl Record {
    fn number(&self) -> u32 {
        self.next.fetch_add(1, Ordering::Relaxed)
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

type Acting = Pin<Box<dyn Future<Output = bus::Result<()>> + Send>>;

/// Boxed: what a handler does may register such a handler.
fn act(does: Does, cx: OwnedContext, record: Arc<Record>, token: Arc<()>) -> Acting {
    Box::pin(async move {
        let send = |extra: Vec<u32>| {
            let number = record.number();
            record.sent.lock().unwrap().push((number, cx.session_id(), extra));
            Sent { number, is_first: false }
        };
        match does {
            Does::Nothing => {}
            Does::Waits(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
            Does::Fails => return Err(bus::Error::msg("on purpose")),
            Does::Panics => std::panic::panic_any(()),
            Does::Publishes => drop(cx.publish(send(vec![])).await?),
            Does::Executes => drop(cx.execute(Who).await?),
            Does::Closes => {
                if let Some(session) = cx.session() {
                    assert!(session.close().await.is_deferred, "an end was awaited inside");
                }
            }
            Does::Opens { then } => {
                let own = record.number();
                let child = cx
                    .bus()
                    .session(None)
                    .on_event(listener(own, 0, Does::Nothing, &record, &token))
                    .open()
                    .await?;
                child.publish(send(vec![own])).await?;
                tokio::time::sleep(Duration::from_millis(3)).await;
                match then {
                    Ends::Dropped => drop(child),
                    Ends::Closed => assert!(child.close().await.is_clean()),
                    Ends::Detached => drop(child.detach()),
                }
            }
        }
        Ok(())
    })
}

fn listener(
    number: u32,
    priority: i8,
    does: Does,
    record: &Arc<Record>,
    token: &Arc<()>,
) -> impl Fn(Arc<Sent>, OwnedContext) -> Acting + use<> {
    let (record, token) = (Arc::clone(record), Arc::clone(token));
    move |event, cx| {
        let (record, token) = (Arc::clone(&record), Arc::clone(&token));
        Box::pin(async move {
            record.runs.lock().unwrap().push((event.number, number, priority, cx.session_id()));
            if event.is_first { act(does, cx, record, token).await } else { Ok(()) }
        })
    }
}

impl World {
    fn new() -> Self {
        let bus = Bus::builder().event_timeout(None).build().unwrap();
        let record = Arc::new(Record::default());
        let (starts, ends) = (Arc::clone(&record), Arc::clone(&record));
        bus.register_event_handler(move |start: Arc<SessionStartEvent>, _: OwnedContext| {
            starts.starts.lock().unwrap().push(start.session_id.clone());
            std::future::ready(())
        })
        .unwrap();
        bus.register_event_handler(move |end: Arc<SessionEndEvent>, _: OwnedContext| {
            ends.ends.lock().unwrap().push(end.session_id.clone());
            std::future::ready(())
        })
        .unwrap();
        bus.register_command_handler(|_: Who, _: OwnedContext| async { Ok::<_, bus::Error>(None) })
            .unwrap();
        let (nodes, registered, model) = (Vec::new(), Vec::new(), Model::default());
        Self { bus, record, token: Arc::new(()), nodes, registered, model }
    }

    /// A session, by its place in the list from 1; 0 is the bus, so are those that are not there.
    fn place(&self, n: usize) -> usize {
        n % (self.nodes.len() + 1)
    }
    fn node(&mut self, place: usize) -> Option<&mut Node> {
        self.nodes.get_mut(place.checked_sub(1)?)
    }
    fn chain(&self, mut place: usize) -> Vec<usize> {
        let mut chain = vec![place];
        while place > 0 {
            place = self.nodes[place - 1].parent;
            chain.push(place);
        }
        chain
    }
    /// Whom an event that is sent here has to reach.
    fn around(&self, place: usize) -> Vec<u32> {
        let of = |place: &usize| self.model.handlers.get(place).cloned().unwrap_or_default();
        self.chain(place).iter().flat_map(of).map(|(number, _)| number).collect()
    }
    fn takes(&self, place: usize) -> bool {
        // A handler may have closed it.
        place == 0 || !(self.nodes[place - 1].closing || self.nodes[place - 1].handle.is_closed())
    }

    async fn step(&mut self, step: Step) {
        match step {
            Step::Open { inside, handlers, answers } => self.open(inside, handlers, answers).await,
            Step::Register { on, priority, does } => {
                // Who is registered while events are on their way may or may not get them.
                self.settle().await;
                let on = self.place(on);
                if !self.takes(on) {
                    return;
                }
                let number = self.record.number();
                let options = HandlerOptions::new().priority(priority.into());
                let handler = listener(number, priority, does, &self.record, &self.token);
                let registration = match self.node(on) {
                    Some(node) => node.handle.register_event_handler_with(options, handler),
                    None => self.bus.register_event_handler_with(options, handler),
                };
                self.registered.push((on, number, registration.unwrap()));
                self.model.handlers.entry(on).or_default().push((number, priority));
            }
            Step::Unregister(which) => {
                self.settle().await;
                if self.registered.is_empty() {
                    return;
                }
                let (on, number, registration) =
                    self.registered.remove(which % self.registered.len());
                let is_there = self.takes(on);
                assert_eq!(registration.unregister(), is_there, "of a session that is open");
                if let Some(handlers) = self.model.handlers.get_mut(&on) {
                    handlers.retain(|(other, _)| *other != number);
                }
            }
            Step::Publish(at) => {
                let at = self.place(at);
                let number = self.record.number();
                let event = Sent { number, is_first: true };
                let taken = match self.node(at) {
                    Some(node) => node.handle.publish(event).await.is_ok(),
                    None => self.bus.publish(event).await.is_ok(),
                };
                assert!(taken || !self.takes(at), "an open session has refused an event");
                if taken {
                    self.model.expected.insert(number, self.around(at));
                }
            }
            Step::Execute(at) => {
                let at = self.place(at);
                let answer = match self.node(at) {
                    Some(node) => node.handle.execute(Who).await,
                    None => self.bus.execute(Who).await,
                };
                let innermost = self.chain(at).into_iter().filter(|at| *at > 0);
                let mut innermost = innermost.filter_map(|at| self.nodes[at - 1].answer);
                match answer {
                    Ok(answer) => {
                        assert_eq!(answer, innermost.next(), "the innermost handler answers");
                    }
                    Err(refused) => assert!(!self.takes(at), "{refused}"),
                }
            }
            Step::End(which, how) => self.end(which, how).await,
            Step::Pause(ms) => tokio::time::sleep(Duration::from_millis(ms)).await,
        }
    }

    /// Nothing is on its way: whom it had to reach is known.
    async fn settle(&mut self) {
        self.bus.idle().await;
        let sent = std::mem::take(&mut *self.record.sent.lock().unwrap());
        let places: HashMap<_, _> =
            self.nodes.iter().zip(1..).map(|(node, at)| (node.id.clone(), at)).collect();
        for (number, session, extra) in sent {
            let place = places.get(&session).copied().unwrap_or(0);
            let mut around = self.around(place);
            around.extend(extra);
            self.model.expected.insert(number, around);
        }
    }

    async fn open(&mut self, inside: usize, handlers: Vec<(i8, Does)>, answers: bool) {
        let parent = self.place(inside);
        let mut opening = match self.node(parent) {
            Some(node) => node.handle.session(None),
            None => self.bus.session(None),
        };
        let mut own = Vec::new();
        for (priority, does) in handlers {
            let number = self.record.number();
            let options = HandlerOptions::new().priority(priority.into());
            let handler = listener(number, priority, does, &self.record, &self.token);
            opening = opening.on_event_with(options, handler);
            own.push((number, priority));
        }
        let answer = answers.then(|| self.record.number());
        if let Some(answer) = answer {
            opening = opening.on_command(move |_: Who, _: OwnedContext| async move {
                Ok::<_, bus::Error>(Some(answer))
            });
        }
        match opening.open().await {
            Ok(guard) => {
                let (id, handle) = (guard.id().clone(), guard.handle());
                self.nodes.push(Node {
                    parent,
                    id,
                    guard: Some(guard),
                    handle,
                    answer,
                    closing: false,
                });
                self.model.handlers.insert(self.nodes.len(), own);
            }
            Err(refused) => assert!(!self.takes(parent), "{refused}"),
        }
    }

    async fn end(&mut self, which: usize, how: Ends) {
        let place = self.place(which);
        let inside: Vec<_> =
            (1..=self.nodes.len()).filter(|at| self.chain(*at).contains(&place)).collect();
        let Some(guard) = self.node(place).and_then(|node| node.guard.take()) else { return };
        match how {
            Ends::Dropped => drop(guard),
            Ends::Closed => {
                let report = guard.close().await;
                assert!(report.is_clean(), "{report:?}");
                assert!(self.bus.find_session(report.id).is_none());
            }
            // It ends with the bus.
            Ends::Detached => return drop(guard.detach()),
        }
        for at in inside {
            if let Some(node) = self.node(at) {
                node.closing = true;
            }
        }
    }

    async fn finish(mut self) {
        for node in &mut self.nodes {
            drop(node.guard.take());
        }
        // What was detached, by handlers too.
        self.settle().await;
        for session in self.bus.sessions() {
            if let Some(session) = self.bus.find_session(session.id) {
                assert!(session.close().await.is_clean());
            }
        }
        self.settle().await;
        self.check();
        let stats = self.bus.stats();
        assert_eq!(
            (stats.sessions_open, stats.sessions_cut, stats.queued, stats.debt),
            (0, 0, 0, 0)
        );
        assert_eq!((stats.events_in_flight, stats.commands_in_flight), (0, 0));
        let report = self.bus.shutdown().await;
        assert!(report.is_clean(), "{report}");
        let Self { bus, token, nodes, registered, .. } = self;
        drop((nodes, registered));
        let of_bus = bus;
        drop(of_bus);
        tokio::task::yield_now().await;
        tokio::time::sleep(Duration::from_millis(1)).await;
        assert_eq!(Arc::strong_count(&token), 1, "a handler is still held");
    }

    fn check(&mut self) {
        let mut ran: HashMap<u32, Vec<(u32, i8, SessionId)>> = HashMap::new();
        for (event, handler, priority, session) in self.record.runs.lock().unwrap().drain(..) {
            ran.entry(event).or_default().push((handler, priority, session));
        }
        for (event, expected) in &mut self.model.expected {
            let ran = ran.remove(event).unwrap_or_default();
            assert!(ran.is_sorted_by_key(|(_, priority, _)| -priority), "event {event}: {ran:?}");
            assert!(ran.windows(2).all(|two| two[0].2 == two[1].2), "one event, one session");
            let mut ran: Vec<_> = ran.into_iter().map(|(handler, ..)| handler).collect();
            ran.sort_unstable();
            expected.sort_unstable();
            assert_eq!(ran, *expected, "event {event}");
        }
        assert!(ran.is_empty(), "handlers ran for events that nobody sent: {ran:?}");
        let mut starts = std::mem::take(&mut *self.record.starts.lock().unwrap());
        let mut ends = std::mem::take(&mut *self.record.ends.lock().unwrap());
        starts.sort();
        ends.sort();
        assert_eq!(starts, ends, "each session begins once and ends once");
        assert_eq!(starts.len() as u64, self.bus.stats().sessions_opened);
    }
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
