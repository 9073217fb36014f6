//! Order on several threads: handlers that end on one while events come, and are dropped, on another.

use std::sync::Arc;
use std::time::Duration;

use bus::{BackpressureStrategy, Bus, event, handler};

#[event(ordered)]
struct Line(u64);
/// Two types of one stream.
#[event(stream = "threads", key = "0")]
struct Open(u64);
#[event(stream = "threads", key = "0")]
struct Close(u64);

macro_rules! handlers {
    ($($name:ident: $event:ident, $priority:literal;)*) => { $(
        #[handler(manual, priority = $priority)]
        async fn $name(event: &$event) {
            yields(event.0).await;
        }
    )* };
}
handlers! {
    line: Line, 1;
    line_too: Line, 0;
    open: Open, 1;
    open_too: Open, 0;
    close: Close, 0;
    close_too: Close, 0;
}
#[handler(manual, batch = 3)]
async fn lines(events: &[Arc<Line>]) {
    yields(events[0].0).await;
}
#[handler(manual, batch = 3)]
async fn opens(events: &[Arc<Open>]) {
    yields(events[0].0).await;
}

async fn yields(number: u64) {
    for _ in 0..number % 3 {
        tokio::task::yield_now().await;
    }
}

/// How many rounds: each is a bus of its own.
const ROUNDS: u64 = if cfg!(debug_assertions) { 40 } else { 400 };

async fn play(strategy: BackpressureStrategy, slots: usize) {
    let bus = Bus::builder()
        .without_registered()
        .handler::<line>()
        .handler::<line_too>()
        .handler::<lines>()
        .handler::<open>()
        .handler::<open_too>()
        .handler::<opens>()
        .handler::<close>()
        .handler::<close_too>()
        .event_queue_size(7)
        .batch_size(3)
        .concurrency(slots)
        .backpressure_strategy(strategy)
        .build()
        .unwrap();
    let publishers = (0..3).map(|publisher| {
        let bus = bus.clone();
        tokio::spawn(async move {
            for n in 0..20_u64 {
                bus.publish(Line(n + publisher)).await.unwrap();
                bus.publish(Open(n % 2)).await.unwrap();
                bus.publish(Close(n % 2)).await.unwrap();
            }
        })
    });
    let publishers: Vec<_> = publishers.collect();
    let all = async {
        for publisher in publishers {
            publisher.await.unwrap();
        }
        bus.idle().await;
    };
    // Far more than it takes: what hangs is told.
    if tokio::time::timeout(Duration::from_secs(30), all).await.is_err() {
        panic!("hung with {strategy:?}: {:?}", bus.stats());
    }
    assert_eq!((bus.stats().lanes, bus.stats().failed), (0, 0));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn nobody_waits_for_who_is_gone() {
    for _ in 0..ROUNDS {
        for slots in [1, 2, 50] {
            play(BackpressureStrategy::DropOldest, slots).await;
            play(BackpressureStrategy::Block { timeout: Duration::from_secs(30) }, slots).await;
        }
    }
}
