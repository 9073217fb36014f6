//! What is told of where something happens: in which session, sent from which line, and following from what; and that
//! nothing is made for it where nobody listens.

use std::fmt;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::{BackpressureStrategy, Happening, Observer, SessionId, What};

const MS: Duration = Duration::from_millis(1);

/// Kind, session and the line of this file that the message was sent from.
type Told = (&'static str, SessionId, Option<u32>);

#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Told>>>);

impl Seen {
    fn of(&self, kind: &str) -> Vec<(String, Option<u32>)> {
        let all = self.0.lock().unwrap();
        let of_kind = all.iter().filter(|told| told.0 == kind);
        of_kind.map(|(_, session, line)| (session.to_string(), *line)).collect()
    }
}

impl Observer for Seen {
    fn observe(&self, happening: &Happening<'_>) {
        let kind = match happening.what() {
            What::Rejected { .. } => "rejected",
            What::Abandoned => "abandoned",
            What::Scheduled { .. } => "scheduled",
            What::Dropped { .. } => "dropped",
            What::DeadLettered { .. } => "dead",
            _ => return,
        };
        let from = happening.sent_from();
        assert!(from.is_none_or(|from| from.file().ends_with("observed_where.rs")), "{from:?}");
        let line = from.map(|from| from.line());
        self.0.lock().unwrap().push((kind, happening.session_id(), line));
    }
}

#[command]
struct Wait;
#[handler]
async fn wait(_: Wait) -> bus::Result<()> {
    std::future::pending().await
}
#[event]
struct Queued;
#[handler]
async fn queued(_: &Queued) {
    tokio::time::sleep(MS).await;
}
#[command]
struct Nobody;

fn bus(strategy: BackpressureStrategy, seen: &Seen) -> Bus {
    Bus::builder()
        .backpressure_strategy(strategy)
        .event_queue_size(1)
        .track_callers(true)
        .observer(seen.clone())
        .build()
        .unwrap()
}

#[tokio::test(start_paused = true)]
async fn what_is_refused_given_up_scheduled_or_lost_says_where_it_comes_from() {
    let seen = Seen::default();
    let bus = bus(BackpressureStrategy::RejectNew, &seen);
    let session = bus.session("desk").open().await.unwrap();
    let desk = |line| vec![("desk".to_owned(), Some(line))];

    let line = line!() + 1;
    let _ = session.execute(Nobody).await.unwrap_err();
    assert_eq!(seen.of("rejected"), desk(line));
    seen.0.lock().unwrap().clear();

    session.publish(Queued).await.unwrap();
    let line = line!() + 1;
    session.publish(Queued).await.unwrap_err();
    assert_eq!(seen.of("rejected"), desk(line));

    let line = line!() + 1;
    let call = session.execute(Wait);
    assert!(tokio::time::timeout(MS, call).await.is_err());
    assert_eq!(seen.of("abandoned"), desk(line));

    let line = line!() + 1;
    let _scheduled = session.publish(Queued).after(MS).await.unwrap();
    assert_eq!(seen.of("scheduled"), desk(line));
    session.close().await;

    let seen = Seen::default();
    let bus = self::bus(BackpressureStrategy::DropOldest, &seen);
    let line = line!() + 1;
    bus.publish(Queued).await.unwrap();
    bus.publish(Queued).await.unwrap();
    assert_eq!(seen.of("dropped"), [(SessionId::BUS.to_string(), Some(line))]);
    bus.shutdown().await;
}

/// Counts how often it is written.
#[derive(Debug)]
struct Costly(Arc<AtomicU32>);
impl std::error::Error for Costly {}
impl fmt::Display for Costly {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fetch_add(1, Ordering::Relaxed);
        f.write_str("costly")
    }
}

#[command(error = Costly)]
struct Fail(Arc<AtomicU32>);
#[handler]
async fn fail(command: Fail) -> Result<(), Costly> {
    Err(Costly(command.0))
}

/// An error of a command goes to its caller, who knows what to do with it. The bus writes its text once, and keeps it as
/// the last failure of the handler and in the list of recent ones; spans, logs and observers that are not there have
/// none.
#[tokio::test(start_paused = true)]
async fn the_text_of_an_error_is_not_written_for_those_who_do_not_listen() {
    let written = Arc::new(AtomicU32::new(0));
    let bus = Bus::from_registered().unwrap();
    bus.execute(Fail(Arc::clone(&written))).await.unwrap_err();
    let recent: Vec<_> = bus.recent_failures().into_iter().map(|failure| failure.error).collect();
    assert_eq!(recent, ["command observed_where::Fail failed: costly"]);
    let last = bus.handler_stats().into_iter().filter_map(|stats| stats.last_failure);
    assert_eq!(last.map(|last| last.error).collect::<Vec<_>>(), ["failed: costly"]);
    assert_eq!(written.load(Ordering::Relaxed), 1);
}

/// Panics when it is dropped, as the destructor of somebody else may.
struct Falls(Arc<AtomicU32>);
impl Drop for Falls {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
        panic!("an observer falls");
    }
}
impl Observer for Falls {
    fn observe(&self, _: &Happening<'_>) {}
}

#[tokio::test(start_paused = true)]
async fn an_observer_that_panics_when_it_is_removed_harms_nobody() {
    let dropped = Arc::new(AtomicU32::new(0));
    let bus = Bus::from_registered().unwrap();
    let handle = bus.observe(Falls(Arc::clone(&dropped)));
    bus.publish(Queued).await.unwrap();
    handle.remove();
    for _ in 0..3 {
        bus.publish(Queued).await.unwrap();
        bus.idle().await;
    }
    assert_eq!((dropped.load(Ordering::Relaxed), bus.observers().len()), (1, 0));
    assert_eq!(bus.stats().failed, 0);
}
