//! Observing: begun and ended at run time, with the message at hand, and noticed by nobody.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use bus::prelude::*;
use bus::{CommandResultEvent, Happening, Observer};

use super::{Order, Ordered, Seen, Shipped, build};

#[tokio::test(start_paused = true)]
async fn at_run_time_switched_and_removed() {
    let (bus, first) = build(|b| b);
    let second = Seen::default();
    let handle = bus.observe(second.clone());
    let send = || drop(bus.try_publish(Shipped).unwrap());
    send();
    assert!(!first.take().is_empty() && !second.take().is_empty());
    handle.set_enabled(false);
    assert!(!handle.is_enabled());
    bus.idle().await;
    send();
    assert!(!first.take().is_empty() && second.take().is_empty());
    handle.set_enabled(true);
    bus.idle().await;
    send();
    assert!(!second.take().is_empty());
    assert_eq!(bus.observers().len(), 2);
    handle.remove();
    bus.idle().await;
    second.take();
    send();
    assert!(second.take().is_empty());
    assert_eq!(bus.observers().iter().map(|o| &*o.name).collect::<Vec<_>>(), ["seen"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_disturbs_nobody() {
    let (bus, seen) = build(|b| b.observer(|_: &Happening<'_>| panic!("an observer panics")));
    bus.execute(Order(1)).await.unwrap();
    bus.idle().await;
    assert_eq!(bus.stats().failed, 0);
    let told = seen.take().len();
    assert_eq!(bus.observers()[1].panics, u64::try_from(told).unwrap());
}

/// Else it would be told of what it does for ever.
#[tokio::test(start_paused = true)]
async fn what_an_observer_does_is_told_to_nobody() {
    let (bus, seen) = build(|b| b);
    let (weak, published) = (bus.downgrade(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&published);
    let _ = bus.observe(move |_: &Happening<'_>| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            weak.upgrade().unwrap().try_publish(Shipped).unwrap();
        }
    });
    bus.try_publish(Shipped).unwrap();
    assert_eq!(seen.take().len(), 1);
    assert_eq!(published.load(Ordering::Relaxed), 1);
    bus.idle().await;
    assert_eq!(seen.kinds(), ["Shipped unhandled", "Shipped unhandled"]);
}

/// Hears the bus's own events too.
struct Own(Arc<AtomicU32>, bool);
impl Observer for Own {
    fn observe(&self, happening: &Happening<'_>) {
        if happening.is_lifecycle() {
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn lifecycle(&self) -> bool {
        self.1
    }
}

#[tokio::test(start_paused = true)]
async fn the_buss_own_events_are_told_to_those_who_ask() {
    let (own, users) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (bus, _) =
        build(|b| b.observer(Own(own.clone(), true)).observer(Own(users.clone(), false)));
    let _ = bus.register_event_handler(
        |_: Arc<CommandResultEvent>, cx: bus::OwnedContext| async move {
            cx.publish(Shipped).await.unwrap();
        },
    );
    bus.execute(Order(1)).await.unwrap();
    bus.idle().await;
    // It is published, handling and handled; what it has published, and that nobody handles it.
    assert_eq!(own.load(Ordering::Relaxed), 5);
    assert_eq!(users.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_message_is_at_hand_where_it_is() {
    let (bus, _) = build(|b| b);
    let sum = Arc::new(AtomicU32::new(0));
    let add = Arc::clone(&sum);
    let _ = bus.observe(move |happening: &Happening<'_>| {
        let order = happening.get::<Order>().map(|order| order.0);
        let ordered = happening.get::<Ordered>().map(|ordered| 10 * ordered.0);
        add.fetch_add(order.or(ordered).unwrap_or(0), Ordering::Relaxed);
    });
    bus.execute(Order(3)).await.unwrap();
    bus.idle().await;
    // It is published, and kept from one of its handlers.
    assert_eq!(sum.load(Ordering::Relaxed), 3 + 30 + 30);
}

/// However many threads there are: each thing that is begun is ended, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_each_beginning_has_its_end() {
    let (bus, seen) = build(|b| b);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let bus = bus.clone();
        tasks.spawn(async move {
            for n in 0..100 {
                let _ = bus.execute(Order((task * 100 + n) % 10)).await;
            }
        });
    }
    tasks.join_all().await;
    bus.idle().await;
    let all = seen.kinds();
    let count = |start: &str| all.iter().filter(|kind| kind.starts_with(start)).count();
    assert_eq!(count("Order executing"), 400);
    assert_eq!(count("Order executed 1 ok"), 400);
    assert_eq!(count("Ordered published"), 400);
    assert_eq!(count("Ordered handling ship"), 400);
    assert_eq!(count("Ordered handled ship"), 400);
    assert_eq!(count("Ordered handled check") + count("Ordered filtered"), 400);
    assert_eq!(count("Shipped unhandled"), 400);
}
