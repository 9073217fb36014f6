//! What observers are told, in which order, with which ids.

use std::sync::Arc;
use std::time::Duration;

use bus::prelude::*;
use bus::{BackpressureStrategy, EventFilter, filters};

use super::{NoLuck, Order, Ordered, Shipped, build, kinds};

const MS: Duration = Duration::from_millis(1);
const MINUTE: Duration = Duration::from_secs(60);

#[event]
struct Flaky;
#[handler(retry(max_retries = 1, initial_delay = "10ms", jitter = none))]
async fn stumble(_: &Flaky) -> Result<(), NoLuck> {
    Err(NoLuck)
}

#[event]
struct Many;
#[handler(batch = 10)]
async fn many(events: &[Arc<Many>], cx: &Context) {
    if events.len() > 1 {
        cx.emit(Shipped);
    }
}

#[event]
struct Brief;
#[handler]
async fn brief(_: &Brief) {
    tokio::time::sleep(MS).await;
}

#[tokio::test(start_paused = true)]
async fn a_command_and_what_follows_from_it() {
    let (bus, seen) = build(|b| b);
    let report = bus.execute(Order(20)).detailed().await;
    assert!(report.success);
    bus.idle().await;
    let all = seen.take();
    assert_eq!(
        kinds(&all),
        [
            "Order executing order",
            "Order handling order 1",
            "Order retrying 1 10ms false no luck",
            "Order handling order 2",
            "Ordered published Queued",
            "Order executed 2 ok",
            "Ordered handling ship 1",
            "Shipped published Queued",
            "Ordered handled ship 1 ok",
            "Ordered handling check 1",
            "Ordered handled check 1 ok",
            "Shipped unhandled",
        ]
    );
    let order = report.command_id;
    assert!(all[..4].iter().all(|(_, id, parent)| *id == Some(order) && parent.is_none()));
    let ordered = all[4].1;
    assert_eq!(all[4].2, Some(order));
    assert!(ordered.is_some() && all[6].1 == ordered && all[10].1 == ordered);
    assert_eq!(all[7].2, ordered, "the parent of what a handler publishes is its event");
    assert_eq!(all[11], ("Shipped unhandled".into(), all[7].1, ordered));
}

#[tokio::test(start_paused = true)]
async fn failures_retries_and_dead_letters() {
    let (bus, seen) = build(|b| b);
    bus.execute(Order(200)).await.unwrap_err();
    assert_eq!(
        seen.kinds(),
        [
            "Order executing order",
            "Order handling order 1",
            "Order retrying 1 10ms false no luck",
            "Order handling order 2",
            "Order dead order",
            "Order executed 2 err",
        ]
    );
    bus.publish(Flaky).await.unwrap();
    bus.idle().await;
    let all = seen.take();
    assert_eq!(
        kinds(&all),
        [
            "Flaky published Queued",
            "Flaky handling stumble 1",
            "Flaky retrying 1 10ms false no luck",
            "Flaky handling stumble 2",
            "Flaky dead stumble",
            "Flaky handled stumble 2 err",
        ]
    );
    assert!(all.iter().all(|(_, id, _)| *id == all[0].1 && id.is_some()));
}

#[tokio::test(start_paused = true)]
async fn filters_before_the_queue_and_before_a_handler() {
    let (bus, seen) = build(|b| b.filter(filters::of_type::<Flaky>().not().named("no flaky")));
    bus.publish(Flaky).await.unwrap();
    bus.publish(Ordered(1)).await.unwrap();
    bus.idle().await;
    assert_eq!(
        seen.kinds(),
        [
            "Flaky filtered no flaky",
            "Ordered published Queued",
            "Ordered handling ship 1",
            "Shipped published Queued",
            "Ordered handled ship 1 ok",
            "Ordered filtered is_dear check",
            "Shipped unhandled",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_rejected_or_expires() {
    let (bus, seen) = build(|b| {
        b.event_queue_size(1)
            .backpressure_strategy(BackpressureStrategy::DropOldest)
            .without::<brief>()
    });
    bus.try_publish(Brief).unwrap();
    bus.try_publish(Brief).unwrap();
    let all = seen.take();
    let expected = [
        "Brief published Queued",
        "- mark High",
        "Brief dropped 1 QueueFull",
        "Brief published QueuedAfterDropping(1)",
    ];
    let mut told = kinds(&all);
    told.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(told, sorted);
    let dropped = all.iter().find(|(kind, ..)| kind.contains("dropped")).unwrap();
    assert_eq!(dropped.1, all.iter().find(|(kind, ..)| kind.ends_with("Queued")).unwrap().1);
    bus.shutdown().await;
    seen.take();
    bus.publish(Brief).await.unwrap_err();
    bus.execute(Order(1)).await.unwrap_err();
    let told = seen.kinds();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "Brief rejected the bus is closed");
    assert!(
        told[1].starts_with("Order rejected") && told[1].ends_with("shutting down"),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn batches_are_told_of_each_event() {
    let (bus, seen) = build(|b| b);
    for _ in 0..2 {
        bus.try_publish(Many).unwrap();
    }
    bus.idle().await;
    assert_eq!(
        seen.kinds(),
        [
            "Many published Queued",
            "Many published Queued",
            "Many handling many 1 in a batch",
            "Many handling many 1 in a batch",
            "Shipped published Queued",
            "Many handled many 1 ok",
            "Many handled many 1 ok",
            "Shipped unhandled",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn callers_that_go_away_sessions_and_timers() {
    let (bus, seen) = build(|b| b);
    let session = bus.session("desk").open().await.unwrap();
    let scheduled = bus.publish(Brief).after(5 * MS).await.unwrap();
    session.close().await;
    {
        let mut call = Box::pin(bus.execute(Order(20)));
        assert!(futures_poll(call.as_mut()).await.is_none());
    }
    tokio::time::sleep(10 * MS).await;
    bus.idle().await;
    let all = seen.take();
    assert_eq!(
        kinds(&all),
        [
            "- sessionopened",
            "Brief scheduled",
            "- session ended None",
            "Order executing order",
            "Order handling order 1",
            "Order retrying 1 10ms false no luck",
            "Order abandoned",
            "Brief published Queued",
            "Brief handling brief 1",
            "Brief handled brief 1 ok",
        ]
    );
    assert!(all[1].1 == Some(scheduled.id()) && all[7].1 == all[1].1, "it keeps its id");
}

#[tokio::test(start_paused = true)]
async fn a_publisher_that_goes_away_while_it_waits_for_room() {
    let (bus, seen) = build(|b| {
        b.event_queue_size(1).backpressure_strategy(BackpressureStrategy::Block { timeout: MINUTE })
    });
    // Nothing is taken in between.
    bus.try_publish(Shipped).unwrap();
    seen.take();
    {
        let mut publish = Box::pin(bus.publish(Shipped).into_future());
        assert!(futures_poll(publish.as_mut()).await.is_none());
    }
    assert_eq!(seen.kinds(), ["Shipped abandoned"]);
    bus.idle().await;
    assert_eq!(bus.stats().published, 1);
}

async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|task| {
        std::task::Poll::Ready(match future.as_mut().poll(task) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}
