//! Whatever happens, nothing is left behind, and no error is lost.

use std::future::pending;
use std::sync::{Arc, Mutex, Weak};

use bus::{Bus, OwnedContext, Res, Session, SessionGuard};

use super::{Log, SECOND, Slow, burden, bus};

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Returned,
    Failed,
    Panicked,
    Cancelled,
    Dropped,
    Closed,
}

async fn end_as(bus: &Bus, log: &Res<Log>, how: How) -> Weak<()> {
    let weak = Mutex::new(Weak::new());
    let work = async |session: Session| -> bus::Result<u32> {
        *weak.lock().unwrap() = burden(&session, log);
        session.publish(Slow(SECOND)).await?;
        let child = session.session("child").open().await?;
        child.publish(Slow(SECOND)).await?;
        child.detach();
        match how {
            How::Failed => Err(bus::Error::msg("a row is wrong")),
            How::Panicked => panic!("on purpose"),
            How::Cancelled => pending().await,
            _ => Ok(7),
        }
    };
    match how {
        How::Returned => assert_eq!(bus.with_session("s", work).await.unwrap(), 7),
        How::Failed => {
            assert_eq!(
                bus.with_session("s", work).await.unwrap_err().to_string(),
                "a row is wrong"
            );
        }
        How::Panicked => {
            use std::panic::AssertUnwindSafe as Safe;
            let mut run = std::pin::pin!(bus.with_session("s", work));
            let poll = std::future::poll_fn(|task| {
                match std::panic::catch_unwind(Safe(|| run.as_mut().poll(task))) {
                    Ok(std::task::Poll::Pending) => std::task::Poll::Pending,
                    Ok(_) => panic!("the panic is lost"),
                    Err(panic) => std::task::Poll::Ready(panic),
                }
            });
            let panic = poll.await;
            assert_eq!(panic.downcast_ref::<&str>(), Some(&"on purpose"));
        }
        How::Cancelled => {
            tokio::time::timeout(SECOND / 2, bus.with_session("s", work)).await.unwrap_err();
        }
        How::Dropped => drop(burdened(bus, log, &weak).await),
        How::Closed => assert!(burdened(bus, log, &weak).await.close().await.is_clean()),
    }
    weak.into_inner().unwrap()
}

async fn burdened(bus: &Bus, log: &Res<Log>, weak: &Mutex<Weak<()>>) -> SessionGuard {
    let session = bus.session("s").open().await.unwrap();
    *weak.lock().unwrap() = burden(&session, log);
    session.publish(Slow(SECOND)).await.unwrap();
    session
}

#[tokio::test(start_paused = true)]
async fn however_a_session_ends_it_leaves_nothing_behind() {
    use How::{Cancelled, Closed, Dropped, Failed, Panicked, Returned};
    for how in [Returned, Failed, Panicked, Cancelled, Dropped, Closed] {
        let (bus, log) = bus();
        let handlers = bus.stats().handlers;
        let held = end_as(&bus, &log, how).await;
        if !matches!(how, Cancelled | Dropped) {
            assert!(bus.find_session("s").is_none(), "{how:?}: it was not awaited");
        }
        bus.idle().await;
        assert_eq!(held.strong_count(), 0, "{how:?}: something is still held");
        let stats = bus.stats();
        assert_eq!(
            (
                stats.sessions_open,
                stats.sessions_cut,
                stats.queued,
                stats.events_in_flight,
                stats.handlers
            ),
            (0, 0, 0, 0, handlers),
            "{how:?}"
        );
        assert!(bus.sessions().is_empty() && stats.failed == 0, "{how:?}");
        let told = log.take();
        let error = match how {
            Failed => "s: a row is wrong",
            Panicked => "s: panicked: on purpose",
            Cancelled => "s: it was cancelled",
            _ => "s: well",
        };
        assert!(
            told.contains(&error.to_owned()) && told.contains(&"closed".to_owned()),
            "{how:?}: {told:?}"
        );
        assert!(bus.shutdown().await.is_clean(), "{how:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_panic_of_a_task_or_a_callback_is_its_own_and_is_reported() {
    let (bus, log) = bus();
    let session = bus.session("s").open().await.unwrap();
    let task = session.spawn(async { panic!("a task") }).unwrap();
    assert!(task.await.unwrap_err().is_panic());
    let fine = log.clone();
    session.on_close(move || async move { fine.add("fine") }).unwrap();
    session.on_close(|| async { panic!("a callback") }).unwrap();
    #[allow(
        clippy::manual_assert,
        unreachable_code,
        reason = "a callback that panics before its future is there"
    )]
    session
        .on_close(|| {
            panic!("at once");
            async {}
        })
        .unwrap();
    let report = session.close().await;
    assert_eq!((report.panicked, report.callbacks_failed), (1, 2));
    assert!(log.take().contains(&"fine".to_owned()), "the others have run");
    assert!(report.to_string().contains("1 tasks panicked, 2 callbacks failed"), "{report}");
    let task = bus.session("t").open().await.unwrap().spawn(async { 5 }).unwrap();
    assert!(matches!(task.await, Ok(Some(5))));
}

#[tokio::test(start_paused = true)]
async fn errors_are_not_lost_on_the_way_to_the_end() {
    let (bus, log) = bus();
    let failed: bus::Result<()> = bus
        .with_session("closes first", async |session| {
            session.close_in_background();
            Err(bus::Error::msg("a row is wrong"))
        })
        .await;
    failed.unwrap_err();
    let panics = tokio::spawn({
        let bus = bus.clone();
        async move {
            let _session = bus.session("guarded").open().await.unwrap();
            std::panic::panic_any(());
        }
    });
    assert!(panics.await.unwrap_err().is_panic());
    bus.idle().await;
    assert_eq!(log.take(), ["closes first: a row is wrong", "guarded: its owner panicked"]);
}

/// What a closure has captured may panic when it is dropped, which is at the end of the session.
#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_does_not_keep_the_session_open() {
    struct Panics;
    impl Drop for Panics {
        fn drop(&mut self) {
            if !std::thread::panicking() {
                std::panic::panic_any(());
            }
        }
    }
    let (bus, _) = bus();
    let captured = Panics;
    let session = bus
        .session("s")
        .on_event(move |_: Arc<Slow>, _: OwnedContext| {
            let _captured = &captured;
            std::future::ready(())
        })
        .open()
        .await
        .unwrap();
    session.close().await;
    bus.idle().await;
    assert!(bus.sessions().is_empty());
    assert!(bus.session("s").open().await.is_ok(), "its id is not free");
}
