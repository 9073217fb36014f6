//! Handlers run in groups, from a high priority to a low one, and events beside each other.

use std::sync::Arc;
use std::time::Duration;

use bus::{Res, event, handler};

use super::{Log, bus};

#[event]
#[derive(Clone)]
struct Fact(u32);

#[handler(priority = 10)]
async fn first(event: &Fact, log: &Res<Log>) {
    tokio::time::sleep(Duration::from_millis(20)).await;
    log.add(format!("first {}", event.0));
}
#[handler]
async fn slow(event: Arc<Fact>, log: Res<Log>) {
    tokio::time::sleep(Duration::from_millis(50)).await;
    log.add(format!("slow {}", event.0));
}
#[handler]
fn quick(event: &Fact, log: &Res<Log>) {
    log.add(format!("quick {}", event.0));
}
#[handler(priority = -10)]
async fn last(event: Fact, log: &Res<Log>) {
    log.add(format!("last {}", event.0));
}

#[tokio::test(start_paused = true)]
async fn groups_run_from_high_to_low_and_concurrently_inside() {
    let (bus, log) = bus();
    let start = tokio::time::Instant::now();
    bus.publish(Fact(1)).await.unwrap();
    assert!(bus.shutdown().await.is_clean());
    assert_eq!(log.lines(), ["first 1", "quick 1", "slow 1", "last 1"]);
    assert_eq!(start.elapsed(), Duration::from_millis(70));
    assert_eq!((bus.stats().processed, bus.stats().failed), (4, 0));
}

#[tokio::test(start_paused = true)]
async fn events_run_beside_each_other() {
    let (bus, log) = bus();
    let start = tokio::time::Instant::now();
    for n in 0..200 {
        bus.publish(Fact(n)).await.unwrap();
    }
    bus.shutdown().await;
    assert_eq!(log.lines().len(), 800);
    assert_eq!(start.elapsed(), Duration::from_millis(70), "a slow handler held up other events");
}
