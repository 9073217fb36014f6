//! Orders that are placed, paid and shipped, while each step takes another time: once in a stream with a lane
//! for each order, once without. `cargo run --example ordering`

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use bus::prelude::*;

const ORDERS: u32 = 20;
/// What happens to an order, if all goes well.
const STORY: [&str; 4] = ["placed", "paid", "invoiced", "shipped"];

/// Three types, one stream: what happens to an order is handled in the order in which it was published,
/// and no other order waits for it.
#[event(stream = "orders", key = "order")]
struct Placed {
    order: u32,
}
#[event(stream = "orders", key = "order")]
struct Paid {
    order: u32,
}
#[event(stream = "orders", key = "order")]
struct Shipped {
    order: u32,
}

/// The slowest step is the first: whoever does not wait for it overtakes it.
#[handler]
async fn place(event: &Placed, desk: &Res<Desk>) -> Result<(), TooEarly> {
    desk.step(event.order, 60, "placed", None).await
}
#[handler]
async fn pay(event: &Paid, desk: &Res<Desk>) -> Result<(), TooEarly> {
    desk.step(event.order, 20, "paid", Some("placed")).await
}
/// Runs beside `pay`. What is shipped waits for both.
#[handler]
async fn invoice(event: &Paid, desk: &Res<Desk>) -> Result<(), TooEarly> {
    desk.step(event.order, 40, "invoiced", Some("placed")).await
}
#[handler]
async fn ship(event: &Shipped, desk: &Res<Desk>) -> Result<(), TooEarly> {
    desk.step(event.order, 5, "shipped", Some("invoiced")).await
}

/// The same work for events that say nothing of their order.
mod unordered {
    use super::{Desk, TooEarly};
    use bus::prelude::*;

    #[event]
    pub(super) struct Placed(pub(super) u32);
    #[event]
    pub(super) struct Paid(pub(super) u32);
    #[event]
    pub(super) struct Shipped(pub(super) u32);

    #[handler]
    async fn place(event: &Placed, desk: &Res<Desk>) -> Result<(), TooEarly> {
        desk.step(event.0, 60, "placed", None).await
    }
    #[handler]
    async fn pay(event: &Paid, desk: &Res<Desk>) -> Result<(), TooEarly> {
        desk.step(event.0, 20, "paid", Some("placed")).await
    }
    #[handler]
    async fn invoice(event: &Paid, desk: &Res<Desk>) -> Result<(), TooEarly> {
        desk.step(event.0, 40, "invoiced", Some("placed")).await
    }
    #[handler]
    async fn ship(event: &Shipped, desk: &Res<Desk>) -> Result<(), TooEarly> {
        desk.step(event.0, 5, "shipped", Some("invoiced")).await
    }
}

#[derive(Debug, thiserror::Error)]
#[error("order {order} cannot be {what}: it is not {missing}")]
struct TooEarly {
    order: u32,
    what: &'static str,
    missing: &'static str,
}

/// What was done for each order, and how long that took.
#[derive(Default)]
struct Desk(Mutex<Work>);
#[derive(Default)]
struct Work {
    stories: BTreeMap<u32, Vec<&'static str>>,
    refused: Vec<TooEarly>,
    took: Duration,
}
#[resource]
fn desk() -> Desk {
    Desk::default()
}

impl Desk {
    fn open(&self) -> MutexGuard<'_, Work> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Does one step for an order. It is refused if another, which it needs, was not done before.
    async fn step(
        &self,
        order: u32,
        millis: u64,
        what: &'static str,
        needs: Option<&'static str>,
    ) -> Result<(), TooEarly> {
        let start = Instant::now();
        tokio::time::sleep(Duration::from_millis(millis)).await;
        let mut work = self.open();
        work.took += start.elapsed();
        let story = work.stories.entry(order).or_default();
        match needs {
            Some(missing) if !story.contains(&missing) => {
                work.refused.push(TooEarly { order, what, missing });
                Err(TooEarly { order, what, missing })
            }
            _ => {
                story.push(what);
                Ok(())
            }
        }
    }
}

/// What has become of the orders since `start`.
fn tell(desk: &Desk, title: &str, start: Instant) {
    let elapsed = start.elapsed();
    let Work { stories, refused, took } = std::mem::take(&mut *desk.open());
    let whole = stories.values().filter(|story| **story == STORY).count();
    println!("{title}");
    println!("    {whole} of {ORDERS} orders have their whole story, in order");
    println!("    {} steps came too early", refused.len());
    println!("    {} ms of work were done in {} ms", took.as_millis(), elapsed.as_millis());
    println!("    order 7: {}", stories.get(&7).map(|story| story.join(", ")).unwrap_or_default());
    for early in refused.iter().filter(|early| early.order == 7) {
        println!("        {early}");
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let bus = Bus::from_registered()?;
    let desk = bus.resource::<Desk>()?;

    let start = Instant::now();
    for order in 1..=ORDERS {
        bus.publish(Placed { order }).await?;
        bus.publish(Paid { order }).await?;
        bus.publish(Shipped { order }).await?;
    }
    bus.idle().await;
    tell(&desk, "a lane for each order:", start);

    let start = Instant::now();
    for order in 1..=ORDERS {
        bus.publish(unordered::Placed(order)).await?;
        bus.publish(unordered::Paid(order)).await?;
        bus.publish(unordered::Shipped(order)).await?;
    }
    bus.idle().await;
    tell(&desk, "without a key:", start);

    println!("{}", bus.shutdown().await);
    Ok(())
}
