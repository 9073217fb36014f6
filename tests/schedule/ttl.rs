//! What has waited longer than its `ttl` is not handled.

use bus::testing::Step;
use bus::{Context, DropReason, EventsDroppedEvent, event, handler};

use super::{Tick, bus, calls, ms, tick, times};

#[event(ttl = "50ms")]
struct Quote;
#[handler(manual, concurrency = 1)]
async fn quote(_: &Quote, cx: &Context) {
    cx.sleep(ms(40)).await;
}
#[handler(manual, priority = -1)]
fn noted(_: &Quote) {}

#[tokio::test]
async fn what_expires_in_the_queue_is_counted_and_said() {
    let bus = bus(|builder| builder.handler::<quote>().handler::<noted>());
    let mut said = bus.subscribe::<EventsDroppedEvent>();
    for _ in 0..4 {
        bus.publish(Quote).await.unwrap();
    }
    let failures = bus.run(bus.publish(Quote).and_wait()).await.unwrap().failures;
    assert_eq!(failures.len(), 1);
    assert!(failures[0].to_string().contains("longer than its ttl of 50ms"), "{}", failures[0]);
    bus.run(bus.idle()).await;
    bus.advance(ms(2000)).await;
    let calls = calls::<Quote>(&bus);
    let at = |name: &str| -> Vec<_> {
        let is_it = |step: &Step| matches!(step, Step::Handling { handler, .. } if handler == name);
        calls.iter().filter(|(call, _)| is_it(&call.step)).map(|(call, _)| call.at).collect()
    };
    assert_eq!(at("quote").len(), 2, "{}", bus.tree());
    assert!(at("quote").iter().all(|at| *at < ms(50)), "{}", bus.tree());
    assert_eq!(at("noted").len(), 2, "{}", bus.tree());
    let stats = bus.stats();
    assert_eq!((stats.expired, stats.dropped, stats.failed, stats.queued), (3, 0, 0, 0));
    let said = std::iter::from_fn(|| said.try_recv())
        .filter(|said| (said.event, said.reason) == ("schedule::ttl::Quote", DropReason::Expired));
    assert_eq!(said.map(|said| said.count).sum::<u64>(), 3);
}

/// Before any handler: the dispatcher is held up by its batch.
#[tokio::test]
async fn what_expires_before_it_is_started_is_not() {
    let bus = bus(|builder| builder.handler::<quote>().handler::<tick>().concurrency(1));
    bus.publish(Tick { takes: 100 }).await.unwrap();
    bus.publish(Quote).await.unwrap();
    bus.run(bus.idle()).await;
    assert_eq!((times::<Tick>(&bus).len(), times::<Quote>(&bus).len()), (1, 0));
    assert_eq!((bus.stats().expired, bus.stats().unhandled), (1, 0));
}
