//! What has become of a message, and of its handlers.

use std::time::Duration;

use bus::testing::Step;
use bus::{Context, Error, command, event, handler};

use super::{Charge, Place, bus};

#[event]
struct Noticed;
#[handler]
fn notice(_: &Noticed) {}

#[command]
struct Long;
#[handler]
async fn long(_: Long, cx: &Context) -> bus::Result<()> {
    cx.sleep(Duration::from_secs(10)).await;
    Err(Error::msg("too long"))
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
async fn a_handler_whose_caller_went_away_was_cancelled() {
    let bus = bus(|builder| builder.trace_history(10));
    let gone = bus.run_for(Duration::from_millis(5), bus.execute(Long)).await;
    assert!(gone.is_none());
    bus.advance(Duration::from_secs(60)).await;
    let abandoned = bus.record().into_iter().find(|entry| entry.step == Step::Abandoned);
    let id = abandoned.and_then(|entry| entry.id).unwrap();
    let text = bus.trace_tree(id).to_string();
    assert!(text.contains(": was abandoned by its caller\n"), "{text}");
    assert!(text.ends_with(": was cancelled, 1 attempt, 5ms\n"), "{text}");
}

#[tokio::test]
async fn an_event_that_is_taken_back_is_not_scheduled_any_more() {
    let bus = bus(|builder| builder.trace_history(10));
    let once = bus.publish(Noticed).after(Duration::from_secs(1)).await.unwrap();
    let often = bus.publish(Noticed).every(Duration::from_secs(1)).await.unwrap();
    let ends = |id, end: &str| {
        let text = bus.trace_tree(id).to_string();
        assert!(text.ends_with(end), "{text}");
    };
    ends(once.id(), ": is scheduled\n");
    ends(often.id(), ": is scheduled\n");
    assert!(once.cancel() && often.cancel());
    ends(once.id(), ": is not scheduled any more\n");
    ends(often.id(), ": is not scheduled any more\n");
    assert!(!once.cancel());

    let session = bus.session("desk").open().await.unwrap();
    let often = session.publish(Noticed).every(Duration::from_secs(1)).await.unwrap();
    bus.run(session.close()).await;
    ends(often.id(), ": is not scheduled any more\n");
}
