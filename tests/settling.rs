//! `and_wait` against a model: random trees of events, on random buses.
//!
//! Each root is published with `and_wait`. When that resolves, every handler of every event of its
//! tree has ended, and the failures are those of its tree, no more and no less. Handlers wait for
//! their children too, on buses of few slots: none may wait for ever.

use std::collections::HashMap;
use std::num::NonZeroU32;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Bus, HandlerOptions, OwnedContext, event};
use proptest::prelude::*;
use proptest::test_runner::TestCaseError;

#[derive(Debug, Clone)]
struct Settings {
    slots: usize,
    of_handler: Option<u32>,
    capacity: usize,
    batch: usize,
    /// The priorities of the handlers.
    handlers: Vec<i32>,
    roots: Vec<Tree>,
}

/// An event: what each of its handlers does, and the events that its first handler makes.
#[derive(Debug, Clone)]
struct Tree {
    pause: Pause,
    fails: bool,
    how: How,
    children: Vec<Tree>,
}

#[derive(Debug, Clone, Copy)]
enum Pause {
    None,
    Yield,
    Sleep,
}

#[derive(Debug, Clone, Copy)]
enum How {
    Publish,
    Emit,
    /// One after the other, each until it is settled.
    Wait,
    /// All at once.
    WaitForAll,
}

#[event]
struct Node {
    root: usize,
    tree: Tree,
}

fn tree() -> impl Strategy<Value = Tree> {
    let pause = prop_oneof![Just(Pause::None), Just(Pause::Yield), Just(Pause::Sleep)];
    let how =
        prop_oneof![Just(How::Publish), Just(How::Emit), Just(How::Wait), Just(How::WaitForAll)];
    let node = (pause, prop::bool::weighted(0.2), how);
    let leaf = node.clone().prop_map(|(pause, fails, how)| Tree {
        pause,
        fails,
        how,
        children: Vec::new(),
    });
    leaf.prop_recursive(4, 16, 3, move |inner| {
        (node.clone(), prop::collection::vec(inner, 0..3))
            .prop_map(|((pause, fails, how), children)| Tree { pause, fails, how, children })
    })
}

fn settings() -> impl Strategy<Value = Settings> {
    let handlers = prop::collection::vec(prop_oneof![Just(0), Just(0), Just(5)], 1..4);
    let roots = prop::collection::vec(tree(), 1..5);
    (1..4usize, prop::option::of(1..3u32), 1..5usize, 1..5usize, handlers, roots).prop_map(
        |(slots, of_handler, capacity, batch, handlers, roots)| Settings {
            slots,
            of_handler,
            capacity,
            batch,
            handlers,
            roots,
        },
    )
}

/// How many handlers of each tree have begun, ended and failed.
#[derive(Default)]
struct Runs(Mutex<HashMap<usize, [usize; 3]>>);

impl Runs {
    fn count(&self, root: usize, what: usize) {
        self.0.lock().expect("no panic under it").entry(root).or_default()[what] += 1;
    }
    fn of(&self, root: usize) -> [usize; 3] {
        self.0.lock().expect("no panic under it").get(&root).copied().unwrap_or_default()
    }
}

async fn handle(
    event: Arc<Node>,
    cx: OwnedContext,
    is_first: bool,
    runs: Arc<Runs>,
) -> Result<(), std::fmt::Error> {
    runs.count(event.root, 0);
    match event.tree.pause {
        Pause::None => {}
        Pause::Yield => tokio::task::yield_now().await,
        Pause::Sleep => tokio::time::sleep(Duration::from_millis(3)).await,
    }
    if is_first {
        let node = |tree: &Tree| Node { root: event.root, tree: tree.clone() };
        let children = event.tree.children.iter().map(node);
        match event.tree.how {
            How::Emit => children.for_each(|child| cx.emit(child)),
            How::Publish => {
                for child in children {
                    cx.publish(child).await.map_err(drop).expect("handlers never wait for room");
                }
            }
            How::Wait => {
                for child in children {
                    cx.publish(child).and_wait().await.map_err(drop).expect("it has been queued");
                }
            }
            How::WaitForAll => {
                let mut waits: Vec<_> =
                    children.map(|child| Box::pin(cx.publish(child).and_wait())).collect();
                std::future::poll_fn(|task| {
                    waits.retain_mut(|wait| wait.as_mut().poll(task).is_pending());
                    if waits.is_empty() {
                        std::task::Poll::Ready(())
                    } else {
                        std::task::Poll::Pending
                    }
                })
                .await;
            }
        }
    }
    runs.count(event.root, 1);
    if event.tree.fails {
        runs.count(event.root, 2);
        return Err(std::fmt::Error);
    }
    Ok(())
}

/// How many runs the tree will have, and how many of them fail. A handler that fails has emitted
/// nothing.
fn expected(tree: &Tree, handlers: usize) -> (usize, usize) {
    let mut runs = handlers;
    let mut failures = if tree.fails { handlers } else { 0 };
    let emits = matches!(tree.how, How::Emit);
    for child in tree.children.iter().filter(|_| !(tree.fails && emits)) {
        let (more, fail) = expected(child, handlers);
        runs += more;
        failures += fail;
    }
    (runs, failures)
}

async fn play(settings: &Settings) -> Result<(), TestCaseError> {
    let bus = Bus::builder()
        .without_registered()
        .concurrency(settings.slots)
        .event_queue_size(settings.capacity)
        .batch_size(settings.batch)
        .build()
        .expect("these settings are right");
    let runs = Arc::new(Runs::default());
    for (index, priority) in settings.handlers.iter().enumerate() {
        let mut options = HandlerOptions::new().priority(*priority);
        if let Some(n) = settings.of_handler.and_then(NonZeroU32::new) {
            options = options.concurrency(n);
        }
        let runs = Arc::clone(&runs);
        bus.register_event_handler_with(options, move |event: Arc<Node>, cx: OwnedContext| {
            handle(event, cx, index == 0, Arc::clone(&runs))
        })
        .unwrap();
    }
    let mut waits = tokio::task::JoinSet::new();
    for (root, tree) in settings.roots.iter().cloned().enumerate() {
        let (bus, runs) = (bus.clone(), Arc::clone(&runs));
        waits.spawn(async move {
            let settled = bus.publish(Node { root, tree }).and_wait().await;
            // Looked at at once: nothing else has run since.
            (root, settled.map_err(drop).expect("it has been queued").failures, runs.of(root))
        });
    }
    while let Some(waited) = waits.join_next().await {
        let (root, failures, [begun, ended, failed]) = waited.expect("no panic");
        let (runs, fail) = expected(&settings.roots[root], settings.handlers.len());
        prop_assert_eq!((begun, ended), (runs, runs), "the runs of tree {} when it settled", root);
        prop_assert_eq!((failed, failures.len()), (fail, fail), "the failures of tree {}", root);
    }
    bus.idle().await;
    let stats = bus.stats();
    prop_assert_eq!((stats.queued, stats.events_in_flight, stats.debt), (0, 0, 0));
    prop_assert!(bus.shutdown().await.is_clean());
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn who_waits_for_an_event_waits_for_its_tree_and_for_nothing_else(settings in settings()) {
        let runtime = tokio::runtime::Builder::new_current_thread();
        let runtime = { runtime }.enable_all().start_paused(true).build().expect("a runtime");
        let played = runtime.block_on(async {
            tokio::time::timeout(Duration::from_secs(50), play(&settings)).await
        });
        played.map_err(|_| TestCaseError::fail("somebody waits for ever"))??;
    }
}
