//! What comes after what while a session ends, and what a closed one refuses.

use std::future::pending;
use std::sync::Arc;

use bus::{
    CommandErrorKind, OwnedContext, PublishErrorKind, Session, SessionEndEvent, SessionError,
    SessionStartEvent, handler,
};

use super::{Dropped, SECOND, Sleep, Slow, add, bus};

#[tokio::test(start_paused = true)]
async fn the_end_has_an_order() {
    let (bus, log) = bus();
    let ends = log.clone();
    let session = bus
        .session("s")
        .on_event(add::<SessionStartEvent>(&log, "start"))
        .on_event(move |end: Arc<SessionEndEvent>, cx: OwnedContext| {
            let (of, after) = (&end.session_id, end.duration);
            ends.add(format!("end of {of} after {after:?}: {:?}", end.error));
            // Who hears of the end may take its time.
            ends.add(format!("told in {}, cancelled: {}", cx.session_id(), cx.is_cancelled()));
            std::future::ready(())
        })
        .open()
        .await
        .unwrap();
    for name in ["first callback", "second callback"] {
        let log = log.clone();
        session
            .on_close(move || async move {
                tokio::time::sleep(SECOND).await;
                log.add(name);
            })
            .unwrap();
    }
    let guard = Dropped(log.clone(), "task");
    let task = session.spawn(async move {
        let _guard = guard;
        pending::<()>().await;
    });
    let call = tokio::spawn({
        let session = session.handle();
        async move { session.execute(Sleep(2 * SECOND)).await }
    });
    session.publish(Slow(3 * SECOND)).await.unwrap();
    tokio::task::yield_now().await;
    let report = session.close().await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(report.duration, 5 * SECOND);
    call.await.unwrap().unwrap();
    assert!(matches!(task.unwrap().await, Ok(None)), "a task that was ended has no output");
    assert_eq!(
        log.take(),
        [
            "start",
            "bus: slow in s",
            "task",
            "second callback",
            "first callback",
            "end of s after 5s: None",
            "told in s, cancelled: false",
            "s: well"
        ]
    );
    assert_eq!(session.close().await, report, "the same end");
    assert_eq!(session.age(), report.duration);
}

async fn refuses_everything(session: &Session) {
    let id = session.id().clone();
    let error = session.execute(Sleep(SECOND)).await.unwrap_err();
    assert!(
        matches!(error.kind(), CommandErrorKind::SessionClosed { session_id } if *session_id == id)
    );
    let error = session.publish(Slow(SECOND)).await.unwrap_err();
    assert!(matches!(error.kind(), PublishErrorKind::SessionClosed { .. }));
    assert_eq!(
        error.to_string(),
        format!("event session_end::Slow was not published: session {id} is not open")
    );
    session.try_publish(Slow(SECOND)).unwrap_err();
    assert!(matches!(session.spawn(async {}), Err(SessionError::SessionClosed { .. })));
    assert!(matches!(
        session.session("child").open().await,
        Err(SessionError::SessionClosed { .. })
    ));
}

#[tokio::test(start_paused = true)]
async fn a_closed_session_takes_nothing() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    session.publish(Slow(SECOND)).await.unwrap();
    tokio::task::yield_now().await;
    let closing = tokio::spawn({
        let session = session.handle();
        async move { session.close().await }
    });
    tokio::task::yield_now().await;
    // While it ends ..
    assert!(session.is_closed() && bus.sessions()[0].is_closing);
    refuses_everything(&session).await;
    let taken = bus.session("s").open().await;
    assert!(
        matches!(taken, Err(SessionError::AlreadyOpen { .. })),
        "its id is taken until it has ended"
    );
    assert!(closing.await.unwrap().is_clean());
    // .. and after.
    refuses_everything(&session).await;
    assert!(session.register::<late>().is_err());
    assert!(session.register_event_handler(add::<Slow>(&log, "never")).is_err());
    assert!(session.on_close(async || {}).is_err());
    assert!(bus.find_session("s").is_none());
}
#[handler(manual)]
fn late(_: &Slow) {}

#[tokio::test(start_paused = true)]
async fn closing_may_be_given_up_and_goes_on() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    session.publish(Slow(2 * SECOND)).await.unwrap();
    tokio::time::timeout(SECOND, session.close()).await.unwrap_err();
    assert!(session.is_closed());
    // Several at once: one end, with the first error.
    let (a, b, c) =
        tokio::join!(session.close(), session.fail("it was late"), session.fail("too late"));
    assert_eq!((&a, &b), (&b, &c));
    assert_eq!((a.duration, a.error.as_deref()), (2 * SECOND, Some("it was late")));
    assert_eq!(log.take(), ["bus: slow in s", "s: it was late"]);
    drop(session);
    bus.idle().await;
    assert_eq!(log.take(), Vec::<String>::new(), "it has ended twice");
}
