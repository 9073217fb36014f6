//! The test kit: what takes time is driven, for as long as it may take; what fails on the way says enough.

use std::future::{Future, pending};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestClock};

const SECOND: Duration = Duration::from_secs(1);

#[command(output = u32)]
#[derive(Debug)]
struct Brew {
    seconds: u32,
}
#[handler]
async fn brew(command: &Brew, cx: &Context, emit: Emit<Brewed>) -> bus::Result<u32> {
    cx.publish(Began).await?;
    if command.seconds == 0 {
        return Err(bus::Error::msg("no water"));
    }
    cx.sleep(command.seconds * SECOND).await;
    emit.send(Brewed);
    Ok(command.seconds)
}
#[event]
struct Began;
#[handler]
async fn began(_: &Began) {}
#[event]
struct Brewed;

fn build() -> TestBus {
    TestBus::builder().only("testing_run").build().unwrap()
}

async fn fails(work: impl Future<Output = ()> + Send + 'static) -> String {
    let error = tokio::spawn(work).await.expect_err("it should fail").into_panic();
    error.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn it_is_driven_for_so_long_at_most() {
    let bus = build();
    let brewed = bus.run_for(3 * SECOND, bus.execute(Brew { seconds: 2 })).await;
    assert_eq!(brewed.unwrap().unwrap(), 2);
    assert_eq!(bus.clock().elapsed(), 2 * SECOND, "no longer than it takes");
    // To the very time.
    let brewed = bus.run_for(3 * SECOND, bus.execute(Brew { seconds: 3 })).await;
    assert!(brewed.is_some() && bus.clock().elapsed() == 5 * SECOND);
    assert!(bus.run_for(3 * SECOND, bus.execute(Brew { seconds: 4 })).await.is_none());
    assert_eq!(bus.clock().elapsed(), 8 * SECOND);
    // It was dropped.
    bus.advance(10 * SECOND).await;
    bus.expect_count::<Brewed>(2);
    // Nothing at all is due.
    assert!(bus.run_for(SECOND, pending::<()>()).await.is_none());
    assert_eq!(bus.clock().elapsed(), 19 * SECOND);
    assert_eq!(bus.run_for(Duration::ZERO, async { 1 }).await, Some(1));
}

#[tokio::test]
async fn a_test_waits_by_the_clock_of_the_test() {
    let bus = build();
    let clock = bus.clock().clone();
    let woken = Arc::new(AtomicU32::new(0));
    let counts = Arc::clone(&woken);
    let task = tokio::spawn(async move {
        clock.sleep(2 * SECOND).await;
        counts.fetch_add(1, Ordering::Relaxed);
    });
    bus.run(bus.clock().sleep(SECOND)).await;
    assert_eq!((bus.clock().elapsed(), woken.load(Ordering::Relaxed)), (SECOND, 0));
    bus.advance(SECOND).await;
    task.await.unwrap();
    assert_eq!(woken.load(Ordering::Relaxed), 1);
    let never = TestClock::new().sleep(Duration::MAX);
    assert!(bus.run_for(SECOND, never).await.is_none());
}

#[tokio::test]
async fn what_is_never_ready_says_what_happened() {
    let text = fails(async {
        let limit = Duration::from_millis(20);
        let bus = TestBus::builder().only("testing_run").settle_limit(limit).build().unwrap();
        let _ = bus.run_for(SECOND, bus.execute(Brew { seconds: 0 })).await;
        bus.run(pending::<()>()).await;
    });
    let text = text.await;
    let start = "nothing is due, and the future is not ready after 20ms of real time\n\
                 at tests/testing_run.rs:";
    assert!(text.starts_with(start), "{text}");
    assert!(text.contains("what happened:\n  Brew { seconds: 0 }: executed by brew\n"), "{text}");
    let text = fails(async {
        let limit = Duration::from_millis(20);
        let builder = TestBus::builder().only("testing_run").settle_limit(limit);
        let bus = builder.build().unwrap();
        let _recurs = bus.publish(Began).every(SECOND).await.unwrap();
        bus.run(bus.wait_for::<Brewed>(|_| true)).await.unwrap();
    });
    let text = text.await;
    assert!(text.contains("not ready after 20ms of real time"), "{text}");
    assert!(text.contains("what happened:\n  Began: scheduled, due in 1s\n"), "{text}");
}

/// What it had sent is handled before that is told.
#[tokio::test]
async fn a_command_that_is_given_and_fails_leaves_a_settled_bus() {
    let text = fails(async {
        let _ = build().given_executed(Brew { seconds: 0 }).when(Brew { seconds: 1 }).await;
    });
    let text = text.await;
    assert!(text.starts_with("what is given is not so: command testing_run::Brew"), "{text}");
    assert!(text.contains("no water") && text.contains("handled by began"), "{text}");
    assert!(!text.contains("has not settled"), "{text}");
}
