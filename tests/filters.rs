//! Filters: what they keep out is told to its publisher, counted and announced.

use std::sync::{Arc, Mutex};

use bus::{
    Bus, DropReason, Emit, EventFilter, EventsDroppedEvent, FilterView, Outcome, PublishErrorKind,
    Res, command, event, handler,
};

#[event]
#[derive(Debug)]
struct Reading(i32);

#[derive(Default)]
struct Seen(Mutex<Vec<String>>);
#[bus::resource]
fn seen() -> Seen {
    Seen::default()
}
impl Seen {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}

#[handler]
fn reading(event: &Reading, seen: &Res<Seen>) {
    seen.add(format!("reading {}", event.0));
}
#[handler]
fn dropped(event: &EventsDroppedEvent, seen: &Res<Seen>) {
    seen.add(format!("{} x {}: {}", event.count, event.event, event.reason));
}

struct Positive;
impl EventFilter for Positive {
    fn accepts(&self, event: &FilterView<'_>) -> bool {
        event.get::<Reading>().is_none_or(|reading| match reading.0 {
            13 => panic!("unlucky"),
            n => n > 0,
        })
    }
    fn name(&self) -> std::borrow::Cow<'static, str> {
        "positive".into()
    }
}

#[command]
struct Emits(Vec<i32>);
#[handler]
fn emits(command: Emits, emit: Emit<Reading>) -> bus::Result<()> {
    command.0.into_iter().for_each(|n| emit.send(Reading(n)));
    Ok(())
}

fn bus() -> (Bus, Arc<Seen>) {
    let bus = Bus::builder().filter(Positive).build().expect("the wiring of this file is right");
    let seen = bus.resource::<Seen>().expect("provided").into_arc();
    (bus, seen)
}

#[tokio::test(start_paused = true)]
async fn what_a_filter_keeps_out_is_told_counted_and_announced() {
    let (bus, seen) = bus();
    assert_eq!(bus.publish(Reading(1)).await.unwrap().outcome, Outcome::Queued);
    let kept_out = bus.publish(Reading(-1)).await.unwrap();
    assert_eq!(kept_out.outcome, Outcome::Filtered { by: "positive".into() });
    assert!(bus.try_publish(Reading(-2)).unwrap().is_filtered());
    let settled = bus.publish(Reading(-3)).and_wait().await.unwrap();
    assert!(settled.is_ok(), "there is nothing to wait for: {settled:?}");
    tokio::time::sleep(std::time::Duration::from_secs(3)).await;
    let mut seen = seen.0.lock().unwrap().clone();
    seen.sort();
    let why = DropReason::Filtered;
    let told = [1, 2].map(|n| format!("{n} x filters::Reading: {why}"));
    assert_eq!(seen, [&*told[0], &*told[1], "reading 1"]);
    let stats = bus.event_queue().stats();
    assert_eq!((stats.filtered, stats.accepted, stats.dropped, stats.rejected), (3, 1, 0, 0));
}

#[tokio::test(start_paused = true)]
async fn a_filter_that_panics_fails_that_publish_alone() {
    let (bus, seen) = bus();
    let error = bus.publish(Reading(13)).await.expect_err("the filter panics");
    assert_eq!(error.event.0, 13);
    assert_eq!(
        error.to_string(),
        "event filters::Reading was not published: filter positive panicked: unlucky"
    );
    assert!(matches!(error.kind(), PublishErrorKind::FilterPanicked { .. }));
    bus.publish(Reading(2)).and_wait().await.unwrap();
    let seen = seen.0.lock().unwrap().clone();
    assert_eq!(seen, ["1 x filters::Reading: the publish was refused", "reading 2"]);
}

/// The outcome of a command is its handler's, whatever filters do with what it emits.
#[tokio::test(start_paused = true)]
async fn filters_decide_on_what_is_emitted_and_never_on_the_command() {
    let (bus, seen) = bus();
    bus.execute(Emits(vec![1, -1, 13, 2])).await.expect("the command has succeeded");
    bus.idle().await;
    let seen = seen.0.lock().unwrap().clone();
    let readings: Vec<_> = seen.iter().filter(|line| line.starts_with("reading")).collect();
    assert_eq!(readings, ["reading 1", "reading 2"]);
    assert_eq!((bus.event_queue().stats().filtered, bus.stats().dropped), (1, 1));
}
