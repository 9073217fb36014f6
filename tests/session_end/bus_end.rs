//! The end of the bus, and of its runtime, is that of its sessions.

use std::future::pending;

use bus::{Bus, SessionError, SessionGuard};

use super::{SECOND, Slow, burden, bus};

#[tokio::test(start_paused = true)]
async fn the_shutdown_ends_all_sessions_in_good_order() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    let _held = burden(&session, &log);
    session.publish(Slow(3 * SECOND)).await.unwrap();
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(log.take(), ["bus: slow in s", "closed", "s: well"]);
    assert!(session.is_closed());
    assert!(matches!(bus.session("t").open().await, Err(SessionError::ShuttingDown)));
}

#[test]
fn without_a_runtime_a_session_ends_at_once_and_that_is_counted() {
    let (bus, log) = bus();
    let session = open(&bus, "s");
    assert!(matches!(session.spawn(async {}), Err(SessionError::NoRuntime)));
    let called = log.clone();
    session.on_close(move || async move { called.add("callback") }).unwrap();
    session.on_close(pending).unwrap();
    session.try_publish(Slow(SECOND)).unwrap();
    drop(session);
    assert_eq!((bus.stats().sessions_open, bus.stats().sessions_cut), (0, 1));
    assert_eq!(log.take(), ["callback"]);
    let session = open(&bus, "s");
    // Its event is still there, and reaches the handlers of the bus.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .start_paused(true)
        .build()
        .unwrap();
    runtime.block_on(bus.idle());
    assert_eq!(log.take(), ["bus: slow in s"]);
    // A runtime that is gone: the same.
    let task = {
        let _entered = runtime.enter();
        session.spawn(pending::<()>()).unwrap()
    };
    drop(runtime);
    assert!(task.is_finished());
    drop(session);
    assert_eq!((bus.stats().sessions_open, bus.stats().sessions_cut), (0, 2));
}

/// Opens a session without a runtime: opening does not wait.
fn open(bus: &Bus, name: &str) -> SessionGuard {
    let mut opening = std::pin::pin!(bus.session(name).open());
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    match opening.as_mut().poll(&mut task) {
        std::task::Poll::Ready(session) => session.unwrap(),
        std::task::Poll::Pending => panic!("opening waits"),
    }
}

#[tokio::test(start_paused = true)]
async fn the_last_handle_of_the_bus_takes_its_sessions_with_it() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    let held = burden(&session, &log);
    let _slow = session.publish(Slow(60 * SECOND)).await.unwrap();
    tokio::task::yield_now().await;
    // The session alone keeps the bus.
    drop(bus);
    assert!(session.publish(Slow(SECOND)).await.is_ok());
    drop(session);
    tokio::time::sleep(120 * SECOND).await;
    assert_eq!(held.strong_count(), 0);
    assert!(log.take().contains(&"closed".to_owned()));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_opened_while_the_bus_shuts_down_is_not_left_open() {
    for _ in 0..500 {
        let bus = Bus::from_registered().unwrap();
        let there = bus.clone();
        let opening = tokio::spawn(async move { there.session("late").open().await });
        let report = bus.shutdown().await;
        assert_eq!(report.sessions_left, 0, "{report}");
        if let Ok(session) = opening.await.unwrap() {
            assert!(session.is_closed());
        }
        assert!(bus.sessions().is_empty());
    }
}
