//! Sessions within sessions: the end of one is that of those inside.

use std::sync::{Arc, Mutex};

use bus::{Bus, OwnedContext, SessionGuard};

use super::{CloseYou, SECOND, Slow, bus};

#[tokio::test(start_paused = true)]
async fn the_end_of_a_session_is_that_of_those_inside() {
    let (bus, log) = bus();
    let outer = bus.session("outer").open().await.unwrap();
    let inner = outer.session("inner").open().await.unwrap();
    let innermost = inner.session("innermost").open().await.unwrap();
    innermost.publish(Slow(2 * SECOND)).await.unwrap();
    let report = outer.close().await;
    assert!(report.is_clean() && report.duration == 2 * SECOND, "{report}");
    assert!(inner.is_closed() && innermost.is_closed() && bus.sessions().is_empty());
    let ended: Vec<_> = log.take().into_iter().filter(|line| line.ends_with("well")).collect();
    assert_eq!(ended, ["innermost: well", "inner: well", "outer: well"]);
}

/// Inside a handler, the bus opens sessions within the handler's.
#[tokio::test(start_paused = true)]
async fn a_session_opened_by_a_handler_is_within_its_session() {
    let (bus, _) = bus();
    let session = bus
        .session("s")
        .on_event(|_: Arc<CloseYou>, cx: OwnedContext| async move {
            cx.bus().session("inner").open().await.unwrap().detach();
        })
        .open()
        .await
        .unwrap();
    session.publish(CloseYou).and_wait().await.unwrap();
    assert_eq!(bus.find_session("inner").unwrap().parent().unwrap().id(), session.id());
    assert!(session.close().await.is_clean());
    assert!(bus.sessions().is_empty());
}

/// A handler that is at work while its session closes opens another inside, and keeps it.
#[tokio::test(start_paused = true)]
async fn a_session_inside_does_not_outlive_the_one_around_it() {
    let (bus, _) = bus();
    let kept: Arc<Mutex<Option<SessionGuard>>> = Arc::default();
    let keep = Arc::clone(&kept);
    let session = bus
        .session("s")
        .close_timeout(SECOND)
        .on_event(move |_: Arc<CloseYou>, cx: OwnedContext| {
            let keep = Arc::clone(&keep);
            async move {
                cx.session().unwrap().close_in_background();
                let child = cx.bus().session("child").open().await.unwrap();
                *keep.lock().unwrap() = Some(child);
            }
        })
        .open()
        .await
        .unwrap();
    session.publish(CloseYou).and_wait().await.unwrap();
    let report = session.close().await;
    assert_eq!((report.duration, report.unfinished), (SECOND, 1));
    bus.idle().await;
    assert!(bus.sessions().is_empty() && kept.lock().unwrap().as_ref().unwrap().is_closed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_session_that_is_opened_while_the_one_around_it_closes_is_not_left_open() {
    let bus = Bus::from_registered().unwrap();
    for _ in 0..2_000 {
        let outer = bus.session("outer").open().await.unwrap();
        let inside = outer.handle();
        let opening = tokio::spawn(async move { inside.session("inner").open().await });
        let report = outer.close().await;
        if let Ok(inner) = opening.await.unwrap() {
            assert!(inner.is_closed(), "it has outlived the one around it");
        }
        assert!(report.duration < 10 * SECOND, "{report}");
    }
    bus.idle().await;
    assert!(bus.sessions().is_empty());
}
