//! The handlers, which do what their course says.

use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{self, Poll};
use std::time::Duration;

use bus::{Bus, Context, EventHandlerFailedEvent, HandlerOptions, MessageId, OwnedContext};

use super::events::{Card, Carries, emit, of_kind, polled, publish, try_publish};
use super::log::{Answer, By, Fact, How as Ended, RunId};
use super::scenario::{Course, End, Form, Handler, How, KINDS, Kind, Step};
use super::world::World;

/// How deep handlers answer events with events.
const DEEPEST: u8 = 2;

/// The name of a handler, unique in its scenario.
pub(crate) fn name(kind: Kind, index: usize, handler: &Handler) -> String {
    let letter = format!("{kind:?}").to_lowercase();
    match handler.form {
        Form::Plain => format!("plain_{letter}"),
        Form::Batch(_) => format!("batch_{letter}"),
        Form::Closure => format!("{kind:?}{index} (priority {})", handler.priority),
    }
}

/// Registers the handlers of the scenario.
pub(crate) fn register(bus: &Bus, world: &Arc<World>) {
    for kind in KINDS {
        for (index, handler) in world.scenario.handlers_of(kind).iter().enumerate() {
            let options = HandlerOptions::new().priority(handler.priority);
            if handler.form != Form::Closure {
                // Part of the bus since it was built.
                continue;
            }
            let options = options.name(name(kind, index, handler));
            of_kind!(kind, E => register_one::<E>(bus, options, Worker {
                world: Arc::clone(world),
                index,
            }));
        }
    }
    if world.scenario.settings.listens {
        let world = Arc::clone(world);
        bus.register_event_handler(move |failed: Arc<EventHandlerFailedEvent>, _: OwnedContext| {
            let (id, handler) = (failed.event_id, failed.handler.clone());
            world.log.note(Fact::Announced { id, handler });
            async {}
        })
        .unwrap();
    }
}

fn register_one<E: Carries>(bus: &Bus, options: HandlerOptions, worker: Worker) {
    let worker = Arc::new(worker);
    bus.register_event_handler_with(options, move |event: Arc<E>, cx: OwnedContext| {
        let worker = Arc::clone(&worker);
        async move { worker.run(event.card(), cx).await }
    })
    .unwrap();
}

/// A handler.
struct Worker {
    world: Arc<World>,
    index: usize,
}

/// What a handler of the scenario fails and panics with.
#[derive(Debug, thiserror::Error)]
#[error("the scenario says so")]
pub(crate) struct Deliberate;

impl Worker {
    async fn run(&self, card: Card, cx: OwnedContext) -> Result<(), Deliberate> {
        let course = course(&self.world, card, self.index);
        let mut run = Run::begin(&self.world, card, self.index, Some(cx.id()));
        worked(&self.world, course, card, &cx, run.id).await;
        match course.end {
            End::Succeed | End::Hang => {
                run.end(Ended::Succeeded);
                Ok(())
            }
            End::Fail => {
                run.end(Ended::Failed);
                Err(Deliberate)
            }
            End::Panic => {
                run.end(Ended::Panicked);
                // A panic in all but the report on stderr, which thousands of cases would fill.
                std::panic::resume_unwind(Box::new(Deliberate))
            }
        }
    }
}

/// What the handler does with this event.
pub(crate) fn course(world: &World, card: Card, handler: usize) -> &Course {
    let courses = &world.scenario.handlers_of(card.kind)[handler].courses;
    &courses[usize::try_from(card.id).unwrap_or_default() % courses.len()]
}

/// Does the steps of a course, counted among those that are pending.
pub(crate) async fn worked(world: &World, course: &Course, card: Card, cx: &Context, run: RunId) {
    let work = pin!(work(world, course, card, cx, run));
    Watched { work, world, pending: false }.await;
}

async fn work(world: &World, course: &Course, card: Card, cx: &Context, run: RunId) {
    for step in &course.steps {
        match *step {
            Step::Yield { times } => {
                for _ in 0..times {
                    tokio::task::yield_now().await;
                }
            }
            Step::Sleep { ms } => tokio::time::sleep(Duration::from_millis(ms)).await,
            Step::Publish { how, kind, events } => {
                for child in children(world, card, kind, events) {
                    publish_as(world, how, child, cx, run).await;
                }
            }
            Step::Emit { kind, events } => {
                for child in children(world, card, kind, events) {
                    world.log.note(Fact::Emitted { run, card: child });
                    emit(cx, child);
                }
            }
        }
    }
    if course.end == End::Hang {
        pending::<()>().await;
    }
}

async fn publish_as(world: &World, how: How, card: Card, cx: &Context, run: RunId) {
    let (log, by) = (&world.log, By::Run(run));
    log.note(Fact::Offered { card, by });
    let answer = match how {
        How::Publish => polled(publish(cx, card), 1).await,
        How::TryPublish => Some(try_publish(cx, card)),
        How::OfTheBus => polled(publish(&cx.bus(), card), 1).await,
    };
    let answer = answer.unwrap_or_else(|| {
        log.broken(format!("publish of event {} from inside a handler has waited", card.id));
        Answer::Cancelled
    });
    log.note(Fact::Told { card, answer });
}

/// The events that a handler answers an event with.
pub(crate) fn children(
    world: &World,
    card: Card,
    kind: Kind,
    events: u8,
) -> impl Iterator<Item = Card> {
    let depth = card.depth + 1;
    let events = if depth > DEEPEST { 0 } else { events };
    (0..events).map_while(move |_| world.id_for_handler().map(|id| Card { id, kind, depth }))
}

/// A run of a handler in the log. Dropped before its end, it was cut.
pub(crate) struct Run<'a> {
    world: &'a World,
    pub(crate) id: RunId,
    ended: bool,
}

impl<'a> Run<'a> {
    pub(crate) fn begin(
        world: &'a World,
        card: Card,
        handler: usize,
        id: Option<MessageId>,
    ) -> Self {
        Self::begin_in(world, card, handler, id, None)
    }

    /// Of a batch, whose first run was that.
    pub(crate) fn begin_in(
        world: &'a World,
        card: Card,
        handler: usize,
        id: Option<MessageId>,
        batch: Option<RunId>,
    ) -> Self {
        let id = world.log.note(Fact::Began { card, handler, id, batch });
        Self { world, id, ended: false }
    }

    pub(crate) fn end(&mut self, how: Ended) {
        self.ended = true;
        self.world.log.note(Fact::Ended { run: self.id, how });
    }
}

impl Drop for Run<'_> {
    fn drop(&mut self) {
        if !self.ended {
            self.end(Ended::Cut);
        }
    }
}

/// Counts a run as pending from its first pending poll to its end.
struct Watched<'a, F> {
    work: Pin<&'a mut F>,
    world: &'a World,
    pending: bool,
}

impl<F: Future<Output = ()>> Future for Watched<'_, F> {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, task: &mut task::Context<'_>) -> Poll<()> {
        let polled = self.work.as_mut().poll(task);
        if polled.is_pending() && !self.pending {
            self.pending = true;
            self.world.pending.up();
        }
        polled
    }
}

impl<F> Drop for Watched<'_, F> {
    fn drop(&mut self) {
        if self.pending {
            self.world.pending.down();
        }
    }
}
