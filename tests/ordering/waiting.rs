//! What waits for its turn is queued, may be dropped or cut off, and costs memory only while it waits.

use std::hash::{Hash, Hasher};

use bus::{BackpressureStrategy, Bus, PublishErrorKind, Res, event, handler};

use super::{Line, Log, begun_and_ended, bus, ms, print};

#[tokio::test]
async fn what_waits_for_its_turn_is_queued() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<print>()
            .event_queue_size(3)
            .backpressure_strategy(BackpressureStrategy::RejectNew)
    });
    for nr in 0..4 {
        bus.publish(Line(nr)).await.unwrap();
        tokio::task::yield_now().await;
    }
    let refused = bus.publish(Line(4)).await.unwrap_err();
    assert!(matches!(refused.kind(), PublishErrorKind::Full { capacity: 3 }), "{refused}");
    assert_eq!((bus.stats().queued, bus.stats().events_in_flight), (3, 1));
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), begun_and_ended(0, 4));
}

#[tokio::test]
async fn what_is_dropped_while_it_waits_for_its_turn_leaves_its_place() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<print>()
            .event_queue_size(2)
            .backpressure_strategy(BackpressureStrategy::DropOldest)
    });
    for nr in 0..5 {
        bus.publish(Line(nr)).await.unwrap();
        tokio::task::yield_now().await;
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.of("0: begin"), ["0: begin 0", "0: begin 3", "0: begin 4"]);
    assert_eq!((bus.stats().dropped, bus.stats().lanes), (2, 0));
}

#[tokio::test]
async fn a_shutdown_keeps_the_order_and_a_cut_off_lane_is_empty() {
    let (bus, log) = bus(|builder| builder.handler::<print>().shutdown_timeout(ms(150), ms(10)));
    for nr in 0..5 {
        bus.publish(Line(nr)).await.unwrap();
    }
    let report = bus.run(bus.shutdown()).await;
    assert_eq!(log.all(), ["0: begin 0", "0: end 0", "0: begin 1"]);
    assert_eq!((report.completed, report.dropped), (1, 3), "{report}");
    assert_eq!(report.abandoned.len(), 1, "{report}");
    assert_eq!(bus.stats().lanes, 0);
}

#[derive(Clone, Copy)]
struct Moody(bool);
impl Hash for Moody {
    fn hash<H: Hasher>(&self, state: &mut H) {
        assert!(!self.0, "not today");
        state.write_u8(0);
    }
}
#[event(key = "mood")]
struct Felt {
    mood: Moody,
}
#[handler(manual)]
async fn felt(event: &Felt, log: &Res<Log>) {
    tokio::task::yield_now().await;
    log.say(format!("{}", event.mood.0));
}

#[tokio::test]
async fn a_key_whose_hash_panics_loses_no_event() {
    let (bus, log) = bus(|builder| builder.handler::<felt>());
    for mood in [true, false, true] {
        let settled = bus.publish(Felt { mood: Moody(mood) }).and_wait().await.unwrap();
        assert!(settled.is_ok(), "{:?}", settled.failures);
    }
    assert_eq!(log.all(), ["true", "false", "true"]);
    bus.idle().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_keys_cost_memory_only_while_they_have_events() {
    let log = Log::default();
    let bus = Bus::builder()
        .without_registered()
        .provide(log.clone())
        .handler::<hold>()
        .concurrency(200_000)
        .event_queue_size(200_000)
        .build()
        .unwrap();
    for order in 0..100_000 {
        bus.publish(Held { order }).await.unwrap();
    }
    while bus.stats().lanes < 100_000 {
        tokio::task::yield_now().await;
    }
    GATE.add_permits(1);
    bus.idle().await;
    assert_eq!((bus.stats().lanes, bus.stats().processed), (0, 100_000));
}

static GATE: tokio::sync::Semaphore = tokio::sync::Semaphore::const_new(0);
#[event(key = "order")]
struct Held {
    order: u64,
}
#[handler(manual)]
async fn hold(_: &Held) {
    drop(GATE.acquire().await);
}
