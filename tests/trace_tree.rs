//! `bus.trace_tree(..)`: what has followed from a message, drawn.

use std::sync::Arc;
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{Context, Emit, Error, FilterView, Resilience, RetryConfig, command, event, handler};

#[command]
struct Place;
#[command]
struct Charge;
#[event]
struct Placed;
#[event]
struct Shipped;
#[event]
struct Forgotten;

#[handler]
async fn place(_: Place, cx: &Context, emit: Emit<Placed>) -> bus::Result<()> {
    cx.sleep(Duration::from_millis(2)).await;
    cx.execute(Charge).await?;
    emit.send(Placed);
    Ok(())
}
#[handler]
async fn charge(_: Charge) -> bus::Result<()> {
    Ok(())
}
#[handler(priority = 1)]
async fn ship(_: &Placed, emit: Emit<Shipped>, forgotten: Emit<Forgotten>) {
    emit.send(Shipped);
    forgotten.send(Forgotten);
}
#[handler]
async fn mail(_: &Placed) -> bus::Result<()> {
    Err(Error::msg("no mail\nserver"))
}
#[handler(filter = never)]
async fn audit(_: &Placed) {}
fn never(_: &FilterView<'_>) -> bool {
    false
}
#[handler(timeout = "1h")]
async fn track(_: &Shipped, cx: &Context) {
    cx.sleep(Duration::from_secs(60)).await;
}

#[event]
struct Read(u32);
#[event]
struct Summed;
#[handler(batch = 10)]
async fn sum(reads: &[Arc<Read>], emit: Emit<Summed>) -> bus::Result<()> {
    assert!(reads.iter().map(|read| read.0).sum::<u32>() > 0);
    emit.send(Summed);
    Ok(())
}
#[handler]
fn summed(_: &Summed) {}

#[event]
struct Step(u32);
#[handler]
async fn step(event: &Step, cx: &Context) -> bus::Result<()> {
    if event.0 > 0 {
        cx.publish(Step(event.0 - 1)).after(Duration::from_secs(1)).await?;
    }
    Ok(())
}

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> TestBus {
    with(TestBus::builder()).build().unwrap()
}

#[tokio::test]
async fn a_request_and_all_that_followed() {
    let twice = RetryConfig { max_retries: 1, jitter: bus::Jitter::None, ..RetryConfig::default() };
    let bus = bus(|builder| {
        builder.trace_history(100).track_callers(true).resilient(Resilience::default().retry(twice))
    });
    let report = bus.run(bus.execute(Place).detailed()).await;
    report.result.unwrap();
    bus.advance(Duration::from_secs(10)).await;
    let tree = bus.trace_tree(report.command_id);
    assert_eq!((tree.len(), tree.evicted(), tree.is_empty()), (5, 0, false));
    let text = tree.to_string();
    let at = |name: &str| {
        let lines = include_str!("trace_tree.rs").lines();
        let of = |line: &str| line.contains(&format!("fn {name}("));
        let line = lines.zip(1..).find(|(line, _)| of(line)).map(|(_, line)| line);
        // The attribute's line, or the function's.
        (line.unwrap_or(0) - 1, line.unwrap_or(0))
    };
    let (attribute, function) = at("place");
    let places =
        [attribute, function].map(|line| format!("by place at tests/trace_tree.rs:{line}:"));
    assert!(places.iter().any(|place| text.contains(place)), "{text}");
    assert!(text.starts_with(&format!(
        "command trace_tree::Place {} from tests/trace_tree.rs:",
        report.command_id
    )));
    let lines: Vec<_> = text.lines().collect();
    for (line, parts) in lines.iter().zip([
        &["command trace_tree::Place "][..],
        &["├─ by place ", ": ok, 1 attempt, 2ms"],
        &["├─ command trace_tree::Charge "],
        &["│  └─ by charge ", ": ok, 1 attempt, 0ns"],
        &["└─ event trace_tree::Placed "],
        &["   ├─ by ship ", ": ok, 1 attempt, 0ns"],
        &["   ├─ by audit ", ": kept out by never"],
        &["   ├─ by mail ", "no mail server, 2 attempts, 100ms, dead letter dl-"],
        &["   ├─ event trace_tree::Shipped "],
        &["   │  └─ by track ", ": at work, 1 attempt"],
        &["   └─ event trace_tree::Forgotten ", ": is handled by nobody"],
    ]) {
        assert!(line.starts_with(parts[0]), "{line}\n{text}");
        assert!(parts.iter().all(|part| line.contains(part)), "{line}: {parts:?}\n{text}");
    }
    assert_eq!(lines.len(), 11, "{text}");
}

