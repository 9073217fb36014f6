//! Random chains of middleware around a command and around an event's handler, against a model: the
//! order in which they see the call, what each sees of its end, what comes of it, how often the handler
//! was called, what was emitted, and what the hooks were told.

use std::borrow::Cow;
use std::future::{Future, poll_fn};
use std::sync::{Arc, Mutex, Once};
use std::task::Poll;

use bus::{
    Bus, Call, CommandErrorKind, Emit, Ended, Error, EventHandlerFailedEvent, Handled, Hook,
    HookCall, Layer, Middleware, Next, Res, async_trait, command, event, handler,
};
use proptest::prelude::*;

#[command]
struct Work;
#[event]
struct Happened;
#[event]
struct Done;

/// What the handler does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Well,
    Fails,
    Panics,
    /// Until its timeout.
    Hangs,
}

/// What a middleware does.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Does {
    Passes,
    RejectsBefore,
    RejectsAfter,
    AnswersBefore,
    AnswersAfter,
    PanicsBefore,
    PanicsAfter,
    /// Calls what comes after it once more.
    Repeats,
    /// Drops what comes after it as soon as that waits, and rejects.
    Cuts,
}

/// How something has ended.
#[derive(Debug, Clone, PartialEq)]
enum End {
    Ok,
    Failed,
    Panicked,
    TimedOut,
    Rejected(usize),
}

#[derive(Clone)]
struct World {
    how: How,
    log: Arc<Mutex<Vec<String>>>,
    hooked: Arc<Mutex<Vec<String>>>,
    failed: Arc<Mutex<Vec<String>>>,
    done: Arc<Mutex<usize>>,
}

impl World {
    fn new(how: How) -> Self {
        let (log, hooked, failed, done) = Default::default();
        Self { how, log, hooked, failed, done }
    }
    fn say(&self, what: String) {
        self.log.lock().unwrap().push(what);
    }
}

/// Says so if the handler is dropped before its end.
struct Guard<'w>(&'w World, bool);
impl Drop for Guard<'_> {
    fn drop(&mut self) {
        if self.1 {
            self.0.say("handler dropped".to_owned());
        }
    }
}

async fn handle(world: &World, emit: Emit<Done>) -> Result<(), Error> {
    let mut guard = Guard(world, true);
    world.say("handler".to_owned());
    emit.send(Done);
    tokio::task::yield_now().await;
    if world.how == How::Hangs {
        std::future::pending::<()>().await;
    }
    guard.1 = false;
    match world.how {
        How::Fails => Err(Error::msg("it does")),
        How::Panics => panic!("it does"),
        How::Well | How::Hangs => Ok(()),
    }
}

#[handler(timeout = "1s")]
async fn work(_: &Work, world: &Res<World>, emit: Emit<Done>) -> Result<(), Error> {
    handle(world, emit).await
}
#[handler(timeout = "1s")]
async fn happened(_: &Happened, world: &Res<World>, emit: Emit<Done>) -> Result<(), Error> {
    handle(world, emit).await
}
#[handler]
fn done(_: &Done, world: &Res<World>) {
    *world.done.lock().unwrap() += 1;
}
#[handler]
fn failed(event: &EventHandlerFailedEvent, world: &Res<World>) {
    world.failed.lock().unwrap().push(event.error.clone());
}

struct Link {
    number: usize,
    does: Does,
}

impl Link {
    fn answer(call: &mut Call<'_>) -> Handled {
        if call.info().is_command() { call.reply::<Work>(Ok(())) } else { call.skip() }
    }
}

#[async_trait]
impl Middleware for Link {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let world = call.context().resource::<World>().unwrap();
        let Self { number, does } = self;
        world.say(format!("{number} in"));
        match does {
            Does::RejectsBefore => return call.reject("before"),
            Does::AnswersBefore => return Self::answer(call),
            Does::PanicsBefore => panic!("before"),
            _ => {}
        }
        let handled = if *does == Does::Cuts {
            let mut going_on = Box::pin(next.run(call));
            let polled = poll_fn(|task| Poll::Ready(going_on.as_mut().poll(task))).await;
            drop(going_on);
            match polled {
                Poll::Ready(handled) => handled,
                Poll::Pending => return call.reject("cut"),
            }
        } else {
            assert!(call.keep(), "the handler borrows the command");
            let first = next.run(call).await;
            if *does == Does::Repeats { next.run(call).await } else { first }
        };
        world.say(format!("{number} out {:?}", end_of(&call.ended().unwrap())));
        match does {
            Does::RejectsAfter => call.reject("after"),
            Does::AnswersAfter => Self::answer(call),
            Does::PanicsAfter => panic!("after"),
            _ => handled,
        }
    }
    fn name(&self) -> Cow<'static, str> {
        self.number.to_string().into()
    }
}

