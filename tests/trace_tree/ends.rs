//! What has become of a message, and of its handlers.

use std::time::Duration;

use super::{Charge, Place, bus};

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
