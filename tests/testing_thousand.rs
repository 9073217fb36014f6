//! A thousand tests that are written with the kit, as an application of that size would have them: each builds a bus of
//! its own. All of them together take seconds, though hours go by in them.
//!
//! ```console
//! $ cargo test --test testing_thousand
//! ```

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{Faulty, TestBus, TestBusBuilder, expect_exactly, explore};

const SECOND: Duration = Duration::from_secs(1);
const HOUR: Duration = Duration::from_secs(3600);

#[derive(Debug, PartialEq, thiserror::Error)]
#[error("there are only {0}")]
struct TooFew(u32);

#[command(output = u32, error = TooFew)]
struct Order(u32);
#[handler]
async fn order(order: Order, stock: &Res<AtomicU32>, emit: Emit<Ordered>) -> Result<u32, TooFew> {
    let there = stock.load(Ordering::Relaxed);
    let left = there.checked_sub(order.0).ok_or(TooFew(there))?;
    stock.store(left, Ordering::Relaxed);
    emit.send(Ordered(order.0));
    Ok(left)
}
#[event]
struct Ordered(u32);
/// To pack so many.
fn takes(items: u32) -> Duration {
    items * SECOND / 2
}
#[handler(priority = 1)]
async fn pack(event: &Ordered, cx: &Context) -> bus::Result<()> {
    cx.sleep(takes(event.0)).await;
    cx.execute(Ship(event.0)).await?;
    Ok(())
}
#[handler]
fn count(_: &Ordered) {}
#[command]
struct Ship(u32);
#[handler]
async fn ship(ship: Ship, emit: Emit<Shipped>) -> bus::Result<()> {
    emit.send(Shipped(ship.0));
    Ok(())
}
#[event]
struct Shipped(u32);

#[event]
struct Posted;
#[handler(retry(max_retries = 5, initial_delay = "500ms", max_delay = "1h"))]
async fn post(_: &Posted, post: &Res<Faulty>) -> Result<(), bus::testing::Fault> {
    post.check()
}

#[command]
struct Wait(u32);
#[handler(timeout = "30s")]
async fn wait(wait: Wait, cx: &Context) -> bus::Result<()> {
    cx.sleep(wait.0 * SECOND).await;
    Ok(())
}

#[event(key = "of")]
struct Measured {
    of: u32,
}
fn is_high(event: &bus::FilterView<'_>) -> bool {
    event.get::<Measured>().is_some_and(|measured| measured.of >= 50)
}
#[handler(filter = is_high)]
fn warn(measured: &Measured, emit: Emit<Warned>) {
    emit.send(Warned(measured.of));
}
#[event]
struct Warned(u32);

#[event]
struct Line(u32);
#[handler(batch = 10)]
async fn bill(lines: &[Arc<Line>], emit: Emit<Billed>) {
    emit.send(Billed(lines.iter().map(|line| line.0).sum()));
}
#[event]
struct Billed(u32);

fn builder(builder: TestBusBuilder, stock: u32) -> TestBus {
    let builder = builder.only("testing_thousand").provide(AtomicU32::new(stock));
    builder.provide(Faulty::new("the post")).build().unwrap()
}

fn bus() -> TestBus {
    builder(TestBus::builder(), 100)
}

async fn orders(n: u32) {
    let bus = bus();
    assert_eq!(bus.execute(Order(n)).await.unwrap(), 100 - n);
    assert!(bus.execute(Order(101 - n)).await.is_err());
    bus.settle().await;
    assert_eq!(bus.pending().len(), 1);
    bus.expect_none::<Shipped>();
    bus.advance(takes(n)).await;
    bus.expect::<Ordered>().with(|ordered| ordered.0 == n).handled_by::<count>().once();
    bus.expect::<Shipped>().with(|shipped| shipped.0 == n).caused_by::<Ship>().once();
    expect_exactly!(bus, Ordered, Shipped);
}

async fn chains(n: u32) {
    let bus = bus();
    let when = bus.given_executed(Order(n % 50)).passed(HOUR).when(Order(n % 40)).after(HOUR);
    let then = when.then().succeeds().gives(move |left| *left == 100 - n % 50 - n % 40);
    then.expect::<Ordered>(move |e| e.0 == n % 40).expect_count::<Shipped>(1).await;
}

async fn retries(n: u32) {
    let bus = bus();
    let (faulty, fails) = (bus.resource::<Faulty>().unwrap(), n % 8);
    faulty.fail_next(u64::from(fails));
    bus.publish(Posted).await.unwrap();
    bus.advance(HOUR).await;
    let calls = fails.min(5) + 1;
    assert_eq!(faulty.calls(), u64::from(calls), "{}", bus.tree());
    assert_eq!(bus.dead_letters().len(), usize::from(fails > 5));
    assert_eq!(bus.metrics().snapshot().counter("retries_total"), Some(u64::from(calls - 1)));
}