fn end_of(ended: &Ended<'_>) -> End {
    match ended {
        Ended::Ok => End::Ok,
        Ended::Failed(_) => End::Failed,
        Ended::Panicked { .. } => End::Panicked,
        Ended::TimedOut { .. } => End::TimedOut,
        Ended::Rejected { by, .. } => End::Rejected(by.parse().unwrap()),
        other => panic!("{other}"),
    }
}

/// Notes how each run ends, and that it began before.
struct Notes(World, Mutex<u32>);

impl Hook for Notes {
    fn before(&self, _: &HookCall<'_>) {
        *self.1.lock().unwrap() += 1;
    }
    fn after(&self, call: &HookCall<'_>, ended: &Ended<'_>) {
        if call.info().short_name() == "Done" {
            return;
        }
        let ended = match ended {
            Ended::Dropped => "Dropped".to_owned(),
            ended => format!("{:?}", end_of(ended)),
        };
        self.0.hooked.lock().unwrap().push(format!("{} {ended}", call.context().attempt()));
    }
}

/// The model: what has to happen.
struct Model<'m> {
    how: How,
    outer: &'m [Link],
    inner: &'m [Link],
    log: Vec<String>,
    hooked: Vec<String>,
    runs: u32,
    /// What the call, and what its current run have emitted.
    emitted: usize,
    in_run: usize,
}

/// It waits, and whoever is told so drops it.
struct Pending;

impl Model<'_> {
    fn call(&mut self, at: usize, cut: bool) -> Result<End, Pending> {
        let links = self.outer;
        match links.get(at) {
            None => self.run(cut),
            Some(link) => self.link(link, cut, |model, cut| model.call(at + 1, cut)),
        }
    }

    /// A run of the handler, with the middleware that are a part of it.
    fn run(&mut self, cut: bool) -> Result<End, Pending> {
        self.runs += 1;
        self.in_run = 0;
        let ended = match self.in_run(0, cut) {
            Ok(ended) => ended,
            // The handler hangs, and nobody inside of the run cuts it.
            Err(Pending) if !cut => End::TimedOut,
            Err(Pending) => {
                self.hooked.push(format!("{} Dropped", self.runs));
                return Err(Pending);
            }
        };
        self.hooked.push(format!("{} {ended:?}", self.runs));
        if ended == End::Ok {
            self.emitted += self.in_run;
        }
        Ok(ended)
    }

    fn in_run(&mut self, at: usize, cut: bool) -> Result<End, Pending> {
        let links = self.inner;
        match links.get(at) {
            None => self.handler(cut),
            Some(link) => self.link(link, cut, |model, cut| model.in_run(at + 1, cut)),
        }
    }

    fn handler(&mut self, cut: bool) -> Result<End, Pending> {
        self.log.push("handler".to_owned());
        if cut || self.how == How::Hangs {
            self.log.push("handler dropped".to_owned());
            return Err(Pending);
        }
        Ok(match self.how {
            How::Well => {
                self.in_run += 1;
                End::Ok
            }
            How::Fails => End::Failed,
            How::Panics => End::Panicked,
            How::Hangs => unreachable!(),
        })
    }

    fn link(
        &mut self,
        link: &Link,
        cut: bool,
        next: impl Fn(&mut Self, bool) -> Result<End, Pending>,
    ) -> Result<End, Pending> {
        let Link { number, does } = link;
        self.log.push(format!("{number} in"));
        match does {
            Does::RejectsBefore | Does::PanicsBefore => return Ok(End::Rejected(*number)),
            Does::AnswersBefore => return Ok(End::Ok),
            _ => {}
        }
        let mut ended = match next(self, cut || *does == Does::Cuts) {
            Err(Pending) if *does == Does::Cuts => return Ok(End::Rejected(*number)),
            ended => ended?,
        };
        if *does == Does::Repeats {
            ended = next(self, cut)?;
        }
        self.log.push(format!("{number} out {ended:?}"));
        Ok(match does {
            Does::RejectsAfter | Does::PanicsAfter => End::Rejected(*number),
            Does::AnswersAfter => End::Ok,
            _ => ended,
        })
    }
}

fn links(first: usize) -> impl Strategy<Value = Vec<Does>> {
    let does = prop_oneof![
        4 => Just(Does::Passes),
        1 => Just(Does::RejectsBefore),
        1 => Just(Does::RejectsAfter),
        1 => Just(Does::AnswersBefore),
        1 => Just(Does::AnswersAfter),
        1 => Just(Does::PanicsBefore),
        1 => Just(Does::PanicsAfter),
        2 => Just(Does::Repeats),
        1 => Just(Does::Cuts),
    ];
    prop::collection::vec(does, 0..=first)
}

