//! Random chains of middleware around a command and around an event's handler, against a model: the
//! order in which they see the call, what each sees of its end, what comes of it, how often the handler
//! was called, what was emitted, and what the hooks were told.

mod handlers;
mod link;
mod model;
mod told;

use std::future::Future;
use std::sync::{Arc, Mutex, Once};

use bus::{Bus, Layer, command, event};
use proptest::prelude::*;

use link::Link;
use model::Model;
use told::{Notes, overheard, told};

#[command]
struct Work;
#[event]
struct Happened;

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
