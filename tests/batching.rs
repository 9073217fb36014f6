//! How the dispatcher takes events: what is there, together by type, and not at all while nothing
//! is.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder, TestClock};
use bus::{BackpressureStrategy, Res, event, handler};

const MS: Duration = Duration::from_millis(1);

#[event]
struct Apple(u32);
#[event]
struct Pear(u32);

struct Basket {
    clock: TestClock,
    fruit: Mutex<Vec<(String, Duration)>>,
}

impl Basket {
    fn put(&self, fruit: String) {
        self.fruit.lock().unwrap().push((fruit, self.clock.elapsed()));
    }
    fn names(&self) -> Vec<String> {
        self.fruit.lock().unwrap().iter().map(|(name, _)| name.clone()).collect()
    }
    /// When which fruit came, in milliseconds from the start.
    fn times(&self) -> Vec<u128> {
        self.fruit.lock().unwrap().iter().map(|(_, at)| at.as_millis()).collect()
    }
}

#[handler]
fn apple(event: &Apple, basket: &Res<Basket>) {
    basket.put(format!("apple {}", event.0));
}
#[handler]
async fn pear(event: &Pear, basket: &Res<Basket>) {
    basket.put(format!("pear {}", event.0));
}

fn build(set: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> (TestBus, Arc<Basket>) {
    let clock = TestClock::new();
    let basket = Basket { clock: clock.clone(), fruit: Mutex::default() };
    let builder = set(TestBus::builder().test_clock(clock).provide(basket));
    let bus = builder.build().expect("the wiring of this file is right");
    let basket = bus.resource::<Basket>().expect("provided").into_arc();
    (bus, basket)
}

#[tokio::test]
async fn a_batch_is_grouped_by_type_and_each_type_keeps_its_order() {
    let (bus, basket) = build(|builder| builder.batch_size(5));
    for n in 1..=3 {
        bus.publish(Apple(n)).await.unwrap();
        bus.publish(Pear(n)).await.unwrap();
    }
    bus.settle().await;
    assert_eq!(
        basket.names(),
        ["apple 1", "apple 2", "apple 3", "pear 1", "pear 2", /* the next batch */ "pear 3"]
    );
}

#[tokio::test]
async fn an_event_is_not_kept_waiting_for_others() {
    let (bus, basket) = build(|builder| builder);
    bus.publish(Apple(1)).await.unwrap();
    bus.settle().await;
    assert_eq!(basket.times(), [0]);
}

#[tokio::test]
async fn a_linger_counts_from_the_first_event_of_the_batch() {
    let (bus, basket) = build(|builder| builder.batch_timeout(100 * MS));
    for n in 0..4 {
        bus.publish(Apple(n)).await.unwrap();
        bus.advance(40 * MS).await;
    }
    bus.advance(60 * MS).await;
    // 0, 40 and 80 come together after 100 ms; 120 begins the next batch.
    assert_eq!(basket.times(), [100, 100, 100, 220]);
}

#[tokio::test]
async fn a_full_batch_a_full_queue_and_the_shutdown_end_the_linger() {
    let hour = 3_600_000 * MS;
    let (bus, basket) = build(|builder| builder.batch_timeout(hour).batch_size(3));
    for n in 0..3 {
        bus.publish(Apple(n)).await.unwrap();
    }
    bus.settle().await;
    assert_eq!(basket.times(), [0, 0, 0], "the batch is full");
    bus.publish(Apple(3)).await.unwrap();
    assert!(bus.shutdown().await.is_clean());
    assert_eq!(basket.times(), [0, 0, 0, 0], "the shutdown waits for nothing");

    let block = BackpressureStrategy::Block { timeout: 10 * hour };
    let (bus, basket) = build(|builder| {
        let builder = builder.batch_timeout(hour).event_queue_size(2);
        builder.backpressure_strategy(block)
    });
    for n in 0..5 {
        bus.publish(Apple(n)).await.unwrap();
    }
    assert!(basket.times().len() >= 2, "a full queue lingers before those who wait for room");
    assert!(bus.shutdown().await.is_clean());
    assert_eq!(basket.times(), [0; 5]);
}

#[tokio::test]
async fn while_nothing_comes_the_dispatcher_sleeps() {
    let (bus, basket) = build(|builder| builder.batch_timeout(10 * MS));
    bus.publish(Apple(1)).await.unwrap();
    bus.advance(10 * MS).await;
    let visits = bus.event_queue().stats().visits;
    bus.advance(3_600_000 * MS).await;
    assert_eq!(bus.event_queue().stats().visits, visits, "it looked for events in an idle hour");
    bus.publish(Apple(2)).await.unwrap();
    bus.advance(10 * MS).await;
    assert_eq!(basket.names(), ["apple 1", "apple 2"]);
}

/// However much is queued, the dispatcher lets the other tasks of its thread have their turn.
#[tokio::test]
async fn a_flood_leaves_the_thread_to_others_too() {
    let (bus, basket) = build(|builder| builder);
    for n in 0..5_000 {
        bus.try_publish(Apple(n)).unwrap();
    }
    let mut turns = vec![0];
    while bus.stats().processed < 5_000 {
        tokio::task::yield_now().await;
        turns.push(basket.names().len());
    }
    let most = turns.windows(2).map(|pair| pair[1] - pair[0]).max();
    assert!(most <= Some(256), "events handled in one turn of the dispatcher: {turns:?}");
}
