//! The test kit: what `run` drives may wait for real work, and must not wait for the bus that drives it.

use std::future::{Future, poll_fn};
use std::task::Poll;
use std::time::{Duration, Instant};

use bus::prelude::*;
use bus::testing::TestBus;

const SECOND: Duration = Duration::from_secs(1);

#[command]
struct Nap;
#[handler]
async fn nap(_: Nap, cx: &Context) -> bus::Result<()> {
    cx.sleep(SECOND).await;
    Ok(())
}

#[command(output = u32)]
struct Read;
#[handler]
async fn read(_: &Read, cx: &Context) -> bus::Result<u32> {
    let word = tokio::task::spawn_blocking(|| 7).await?;
    cx.sleep(SECOND).await;
    Ok(word)
}

fn build() -> TestBus {
    TestBus::builder().only("testing_driven").build().unwrap()
}

/// What it says, and that it says so at once.
async fn fails(work: impl Future<Output = ()> + Send + 'static) -> String {
    let began = Instant::now();
    let error = tokio::spawn(work).await.expect_err("it should fail").into_panic();
    assert!(began.elapsed() < 9 * SECOND, "it has waited for the limit");
    error.downcast_ref::<String>().cloned().unwrap_or_default()
}

#[tokio::test]
async fn what_waits_for_its_own_bus_says_so() {
    let texts = [
        fails(async {
            let bus = build();
            bus.run(async { bus.settle().await }).await;
        })
        .await,
        fails(async {
            let bus = build();
            bus.run_for(SECOND, async { bus.advance(SECOND).await }).await;
        })
        .await,
        fails(async {
            let bus = build();
            bus.run(async { bus.run(bus.execute(Nap)).await }).await.unwrap();
        })
        .await,
    ];
    for text in texts {
        assert!(text.starts_with("inside of what `run` drives, the bus is waited for"), "{text}");
        assert_eq!(text.matches("tests/testing_driven.rs:").count(), 2, "{text}");
    }
    let text = fails(async {
        let bus = build();
        let _ = bus.run(async { bus.try_settle().await }).await;
    });
    assert!(text.await.starts_with("inside of what `run` drives"));
    let text = fails(async {
        let bus = build();
        bus.run(async { bus.when(Nap).after(SECOND).then().succeeds().await }).await;
    });
    assert!(text.await.starts_with("inside of what `run` drives"));
    // Another bus is another matter, and so is what comes after.
    let (bus, other) = (build(), build());
    bus.run(async { other.settle().await }).await;
    bus.settle().await;
}

#[tokio::test]
async fn what_waits_for_real_work_is_waited_for() {
    let bus = build();
    let work = tokio::task::spawn_blocking(std::thread::yield_now);
    bus.run(work).await.unwrap();
    let cx = Context::for_test().on(&bus);
    assert_eq!(bus.run(read(&Read, &cx)).await.unwrap(), 7);
    assert_eq!(bus.clock().elapsed(), SECOND);
}

#[tokio::test]
async fn what_comes_to_be_due_later_is_waited_for() {
    let bus = build();
    let (inner, clock) = (bus.bus().clone(), bus.clock().clone());
    // It begins when the bus has settled long since, as a task on another thread may.
    let late = async {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
    };
    let task = tokio::spawn(async move {
        late.await;
        inner.execute(Nap).await
    });
    bus.run(task).await.unwrap().unwrap();
    // Nothing of the bus, but its clock.
    let task = tokio::spawn(async move {
        for _ in 0..50 {
            tokio::task::yield_now().await;
        }
        clock.sleep(SECOND).await;
    });
    bus.run(task).await.unwrap();
    assert_eq!(bus.clock().elapsed(), 2 * SECOND);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_begins_on_another_thread_is_waited_for() {
    for _ in 0..300 {
        let bus = build();
        let inner = bus.bus().clone();
        let task = tokio::spawn(async move { inner.execute(Nap).await });
        bus.run(task).await.unwrap().unwrap();
    }
}

#[tokio::test]
async fn what_is_never_ready_is_told_when_the_limit_is_over() {
    let text = fails(async {
        let limit = Duration::from_millis(20);
        let bus = TestBus::builder().only("testing_driven").settle_limit(limit).build().unwrap();
        let mut polls = 0;
        bus.run(poll_fn(|_| {
            polls += 1;
            assert!(polls < 50, "it is polled again and again");
            Poll::<()>::Pending
        }))
        .await;
    });
    let text = text.await;
    let start = "nothing is due, and the future is not ready after 20ms of real time\nat tests/";
    assert!(text.starts_with(start), "{text}");
}
