//! Many threads count at once.

use bus::prelude::*;
use tokio::task::JoinSet;

use super::World;
use super::compare::adds_up;

#[command]
struct Quick(u64);
#[handler]
fn quick(quick: &Quick, emit: Emit<Fast>) -> bus::Result<()> {
    if quick.0.is_multiple_of(3) {
        return Err(bus::Error::msg("no"));
    }
    emit.send(Fast(quick.0));
    Ok(())
}
#[event]
struct Fast(u64);
#[handler]
async fn fast(event: &Fast) -> bus::Result<()> {
    tokio::task::yield_now().await;
    if event.0.is_multiple_of(5) { Err(bus::Error::msg("no")) } else { Ok(()) }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn no_thread_loses_a_count_of_another() {
    const EACH: u64 = 3_000;
    let bus = Bus::builder().provide(World::default()).build().unwrap();
    let mut tasks = JoinSet::new();
    for _ in 0..8 {
        let bus = bus.clone();
        tasks.spawn(async move {
            for id in 0..EACH {
                let _ = bus.execute(Quick(id)).await;
            }
        });
    }
    while tasks.join_next().await.is_some() {}
    bus.idle().await;
    let metrics = bus.metrics().snapshot();
    adds_up(&metrics).unwrap();
    let counts = ["commands_processed_total", "commands_failed_total", "events_published_total"]
        .map(|name| metrics.counter(name).unwrap());
    assert_eq!(counts, [8 * EACH * 2 / 3, 8 * EACH / 3, 8 * EACH * 2 / 3]);
    // Of those that are no multiple of 3, every fifth is one of 5.
    let counts = ["events_processed_total", "events_failed_total"]
        .map(|name| metrics.counter(name).unwrap());
    assert_eq!(counts, [8 * EACH * 8 / 15, 8 * EACH * 2 / 15]);
    let timed = ["command_processing", "event_processing"]
        .map(|of| metrics.histogram(&format!("{of}_duration_seconds")).unwrap().count);
    assert_eq!(timed, [8 * EACH, 8 * EACH * 2 / 3]);
}
