//! Foreign code that uses the bus where the bus calls it: listeners, destructors, wakers. Nothing of it
//! runs under a lock.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::task::{Wake, Waker};
use std::time::Duration;

use bus::{BackpressureStrategy, Bus, Outcome, WeakBus, event};

#[event]
struct Plain;
#[event]
struct Slow;

/// A bus whose callbacks know it.
fn build(configure: impl FnOnce(bus::Builder, Arc<OnceLock<WeakBus>>) -> bus::Builder) -> Bus {
    let this = Arc::new(OnceLock::new());
    let bus = configure(Bus::builder().without_registered(), Arc::clone(&this)).build().unwrap();
    this.set(bus.downgrade()).expect("set once");
    bus
}

fn publish_into(this: &OnceLock<WeakBus>) {
    let bus = this.get().and_then(WeakBus::upgrade);
    if let Some(bus) = bus {
        let _ = bus.try_publish(Plain);
    }
}

#[tokio::test(start_paused = true)]
async fn listeners_may_publish() {
    let calls = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&calls);
    let bus = build(|builder, this| {
        let other = Arc::clone(&this);
        builder
            .event_queue_size(10)
            .on_queue_mark(move |_| {
                count.fetch_add(1, Ordering::SeqCst);
                publish_into(&this);
            })
            .on_unhandled(move |_| publish_into(&other))
    });
    // Nobody handles `Slow`, whose listener publishes `Plain`.
    bus.register_event_handler(|_: Arc<Plain>, _| std::future::ready(())).unwrap();
    for _ in 0..8 {
        bus.try_publish(Slow).unwrap();
    }
    bus.idle().await;
    assert!(calls.load(Ordering::SeqCst) >= 2, "high and low");
    assert_eq!(bus.stats().unhandled, 8);
    assert!(bus.stats().processed >= 9, "{:?}", bus.stats());
}

/// An event that publishes another when it is dropped, wherever that is.
#[event]
struct Testament(Arc<OnceLock<WeakBus>>);
impl Drop for Testament {
    fn drop(&mut self) {
        publish_into(&self.0);
    }
}

#[tokio::test(start_paused = true)]
async fn destructors_of_events_may_publish() {
    let heirs = Arc::new(OnceLock::new());
    let bus = build(|builder, _| {
        builder.event_queue_size(2).backpressure_strategy(BackpressureStrategy::DropOldest)
    });
    heirs.set(bus.downgrade()).expect("set once");
    let handled = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&handled);
    bus.register_event_handler(move |_: Arc<Plain>, _| {
        count.fetch_add(1, Ordering::SeqCst);
        std::future::ready(())
    })
    .unwrap();
    for n in 0..6 {
        let outcome = bus.try_publish(Testament(Arc::clone(&heirs))).unwrap().outcome;
        assert_eq!(outcome != Outcome::Queued, n >= 2, "{outcome:?}");
    }
    bus.idle().await;
    assert!(handled.load(Ordering::SeqCst) >= 1);
    // Those that are left at the end publish into a bus that is closed.
    bus.try_publish(Testament(Arc::clone(&heirs))).unwrap();
    bus.shutdown().await;
    let gauges = bus.stats();
    assert_eq!((gauges.queued, gauges.events_in_flight), (0, 0));
}

/// A waker that holds a future of the same queue, and drops it with itself.
struct Holder(#[allow(dead_code, reason = "is dropped")] Mutex<Held>);
type Held = std::pin::Pin<Box<dyn Future<Output = ()> + Send>>;
impl Wake for Holder {
    fn wake(self: Arc<Self>) {}
}

#[tokio::test(start_paused = true)]
async fn dropping_a_waker_may_drop_what_waits_in_the_same_line() {
    let bus = build(|builder, _| {
        let timeout = Duration::from_secs(1000);
        builder.event_queue_size(1).backpressure_strategy(BackpressureStrategy::Block { timeout })
    });
    bus.register_event_handler(|_: Arc<Slow>, _| tokio::time::sleep(Duration::from_secs(1)))
        .unwrap();
    bus.try_publish(Slow).unwrap();
    let waits = |bus: Bus| -> Held {
        Box::pin(async move {
            let _ = bus.publish(Slow).await;
        })
    };
    let mut inner = waits(bus.clone());
    let noop = &mut std::task::Context::from_waker(Waker::noop());
    assert!(inner.as_mut().poll(noop).is_pending());
    // The outer future waits with a waker that holds the inner one, and then with another: the
    // former waker is dropped, the inner future with it, which leaves the line.
    let mut outer = waits(bus.clone());
    let holder = Waker::from(Arc::new(Holder(Mutex::new(inner))));
    assert!(outer.as_mut().poll(&mut std::task::Context::from_waker(&holder)).is_pending());
    drop(holder);
    assert!(outer.as_mut().poll(noop).is_pending());
    outer.await;
    bus.idle().await;
    assert_eq!(bus.stats().processed, 2);
}

#[tokio::test(start_paused = true)]
async fn the_end_may_come_from_several_sides_at_once() {
    let bus = build(|builder, _| builder.event_queue_size(1).concurrency(1));
    bus.register_event_handler(|_: Arc<Slow>, _| tokio::time::sleep(Duration::from_secs(1)))
        .unwrap();
    let mut waiting = tokio::task::JoinSet::new();
    for _ in 0..5 {
        let bus = bus.clone();
        waiting.spawn(async move { bus.publish(Slow).and_wait().await.is_ok() });
    }
    tokio::time::sleep(Duration::from_millis(1)).await;
    let (one, other) = tokio::join!(bus.shutdown(), bus.shutdown());
    assert!(one.is_clean() && other.is_clean(), "{one}; {other}");
    let mut accepted = 0;
    while let Some(waited) = waiting.join_next().await {
        accepted += usize::from(waited.unwrap());
    }
    assert_eq!(u64::try_from(accepted).unwrap(), bus.stats().processed);
    assert_eq!(bus.stats().rejected + bus.stats().processed, 5);
    assert!(bus.shutdown().await.is_clean(), "again");
}
