//! Publishing from inside a handler, which never waits for its own queue.

use std::sync::atomic::Ordering;

use bus::{BackpressureStrategy, Bus, Emit, Res, command, event, handler};

use super::{Gate, Log, Tick, build, bus, settle, small};

#[event]
struct Burst(usize);
#[handler]
async fn burst(event: &Burst, bus: Bus) -> bus::Result<()> {
    for n in 0..event.0 {
        bus.publish(Tick(n)).await.map_err(|error| bus::Error::msg(error.kind()))?;
    }
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_handler_never_waits_for_its_own_queue() {
    let builder = Bus::builder().event_queue_size(1).concurrency(1);
    let (bus, _) = build(builder);
    let gate = bus.resource::<Gate>().unwrap();
    gate.open.add_permits(1000);
    bus.publish(Burst(10)).await.unwrap();
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(gate.seen.load(Ordering::SeqCst), 10);
    assert_eq!(bus.stats().debt, 0);
}

#[tokio::test(start_paused = true)]
async fn debt_has_a_ceiling_that_is_an_error() {
    let builder = Bus::builder().event_queue_size(1).concurrency(1);
    let (bus, log) = build(builder);
    bus.publish(Burst(100)).await.unwrap();
    settle().await;
    let lines = log.lines();
    assert!(
        lines.is_empty() || lines.iter().all(|line| line.contains("10 events more")),
        "{lines:?}"
    );
    assert!(bus.stats().queued <= 11, "the bound is not real: {:?}", bus.stats());
    assert!(bus.stats().rejected >= 1);
    bus.resource::<Gate>().unwrap().open.add_permits(1000);
    bus.shutdown().await;
    assert!(log.lines().iter().any(|line| line.contains("10 events more")), "{:?}", log.lines());
}

#[command]
struct EmitMany(usize);
#[handler]
fn emit_many(command: EmitMany, emit: Emit<Tick>) -> bus::Result<()> {
    (0..command.0).for_each(|n| emit.send(Tick(n)));
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_root_command_waits_until_its_debt_is_paid() {
    let (bus, gate) = small(BackpressureStrategy::RejectNew);
    bus.publish(Tick(99)).await.unwrap();
    settle().await;
    let call = tokio::spawn({
        let bus = bus.clone();
        async move { bus.execute(EmitMany(9)).await }
    });
    settle().await;
    assert!(!call.is_finished(), "it went on with debt: {:?}", bus.stats());
    gate.open.add_permits(4);
    settle().await;
    assert!(!call.is_finished(), "it went on with debt: {:?}", bus.stats());
    gate.open.add_permits(100);
    call.await.unwrap().unwrap();
    assert_eq!(bus.stats().debt, 0);
    bus.shutdown().await;
    assert_eq!(gate.seen.load(Ordering::SeqCst), 10);
}

#[event]
struct Again;
#[handler]
async fn again(_: &Again, bus: Bus, log: &Res<Log>) -> bus::Result<()> {
    log.add("again");
    bus.publish(Again).await.map_err(|error| bus::Error::msg(error.kind()))?;
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn events_that_feed_each_other_end_with_their_chain() {
    let (bus, log) = bus();
    bus.publish(Again).await.unwrap();
    bus.shutdown().await;
    let lines = log.lines();
    assert_eq!(lines.iter().filter(|line| *line == "again").count(), 64);
    let last = lines.last().unwrap();
    assert!(last.contains("events::debt::Again -> events::debt::Again"), "{last}");
}
