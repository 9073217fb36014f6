//! The steps, done on a real bus and in the model.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bus::{Bus, HandlerOptions, OwnedContext, SessionEndEvent, SessionId, SessionStartEvent};

use super::handlers::listener;
use super::{Does, Ends, Model, Node, Record, Sent, Step, Who, World};

impl World {
    pub(crate) fn new() -> Self {
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

    pub(crate) async fn step(&mut self, step: Step) {
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

    pub(crate) async fn finish(mut self) {
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
        assert!(self.record.wrong.lock().unwrap().is_empty(), "{:?}", self.record.wrong);
        assert!(ran.is_empty(), "handlers ran for events that nobody sent: {ran:?}");
        let mut starts = std::mem::take(&mut *self.record.starts.lock().unwrap());
        let mut ends = std::mem::take(&mut *self.record.ends.lock().unwrap());
        starts.sort();
        ends.sort();
        assert_eq!(starts, ends, "each session begins once and ends once");
        assert_eq!(starts.len() as u64, self.bus.stats().sessions_opened);
    }
}
