//! `bus.trace_tree(..)`: what has followed from a message, drawn.

mod ends;
mod letters;
mod missing;
mod same_name;
mod tree;

use std::sync::Arc;
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{Context, Emit, Error, FilterView, command, event, handler};

#[command]
struct Place;
#[command]
struct Charge;
#[event]
struct Placed;
#[event]
struct Shipped;
#[event]
struct Forgotten;

#[handler]
async fn place(_: Place, cx: &Context, emit: Emit<Placed>) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(2)).await;
    cx.execute(Charge).await?;
    emit.send(Placed);
    Ok(())
}
#[handler]
async fn charge(_: Charge) -> bus::Result<()> {
    Ok(())
}
#[handler(priority = 1)]
async fn ship(_: &Placed, emit: Emit<Shipped>, forgotten: Emit<Forgotten>) {
    emit.send(Shipped);
    forgotten.send(Forgotten);
}
#[handler]
async fn mail(_: &Placed) -> bus::Result<()> {
    Err(Error::msg("no mail\nserver"))
}
#[handler(filter = never)]
async fn audit(_: &Placed) {}
fn never(_: &FilterView<'_>) -> bool {
    false
}
#[handler(timeout = "1h")]
async fn track(_: &Shipped, cx: &Context) {
    cx.sleep(Duration::from_secs(60)).await;
}

#[event]
struct Read(u32);
#[event]
struct Summed;
#[handler(batch = 10)]
async fn sum(reads: &[Arc<Read>], emit: Emit<Summed>) -> bus::Result<()> {
    assert!(reads.iter().map(|read| read.0).sum::<u32>() > 0);
    emit.send(Summed);
    Ok(())
}
#[handler]
fn summed(_: &Summed) {}

#[event]
struct Step(u32);
#[handler]
async fn step(event: &Step, cx: &Context) -> bus::Result<()> {
    if event.0 > 0 {
        cx.publish(Step(event.0 - 1)).after(Duration::from_secs(1)).await?;
    }
    Ok(())
}

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> TestBus {
    with(TestBus::builder()).build().unwrap()
}
