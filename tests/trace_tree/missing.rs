//! What is not in the history, and that the tree says how much that is.

use super::{Charge, Forgotten, Place, Shipped, bus};

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
