//! What sessions cost, and what many of them, or many types, cost those who use none: time a call, in
//! one process and one run. Read the ratios.
//!
//! `cargo bench -p bus-bench --bench sessions`; `-- --test` runs each row a few times.
#![allow(clippy::unwrap_used)]

use std::hint::black_box;
use std::time::{Duration, Instant};

use bus::{Bus, OwnedContext};
use bus_bench::{AddPlain, bus};

/// A thousand types of commands.
#[bus::command(output = usize)]
struct Typed<const N: usize>;

fn register<const N: usize>(bus: &Bus) {
    bus.register_command_handler(|_: Typed<N>, _: OwnedContext| async { Ok::<_, bus::Error>(N) })
        .unwrap();
}

macro_rules! hundred {
    ($bus:expr, $($hundred:literal)*) => { $( hundred!(@ $bus, $hundred:
        0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 22 23 24 25 26 27 28 29 30 31 32 33
        34 35 36 37 38 39 40 41 42 43 44 45 46 47 48 49 50 51 52 53 54 55 56 57 58 59 60 61 62 63 64
        65 66 67 68 69 70 71 72 73 74 75 76 77 78 79 80 81 82 83 84 85 86 87 88 89 90 91 92 93 94 95
        96 97 98 99); )* };
    (@ $bus:expr, $hundred:literal: $($n:literal)*) => {
        $( register::<{ $hundred * 100 + $n }>($bus); )*
    };
}

struct Row {
    name: &'static str,
    per_call: Duration,
    /// Beside which row.
    beside: usize,
}

async fn row(
    rows: &mut Vec<Row>,
    beside: usize,
    name: &'static str,
    calls: u32,
    call: impl AsyncFn(u64),
) {
    let mut best = Duration::MAX;
    for _ in 0..20 {
        let start = Instant::now();
        for n in 0..calls {
            call(u64::from(n)).await;
        }
        best = best.min(start.elapsed() / calls);
    }
    rows.push(Row { name, per_call: best, beside });
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let test = std::env::args().any(|arg| arg == "--test");
    let (calls, sessions) = if test { (100, 100) } else { (100_000, 100_000) };
    let mut rows = Vec::new();
    let bus = &bus();
    let plain = async |n| {
        black_box(bus.execute(AddPlain(n)).await.unwrap());
    };
    row(&mut rows, 0, "`execute`, no session is open", calls, plain).await;
    let mut open = Vec::new();
    for _ in 0..sessions {
        open.push(bus.session(None).open().await.unwrap());
    }
    row(&mut rows, 0, "`execute`, 100 000 sessions are open", calls, plain).await;
    let session = &open[sessions / 2];
    let in_session = async |n| {
        black_box(session.execute(AddPlain(n)).await.unwrap());
    };
    row(&mut rows, 0, "`session.execute`, handler of the bus", calls, in_session).await;
    row(&mut rows, 4, "open and close, 100 000 are open", calls / 10, async |_| {
        bus.session(None).open().await.unwrap().close().await;
    })
    .await;
    drop(open);
    bus.idle().await;
    row(&mut rows, 4, "open and close, none is open", calls / 10, async |_| {
        bus.session(None).open().await.unwrap().close().await;
    })
    .await;

    register::<100_000>(bus);
    let typed = async |_| {
        black_box(bus.execute(Typed::<100_000>).await.unwrap());
    };
    row(&mut rows, 5, "`execute`, registered at run time, of 3 types", calls, typed).await;
    hundred!(bus, 0 1 2 3 4 5 6 7 8 9);
    row(&mut rows, 5, "`execute`, registered at run time, of 1 003 types", calls, typed).await;

    println!("| what | ns | x |\n| --- | --: | --: |");
    for row in &rows {
        let (ns, beside) = (row.per_call.as_secs_f64() * 1e9, &rows[row.beside]);
        let ratio = row.per_call.as_secs_f64() / beside.per_call.as_secs_f64();
        println!("| {} | {ns:.0} | {ratio:.2} of `{}` |", row.name, beside.name.replace('`', ""));
    }
}
