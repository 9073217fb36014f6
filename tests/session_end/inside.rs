//! Sessions that are closed from inside: by handlers, by callbacks, and by who hears of their start.

use std::sync::Arc;

use bus::{
    Bus, Context, OwnedContext, Res, Session, SessionEndEvent, SessionStartEvent, command, event,
    handler,
};

use super::{CloseYou, Log, SECOND, Sleep, Slow, bus};

#[command(output = bool)]
struct CloseMe;
#[handler]
async fn close_me(_: CloseMe, session: Session, log: &Res<Log>, cx: &Context) -> bus::Result<bool> {
    let report = session.close().await;
    tokio::time::sleep(SECOND).await;
    log.add("still here");
    // What is at work in the session may use it until it is done.
    session.execute(Sleep(SECOND)).await?;
    cx.publish(Slow(SECOND)).await?;
    let child = session.session("child").open().await?;
    child.execute(Sleep(SECOND)).await?;
    child.detach();
    Ok(report.is_deferred)
}

#[tokio::test(start_paused = true)]
async fn a_session_is_closed_from_inside_by_its_own_handlers() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    assert!(session.execute(CloseMe).await.unwrap());
    let report = session.close().await;
    assert!(report.is_clean() && report.duration == 3 * SECOND, "{report}");
    assert_eq!(log.take(), ["still here", "bus: slow in s", "child: well", "s: well"]);

    let noted = log.clone();
    let session = bus
        .session("t")
        .on_event(move |_: Arc<CloseYou>, session: OwnedContext| {
            let noted = noted.clone();
            async move {
                let is_deferred = session.execute(CloseMe).await.unwrap();
                noted.add(format!("a nested command is inside too: {is_deferred}"));
            }
        })
        .open()
        .await
        .unwrap();
    let settled = session.publish(CloseYou).and_wait().await.unwrap();
    assert!(settled.is_ok(), "{settled:?}");
    assert!(session.close().await.is_clean());
    assert!(bus.sessions().is_empty());
    assert!(log.take().contains(&"a nested command is inside too: true".to_owned()));
}

/// A handler of the bus that opens a session waits for it, and needs no slot meanwhile.
#[tokio::test(start_paused = true)]
async fn a_handler_that_waits_for_a_session_gives_its_slot_back() {
    let bus = Bus::builder().concurrency(1).build().unwrap();
    let log: Res<Log> = bus.resource().unwrap();
    let settled = bus.publish(Import).and_wait().await.unwrap();
    assert!(settled.is_ok(), "{settled:?}");
    assert_eq!(log.take(), ["bus: slow in import", "import: well", "imported"]);
}
#[event]
struct Import;
#[handler]
async fn import(_: &Import, bus: Bus, log: &Res<Log>) -> bus::Result<()> {
    bus.with_session("import", async |session| -> bus::Result<()> {
        session.publish(Slow(SECOND)).await?;
        Ok(())
    })
    .await?;
    log.add("imported");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_callback_may_close_its_session_and_use_the_bus() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    let (handle, noted) = (session.handle(), log.clone());
    session
        .on_close(move || async move {
            assert!(handle.close().await.is_deferred);
            assert!(handle.execute(Sleep(SECOND)).await.is_err(), "it takes no more");
            handle.bus().execute(Sleep(SECOND)).await.unwrap();
            noted.add("callback");
        })
        .unwrap();
    let report = session.close().await;
    assert!(report.is_clean() && report.duration == SECOND, "{report}");
    assert_eq!(log.take(), ["callback", "s: well"]);
}

/// Who hears of the start may end what it has heard of.
#[tokio::test(start_paused = true)]
async fn a_session_is_closed_by_who_hears_of_its_start() {
    let (bus, log) = bus();
    let (start, end) = (log.clone(), log.clone());
    let session = bus
        .session("s")
        .on_event(move |_: Arc<SessionStartEvent>, cx: OwnedContext| {
            let start = start.clone();
            async move {
                let report = cx.session().unwrap().close().await;
                start.add(format!("start: deferred {}", report.is_deferred));
            }
        })
        .on_event(move |_: Arc<SessionEndEvent>, cx: OwnedContext| {
            let end = end.clone();
            async move {
                let session = cx.session().unwrap();
                let is_deferred = session.close().await.is_deferred;
                let is_refused = session.session("too late").open().await.is_err();
                end.add(format!("end: deferred {is_deferred}, refused {is_refused}"));
                cx.publish(Slow(SECOND)).await.unwrap();
            }
        })
        .open()
        .await
        .unwrap();
    bus.idle().await;
    assert!(session.is_closed() && bus.sessions().is_empty());
    let log = log.take();
    for line in ["start: deferred true", "end: deferred true, refused true", "bus: slow in s"] {
        assert!(log.iter().any(|noted| noted == line), "{line} is not in {log:?}");
    }
}
