//! The test kit: what a bus, a context or a fault is told is so, or is refused.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use bus::prelude::*;
use bus::testing::{Fault, Faulty, TestBus, TestClock};
use bus::{Happening, Resilience};

const SECOND: Duration = Duration::from_secs(1);

#[event]
struct Saved;
#[handler(retry(max_retries = 3))]
fn save(_: &Saved, faulty: &Res<Faulty>) -> bus::Result<()> {
    faulty.check()?;
    Ok(())
}

#[command(retry(max_retries = 3))]
struct Save;
#[handler]
fn saves(_: &Save, faulty: &Res<Faulty>) -> bus::Result<()> {
    faulty.check()?;
    Ok(())
}

#[command(error = Fault, retry(max_retries = 3))]
struct SaveAlone;
#[handler]
fn saves_alone(_: &SaveAlone, faulty: &Res<Faulty>) -> Result<(), Fault> {
    faulty.check()
}

/// What it panics with.
fn fails(work: impl FnOnce()) -> String {
    let panic = catch_unwind(AssertUnwindSafe(work)).expect_err("it should fail");
    let text = panic.downcast_ref::<String>().cloned();
    text.unwrap_or_else(|| (*panic.downcast_ref::<&str>().unwrap()).to_owned())
}

#[tokio::test]
async fn a_fault_that_is_permanent_is_so_in_any_error() {
    let faulty = Faulty::new("the disk");
    let builder = TestBus::builder().only("testing_settings").provide(faulty.clone());
    let bus = builder.resilient(Resilience::default()).build().unwrap();
    faulty.fail_always();
    faulty.permanently(true);
    bus.publish(Saved).await.unwrap();
    bus.settle().await;
    bus.advance(60 * SECOND).await;
    assert_eq!(faulty.calls(), 1, "it was tried again");
    bus.run(bus.execute(Save)).await.unwrap_err();
    assert_eq!(faulty.calls(), 2, "it was tried again");
    bus.run(bus.execute(SaveAlone)).await.unwrap_err();
    assert_eq!(faulty.calls(), 3);
    faulty.permanently(false);
    bus.run(bus.execute(Save)).await.unwrap_err();
    assert_eq!(faulty.calls(), 7);
}

#[test]
fn what_an_application_builds_comes_first() {
    let text = fails(|| {
        let builder = TestBus::builder().provide(Faulty::new("a"));
        drop(builder.of(Bus::builder().provide(Faulty::new("b"))));
    });
    assert!(text.starts_with("`.of(..)` comes first: it would drop what was set"), "{text}");
    // What belongs to the test alone is kept.
    let builder = TestBus::builder().seed(3).settle_limit(SECOND);
    let builder = builder.of(Bus::builder().only("testing_settings").provide(Faulty::new("a")));
    let bus = builder.provide(Faulty::new("b")).build().unwrap();
    bus.resource::<Faulty>().unwrap().fail_next(1);
    let fault = bus.resource::<Faulty>().unwrap().check().unwrap_err();
    assert_eq!((fault.name.as_str(), bus.seed()), ("b", Some(3)));
}

#[test]
fn a_context_of_a_bus_has_the_resources_of_that() {
    let bus =
        TestBus::builder().only("testing_settings").provide(Faulty::new("a")).build().unwrap();
    let why = "`.provide(..)` is for a context without a bus";
    let text = fails(|| drop(Context::for_test().on(&bus).provide(1_u8)));
    assert!(text.starts_with(why), "{text}");
    let text = fails(|| drop(Context::for_test().provide(1_u8).on(&bus)));
    assert!(text.starts_with(why), "{text}");
}

#[test]
fn a_clock_that_is_shared_shows_its_own_time() {
    let clock = TestClock::at(UNIX_EPOCH + SECOND);
    let why = "`.test_clock(..)` has a time of its own: `TestClock::at(time)`";
    let text = fails(|| drop(TestBus::builder().test_clock(clock.clone()).system_time(UNIX_EPOCH)));
    assert!(text.starts_with(why), "{text}");
    let text = fails(|| drop(TestBus::builder().system_time(UNIX_EPOCH).test_clock(clock.clone())));
    assert!(text.starts_with(why), "{text}");
}

#[tokio::test]
async fn what_a_bus_remembers_goes_by_its_clock() {
    let start = UNIX_EPOCH + 1000 * SECOND;
    let builder = TestBus::builder().only("testing_settings").provide(Faulty::new("a"));
    let bus = builder.system_time(start).build().unwrap();
    let faulty = bus.resource::<Faulty>().unwrap();
    faulty.permanently(true);
    faulty.fail_next(2);
    let told = Arc::new(Mutex::new(BTreeSet::new()));
    let times = Arc::clone(&told);
    let _ = bus.observe(move |happening: &Happening<'_>| {
        times.lock().unwrap().insert(happening.system_time());
    });
    bus.advance(5 * SECOND).await;
    let _session = bus.session("s").open().await.unwrap();
    bus.execute(SaveAlone).await.unwrap_err();
    bus.publish(Saved).await.unwrap();
    bus.settle().await;
    let failed: Vec<SystemTime> = bus.recent_failures().iter().map(|failure| failure.at).collect();
    assert_eq!(failed, [start + 5 * SECOND; 2]);
    let last = bus.handler_stats().into_iter().filter_map(|stats| stats.last_failure);
    assert!(last.map(|last| last.at).eq([start + 5 * SECOND; 2]));
    assert_eq!(bus.sessions()[0].since, start + 5 * SECOND);
    assert_eq!(*told.lock().unwrap(), BTreeSet::from([start + 5 * SECOND]));
}
