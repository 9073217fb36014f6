//! Limits of time: what is not done within them is cancelled, cut off, or told as left.

use std::future::pending;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::{
    Bus, CancelledBy, CommandErrorKind, EventHandlerFailedEvent, OwnedContext, SessionEndEvent,
};

use super::{Dropped, SECOND, Sleep, Slow, bus};

#[tokio::test(start_paused = true)]
async fn what_is_not_done_in_time_is_cancelled_and_the_buss_handlers_go_on() {
    let (bus, log) = bus();
    bus.register_event_handler({
        let log = log.clone();
        move |failed: Arc<EventHandlerFailedEvent>, _: OwnedContext| {
            log.add(format!("{} failed: {}", failed.handler, failed.error));
            std::future::ready(())
        }
    })
    .unwrap();
    let held = log.clone();
    let session = bus
        .session("s")
        .close_timeout(10 * SECOND)
        .on_event(move |_: Arc<Slow>, cx: OwnedContext| {
            let guard = Dropped(held.clone(), "dropped");
            async move {
                let _guard = guard;
                cx.cancelled().await;
                pending::<()>().await;
            }
        })
        .open()
        .await
        .unwrap();
    let call = tokio::spawn({
        let session = session.handle();
        async move { session.execute(Sleep(25 * SECOND)).await }
    });
    session.publish(Slow(20 * SECOND)).await.unwrap();
    tokio::task::yield_now().await;
    let report = session.close().await;
    assert_eq!(
        (report.duration, report.unfinished, report.left),
        (10 * SECOND, 2, 0),
        "{report:?}"
    );
    let error = call.await.unwrap().unwrap_err();
    let by = match error.kind() {
        CommandErrorKind::Cancelled(by) => by.clone(),
        other => panic!("{other:?}"),
    };
    assert_eq!(by, CancelledBy::Session("s".into()));
    bus.idle().await;
    assert_eq!(
        log.take(),
        [
            "dropped",
            "closure failed: was cancelled by the end of session s",
            "s: well",
            "bus: slow in s"
        ],
        "the handler of the bus has lost its event"
    );
    assert_eq!((bus.stats().processed, bus.stats().failed), (1, 1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_blocks_its_thread_is_told_as_left() {
    let (sender, receiver) = std::sync::mpsc::channel::<()>();
    let receiver = Mutex::new(receiver);
    let bus = Bus::builder().shutdown_timeout(SECOND, SECOND / 20).build().unwrap();
    let (started, running) = tokio::sync::oneshot::channel();
    let session = bus.session("s").close_timeout(SECOND / 20).open().await.unwrap();
    let task = session
        .spawn(async move {
            started.send(()).unwrap();
            receiver.lock().unwrap().recv().unwrap();
        })
        .unwrap();
    running.await.unwrap();
    let report = session.close().await;
    assert_eq!(report.left, 1, "{report}");
    assert!(bus.sessions().is_empty(), "a session waits for ever for a task that does not end");
    sender.send(()).unwrap();
    task.await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn who_hears_of_the_end_has_a_limit_too() {
    let (bus, log) = bus();
    let held = log.clone();
    let session = bus
        .session("s")
        .close_timeout(SECOND)
        .on_event(move |_: Arc<SessionEndEvent>, _: OwnedContext| {
            let guard = Dropped(held.clone(), "cut off");
            async move {
                let _guard = guard;
                pending::<()>().await;
            }
        })
        .open()
        .await
        .unwrap();
    session.on_close(|| async { pending().await }).unwrap();
    let report = session.close().await;
    assert_eq!((report.duration, report.callbacks_failed, report.left), (2 * SECOND, 1, 0));
    assert!(log.take().contains(&"cut off".to_owned()));
}

#[tokio::test(start_paused = true)]
async fn limits_may_be_none_or_endless() {
    let (bus, _) = bus();
    let none = bus.session("none").close_timeout(Duration::ZERO).open().await.unwrap();
    none.publish(Slow(SECOND)).await.unwrap();
    let report = none.close().await;
    assert_eq!((report.unfinished, report.duration), (1, Duration::ZERO), "{report}");
    let endless = bus.session("endless").close_timeout(Duration::MAX).open().await.unwrap();
    endless.publish(Slow(50 * SECOND)).await.unwrap();
    assert!(endless.close().await.is_clean());
}
