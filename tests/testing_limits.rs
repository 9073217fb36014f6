//! The test kit: what the guide says of its limits is so.

use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder, TestClock};

const HALF: Duration = Duration::from_secs(30);

/// Real work, that is done when the test says so.
async fn work(bus: &Bus) {
    let given = bus.resource::<tokio::sync::Semaphore>().unwrap();
    given.acquire().await.unwrap().forget();
}

#[event]
struct Ended(&'static str);

#[event]
struct Hurried;
#[handler]
async fn hurries(_: &Hurried, cx: &Context, bus: Bus) {
    tokio::select! {
        biased;
        () = work(&bus) => cx.emit(Ended("work")),
        () = cx.sleep(HALF) => cx.emit(Ended("time")),
    }
}

#[event]
struct Limited;
#[handler(timeout = "30s")]
async fn limits(_: &Limited, cx: &Context, bus: Bus) {
    work(&bus).await;
    cx.emit(Ended("work"));
}

#[event]
struct Stays;
#[handler]
async fn stays(_: &Stays, cx: &Context) {
    cx.shutting_down().await;
}

#[event]
struct Rests;
#[handler]
async fn rests(_: &Rests, cx: &Context) {
    cx.sleep(HALF).await;
    cx.emit(Ended("rest"));
}

fn builder() -> TestBusBuilder {
    let builder = TestBus::builder().only("testing_limits");
    builder.provide(tokio::sync::Semaphore::new(0)).settle_limit(Duration::from_millis(50))
}

#[tokio::test]
async fn a_time_out_of_ones_own_comes_before_real_work() {
    let bus = builder().build().unwrap();
    bus.publish(Hurried).await.unwrap();
    bus.advance(HALF).await;
    assert_eq!(bus.expect::<Ended>().once().event().0, "time");
}

#[tokio::test]
async fn where_it_is_declared_the_work_is_waited_for() {
    let bus = builder().build().unwrap();
    bus.publish(Limited).await.unwrap();
    assert!(bus.try_settle().await.unwrap_err().pending[0].is_running);
    bus.resource::<tokio::sync::Semaphore>().unwrap().add_permits(1);
    bus.advance(HALF).await;
    assert_eq!(bus.expect::<Ended>().once().event().0, "work");
}

#[tokio::test]
async fn who_waits_for_the_end_alone_runs() {
    let bus = builder().build().unwrap();
    bus.publish(Stays).await.unwrap();
    assert!(bus.try_settle().await.unwrap_err().pending[0].is_running);
}

#[tokio::test]
async fn the_look_for_slow_handlers_is_due_too() {
    let bus = builder().build().unwrap();
    bus.publish(Rests).await.unwrap();
    bus.settle().await;
    assert_eq!(bus.next_due(), Some(Duration::from_secs(5)));
    let bus = builder().slow_handler_after(None).stuck_handler_after(None).build().unwrap();
    bus.publish(Rests).await.unwrap();
    bus.settle().await;
    assert_eq!(bus.next_due(), Some(HALF));
}

#[tokio::test]
async fn two_buses_on_one_clock() {
    let clock = TestClock::new();
    let one = builder().test_clock(clock.clone()).build().unwrap();
    let other = builder().test_clock(clock).build().unwrap();
    other.publish(Rests).await.unwrap();
    other.settle().await;
    one.advance(HALF).await;
    other.settle().await;
    other.expect::<Ended>().at(HALF).once();
}
