//! Sessions by their ids: those that are open, inside others, and of other buses.

use bus::{CommandErrorKind, PublishErrorKind, SessionError, SessionId};

use super::{Said, Who, answers, bus, listens};

#[tokio::test(start_paused = true)]
async fn a_session_is_named_by_its_id_from_anywhere() {
    let (bus, log) = bus();
    let session = bus.session("s").on_command(answers("own")).open().await.unwrap();
    assert_eq!(bus.execute(Who).session("s").await.unwrap(), "own in s");
    bus.publish(Said("by id")).session(session.id().clone()).and_wait().await.unwrap();
    assert_eq!(log.take(), ["bus: by id in s"]);
    assert_eq!(bus.find_session("s").unwrap().id(), session.id());
    assert!(bus.find_session("t").is_none());

    let error = bus.execute(Who).session("t").await.unwrap_err();
    assert!(
        matches!(error.kind(), CommandErrorKind::SessionClosed { session_id } if session_id.as_str() == "t")
    );
    assert_eq!(error.to_string(), "command sessions::Who was not executed: session t is not open");
    let error = bus.publish(Said("lost")).session("t").await.unwrap_err();
    assert!(matches!(error.kind(), PublishErrorKind::SessionClosed { .. }));
    assert_eq!(error.event.0, "lost", "the event comes back");
    assert_eq!(bus.stats().rejected, 1);
}

#[tokio::test(start_paused = true)]
async fn an_id_is_used_once_at_a_time_and_made_where_none_is_given() {
    let (bus, _) = bus();
    let first = bus.session("s").on_command(answers("first")).open().await.unwrap();
    let error = bus.session("s").on_command(answers("second")).open().await.unwrap_err();
    assert!(matches!(error, SessionError::AlreadyOpen { .. }), "{error}");
    assert_eq!(first.execute(Who).await.unwrap(), "first in s", "the second has changed the first");
    assert!(first.close().await.is_clean());
    let again = bus.session("s").open().await.unwrap();
    assert_eq!(again.execute(Who).await.unwrap(), "bus in s", "a handler of the first was left");

    let made = bus.session(None).open().await.unwrap();
    let next: u64 = made.id().as_str().rsplit('-').next().unwrap().parse().unwrap();
    // One that is named as the next would be.
    let taken = made.id().as_str().replace(&format!("-{next}"), &format!("-{}", next + 2));
    let _taken = bus.session(taken).open().await.unwrap();
    let other = bus.session(None).open().await.unwrap();
    assert_ne!(made.id(), other.id());
    for bad in ["BUS", ""] {
        let error = bus.session(bad).open().await.unwrap_err();
        assert!(matches!(error, SessionError::BadId { .. }), "{error}");
    }
    assert_eq!(bus.sessions().len(), 4);
}

/// Sessions of two buses have nothing to do with each other, though they have one name.
#[tokio::test(start_paused = true)]
async fn a_session_belongs_to_its_bus() {
    let ((one, first), (other, second)) = (bus(), bus());
    let a = one
        .session("s")
        .on_command(answers("a"))
        .on_event(listens(&first, "a"))
        .open()
        .await
        .unwrap();
    let b = other.session("s").open().await.unwrap();
    assert_eq!(b.execute(Who).await.unwrap(), "bus in s");
    b.publish(Said("x")).and_wait().await.unwrap();
    assert_eq!((first.take(), second.take()), (vec![], vec!["bus: x in s".to_owned()]));
    drop(b);
    other.shutdown().await;
    assert_eq!(a.execute(Who).await.unwrap(), "a in s");
    assert_eq!((one.sessions().len(), other.sessions().len()), (1, 0));
}

#[tokio::test(start_paused = true)]
async fn what_is_open_can_be_listed() {
    let (bus, log) = bus();
    let outer = bus.session("outer").on_event(listens(&log, "x")).open().await.unwrap();
    tokio::time::advance(std::time::Duration::from_secs(5)).await;
    let inner = outer.session("inner").open().await.unwrap();
    let list = bus.sessions();
    let told: Vec<_> = list
        .iter()
        .map(|s| {
            (
                s.id.as_str(),
                s.parent.as_ref().map(SessionId::as_str),
                s.age.as_secs(),
                s.handlers,
                s.children,
                s.in_flight,
                s.is_closing,
            )
        })
        .collect();
    let expected =
        [("outer", None, 5, 1, 1, 0, false), ("inner", Some("outer"), 0, 0, 0, 0, false)];
    assert_eq!(told, expected);
    assert_eq!((bus.stats().sessions_open, bus.stats().sessions_opened), (2, 2));
    drop(inner);
    bus.idle().await;
    assert_eq!(bus.stats().sessions_open, 1);
    assert_eq!(bus.sessions()[0].children, 0, "a session that has ended is still inside another");
}

/// A cycle of sessions that open each other ends.
#[tokio::test(start_paused = true)]
async fn sessions_are_not_nested_without_end() {
    let (bus, _) = bus();
    let mut all = vec![bus.session(None).open().await.unwrap()];
    let error = loop {
        match all.last().unwrap().session(None).open().await {
            Ok(session) => all.push(session),
            Err(error) => break error,
        }
    };
    assert!(matches!(error, SessionError::TooDeep { .. }), "{error}");
    assert_eq!(all.len(), 64);
    // The outermost takes all of them with it.
    assert!(all[0].close().await.is_clean());
    assert!(bus.sessions().is_empty());
}

#[tokio::test(start_paused = true)]
async fn a_top_level_session_is_inside_no_other() {
    let (bus, _) = bus();
    let outer = bus.session("outer").open().await.unwrap();
    let other = outer.session("other").top_level().open().await.unwrap();
    assert!(other.parent().is_none());
    outer.close().await;
    assert!(!other.is_closed());
    assert!(bus.find_session(other.id()).is_some());
}
