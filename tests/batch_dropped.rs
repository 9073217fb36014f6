//! Events of a batch that are dropped while their handler waits, for a retry or for its circuit: the handler does
//! not get them any more, and each is counted once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder};
use bus::{BackpressureStrategy, Call, DeadLetterEntry, Handled, Middleware, Next, async_trait};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Desk {
    is_down: std::sync::atomic::AtomicBool,
    got: Mutex<Vec<Vec<u32>>>,
    /// By the middleware, when the handler was called for the last time.
    seen: Mutex<Vec<Vec<u32>>>,
}

impl Desk {
    fn is_down(&self, is_down: bool) {
        self.is_down.store(is_down, std::sync::atomic::Ordering::Relaxed);
    }
    fn take(&self, events: impl Iterator<Item = u32>) -> bus::Result<()> {
        self.got.lock().unwrap().push(events.collect());
        if self.is_down.load(std::sync::atomic::Ordering::Relaxed) {
            return Err(bus::Error::msg("the desk does not answer"));
        }
        Ok(())
    }
    fn got(&self) -> Vec<Vec<u32>> {
        std::mem::take(&mut self.got.lock().unwrap())
    }
}

#[event]
struct Sold(u32);

#[handler(manual, batch = 10, circuit_breaker(failure_threshold = 1, recovery_timeout = "10s"))]
async fn behind_a_circuit(sold: &[Arc<Sold>], desk: &Res<Desk>) -> bus::Result<()> {
    desk.take(sold.iter().map(|sold| sold.0))
}

#[handler(manual, batch = 10)]
async fn retried(sold: &[Arc<Sold>], desk: &Res<Desk>) -> bus::Result<()> {
    desk.take(sold.iter().map(|sold| sold.0))
}

/// So that it stands in middleware.
struct Through;
#[async_trait]
impl Middleware for Through {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let handled = next.run(call).await;
        let seen = call.batch::<Sold>().iter().map(|sold| sold.0).collect();
        call.context().resource::<Desk>().unwrap().seen.lock().unwrap().push(seen);
        handled
    }
}

/// Its queue holds four, and lets go of the oldest.
fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder, is_wrapped: bool) -> TestBus {
    let builder = with(TestBus::builder().without_registered()).provide(Desk::default());
    let builder = builder.event_queue_size(4);
    let builder = builder.backpressure_strategy(BackpressureStrategy::DropOldest);
    if is_wrapped { builder.middleware(Through) } else { builder }.build().unwrap()
}

/// In one go: the bus has no time to take them.
fn sell(bus: &TestBus, numbers: impl IntoIterator<Item = u32>) {
    for number in numbers {
        bus.try_publish(Sold(number)).unwrap();
    }
}

fn pairs(bus: &TestBus) -> [u64; 3] {
    let now = bus.metrics().snapshot();
    let dropped = now.get("events_dropped_total", &[("reason", "queue_full")]);
    let Some(bus::MetricValue::Counter(dropped)) = dropped else { panic!("{dropped:?}") };
    let [processed, failed] =
        ["processed", "failed"].map(|how| now.counter(&format!("events_{how}_total")).unwrap());
    [processed, failed, *dropped]
}

#[tokio::test]
async fn who_waits_for_the_circuit_is_dropped_alone() {
    for is_wrapped in [false, true] {
        let bus = bus(|builder| builder.handler::<behind_a_circuit>(), is_wrapped);
        let desk = bus.resource::<Desk>().unwrap();
        desk.is_down(true);
        sell(&bus, [0]);
        bus.settle().await;
        assert_eq!(desk.got(), [[0]], "it opens");

        desk.is_down(false);
        sell(&bus, 1..=3);
        bus.settle().await;
        // One has room, two do not.
        sell(&bus, 4..=6);
        bus.advance(10 * SECOND).await;
        let mut got = desk.got().concat();
        got.sort_unstable();
        assert_eq!(got, [3, 4, 5, 6], "in middleware: {is_wrapped}");
        assert_eq!(pairs(&bus), [4, 1, 2], "in middleware: {is_wrapped}");
    }
}

#[tokio::test]
async fn who_waits_for_a_retry_has_failed_when_it_is_dropped() {
    for is_wrapped in [false, true] {
        let bus = bus(
            |builder| {
                builder
                    .handler::<retried>()
                    .configure::<retried>(|h| h.dead_letters(true).delayed_retries([10 * SECOND]))
            },
            is_wrapped,
        );
        let desk = bus.resource::<Desk>().unwrap();
        desk.is_down(true);
        sell(&bus, 1..=3);
        bus.settle().await;
        assert_eq!(desk.got(), [[1, 2, 3]]);

        desk.is_down(false);
        sell(&bus, 4..=6);
        bus.advance(10 * SECOND).await;
        let mut got = desk.got().concat();
        got.sort_unstable();
        assert_eq!(got, [3, 4, 5, 6], "in middleware: {is_wrapped}");
        assert_eq!(pairs(&bus), [4, 2, 2], "in middleware: {is_wrapped}");
        let letters = bus.dead_letters().list();
        let lost: Vec<_> =
            letters.iter().map(|letter| letter.message::<Sold>().unwrap().0).collect();
        assert_eq!(lost, [1, 2], "in middleware: {is_wrapped}");
        let kept = |letter: &DeadLetterEntry| (letter.attempts, letter.error.clone());
        assert_eq!(kept(&letters[0]), (1, "the desk does not answer".to_owned()));
        if is_wrapped {
            let mut seen = desk.seen.lock().unwrap().concat();
            seen.sort_unstable();
            assert_eq!(seen, [3, 4, 5, 6], "those that are dropped are not there any more");
        }
        assert_eq!(bus.idle().await, (), "nobody waits for those that are gone");
    }
}