async fn timeouts(n: u32) {
    let bus = bus();
    let answer = bus.run(bus.execute(Wait(n))).await;
    assert_eq!(answer.is_ok(), n <= 30, "{answer:?}");
    assert!(bus.pending().is_empty() && bus.next_due().is_none());
}

async fn schedules(n: u32) {
    let bus = bus();
    bus.publish(Shipped(n)).after(n * HOUR).await.unwrap();
    let hourly = bus.publish(Warned(n)).every(HOUR).await.unwrap();
    bus.advance(n * HOUR).await;
    bus.expect::<Shipped>().once();
    bus.expect::<Warned>().times(n as usize);
    drop(hourly);
}

async fn fakes(n: u32) {
    let bus = TestBus::builder().fake::<Ship>(move |ship| match ship.0 {
        0..50 => Ok(()),
        _ => Err(bus::Error::msg("too heavy")),
    });
    let bus = builder(bus, 200);
    bus.execute(Order(n)).await.unwrap();
    bus.advance(HOUR).await;
    bus.expect_executed::<Ship>(1);
    bus.expect_none::<Shipped>();
    assert_eq!(bus.recent_failures().is_empty(), n < 50, "{}", bus.tree());
}

async fn sessions(n: u32) {
    let bus = bus();
    let session = bus.session(format!("desk {n}")).open().await.unwrap();
    session.publish(Ordered(n)).await.unwrap();
    bus.settle().await;
    bus.advance(5 * SECOND).await;
    assert_eq!(bus.published::<Shipped>().len(), usize::from(takes(n) <= 5 * SECOND));
    let report = bus.run(session.close()).await;
    assert!(report.error.is_none());
    bus.advance(HOUR).await;
    assert_eq!(bus.published::<Shipped>().len(), 1);
}

async fn filters(n: u32) {
    let bus = bus();
    bus.publish(Measured { of: n }).await.unwrap();
    bus.settle().await;
    if n < 50 {
        bus.expect_none::<Warned>();
    } else {
        drop(bus.expect::<Warned>().with(|warned| warned.0 == n).once());
    }
}

async fn batches(n: u32) {
    let bus = bus();
    for line in 0..n {
        bus.publish(Line(line)).await.unwrap();
    }
    bus.settle().await;
    bus.advance(SECOND).await;
    let billed = bus.published::<Billed>();
    assert_eq!(billed.iter().map(|billed| billed.0).sum::<u32>(), n * n.saturating_sub(1) / 2);
    assert!(billed.len() >= n.div_ceil(10) as usize, "{} batches", billed.len());
}

/// What happens by chance happens again with the same seed: the order of handlers, and the jitter of retries.
fn seeds(n: u32) {
    let record = || {
        let record = std::sync::Mutex::new(Vec::new());
        explore([u64::from(n)], |testing| async {
            let bus = builder(testing, 100);
            bus.resource::<Faulty>().unwrap().fail_next(4);
            for n in 0..5 {
                bus.publish(Posted).await.unwrap();
                bus.publish(Line(n)).await.unwrap();
                bus.publish(Ordered(n)).after(n * SECOND).await.unwrap();
            }
            bus.advance(HOUR).await;
            *record.lock().unwrap() =
                bus.record().iter().map(|entry| format!("{entry:?}")).collect();
        });
        record.into_inner().unwrap()
    };
    let (first, second) = (record(), record());
    assert!(first.len() > 50, "{first:#?}");
    assert_eq!(first, second, "seed {n}");
}

fn run(test: impl Future<Output = ()>) {
    tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(test);
}

/// A hundred tests, from 1 to 100, of one kind.
macro_rules! hundred {
    ($($kind:ident: $test:expr;)*) => { $( mod $kind { ten!($test; a 0, b 10, c 20, d 30, e 40, f 50, g 60, h 70, i 80, j 90); } )* };
}
macro_rules! ten {
    ($test:expr; $($ten:ident $of:literal),*) => { $( mod $ten { one!($test, $of; a 1, b 2, c 3, d 4, e 5, f 6, g 7, h 8, i 9, j 10); } )* };
}
macro_rules! one {
    ($test:expr, $of:literal; $($one:ident $n:literal),*) => { $(
        #[test]
        fn $one() {
            $test($of + $n);
        }
    )* };
}

hundred! {
    orders: |n| crate::run(crate::orders(n));
    chains: |n| crate::run(crate::chains(n));
    retries: |n| crate::run(crate::retries(n));
    timeouts: |n| crate::run(crate::timeouts(n));
    schedules: |n| crate::run(crate::schedules(n));
    fakes: |n| crate::run(crate::fakes(n));
    sessions: |n| crate::run(crate::sessions(n));
    filters: |n| crate::run(crate::filters(n));
    batches: |n| crate::run(crate::batches(n));
    seeds: crate::seeds;
}
