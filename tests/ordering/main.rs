//! Order: `key`, `ordered` and `stream`.

mod streams;
mod turns;
mod waiting;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{Context, Res, event, handler};

/// What handlers have done, in the order in which they did it.
#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
    /// Those that begin with this.
    fn of(&self, start: &str) -> Vec<String> {
        let mut all = self.all();
        all.retain(|line| line.starts_with(start));
        all
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

fn begun_and_ended(key: u64, n: u64) -> Vec<String> {
    (0..n).flat_map(|nr| [format!("{key}: begin {nr}"), format!("{key}: end {nr}")]).collect()
}

#[event(ordered)]
struct Line(u64);

#[handler(manual)]
async fn print(event: &Line, cx: &Context, log: &Res<Log>) {
    log.say(format!("0: begin {}", event.0));
    cx.sleep(ms(100 - 10 * event.0)).await;
    log.say(format!("0: end {}", event.0));
}
