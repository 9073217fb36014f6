//! Failures stay where they are.

use bus::{Context, Emit, Res, command, event, handler};

use super::{Log, bus};

#[event]
struct Trouble;
#[handler(priority = 1)]
async fn fails(_: &Trouble) -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}
#[handler(priority = 1)]
fn panics(_: &Trouble) {
    panic!("no")
}
#[handler(priority = 1, timeout = "1s")]
async fn hangs(_: &Trouble) {
    std::future::pending::<()>().await;
}
#[handler]
fn survives(_: &Trouble, log: &Res<Log>) {
    log.add("survives");
}

#[tokio::test(start_paused = true)]
async fn a_failing_handler_touches_no_other_and_is_announced_once() {
    let (bus, log) = bus();
    bus.publish(Trouble).await.unwrap();
    let report = bus.shutdown().await;
    let mut lines = log.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "fails of events::failures::Trouble: an error occurred when formatting an argument",
            "hangs of events::failures::Trouble: timed out after 1s",
            "panics of events::failures::Trouble: panicked: no",
            "survives",
        ]
    );
    assert_eq!((report.completed, report.failed), (1, 3), "the announcements count as nothing");
}

/// An error that cannot even be written.
#[derive(Debug)]
struct Unspeakable;
impl std::fmt::Display for Unspeakable {
    fn fmt(&self, _: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        panic!("no words")
    }
}
impl std::error::Error for Unspeakable {}

#[event]
struct Spoken;
#[handler]
fn unspeakable(_: &Spoken) -> Result<(), Unspeakable> {
    Err(Unspeakable)
}
#[handler]
async fn neighbour(_: &Spoken, log: &Res<Log>) {
    tokio::task::yield_now().await;
    log.add("neighbour");
}

#[tokio::test]
async fn an_error_whose_text_panics_is_still_only_that_handlers() {
    let (bus, log) = bus();
    bus.publish(Spoken).await.unwrap();
    bus.shutdown().await;
    let mut lines = log.lines();
    lines.sort();
    assert_eq!(
        lines,
        [
            "neighbour",
            "unspeakable of events::failures::Spoken: an error whose text panicked: no words"
        ]
    );
    assert_eq!((bus.stats().processed, bus.stats().failed), (1, 1));
}

#[command(error = std::fmt::Error)]
struct Act {
    then: &'static str,
}
#[handler]
async fn act(command: Act, emit: Emit<Noted>, cx: &Context) -> Result<(), std::fmt::Error> {
    emit.send(Noted("emitted"));
    cx.emit(Noted("emitted through the context"));
    cx.publish(Noted("published")).await.map_err(|_| std::fmt::Error)?;
    match command.then {
        "fail" => Err(std::fmt::Error),
        "panic" => panic!("after emitting"),
        "hang" => std::future::pending().await,
        _ => Ok(()),
    }
}
#[event]
struct Noted(&'static str);
#[handler]
fn noted(event: &Noted, log: &Res<Log>, cx: &Context) {
    assert!(cx.causation_id().is_some() && cx.correlation_id() != cx.id());
    log.add(event.0);
}

#[tokio::test(start_paused = true)]
async fn what_is_emitted_leaves_only_a_handler_that_succeeds() {
    for (then, expected) in [
        ("succeed", vec!["published", "emitted", "emitted through the context"]),
        ("fail", vec!["published"]),
        ("panic", vec!["published"]),
        ("hang", vec!["published"]),
    ] {
        let (bus, log) = bus();
        let result = bus.execute(Act { then }).await;
        assert_eq!(result.is_ok(), then == "succeed");
        bus.shutdown().await;
        assert_eq!(log.lines(), expected, "when the handler is to {then}");
    }
}
