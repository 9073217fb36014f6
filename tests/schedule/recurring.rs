//! Events that come again: `every` and `cron`.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{Context, FilterView, Scheduled, event, handler};

use super::{Rang, Tick, bus, calls, ms, rung, tick, times};

#[tokio::test]
async fn what_recurs_keeps_its_beat() {
    let bus = bus(|builder| builder.handler::<tick>());
    let ticking = bus.publish(Tick { takes: 30 }).every(ms(100)).await.unwrap();
    bus.advance(ms(450)).await;
    assert_eq!(times::<Tick>(&bus), [100, 200, 300, 400]);
    let ids: BTreeSet<_> = calls::<Tick>(&bus).iter().map(|(call, _)| call.id).collect();
    assert_eq!(ids.len(), 4, "each time has an id of its own");
    assert!(ticking.cancel());
    bus.advance(ms(450)).await;
    assert_eq!(times::<Tick>(&bus).len(), 4);
    assert_eq!(bus.stats().scheduled, 0);
}

#[tokio::test]
async fn what_was_missed_is_skipped_and_there_are_never_two_at_once() {
    let bus = bus(|builder| builder.handler::<tick>());
    let ticking = bus.publish(Tick { takes: 250 }).every(ms(100)).await.unwrap();
    bus.advance(ms(360)).await;
    assert!(ticking.is_pending() && ticking.due().is_some());
    bus.advance(ms(60)).await;
    assert!(ticking.is_pending() && ticking.due().is_none(), "it is at work");
    bus.advance(ms(590)).await;
    assert_eq!(times::<Tick>(&bus), [100, 400, 700, 1000]);
    assert!(ticking.cancel(), "while it is at work");
    bus.advance(ms(1000)).await;
    assert_eq!(times::<Tick>(&bus).len(), 4);
}

/// What follows from it counts too.
#[event]
struct Chain;
#[handler(manual)]
async fn chain(_: &Chain, cx: &Context) {
    cx.emit(Tick { takes: 150 });
}

#[tokio::test]
async fn what_recurs_waits_for_all_that_follows() {
    let bus = bus(|builder| builder.handler::<tick>().handler::<chain>());
    bus.publish(Chain).every(ms(100)).await.unwrap();
    bus.advance(ms(550)).await;
    assert_eq!(times::<Tick>(&bus), [100, 300, 500]);
}

#[tokio::test]
async fn a_cron_pattern_says_when() {
    // It begins at midnight.
    let bus = bus(|builder| builder);
    bus.publish(Rang("at three")).cron("0 3 * * *").await.unwrap();
    bus.publish(Rang("each quarter")).cron_in("Asia/Kolkata", "*/15 * * * *").await.unwrap();
    bus.advance(Duration::from_secs(2 * 86_400)).await;
    let at = |name| -> Vec<u128> {
        rung(&bus).iter().filter(|(what, _)| *what == name).map(|(_, at)| *at).collect()
    };
    assert_eq!(at("at three"), [3, 24 + 3].map(|hours| hours * 3_600_000));
    assert_eq!(at("each quarter"), (1..=192).map(|n| n * 900_000).collect::<Vec<_>>());
}

#[tokio::test]
async fn one_that_was_moved_goes_on_from_there() {
    let bus = bus(|builder| builder);
    let each_minute = bus.publish(Rang("minute")).cron("* * * * *").await.unwrap();
    let each_second = bus.publish(Rang("second")).every(ms(1000)).await.unwrap();
    assert!(each_minute.reschedule(ms(10_000)) && each_second.reschedule(ms(59_500)));
    bus.advance(ms(61_000)).await;
    let expected = [("minute", 10_000), ("second", 59_500), ("minute", 60_000), ("second", 60_500)];
    assert_eq!(rung(&bus), expected);
}

/// Not yet in the queue, and not waiting any more.
#[tokio::test]
async fn one_that_is_due_can_be_cancelled_and_is_waited_for() {
    let ticking = Arc::new(Mutex::new(None::<Scheduled>));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_filter = (Arc::clone(&ticking), Arc::clone(&seen));
    let weak = Arc::new(Mutex::new(None::<bus::WeakBus>));
    let of_bus = Arc::clone(&weak);
    let bus = bus(|builder| {
        builder.handler::<tick>().filter(move |view: &FilterView<'_>| {
            let (ticking, seen) = &of_filter;
            if view.get::<Rang>().is_some()
                && let Some(ticking) = &*ticking.lock().unwrap()
            {
                let bus = of_bus.lock().unwrap().as_ref().unwrap().upgrade().unwrap();
                let mut task = std::task::Context::from_waker(std::task::Waker::noop());
                let is_idle = std::pin::pin!(bus.idle()).poll(&mut task).is_ready();
                seen.lock().unwrap().extend([is_idle, ticking.is_pending(), ticking.cancel()]);
            }
            true
        })
    });
    *weak.lock().unwrap() = Some(bus.downgrade());
    bus.publish(Rang("first")).after(ms(100)).await.unwrap();
    *ticking.lock().unwrap() = Some(bus.publish(Tick { takes: 0 }).every(ms(100)).await.unwrap());
    bus.advance(ms(1000)).await;
    assert_eq!(*seen.lock().unwrap(), [false, true, true]);
    let calls = (times::<Rang>(&bus).len(), times::<Tick>(&bus).len());
    assert_eq!(calls, (1, 1), "what was in hand goes on, and none comes after it");
    assert_eq!(bus.stats().scheduled, 0);
}