#[tokio::test]
async fn what_is_not_kept() {
    let off = bus(|builder| builder);
    let report = off.execute(Charge).detailed().await;
    let tree = off.trace_tree(report.command_id);
    assert!(tree.is_empty());
    assert!(tree.to_string().starts_with("no history is kept"));

    let bus = bus(|builder| builder.trace_history(3));
    let report = bus.run(bus.execute(Place).detailed()).await;
    bus.run(bus.idle()).await;
    // Of five messages the first two are gone.
    let tree = bus.trace_tree(report.command_id);
    assert_eq!((tree.len(), tree.evicted()), (3, 2));
    let text = tree.to_string();
    let first = text.lines().next().unwrap();
    assert!(first.starts_with("event trace_tree::Placed "), "{text}");
    assert!(first.ends_with("which is not in the history)"), "{text}");
    assert!(text.ends_with("2 messages of this are not in the history any more\n"), "{text}");
    for _ in 0..3 {
        bus.execute(Charge).await.unwrap();
    }
    let text = bus.trace_tree(report.command_id).to_string();
    assert!(text.starts_with("nothing is known of what followed from"), "{text}");
}

#[tokio::test]
async fn what_a_batch_sends_stands_below_its_first_event() {
    let bus = bus(|builder| builder.trace_history(100));
    let first = bus.try_publish(Read(1)).unwrap().id;
    bus.try_publish(Read(2)).unwrap();
    bus.settle().await;
    let text = bus.trace_tree(first).to_string();
    let begins = [
        "event trace_tree::Read ",
        "├─ by sum ",
        "└─ event trace_tree::Summed ",
        "   └─ by summed ",
    ];
    assert_eq!(text.lines().count(), begins.len(), "{text}");
    for (line, begin) in text.lines().zip(begins) {
        assert!(line.starts_with(begin), "{text}");
    }
}

/// What is published later is no link of a chain, so a tree may be deep.
#[tokio::test]
async fn a_tree_of_any_depth_can_be_written() {
    let bus = bus(|builder| builder.trace_history(100_000));
    let first = bus.publish(Step(3_000)).await.unwrap().id;
    bus.advance(Duration::from_secs(3_000)).await;
    let tree = bus.trace_tree(first);
    assert_eq!(tree.len(), 3_001);
    let text = tree.to_string();
    assert_eq!(text.lines().count(), 6_002);
    assert!(text.lines().all(|line| line.len() < 1_000));
}

#[tokio::test]
async fn what_is_refused_is_in_it() {
    let bus = bus(|builder| builder.trace_history(10));
    let abandoned = bus.run_for(Duration::from_millis(1), bus.execute(Place)).await;
    assert!(abandoned.is_none());
    bus.shutdown().await;
    let report = bus.execute(Charge).detailed().await;
    assert!(report.result.is_err());
    let text = bus.trace_tree(report.command_id).to_string();
    assert!(text.contains("trace_tree::Charge") && text.contains("rejected: "), "{text}");
}

#[tokio::test]
async fn what_is_forgotten_does_not_come_back_when_it_ends() {
    let bus = bus(|builder| builder.trace_history(2));
    let tracked = bus.publish(Shipped).await.unwrap().id;
    bus.settle().await;
    assert_eq!(bus.trace_tree(tracked).len(), 1);
    let later =
        [bus.publish(Forgotten).await.unwrap().id, bus.publish(Forgotten).await.unwrap().id];
    assert!(bus.trace_tree(tracked).is_empty());
    bus.run(bus.idle()).await;
    assert!(bus.trace_tree(tracked).is_empty(), "{}", bus.trace_tree(tracked));
    for id in later {
        assert_eq!((bus.trace_tree(id).len(), bus.trace_tree(id).evicted()), (1, 0));
    }
}
