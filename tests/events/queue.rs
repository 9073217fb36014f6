//! The queue is full: each strategy says what becomes of an event then.

use std::sync::atomic::Ordering;
use std::time::Duration;

use bus::{BackpressureStrategy, Bus, Outcome, PublishErrorKind};

use super::{Tick, settle, small};

/// One event is at work and cannot end; the queue behind it holds four.
async fn fill(bus: &Bus) {
    bus.publish(Tick(0)).await.unwrap();
    settle().await;
    for n in 1..=4 {
        bus.publish(Tick(n)).await.unwrap();
        settle().await;
    }
    assert_eq!(bus.stats().queued, 4);
}

#[tokio::test(start_paused = true)]
async fn block_waits_for_room_and_gives_the_event_back_when_there_is_none() {
    let (bus, gate) = small(BackpressureStrategy::Block { timeout: Duration::from_secs(2) });
    fill(&bus).await;
    let start = tokio::time::Instant::now();
    let error = bus.publish(Tick(5)).await.unwrap_err();
    assert_eq!(start.elapsed(), Duration::from_secs(2));
    assert!(matches!(error.kind(), PublishErrorKind::TimedOut { capacity: 4, .. }), "{error}");
    assert_eq!(error.into_event().0, 5);

    let waiting = tokio::spawn({
        let bus = bus.clone();
        async move { bus.publish(Tick(6)).await.map(|published| published.outcome) }
    });
    settle().await;
    assert!(!waiting.is_finished());
    gate.open.add_permits(1);
    assert_eq!(waiting.await.unwrap().unwrap(), Outcome::Queued);
    gate.open.add_permits(100);
    bus.shutdown().await;
    assert_eq!(*gate.order.lock().unwrap(), [0, 1, 2, 3, 4, 6], "each once, in order");
    assert_eq!(bus.stats().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_is_dropped_while_it_waits_was_never_queued() {
    let (bus, gate) = small(BackpressureStrategy::Block { timeout: Duration::from_secs(2) });
    fill(&bus).await;
    let dropped = tokio::time::timeout(Duration::from_secs(1), bus.publish(Tick(5))).await;
    assert!(dropped.is_err());
    gate.open.add_permits(100);
    bus.shutdown().await;
    assert_eq!(gate.seen.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn reject_new_refuses_at_once() {
    let (bus, gate) = small(BackpressureStrategy::RejectNew);
    fill(&bus).await;
    let error = bus.publish(Tick(5)).await.unwrap_err();
    assert!(matches!(error.kind(), PublishErrorKind::Full { capacity: 4 }), "{error}");
    let error = bus.try_publish(Tick(5)).unwrap_err();
    assert_eq!(
        error.to_string(),
        "event events::Tick was not published: the queue is full (4 events)"
    );
    gate.open.add_permits(100);
    bus.shutdown().await;
    assert_eq!(gate.seen.load(Ordering::SeqCst), 5);
}

#[tokio::test(start_paused = true)]
async fn drop_oldest_says_what_it_dropped() {
    let (bus, gate) = small(BackpressureStrategy::DropOldest);
    fill(&bus).await;
    let outcome = bus.publish(Tick(5)).await.unwrap().outcome;
    assert_eq!(outcome, Outcome::QueuedAfterDropping(1));
    gate.open.add_permits(100);
    bus.shutdown().await;
    let order = gate.order.lock().unwrap().clone();
    assert_eq!((order.len(), order.last()), (5, Some(&5)), "{order:?}");
    assert_eq!(bus.stats().dropped, 1);
}
