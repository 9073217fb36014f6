//! Events that come once: `after`, `at`, and what becomes of a handle.

use std::sync::Mutex;
use std::time::Duration;

use bus::{Clock, Context, FilterView, MessageId, Res, event, handler};
use tokio::time::sleep;

use super::{Rang, bus, bus_of_tokio, ms, rung, times};

#[tokio::test]
async fn events_come_when_they_are_due_and_not_before() {
    let bus = bus(|builder| builder);
    let (start, of_day) = (bus.clock().now(), bus.clock().system_time());
    bus.publish(Rang("third")).after(ms(300)).await.unwrap();
    bus.publish(Rang("first")).at(start + ms(100)).await.unwrap();
    bus.publish(Rang("second")).at(of_day + ms(201)).await.unwrap();
    bus.publish(Rang("past")).at(of_day - ms(1000)).await.unwrap();
    bus.publish(Rang("now")).after(Duration::ZERO).await.unwrap();
    bus.publish(Rang("third, too")).after(ms(300)).await.unwrap();
    assert_eq!(bus.stats().scheduled, 6);
    bus.advance(ms(99)).await;
    // Both are due at once; that in the past was due before.
    assert_eq!(rung(&bus), [("past", 0), ("now", 0)]);
    bus.run(bus.idle()).await;
    assert_eq!(rung(&bus).len(), 2, "idle waits for what is not due");
    bus.advance(ms(1000)).await;
    let expected = [("first", 100), ("second", 201), ("third", 300), ("third, too", 300)];
    assert_eq!(rung(&bus)[2..], expected);
    assert_eq!(bus.stats().scheduled, 0);
}

#[tokio::test]
async fn one_that_is_due_earlier_is_not_waited_past() {
    let bus = bus(|builder| builder);
    let far = bus.publish(Rang("far")).after(ms(3000)).await.unwrap();
    // The driver waits for the far one by now.
    bus.advance(ms(10)).await;
    bus.publish(Rang("near")).after(ms(90)).await.unwrap();
    bus.advance(ms(500)).await;
    assert_eq!(rung(&bus), [("near", 100)]);
    assert!(far.reschedule(bus.clock().now() + ms(190)));
    bus.advance(ms(1000)).await;
    assert_eq!(rung(&bus)[1..], [("far", 700)]);
}

#[tokio::test]
async fn a_handle_takes_an_event_back_or_moves_it() {
    let bus = bus(|builder| builder);
    let start = bus.clock().now();
    let cancelled = bus.publish(Rang("cancelled")).after(ms(10)).await.unwrap();
    let sooner = bus.publish(Rang("sooner")).after(ms(3_600_000)).await.unwrap();
    let later = bus.publish(Rang("later")).after(ms(20)).await.unwrap();
    assert_eq!(later.due(), Some(start + ms(20)));
    assert!(cancelled.is_pending() && cancelled.cancel());
    assert!(!cancelled.is_pending() && !cancelled.cancel(), "it was cancelled twice");
    assert!(!cancelled.reschedule(ms(1)), "it was cancelled");
    assert!(sooner.reschedule(ms(5)));
    assert!(later.reschedule(start + ms(40)));
    assert!(!later.reschedule(Duration::MAX), "the clock does not reach so far");
    bus.advance(ms(100)).await;
    assert_eq!(rung(&bus), [("sooner", 5), ("later", 40)]);
    assert!(!sooner.is_pending() && sooner.due().is_none() && !sooner.reschedule(ms(1)));
}

#[tokio::test]
async fn filters_are_asked_when_an_event_is_due() {
    let bus = bus(|builder| {
        builder.filter(|view: &FilterView<'_>| view.get::<Rang>().is_none_or(|rang| rang.0 != "no"))
    });
    bus.publish(Rang("no")).after(ms(1)).await.unwrap();
    bus.publish(Rang("yes")).after(ms(1)).await.unwrap();
    assert_eq!(bus.event_queue().stats().filtered, 0);
    bus.advance(ms(10)).await;
    assert_eq!((rung(&bus), bus.event_queue().stats().filtered), (vec![("yes", 1)], 1));
}

#[event]
struct Poll {
    nr: u32,
}
/// Is it caused by something, and in which conversation?
#[derive(Default)]
struct Polled(Mutex<Vec<(bool, MessageId)>>);
/// Schedules itself, more often than messages may cause each other.
#[handler(manual)]
async fn poll(event: &Poll, cx: &Context, polled: &Res<Polled>) {
    polled.0.lock().unwrap().push((cx.causation_id().is_some(), cx.correlation_id()));
    if event.nr < 200 {
        cx.publish(Poll { nr: event.nr + 1 }).after(ms(1)).await.unwrap();
    }
}

#[tokio::test]
async fn what_schedules_itself_is_no_chain_and_one_conversation() {
    let bus = bus(|builder| builder.handler::<poll>().provide(Polled::default()));
    let settled = bus.run(bus.publish(Poll { nr: 1 }).and_wait()).await.unwrap();
    assert_eq!(times::<Poll>(&bus), [0], "nobody waits for what comes later");
    bus.advance(ms(1000)).await;
    let polled = bus.resource::<Polled>().unwrap();
    let polled = polled.0.lock().unwrap();
    assert_eq!(polled.len(), 200);
    assert_eq!(polled[0], (false, settled.id));
    assert!(polled[1..].iter().all(|of| *of == (true, settled.id)));
    assert_eq!(bus.stats().failed, 0);
}

#[event]
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_stops_no_others() {
    let no_bombs = |view: &FilterView<'_>| view.get::<Bomb>().is_none();
    let (bus, log) = bus_of_tokio(|builder| builder.filter(no_bombs));
    bus.publish(Bomb).after(ms(10)).await.unwrap();
    bus.publish(Rang("with it")).after(ms(10)).await.unwrap();
    bus.publish(Rang("after it")).after(ms(20)).await.unwrap();
    sleep(ms(50)).await;
    assert_eq!(*log.lock().unwrap(), [("with it", 10), ("after it", 20)]);
    bus.idle().await;
}
