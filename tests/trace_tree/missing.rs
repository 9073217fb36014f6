//! What is not in the history, and that the tree says how much that is.

use std::time::Duration;

use bus::{Context, Emit, MessageId, command, event, handler};

use super::{Charge, Forgotten, Place, Shipped, Step, bus};

#[command]
struct Note;
#[handler]
async fn note(_: Note, emit: Emit<Noted>) -> bus::Result<()> {
    emit.send(Noted);
    Ok(())
}
#[event]
struct Noted;
#[handler]
fn noted(_: &Noted) {}

/// Of this many commands, one in the other.
#[command]
struct Nest(u32);
#[handler]
async fn nest(command: Nest, cx: &Context) -> bus::Result<()> {
    if command.0 > 1 {
        cx.execute(Nest(command.0 - 1)).await?;
        cx.sleep(Duration::from_millis(1)).await;
    }
    Ok(())
}

#[event]
struct Slow;
#[handler(retry(max_retries = 3, initial_delay = "10ms", exponential_base = 1, jitter = none))]
async fn slow(_: &Slow, cx: &Context) -> bus::Result<()> {
    if cx.attempt() < 4 { Err(bus::Error::msg("not yet")) } else { Ok(()) }
}

fn numbers(bus: &bus::Bus, root: MessageId) -> (usize, u64) {
    let tree = bus.trace_tree(root);
    (tree.len(), tree.evicted())
}

#[tokio::test]
async fn a_conversation_whose_messages_follow_each_other_is_counted_on() {
    let bus = bus(|builder| builder.trace_history(1));
    let report = bus.run(bus.execute(Note).detailed()).await;
    bus.settle().await;
    assert_eq!(numbers(&bus, report.command_id), (1, 1));
    let text = bus.trace_tree(report.command_id).to_string();
    assert!(text.ends_with("1 message of this is not in the history any more\n"), "{text}");

    let report = bus.run(bus.execute(Nest(8)).detailed()).await;
    assert_eq!(numbers(&bus, report.command_id), (1, 7));
}

#[tokio::test]
async fn foreign_messages_in_between_do_not_end_the_count() {
    let bus = bus(|builder| builder.trace_history(2));
    let later = bus.publish(Noted).after(Duration::from_secs(1)).await.unwrap().id();
    for _ in 0..2 {
        bus.execute(Charge).await.unwrap();
    }
    // It was forgotten, and is known again.
    assert_eq!(numbers(&bus, later), (0, 1));
    let text = bus.trace_tree(later).to_string();
    assert!(text.starts_with("nothing is known of what followed from"), "{text}");
    assert!(text.ends_with("1 message of this is not in the history any more\n"), "{text}");
    bus.advance(Duration::from_secs(1)).await;
    assert_eq!(numbers(&bus, later), (1, 0));

    let root = bus.run(bus.execute(Place).detailed()).await.command_id;
    bus.settle().await;
    for _ in 0..2 {
        bus.execute(Charge).await.unwrap();
    }
    assert_eq!(numbers(&bus, root), (0, 5));
}

#[tokio::test]
async fn a_conversation_that_goes_on_after_foreign_messages_is_counted_on() {
    let bus = bus(|builder| builder.trace_history(2));
    let root = bus.publish(Step(3)).await.unwrap().id;
    bus.settle().await;
    for _ in 0..2 {
        bus.execute(Charge).await.unwrap();
    }
    assert_eq!(numbers(&bus, root), (0, 2));
    bus.advance(Duration::from_secs(10)).await;
    assert_eq!(numbers(&bus, root), (2, 2));
}

#[tokio::test]
async fn one_that_comes_back_is_counted_once() {
    let bus = bus(|builder| builder.trace_history(1));
    let root = bus.publish(Slow).await.unwrap().id;
    bus.settle().await;
    for _ in 0..3 {
        assert_eq!(numbers(&bus, root), (1, 0));
        bus.execute(Charge).await.unwrap();
        assert_eq!(numbers(&bus, root), (0, 1));
        // It is called again.
        bus.advance(Duration::from_millis(10)).await;
    }
}

/// So that a bus that runs for long does not count for ever.
#[tokio::test]
async fn so_many_are_counted_and_no_more() {
    let bus = bus(|builder| builder.trace_history(1));
    let first = bus.execute(Charge).detailed().await.command_id;
    for _ in 0..1_000 {
        bus.execute(Charge).await.unwrap();
    }
    assert_eq!(numbers(&bus, first), (0, 1));
    bus.execute(Charge).await.unwrap();
    assert_eq!(numbers(&bus, first), (0, 0));
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
