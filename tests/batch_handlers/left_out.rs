//! Events that are left out of a batch: by a filter, by middleware, or because they waited too long.

use std::sync::Arc;

use bus::testing::TestBus;
use bus::{
    BackpressureStrategy, BatchOutcome, Call, Context, Ended, FilterView, Handled, Hook, HookCall,
    Invalid, Middleware, Next, Res, Validate, async_trait, event, handler, middleware,
};

use super::{Log, Sold, bus, ms, numbers, one_by_one, sell, store};

fn is_odd(view: &FilterView<'_>) -> bool {
    view.get::<Sold>().is_some_and(|sold| sold.0 % 2 == 1)
}
#[handler(manual, batch = 10, filter = is_odd)]
fn odd(events: &[Arc<Sold>], log: &Res<Log>) {
    log.say(format!("odd {:?}", numbers(events)));
}

#[tokio::test]
async fn a_filter_is_asked_of_each() {
    let (bus, log) = bus(|builder| builder.handler::<odd>());
    sell(&bus, 0..6).await;
    sell(&bus, [8]).await;
    bus.run(bus.idle()).await;
    sell(&bus, [10, 12]).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["odd [1, 3, 5]"], "it is not called for none");
}

#[tokio::test]
async fn what_is_dropped_while_it_waits_is_not_in_its_batch() {
    let (bus, log) = bus(|builder| {
        builder
            .handler::<one_by_one>()
            .event_queue_size(4)
            .backpressure_strategy(BackpressureStrategy::DropOldest)
    });
    sell(&bus, 0..4).await;
    bus.settle().await;
    sell(&bus, 4..7).await;
    bus.run(bus.idle()).await;
    let begun: Vec<_> = log.all().into_iter().filter(|line| line.starts_with("begin")).collect();
    assert_eq!(begun, ["begin [0, 1]", "begin [3]", "begin [4, 5]", "begin [6]"]);
    assert_eq!((bus.stats().dropped, bus.stats().processed), (1, 6));
}

#[event(ttl = "30ms")]
struct Quote(u32);
#[handler(manual, batch = 2, concurrency = 1)]
async fn quote(events: &[Arc<Quote>], cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(20)).await;
    log.say(format!("{:?}", events.iter().map(|event| event.0).collect::<Vec<_>>()));
}

#[tokio::test]
async fn what_expires_while_it_waits_is_not_in_its_batch() {
    let (bus, log) = bus(|builder| builder.handler::<quote>());
    for nr in 0..3 {
        bus.publish(Quote(nr)).await.unwrap();
    }
    bus.advance(ms(5)).await;
    for nr in 3..6 {
        bus.publish(Quote(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[0, 1]", "[2]"]);
    assert_eq!((bus.stats().expired, bus.stats().processed), (3, 3));
}

/// What stands around a handler stands around a batch.
#[derive(Clone)]
struct Around(Log);
#[async_trait]
impl Middleware for Around {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        let numbers: Vec<_> = call.batch::<Sold>().iter().map(|sold| sold.0).collect();
        assert!(call.get::<Sold>().is_none());
        if let Some(at) = numbers.iter().position(|number| *number == 2) {
            call.reject_event(at, "two");
            call.reject_event(1000, "nowhere");
        }
        if numbers.contains(&5) {
            return call.skip();
        }
        self.0.say(format!("around {numbers:?}"));
        let handled = next.run(call).await;
        self.0.say(format!("{:?}", call.ended().unwrap()));
        handled
    }
}
impl Hook for Around {
    fn before(&self, call: &HookCall<'_>) {
        assert!(call.get::<Sold>().is_none());
        self.0.say("hook");
    }
    fn after(&self, _: &HookCall<'_>, ended: &Ended<'_>) {
        self.0.say(format!("after, well: {}", ended.is_ok()));
    }
}

#[tokio::test]
async fn middleware_and_hooks_are_told_of_batches() {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone()).handler::<store>();
    let around = Around(log.clone());
    let bus = builder.middleware(around.clone()).hook(around).build().unwrap();
    sell(&bus, 0..6).await;
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["around [0, 1, 2, 3]", "hook", "[0, 1, 3]", "after, well: true", "Ok"]);
    assert_eq!((bus.stats().processed, bus.stats().failed), (5, 1));
    let failures = bus.recent_failures();
    assert!(failures[0].error.contains("was rejected by middleware"), "{}", failures[0].error);
    assert!(failures[0].error.ends_with(": two"), "{}", failures[0].error);
}

#[event]
struct Paid(i32);
impl Validate for Paid {
    fn validate(&self, invalid: &mut Invalid) {
        invalid.unless(self.0 > 0, "0", "must be more than 0");
    }
}
#[handler(manual, batch = 10, middleware = middleware::validation())]
fn paid(events: &[Arc<Paid>], log: &Res<Log>) -> BatchOutcome {
    log.say(format!("{:?}", events.iter().map(|event| event.0).collect::<Vec<_>>()));
    // Of what is left.
    let fails =
        |event: &Arc<Paid>| if event.0 == 4 { Err(bus::Error::msg("four")) } else { Ok(()) };
    events.iter().map(fails).collect()
}

#[tokio::test]
async fn the_invalid_ones_of_a_batch_are_left_out() {
    let (bus, log) = bus(|builder| builder.handler::<paid>());
    let mut four = None;
    for cents in [1, -2, 3, 0, 4, 5] {
        let published = bus.publish(Paid(cents)).await.unwrap();
        four = four.or((cents == 4).then_some(published.id));
    }
    bus.run(bus.idle()).await;
    for cents in [-1, -2] {
        bus.publish(Paid(cents)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["[1, 3, 4, 5]"]);
    assert_eq!((bus.stats().processed, bus.stats().failed), (3, 5));
    let (invalid, failed): (Vec<_>, Vec<_>) = bus
        .recent_failures()
        .into_iter()
        .partition(|failure| failure.error.contains("must be more than 0"));
    assert_eq!((invalid.len(), failed.len()), (4, 1));
    let of_another = "the failure of another: it counts those that the handler was given";
    assert_eq!((&*failed[0].error, Some(failed[0].message_id)), ("four", four), "{of_another}");
}
