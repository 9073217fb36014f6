//! Time and allocations of a dispatch, in one process and one run: read the ratios.
//!
//! `cargo bench -p bus-bench --bench dispatch` prints the table; `-- --test` runs each row a few
//! times, for the allocations alone, which are asserted.
#![allow(clippy::unwrap_used)]

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use bus::{MetricsConfig, Resilience, Sampling};
use bus_bench::{
    AddAsync, AddLent, AddPlain, Added, AddedByFour, Counter, Handler, Passes, Watches, actor,
    add_lent, add_plain, ask, bus, tower_call, tower_layers, tower_service, with,
};

/// Counts allocations of the whole process: the dispatcher's and the actor's too.
struct Counting;

static ALLOCATIONS: AtomicU64 = AtomicU64::new(0);

// SAFETY: hands everything on to the system's allocator.
#[allow(unsafe_code)]
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: as the caller promises.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, at: *mut u8, layout: Layout) {
        // SAFETY: as the caller promises.
        unsafe { System.dealloc(at, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often, and how many times over: the best round counts, since neighbours only ever add.
#[derive(Clone, Copy)]
struct Size {
    rounds: u32,
    calls: u64,
}

struct Row {
    name: &'static str,
    per_call: Duration,
    allocations: f64,
    /// What must hold, where it is ours.
    at_most: Option<f64>,
}

async fn row(
    name: &'static str,
    at_most: Option<f64>,
    size: Size,
    mut run: impl AsyncFnMut(u64),
) -> Row {
    run(size.calls.min(1000)).await;
    let mut best = Duration::MAX;
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    for _ in 0..size.rounds {
        let start = Instant::now();
        run(size.calls).await;
        best = best.min(start.elapsed());
    }
    let allocations = ALLOCATIONS.load(Ordering::Relaxed) - before;
    let calls = size.calls * u64::from(size.rounds);
    Row {
        name,
        per_call: best.div_f64(size.calls as f64),
        allocations: allocations as f64 / calls as f64,
        at_most,
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let size =
        if test { Size { rounds: 2, calls: 1000 } } else { Size { rounds: 30, calls: 200_000 } };
    let mut rows = Vec::new();

    let counter = Counter::default();
    rows.push(
        row("direct call", None, size, async |calls| {
            for n in 0..calls {
                black_box(counter.add(black_box(n)));
            }
        })
        .await,
    );

    let handler: Box<dyn Handler> = Box::new(Counter::default());
    rows.push(
        row("Box<dyn Handler>, boxed future", None, size, async |calls| {
            for n in 0..calls {
                black_box(handler.handle(black_box(n)).await.unwrap());
            }
        })
        .await,
    );

    let mut service = tower_service();
    rows.push(
        row("tower BoxCloneService", None, size, async |calls| {
            for n in 0..calls {
                black_box(tower_call(&mut service, black_box(n)).await.unwrap());
            }
        })
        .await,
    );

    let mut layers = tower_layers();
    rows.push(
        row("tower, timeouts, retry, limit", None, size, async |calls| {
            for n in 0..calls {
                black_box(tower_call(&mut layers, black_box(n)).await.unwrap());
            }
        })
        .await,
    );

    let actor = actor();
    rows.push(
        row("tokio mpsc + oneshot", None, size, async |calls| {
            for n in 0..calls {
                black_box(ask(&actor, black_box(n)).await.unwrap());
            }
        })
        .await,
    );

    let bus = bus();
    rows.push(
        row("bus.execute, async fn", Some(0.0), size, async |calls| {
            for n in 0..calls {
                black_box(bus.execute(AddAsync(black_box(n))).await.unwrap());
            }
        })
        .await,
    );
    rows.push(
        row("bus.execute, plain fn", Some(0.0), size, async |calls| {
            for n in 0..calls {
                black_box(bus.execute(AddPlain(black_box(n))).await.unwrap());
            }
        })
        .await,
    );
    for (name, sampling) in [
        ("bus.execute, plain fn, 1 in 64 timed", Sampling::one_in(64)),
        ("bus.execute, plain fn, none timed", Sampling::Off),
    ] {
        let metrics = MetricsConfig::default().sampling(sampling);
        let sampled = with(|builder| builder.metrics(metrics));
        rows.push(
            row(name, Some(0.0), size, async |calls| {
                for n in 0..calls {
                    black_box(sampled.execute(AddPlain(black_box(n))).await.unwrap());
                }
            })
            .await,
        );
    }
    let hooked = with(|builder| builder.hook(Watches).hook(Watches).hook(Watches));
    rows.push(
        row("bus.execute, plain fn, 3 hooks", Some(0.0), size, async |calls| {
            for n in 0..calls {
                black_box(hooked.execute(AddPlain(black_box(n))).await.unwrap());
            }
        })
        .await,
    );
    // The call, its command, and the future of each.
    let wrapped = with(|b| b.middleware(Passes).middleware(Passes).middleware(Passes));
    rows.push(
        row("bus.execute, plain fn, 3 middleware", Some(5.0), size, async |calls| {
            for n in 0..calls {
                black_box(wrapped.execute(AddPlain(black_box(n))).await.unwrap());
            }
        })
        .await,
    );
    let second = Duration::from_secs(1);
    let resilient = with(|builder| {
        let builder = builder.resilient(Resilience::default().attempt_timeout(second));
        builder
            .configure::<add_plain>(|add| add.concurrency(4))
            .configure::<add_lent>(|add| add.concurrency(4))
    });
    rows.push(
        row("bus.execute, plain fn, all layers", Some(0.0), size, async |calls| {
            for n in 0..calls {
                black_box(resilient.execute(AddPlain(black_box(n))).await.unwrap());
            }
        })
        .await,
    );
    rows.push(
        row("bus.execute, async fn, all layers", Some(0.0), size, async |calls| {
            for n in 0..calls {
                black_box(resilient.execute(AddLent(black_box(n))).await.unwrap());
            }
        })
        .await,
    );
    // The event itself, which its handlers share; and the queue's buffer, now and then.
    rows.push(
        row("bus.publish, one plain handler", Some(1.1), size, async |calls| {
            for n in 0..calls {
                bus.publish(Added(black_box(n))).await.unwrap();
            }
            bus.idle().await;
        })
        .await,
    );
    rows.push(
        row("bus.publish, four async handlers", Some(1.1), size, async |calls| {
            for n in 0..calls {
                bus.publish(AddedByFour(black_box(n))).await.unwrap();
            }
            bus.idle().await;
        })
        .await,
    );

    let boxed = rows[1].per_call.as_secs_f64();
    println!("| way | ns | x boxed handler | allocations |\n| --- | --: | --: | --: |");
    for row in &rows {
        let ns = row.per_call.as_secs_f64() * 1e9;
        let ratio = row.per_call.as_secs_f64() / boxed;
        println!("| {} | {ns:.1} | {ratio:.2} | {:.2} |", row.name, row.allocations);
    }
    for row in rows {
        if let Some(at_most) = row.at_most {
            assert!(
                row.allocations <= at_most + 0.01,
                "{} allocates {} times a call, and may {at_most} times",
                row.name,
                row.allocations
            );
        }
    }
}
