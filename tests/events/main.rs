//! What an event meets between `publish` and the end of its last handler.

mod debt;
mod failures;
mod groups;
mod publish;
mod queue;

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use bus::{BackpressureStrategy, Bus, EventHandlerFailedEvent, Res, event, handler};

/// What the handlers of a test have done, in order.
#[derive(Default)]
struct Log(Mutex<Vec<String>>);

impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().expect("no test panics with it").push(line.into());
    }
    fn lines(&self) -> Vec<String> {
        self.0.lock().expect("no test panics with it").clone()
    }
}

#[bus::resource]
fn log() -> Log {
    Log::default()
}

fn bus() -> (Bus, Arc<Log>) {
    build(Bus::builder())
}

fn build(builder: bus::Builder) -> (Bus, Arc<Log>) {
    let bus = builder.build().expect("the wiring of this file is right");
    let log = bus.resource::<Log>().expect("provided").into_arc();
    (bus, log)
}
#[handler]
fn note_failures(event: &EventHandlerFailedEvent, log: &Res<Log>) {
    log.add(format!("{} of {}: {}", event.handler, event.event, event.error));
}

#[event]
struct Tick(usize);
#[handler]
async fn tick(event: &Tick, gate: &Res<Gate>) {
    gate.seen.fetch_add(1, Ordering::SeqCst);
    gate.order.lock().unwrap().push(event.0);
    if let Ok(permit) = gate.open.acquire().await {
        permit.forget();
    }
}
struct Gate {
    open: tokio::sync::Semaphore,
    seen: AtomicUsize,
    order: Mutex<Vec<usize>>,
}
#[bus::resource]
fn gate() -> Gate {
    let open = tokio::sync::Semaphore::new(0);
    Gate { open, seen: AtomicUsize::new(0), order: Mutex::default() }
}

fn small(strategy: BackpressureStrategy) -> (Bus, Arc<Gate>) {
    let builder = Bus::builder().event_queue_size(4).concurrency(1).backpressure_strategy(strategy);
    let (bus, _) = build(builder);
    let gate = bus.resource::<Gate>().expect("provided").into_arc();
    (bus, gate)
}

async fn settle() {
    for _ in 0..20 {
        tokio::task::yield_now().await;
    }
}