fn numbered(does: &[Does], first: usize) -> Vec<Link> {
    does.iter().zip(first..).map(|(does, number)| Link { number, does: *does }).collect()
}

/// The end that the caller of a command was told.
fn told(result: Result<(), bus::CommandError<Error>>) -> End {
    match result.map_err(bus::CommandError::into_kind) {
        Ok(()) => End::Ok,
        Err(CommandErrorKind::Handler(_)) => End::Failed,
        Err(CommandErrorKind::Panicked { .. }) => End::Panicked,
        Err(CommandErrorKind::TimedOut { .. }) => End::TimedOut,
        Err(CommandErrorKind::Rejected { by, .. }) => {
            End::Rejected(by.trim_start_matches("middleware ").parse().unwrap())
        }
        Err(other) => panic!("{other:?}"),
    }
}

/// The end that the listener of failed handlers was told.
fn overheard(failed: &[String]) -> End {
    match failed {
        [] => End::Ok,
        [one] if one.starts_with("it does") => End::Failed,
        [one] if one.starts_with("panicked") => End::Panicked,
        [one] if one.starts_with("timed out") => End::TimedOut,
        [one] => {
            let by = one.trim_start_matches("was rejected by middleware ");
            End::Rejected(by.split(':').next().unwrap().parse().unwrap())
        }
        several => panic!("{several:?}"),
    }
}

fn check(is_command: bool, how: How, outer: &[Does], inner: &[Does]) {
    let (outer, inner) = (numbered(outer, 0), numbered(inner, outer.len()));
    let mut model = Model {
        how,
        outer: &outer,
        inner: &inner,
        log: Vec::new(),
        hooked: Vec::new(),
        runs: 0,
        emitted: 0,
        in_run: 0,
    };
    let Ok(expected) = model.call(0, false) else { panic!("nobody drops the call") };
    let emitted = if expected == End::Ok { model.emitted } else { 0 };
    let (log, hooked, runs) = (model.log, model.hooked, model.runs);

    let world = World::new(how);
    let (end, attempts) = paused(async {
        let mut builder =
            Bus::builder().provide(world.clone()).hook(Notes(world.clone(), Mutex::default()));
        let place =
            |layer: Layer| if is_command { layer.on_commands() } else { layer.on::<Happened>() };
        for link in outer {
            builder = builder.middleware(place(Layer::new(link)));
        }
        for link in inner {
            builder = builder.middleware(place(Layer::new(link).per_attempt()));
        }
        let bus = builder.build().unwrap();
        let ended = if is_command {
            let report = bus.execute(Work).detailed().await;
            (Some(told(report.result)), report.attempts)
        } else {
            bus.publish(Happened).await.unwrap();
            (None, runs)
        };
        bus.idle().await;
        let stats = bus.stats();
        assert_eq!(stats.commands_in_flight + stats.events_in_flight, 0);
        bus.shutdown().await;
        ended
    });
    let end = end.unwrap_or_else(|| overheard(&world.failed.lock().unwrap()));
    assert_eq!(*world.log.lock().unwrap(), log, "what happened, in its order");
    assert_eq!(end, expected);
    assert_eq!(attempts, runs);
    assert_eq!(*world.hooked.lock().unwrap(), hooked, "what the hooks were told");
    assert_eq!(*world.done.lock().unwrap(), emitted, "what was emitted");
}

fn paused<R>(test: impl Future<Output = R>) -> R {
    let mut runtime = tokio::runtime::Builder::new_current_thread();
    runtime.enable_time().start_paused(true).build().unwrap().block_on(test)
}

/// Leaves the panics that are meant out of the test's output.
fn quietly() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let former = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |panic| {
            let meant = ["before", "after", "it does"];
            if !panic.payload().downcast_ref::<&str>().is_some_and(|text| meant.contains(text)) {
                former(panic);
            }
        }));
    });
}

fn config() -> ProptestConfig {
    ProptestConfig { failure_persistence: None, ..ProptestConfig::default() }
}

proptest! {
    #![proptest_config(config())]
    #[test]
    fn a_chain_does_what_the_model_does(
        is_command: bool,
        how in prop_oneof![Just(How::Well), Just(How::Fails), Just(How::Panics), Just(How::Hangs)],
        outer in links(4),
        inner in links(3),
    ) {
        quietly();
        check(is_command, how, &outer, &inner);
    }
}
