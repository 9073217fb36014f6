//! Which events come together, in which order, and how many at most.

use std::sync::Arc;

use bus::testing::TestBus;
use bus::{
    AnyEvent, BackpressureStrategy, Bus, CommandResultEvent, Context, Res, command, event, handler,
    handlers,
};

use super::{Booked, Log, Sold, bus, ms, one_by_one, sell, store};

#[event]
struct Rang;

#[tokio::test]
async fn a_handler_gets_what_comes_together_in_order() {
    let (bus, log) = bus(|builder| builder.handler::<store>().handler::<each>());
    sell(&bus, 0..6).await;
    bus.publish(Rang).await.unwrap();
    sell(&bus, 6..10).await;
    bus.run(bus.idle()).await;
    let mut all = log.all();
    all.retain(|line| line.starts_with('['));
    assert_eq!(all, ["[0, 1, 2, 3]", "[4, 5, 6, 7]", "[8, 9]"]);
    sell(&bus, [10]).await;
    bus.run(bus.idle()).await;
    assert!(log.all().contains(&"[10]".to_owned()), "it is flushed when there is no more");
    let stats = bus.stats();
    assert_eq!((stats.processed, stats.failed, stats.unhandled), (22, 0, 1));
}

#[handler(manual)]
fn each(event: &Sold, log: &Res<Log>) {
    log.say(format!("each {}", event.0));
}

#[tokio::test]
async fn a_batch_is_no_larger_than_that_of_the_dispatcher() {
    let (bus, log) = bus(|builder| builder.handler::<store>().batch_size(3));
    sell(&bus, 0..5).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1, 2]", "[3, 4]"]);
}

#[tokio::test]
async fn a_linger_fills_it() {
    let (bus, log) = bus(|b| b.handler::<store>().batch_timeout(ms(50)));
    for number in 0..3 {
        bus.publish(Sold(number)).await.unwrap();
        bus.advance(ms(10)).await;
    }
    bus.run(bus.shutdown()).await;
    assert_eq!(log.all(), ["[0, 1, 2]"], "it is flushed at the shutdown");
}

#[handler(manual, priority = 1)]
async fn before(event: &Sold, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(u64::from(10 - event.0))).await;
    log.say(format!("before {}", event.0));
}

#[tokio::test]
async fn priorities_hold_for_all_of_them() {
    let (bus, log) = bus(|builder| builder.handler::<store>().handler::<before>());
    sell(&bus, 0..3).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["before 2", "before 1", "before 0", "[0, 1, 2]"]);
}

#[tokio::test]
async fn its_concurrency_counts_batches_and_what_waits_is_queued() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<one_by_one>()
            .event_queue_size(4)
            .backpressure_strategy(BackpressureStrategy::RejectNew)
    });
    sell(&bus, 0..4).await;
    bus.settle().await;
    assert_eq!((bus.stats().queued, bus.stats().events_in_flight), (2, 2));
    sell(&bus, 4..6).await;
    assert!(bus.publish(Sold(6)).await.is_err(), "what waits for its batch counts as queued");
    bus.run(bus.idle()).await;
    let expected =
        ["begin [0, 1]", "end [0, 1]", "begin [2, 3]", "end [2, 3]", "begin [4, 5]", "end [4, 5]"];
    assert_eq!(log.all(), expected);
}

#[event(key = "account")]
struct Charged {
    account: u32,
    nr: u32,
}
#[handler(manual, batch = 5)]
async fn charge(events: &[Arc<Charged>], cx: &Context, log: &Res<Log>) {
    let all: Vec<_> = events.iter().map(|event| (event.account, event.nr)).collect();
    let first = all.iter().map(|(_, nr)| u64::from(*nr)).min().unwrap_or_default();
    cx.sleep(ms(100 - first)).await;
    all.iter().for_each(|(account, nr)| log.say(format!("{account}: {nr}")));
}
#[handler(manual)]
async fn alone(event: &Charged, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(u64::from(100 - event.nr))).await;
    log.say(format!("alone {}: {}", event.account, event.nr));
}

