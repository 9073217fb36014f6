//! How it is drawn.

use std::time::Duration;

use bus::{Resilience, RetryConfig};

use super::{Place, Read, Step, bus};

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
        let lines = include_str!("main.rs").lines();
        let of = |line: &str| line.contains(&format!("fn {name}("));
        let line = lines.zip(1..).find(|(line, _)| of(line)).map(|(_, line)| line);
        // The attribute's line, or the function's.
        (line.unwrap_or(0) - 1, line.unwrap_or(0))
    };
    let (attribute, function) = at("place");
    let places =
        [attribute, function].map(|line| format!("by place at tests/trace_tree/main.rs:{line}:"));
    assert!(places.iter().any(|place| text.contains(place)), "{text}");
    assert!(text.starts_with(&format!(
        "command trace_tree::Place {} from tests/trace_tree/tree.rs:",
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
