//! `#[handler(batch = ..)]`: handlers of several events at once.

mod left_out;
mod outcomes;
mod together;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{Bus, Context, Res, event, handler};

#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> (TestBus, Log) {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    (with(builder).build().unwrap(), log)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event]
struct Sold(u32);
#[event]
struct Booked(u32);

fn numbers(events: &[Arc<Sold>]) -> Vec<u32> {
    events.iter().map(|event| event.0).collect()
}

#[handler(manual, batch = 4)]
async fn store(events: &[Arc<Sold>], log: &Res<Log>) {
    log.say(format!("{:?}", numbers(events)));
}

async fn sell(bus: &Bus, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        bus.publish(Sold(number)).await.unwrap();
    }
}

#[handler(manual, batch = 2, concurrency = 1)]
async fn one_by_one(events: &[Arc<Sold>], cx: &Context, log: &Res<Log>) {
    log.say(format!("begin {:?}", numbers(events)));
    cx.sleep(ms(10)).await;
    log.say(format!("end {:?}", numbers(events)));
}
