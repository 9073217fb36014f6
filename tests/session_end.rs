//! The end of a session: in which order, within which limits, and that nothing is left behind.

use std::future::pending;
use std::sync::{Arc, Mutex, Weak};
use std::time::Duration;

use bus::{
    Bus, CancelledBy, CommandErrorKind, Context, EventHandlerFailedEvent, OwnedContext,
    PublishErrorKind, Res, Session, SessionEndEvent, SessionError, SessionGuard, SessionStartEvent,
    command, event, handler, resource,
};

const SECOND: Duration = Duration::from_secs(1);

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn add(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
    fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
#[resource]
fn log() -> Log {
    Log::default()
}

fn bus() -> (Bus, Res<Log>) {
    let bus = Bus::from_registered().unwrap();
    let log = bus.resource().unwrap();
    (bus, log)
}

#[event]
struct Slow(Duration);

/// The bus's handler of `Slow`.
#[handler]
async fn slow(event: &Slow, log: &Res<Log>, cx: &Context) {
    tokio::time::sleep(event.0).await;
    log.add(format!("bus: slow in {}", cx.session_id()));
}
#[command]
struct Sleep(Duration);
#[handler]
async fn sleep(command: Sleep) -> bus::Result<()> {
    tokio::time::sleep(command.0).await;
    Ok(())
}

fn add<E: bus::Event>(
    log: &Res<Log>,
    line: &'static str,
) -> impl Fn(Arc<E>, OwnedContext) -> std::future::Ready<()> + use<E> {
    let log = log.clone();
    move |_, _| {
        log.add(line);
        std::future::ready(())
    }
}

/// Says when it is dropped.
struct Dropped(Res<Log>, &'static str);
impl Drop for Dropped {
    fn drop(&mut self) {
        self.0.add(self.1);
    }
}

#[tokio::test(start_paused = true)]
async fn the_end_has_an_order() {
    let (bus, log) = bus();
    let ends = log.clone();
    let session = bus
        .session("s")
        .on_event(add::<SessionStartEvent>(&log, "start"))
        .on_event(move |end: Arc<SessionEndEvent>, cx: OwnedContext| {
            ends.add(format!(
                "end of {} after {:?}: {:?}",
                end.session_id, end.duration, end.error
            ));
            assert_eq!(cx.session_id(), end.session_id);
            assert!(!cx.is_cancelled(), "who hears of the end may take its time");
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

// Whatever happens, nothing is left behind.

/// What a session holds on to, and whether it still does.
fn burden(session: &Session, log: &Res<Log>) -> Weak<()> {
    let held = Arc::new(());
    let weak = Arc::downgrade(&held);
    let [a, b, c] = [(); 3].map(|()| Arc::clone(&held));
    session
        .register_event_handler(move |_: Arc<Slow>, _: OwnedContext| {
            let _held = Arc::clone(&a);
            std::future::ready(())
        })
        .unwrap();
    drop(session.spawn(async move {
        let _held = b;
        pending::<()>().await;
    }));
    let log = log.clone();
    session
        .on_close(move || async move {
            drop(c);
            log.add("closed");
        })
        .unwrap();
    weak
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum How {
    Returned,
    Failed,
    Panicked,
    Cancelled,
    Dropped,
    Closed,
}

#[handler]
fn ended(end: &SessionEndEvent, log: &Res<Log>) {
    log.add(format!("{}: {}", end.session_id, end.error.as_deref().unwrap_or("well")));
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
    assert!(matches!(task.await, Ok(None | Some(5))));
}

// Limits.

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

// From inside.

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
#[event]
struct CloseYou;

#[tokio::test(start_paused = true)]
async fn a_session_is_closed_from_inside_by_its_own_handlers() {
    let (bus, log) = bus();
    let session = bus
        .session("s")
        .on_event(|_: Arc<CloseYou>, cx: OwnedContext| async move {
            assert!(cx.execute(CloseMe).await.unwrap(), "a nested command is inside too");
        })
        .open()
        .await
        .unwrap();
    assert!(session.execute(CloseMe).await.unwrap());
    let report = session.close().await;
    assert!(report.is_clean() && report.duration == 3 * SECOND, "{report}");
    assert_eq!(log.take(), ["still here", "bus: slow in s", "child: well", "s: well"]);

    let session = bus
        .session("t")
        .on_event(|_: Arc<CloseYou>, session: OwnedContext| async move {
            session.execute(CloseMe).await.unwrap();
        })
        .open()
        .await
        .unwrap();
    let settled = session.publish(CloseYou).and_wait().await.unwrap();
    assert!(settled.is_ok(), "{settled:?}");
    assert!(session.close().await.is_clean());
    assert!(bus.sessions().is_empty());
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

// Nesting.

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

// The end of the bus, and of its runtime.

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

/// Who hears of the start may end what it has heard of.
#[tokio::test(start_paused = true)]
async fn a_session_is_closed_by_who_hears_of_its_start() {
    let (bus, log) = bus();
    let session = bus
        .session("s")
        .on_event(|_: Arc<SessionStartEvent>, cx: OwnedContext| async move {
            assert!(cx.session().unwrap().close().await.is_deferred);
        })
        .on_event(|_: Arc<SessionEndEvent>, cx: OwnedContext| async move {
            let session = cx.session().unwrap();
            assert!(session.close().await.is_deferred);
            assert!(session.session("too late").open().await.is_err());
            cx.publish(Slow(SECOND)).await.unwrap();
        })
        .open()
        .await
        .unwrap();
    bus.idle().await;
    assert!(session.is_closed() && bus.sessions().is_empty());
    assert!(log.take().contains(&"bus: slow in s".to_owned()), "its last event is not lost");
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
