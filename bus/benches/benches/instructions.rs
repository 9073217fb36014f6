//! Instructions of a thousand dispatches, which no neighbour on the machine changes.
//!
//! Needs valgrind and `cargo install --locked gungraun-runner --version 0.20.0`, then
//! `cargo bench -p bus-bench --bench instructions`.
#![allow(missing_docs, clippy::unwrap_used)]

use std::hint::black_box;

use bus::Bus;
use bus_bench::{AddAsync, AddPlain, Added, AddedByFour, Counter, Handler};
use gungraun::prelude::*;

const CALLS: u64 = 1000;

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread().build().unwrap()
}

fn boxed() -> (tokio::runtime::Runtime, Box<dyn Handler>) {
    (runtime(), Box::new(Counter::default()))
}

fn bus() -> (tokio::runtime::Runtime, Bus) {
    (runtime(), bus_bench::bus())
}

#[library_benchmark]
#[bench::calls(setup = boxed)]
fn boxed_handler((runtime, handler): (tokio::runtime::Runtime, Box<dyn Handler>)) {
    runtime.block_on(async {
        for n in 0..CALLS {
            black_box(handler.handle(black_box(n)).await.unwrap());
        }
    });
}

#[library_benchmark]
#[bench::calls(setup = bus)]
fn execute_async((runtime, bus): (tokio::runtime::Runtime, Bus)) {
    runtime.block_on(async {
        for n in 0..CALLS {
            black_box(bus.execute(AddAsync(black_box(n))).await.unwrap());
        }
    });
}

#[library_benchmark]
#[bench::calls(setup = bus)]
fn execute_plain((runtime, bus): (tokio::runtime::Runtime, Bus)) {
    runtime.block_on(async {
        for n in 0..CALLS {
            black_box(bus.execute(AddPlain(black_box(n))).await.unwrap());
        }
    });
}

#[library_benchmark]
#[bench::calls(setup = bus)]
fn publish_to_one_plain((runtime, bus): (tokio::runtime::Runtime, Bus)) {
    runtime.block_on(async {
        for n in 0..CALLS {
            black_box(bus.publish(Added(black_box(n))).await.unwrap());
        }
        bus.idle().await;
    });
}

#[library_benchmark]
#[bench::calls(setup = bus)]
fn publish_to_four_async((runtime, bus): (tokio::runtime::Runtime, Bus)) {
    runtime.block_on(async {
        for n in 0..CALLS {
            black_box(bus.publish(AddedByFour(black_box(n))).await.unwrap());
        }
        bus.idle().await;
    });
}

library_benchmark_group!(
    name = dispatch,
    benchmarks =
        [boxed_handler, execute_async, execute_plain, publish_to_one_plain, publish_to_four_async]
);
main!(library_benchmark_groups = dispatch);
