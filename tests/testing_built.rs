//! A test bus is built like the real one, or from what the application builds.

use std::time::{Duration, SystemTime};

use bus::Clock;
use bus::prelude::*;
use bus::testing::{TestBus, TestClock};

#[command(output = u32)]
struct Add(u32);
#[command(output = u32)]
struct Double(u32);
#[event]
struct Added;

/// What is added to each.
struct Base(u32);

#[handler]
fn add(add: Add, base: &Res<Base>, emit: Emit<Added>) -> bus::Result<u32> {
    emit.send(Added);
    Ok(add.0 + base.0)
}
#[handler]
fn double(double: Double) -> bus::Result<u32> {
    Ok(2 * double.0)
}
#[handler]
fn added(_: &Added) {}
#[handler(manual)]
fn twice(double: Double) -> bus::Result<u32> {
    Ok(double.0 + double.0)
}

#[tokio::test]
async fn from_what_the_application_builds() {
    let of_app = Bus::builder().provide(Base(10));
    let bus = TestBus::builder().of(of_app).build().unwrap();
    assert_eq!(bus.execute(Add(1)).await.unwrap(), 11);
    bus.settle().await;
    bus.expect::<Added>().handled_by::<added>().once();
    // It has the test's clock, whatever it was built with.
    assert_eq!(bus.clock().elapsed(), Duration::ZERO);
}

#[tokio::test]
async fn a_handler_is_left_out_and_another_stands_in() {
    let builder = TestBus::builder().provide(Base(0)).without::<double>().without::<added>();
    let bus = builder.handler::<twice>().build().unwrap();
    assert_eq!(bus.execute(Double(4)).await.unwrap(), 8);
    bus.execute(Add(1)).await.unwrap();
    bus.settle().await;
    bus.expect::<Added>().once();
    assert!(!bus.record().iter().any(|entry| entry.to_string().contains("added")), "left out");
}

#[tokio::test]
async fn a_later_fake_of_a_command_replaces_the_earlier_and_no_other() {
    let builder = TestBus::builder().fake::<Add>(|_| Ok(1)).fake::<Double>(|_| Ok(2));
    // Nothing provides what `add` takes: it is not there.
    let bus = builder.fake::<Add>(|_| Ok(3)).build().unwrap();
    assert_eq!(bus.execute(Add(0)).await.unwrap(), 3);
    assert_eq!(bus.execute(Double(0)).await.unwrap(), 2);
    let calls = (bus.faked::<Add>().count(), bus.faked::<Double>().count());
    assert_eq!(calls, (1, 1));
}

#[tokio::test]
async fn time_begins_where_it_is_told_to() {
    let (start, hour) = (SystemTime::UNIX_EPOCH, Duration::from_secs(3600));
    let bus = TestBus::builder().provide(Base(0)).system_time(start).build().unwrap();
    bus.advance(hour).await;
    assert_eq!(bus.clock().system_time(), start + hour);
    let clock = TestClock::at(start);
    let shares = TestBus::builder().provide(Base(0)).test_clock(clock.clone()).build().unwrap();
    shares.advance(hour).await;
    assert_eq!(clock.system_time(), start + hour);
}
