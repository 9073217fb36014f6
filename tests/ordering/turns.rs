//! Events of a key, or of an ordered type, wait for their turn, each handler in a line of its own.

use bus::middleware::retry;
use bus::{Bus, Context, FilterView, Jitter, Res, RetryConfig, event, handler};

use super::{Line, Log, begun_and_ended, bus, ms, print};

/// The earlier of its key, the longer it takes.
#[event(key = "order")]
struct Paid {
    order: u64,
    nr: u64,
}

#[handler(manual)]
async fn ship(event: &Paid, cx: &Context, log: &Res<Log>) {
    log.say(format!("{}: begin {}", event.order, event.nr));
    cx.sleep(ms(100 - 10 * event.nr)).await;
    log.say(format!("{}: end {}", event.order, event.nr));
}

#[tokio::test]
async fn events_of_a_key_follow_each_other_and_those_of_others_run_meanwhile() {
    let (bus, log) = bus(|builder| builder.handler::<ship>());
    for nr in 0..5 {
        for order in 0..3 {
            bus.publish(Paid { order, nr }).await.unwrap();
        }
    }
    bus.run(bus.idle()).await;
    for order in 0..3 {
        assert_eq!(log.of(&format!("{order}:")), begun_and_ended(order, 5));
    }
    assert_eq!(bus.clock().elapsed(), ms(100 + 90 + 80 + 70 + 60), "keys wait for each other");
    assert_eq!(bus.stats().lanes, 0, "an empty lane is not there");
}

#[handler(manual, concurrency = 2)]
async fn two_at_once(event: &Paid, cx: &Context, log: &Res<Log>) {
    log.say(format!("{}: begin {}", event.order, event.nr));
    cx.sleep(ms(100)).await;
    log.say(format!("{}: end {}", event.order, event.nr));
}

/// Both slots become free at once, and two of one key are the next who wait for one.
#[tokio::test]
async fn those_who_wait_for_a_slot_wait_for_their_turn_too() {
    let (bus, log) = bus(|builder| builder.handler::<two_at_once>());
    for (order, nr) in [(0, 0), (1, 0), (2, 0), (2, 1)] {
        bus.publish(Paid { order, nr }).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.of("2:"), begun_and_ended(2, 2));
}

#[tokio::test]
async fn all_events_of_an_ordered_type_follow_each_other() {
    let (bus, log) = bus(|builder| builder.handler::<print>().batch_size(2));
    for nr in 0..5 {
        bus.publish(Line(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), begun_and_ended(0, 5));
}

#[event(ordered)]
struct Step(u64);

#[handler(manual, priority = 1)]
async fn slow(event: &Step, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(100)).await;
    log.say(format!("slow {}", event.0));
}
#[handler(manual, priority = 1)]
async fn quick(event: &Step, cx: &Context, log: &Res<Log>) {
    cx.sleep(ms(1)).await;
    log.say(format!("quick {}", event.0));
}
#[handler(manual)]
fn after(event: &Step, log: &Res<Log>) {
    log.say(format!("after {}", event.0));
}

#[tokio::test]
async fn each_handler_has_its_own_line() {
    let (bus, log) = bus(|b| b.handler::<slow>().handler::<quick>().handler::<after>());
    for nr in 0..3 {
        bus.publish(Step(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    let expected = [
        "quick 0", "quick 1", "quick 2", "slow 0", "after 0", "slow 1", "after 1", "slow 2",
        "after 2",
    ];
    assert_eq!(log.all(), expected);
}

fn is_odd(view: &FilterView<'_>) -> bool {
    view.get::<Step>().is_some_and(|step| step.0 % 2 == 1)
}
#[handler(manual, priority = 1, filter = is_odd)]
async fn odd(event: &Step, cx: &Context) {
    cx.sleep(ms(100 * event.0)).await;
}

/// Zero is through the first group at once, one is not, and two is again.
#[tokio::test]
async fn what_a_filter_lets_pass_does_not_overtake_in_the_next_group() {
    let (bus, log) = bus(|builder| builder.handler::<odd>().handler::<after>());
    for nr in 0..4 {
        bus.publish(Step(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all(), ["after 0", "after 1", "after 2", "after 3"]);
}

#[event(key = "key")]
struct Tried {
    key: &'static str,
    nr: u64,
}

#[handler(manual)]
async fn try_it(event: &Tried, cx: &Context, log: &Res<Log>) -> Result<(), std::io::Error> {
    tokio::task::yield_now().await;
    log.say(format!("{}: {} {}", event.key, event.nr, cx.attempt()));
    match event.nr {
        0 => Err(std::io::Error::other("no")),
        1 => panic!("no"),
        2 => std::future::pending().await,
        _ => Ok(()),
    }
}

#[tokio::test(start_paused = true)]
async fn failures_panics_timeouts_and_retries_keep_the_order() {
    let config = RetryConfig { max_retries: 1, jitter: Jitter::None, ..RetryConfig::default() };
    // What hangs for ever is nothing that a test bus waits for.
    let log = Log::default();
    let builder = Bus::builder().without_registered().provide(log.clone());
    let bus = builder.handler::<try_it>().middleware(retry(config)).build().unwrap();
    for nr in 0..5 {
        for key in ["a", "b"] {
            bus.publish(Tried { key, nr }).await.unwrap();
        }
    }
    bus.idle().await;
    for key in ["a", "b"] {
        let tried = ["0 1", "0 2", "1 1", "2 1", "2 2", "3 1", "4 1"];
        let tried = tried.map(|what| format!("{key}: {what}"));
        assert_eq!(log.of(key), tried);
    }
    assert_eq!((bus.stats().processed, bus.stats().failed, bus.stats().lanes), (4, 6, 0));
}