#[tokio::test]
async fn the_order_of_keys_is_kept_in_and_between_batches() {
    let (bus, log) = bus(|builder| builder.handler::<charge>().handler::<alone>().batch_size(8));
    for nr in 0..40 {
        for account in 0..3 {
            bus.publish(Charged { account, nr }).await.unwrap();
        }
        if nr % 7 == 0 {
            bus.settle().await;
        }
    }
    bus.run(bus.idle()).await;
    for prefix in ["", "alone "] {
        for account in 0..3 {
            let prefix = format!("{prefix}{account}: ");
            let all = log.all();
            let nrs = all.iter().filter_map(|line| line.strip_prefix(&prefix));
            let nrs: Vec<u32> = nrs.map(|nr| nr.parse().unwrap()).collect();
            assert_eq!(nrs, (0..40).collect::<Vec<_>>(), "{prefix}");
        }
    }
    assert_eq!(bus.stats().lanes, 0);
}

#[command]
struct Go;
#[handler(manual)]
async fn go(_: Go) -> bus::Result<()> {
    Ok(())
}
#[handler(manual, batch = 100)]
fn results(events: &[Arc<CommandResultEvent>], log: &Res<Log>) {
    log.say(format!("{} results", events.len()));
}
#[handler(manual, batch = 100, priority = -1)]
fn all(events: &[Arc<AnyEvent>], log: &Res<Log>) {
    let names: Vec<_> = events.iter().map(|event| event.info().short_name()).collect();
    log.say(format!("any {names:?}"));
}

#[tokio::test]
async fn own_events_and_any_events_come_in_batches_too() {
    let (bus, log) =
        bus(|b| b.handler::<go>().handler::<results>().handler::<all>().handler::<store>());
    for _ in 0..3 {
        bus.execute(Go).await.unwrap();
    }
    bus.run(bus.idle()).await;
    sell(&bus, 0..2).await;
    bus.publish(Rang).await.unwrap();
    bus.run(bus.idle()).await;
    let expected = ["3 results", "[0, 1]", "any [\"Sold\", \"Sold\"]", "any [\"Rang\"]"];
    assert_eq!(log.all(), expected);
}

struct Store(Log);
#[handlers]
impl Store {
    #[handler(batch = 3)]
    async fn keep(&self, events: &[Arc<Booked>]) -> Result<(), std::io::Error> {
        self.0.say(format!("{} booked", events.len()));
        Ok(())
    }
}

#[tokio::test]
async fn a_method_takes_batches_and_the_builder_says_of_how_many() {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    let config = |config: bus::HandlerConfig| config.batch(2);
    let bus = builder.handler::<store>().configure::<store>(config).build().unwrap();
    sell(&bus, 0..3).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1]", "[2]"]);
    let description = bus.describe().to_string();
    assert!(description.contains("up to 2 at once"), "{description}");
    let wrong = Bus::builder().without_registered().provide(log.clone());
    let zero = |config: bus::HandlerConfig| config.batch(0);
    let wrong = wrong.handler::<store>().handler::<each>().configure::<store>(zero);
    let wrong = wrong.configure::<each>(|config| config.batch(5)).build().unwrap_err().to_string();
    assert!(wrong.contains("`batch` is 0 for the handler"), "{wrong}");
    assert!(wrong.contains("left out: it takes one at a time"), "{wrong}");

    let registered = TestBus::builder().provide(log.clone()).provide(Store(log.clone()));
    let registered = registered.build().unwrap();
    for number in 0..4 {
        registered.publish(Booked(number)).await.unwrap();
    }
    registered.run(registered.idle()).await;
    assert_eq!(log.all()[2..], ["3 booked", "1 booked"]);
}

#[tokio::test]
async fn a_session_has_batches_of_its_own() {
    let (bus, log) = bus(|builder| builder.handler::<store>());
    let session = bus.session("a").open().await.unwrap();
    sell(&bus, 0..2).await;
    for number in 2..4 {
        session.publish(Sold(number)).await.unwrap();
    }
    sell(&bus, 4..5).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1]", "[2, 3]", "[4]"]);
    session.close().await;
}
