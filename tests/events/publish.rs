//! What is published where nobody listens, before there is a runtime, on one of two buses, and with options.

use std::sync::{Arc, Mutex};

use bus::{Bus, Context, Res, UnhandledEvent, event, handler};

use super::{Log, build, bus};

#[event]
struct Unheard;

#[handler]
fn note_unhandled(event: &UnhandledEvent, log: &Res<Log>) {
    log.add(format!("{} {} in {}", event.event, event.event_id, event.session_id));
}

#[tokio::test(start_paused = true)]
async fn an_event_that_nobody_handles_is_counted_announced_and_told() {
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    let (bus, log) = build(Bus::builder().on_unhandled(move |event| {
        listener.lock().unwrap().push(event.event_id);
        panic!("a listener that panics is only its own problem");
    }));
    let _session = bus.session("s1").open().await.unwrap();
    let published = bus.publish(Unheard).session("s1").await.unwrap();
    bus.idle().await;
    assert_eq!(bus.stats().unhandled, 1);
    assert_eq!(*told.lock().unwrap(), [published.id]);
    assert_eq!(log.lines(), [format!("events::publish::Unheard {} in s1", published.id)]);
}

/// Two buses of one process are two: nothing of one is in the other.
#[tokio::test(start_paused = true)]
async fn buses_share_nothing() {
    let ((one, first), (other, second)) = (bus(), bus());
    one.register_event_handler(|_: Arc<Unheard>, _| std::future::ready(())).unwrap();
    other.shutdown().await;
    one.publish(Noted2(1)).and_wait().await.unwrap();
    one.publish(Unheard).and_wait().await.unwrap();
    assert_eq!((first.lines(), second.lines()), (vec!["1".to_owned()], vec![]));
    assert_eq!((one.stats().processed, other.stats().processed), (2, 0));
    assert_eq!(one.stats().handlers, other.stats().handlers + 1);
}

#[test]
fn publishing_before_there_is_a_runtime_loses_nothing() {
    let (bus, log) = bus();
    for n in 0..3 {
        bus.try_publish(Noted2(n)).unwrap();
    }
    assert_eq!(bus.stats().queued, 3);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert!(runtime.block_on(bus.shutdown()).is_clean());
    assert_eq!(log.lines(), ["0", "1", "2"]);
}
#[event]
struct Noted2(u32);
#[handler]
fn noted2(event: &Noted2, log: &Res<Log>) {
    log.add(event.0.to_string());
}

#[tokio::test]
async fn publish_carries_its_options() {
    let (bus, log) = bus();
    let _job = bus.session("job").open().await.unwrap();
    bus.publish(Tagged).header("k", "v").session("job").await.unwrap();
    bus.shutdown().await;
    assert_eq!(log.lines(), ["v job"]);
}
#[event]
struct Tagged;
#[handler]
fn tagged(_: &Tagged, cx: &Context, log: &Res<Log>) {
    log.add(format!("{} {}", cx.header("k").unwrap_or("none"), cx.session_id()));
}
