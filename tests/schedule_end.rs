//! Later, and the end: of a session, of the bus, and of its runtime.

use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use bus::testing::{Step, TestBus, TestBusBuilder};
use bus::{
    Bus, Clock, Context, DropReason, Event, EventsDroppedEvent, FilterView, OwnedContext,
    PublishErrorKind, SessionId, Sleep, event, handler,
};
use tokio::time::{Instant, sleep};

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> TestBus {
    with(TestBus::builder().without_registered().handler::<rang>()).build().unwrap()
}

/// What was handled, in order: what rang, and which other handlers were called. And when, in milliseconds.
fn handled(bus: &TestBus) -> Vec<(String, u128)> {
    let record = bus.record();
    let rang =
        |id| record.iter().find_map(|entry| entry.event::<Rang>().filter(|_| entry.id == id));
    let calls = record.iter().filter_map(|call| {
        let Step::Handling { handler, .. } = &call.step else { return None };
        let name = rang(call.id).filter(|_| handler == "rang").map_or(&**handler, |rang| rang.0);
        Some((name.to_owned(), call.at.as_millis()))
    });
    calls.collect()
}
fn names(bus: &TestBus) -> Vec<String> {
    handled(bus).into_iter().map(|(name, _)| name).collect()
}
fn times(bus: &TestBus) -> Vec<u128> {
    handled(bus).into_iter().map(|(_, at)| at).collect()
}

/// What a handler is called with from now on, on whatever bus.
fn handles<E: Event, T: Send + 'static>(bus: &Bus, of: fn(&E) -> T) -> Arc<Mutex<Vec<T>>> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let log = Arc::clone(&calls);
    let handler = move |event: Arc<E>, _| {
        log.lock().unwrap().push(of(&event));
        std::future::ready(())
    };
    bus.register_event_handler(handler).unwrap();
    calls
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event]
struct Rang(&'static str);
#[handler(manual)]
fn rang(_: &Rang) {}

#[event]
struct Tick {
    takes: u64,
}
#[handler(manual)]
async fn tick(event: &Tick, cx: &Context) {
    cx.sleep(ms(event.takes)).await;
}

#[tokio::test]
async fn in_a_session_until_that_has_ended() {
    let bus = bus(|builder| builder);
    let heard = |_: Arc<Rang>, cx: OwnedContext| async move {
        assert_eq!(cx.session_id().as_str(), "short");
    };
    let session = bus.session("short").on_event(heard).open().await.unwrap();
    session.publish(Rang("soon")).after(ms(10)).await.unwrap();
    let late = session.publish(Rang("late")).after(ms(100)).await.unwrap();
    session.publish(Rang("tick")).every(ms(40)).await.unwrap();
    bus.advance(ms(50)).await;
    assert_eq!(names(&bus), ["closure", "soon", "closure", "tick"]);
    assert!(bus.run(session.close()).await.is_clean(), "the session waits for what is not due");
    assert!(late.is_pending());
    bus.advance(ms(200)).await;
    assert_eq!(names(&bus)[4..], ["late"]);
    let stats = bus.stats();
    assert_eq!((stats.scheduled, stats.failed), (0, 0), "what recurs in a session ends with it");
    let closed = bus.publish(Rang("no")).session(SessionId::from("short")).after(ms(1)).await;
    assert!(matches!(closed.unwrap_err().kind(), PublishErrorKind::SessionClosed { .. }));
}

/// Of a resource of its own, too, while an event is still to come.
#[tokio::test]
async fn a_session_that_has_ended_leaves_no_timer_that_holds_it() {
    let bus = bus(|builder| builder);
    let held = Arc::new(());
    struct Holds(#[expect(dead_code, reason = "is dropped")] Arc<()>);
    let hour = Duration::from_secs(3600);
    let session = bus.session("short").provide(Holds(Arc::clone(&held))).open().await.unwrap();
    let once = session.publish(Rang("once")).header("a", "b").after(hour).await.unwrap();
    let again = session.publish(Rang("again")).every(hour).await.unwrap();
    let cancelled = session.publish(Rang("cancelled")).every(hour).await.unwrap();
    let other = bus.session("other").open().await.unwrap();
    let of_other = other.publish(Rang("other")).every(hour).await.unwrap();
    assert!(cancelled.cancel());
    bus.run(session.close()).await;
    drop(session);
    assert!(once.is_pending() && !again.is_pending() && !again.cancel() && of_other.is_pending());
    assert_eq!(bus.stats().scheduled, 2);
    bus.settle().await;
    assert_eq!(Arc::strong_count(&held), 1, "the session is kept by what is to come");
    bus.advance(hour + ms(1)).await;
    assert_eq!(names(&bus), ["once", "other"]);
    bus.run(other.close()).await;
}

/// The last time of it is being handled when its session ends.
#[tokio::test]
async fn what_recurs_in_a_session_ends_with_it_at_work_too() {
    let bus = bus(|builder| builder.handler::<tick>());
    let session = bus.session("short").open().await.unwrap();
    let ticking = session.publish(Tick { takes: 100 }).every(ms(50)).await.unwrap();
    bus.advance(ms(60)).await;
    bus.run(session.close()).await;
    assert!(!ticking.is_pending());
    bus.advance(ms(500)).await;
    assert_eq!((times(&bus), bus.stats().scheduled), (vec![50], 0));
}

/// Of what is done in it until then, nothing waits for another time.
#[tokio::test]
async fn what_recurs_comes_no_more_when_its_session_begins_to_end() {
    let bus = bus(|builder| builder.handler::<tick>());
    let session = bus.session("short").open().await.unwrap();
    session.publish(Tick { takes: 100 }).await.unwrap();
    let recurs = session.publish(Rang("no")).every(ms(50)).await.unwrap();
    bus.advance(ms(20)).await;
    let closing = tokio::spawn(async move { session.close().await });
    bus.advance(ms(20)).await;
    assert!(recurs.is_pending());
    bus.advance(ms(20)).await;
    assert!(!closing.is_finished());
    assert_eq!((recurs.is_pending(), bus.stats().scheduled), (false, 0));
    assert!(bus.run(closing).await.unwrap().is_clean());
    assert_eq!(names(&bus), ["tick"]);
}

#[tokio::test]
async fn what_is_not_due_at_the_shutdown_is_in_the_report() {
    let bus = bus(|builder| builder.handler::<tick>());
    let said = handles(&bus, |lost: &EventsDroppedEvent| (lost.event, lost.reason, lost.count));
    for _ in 0..3 {
        bus.publish(Rang("never")).after(ms(100)).await.unwrap();
    }
    bus.publish(Tick { takes: 0 }).every(ms(50)).await.unwrap();
    let report = bus.run(bus.shutdown()).await;
    assert_eq!((report.not_due, report.dropped), (3, 0));
    assert!(!report.is_clean());
    assert!(report.to_string().contains("3 events not due yet"), "{report}");
    let refused = bus.publish(Rang("late")).after(ms(1)).await.unwrap_err();
    assert!(matches!(refused.kind(), PublishErrorKind::ShuttingDown), "{refused}");
    assert_eq!(refused.event.0, "late");
    bus.advance(ms(1000)).await;
    let said = said.lock().unwrap();
    assert!(said.contains(&("schedule_end::Rang", DropReason::NotDue, 3)), "{said:?}");
    bus.expect_none::<Rang>();
}

/// It is at work when the shutdown begins, and something else is for longer.
#[tokio::test]
async fn what_recurs_comes_no_more_when_the_bus_is_shut_down() {
    let bus = bus(|builder| builder.handler::<tick>());
    bus.publish(Tick { takes: 1000 }).await.unwrap();
    let recurs = bus.publish(Tick { takes: 20 }).every(ms(50)).await.unwrap();
    bus.advance(ms(60)).await;
    let report = bus.run(bus.shutdown()).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!(times(&bus), [0, 50]);
    assert_eq!((recurs.is_pending(), bus.stats().scheduled), (false, 0));
}

#[event]
struct Burst;
/// Fills the queue, and the one slot.
#[handler(manual)]
async fn burst(_: &Burst, cx: &Context) {
    for _ in 0..20 {
        cx.publish(Rang("burst")).await.unwrap();
    }
    cx.sleep(ms(150)).await;
}

#[test]
fn what_is_lost_with_its_runtime_is_counted() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let bus = bus(|builder| builder.handler::<burst>().concurrency(1).event_queue_size(2));
    let first = runtime();
    first.block_on(async {
        bus.publish(Burst).await.unwrap();
        bus.publish(Rang("waits for room")).after(ms(100)).await.unwrap();
        bus.publish(Rang("waits for its time")).after(ms(5000)).await.unwrap();
        bus.publish(Rang("recurs")).every(ms(5000)).await.unwrap();
        bus.advance(ms(120)).await;
        assert_eq!((bus.stats().scheduled, bus.stats().queued), (2, 20));
    });
    drop(first);
    assert_eq!((bus.stats().scheduled, bus.stats().dropped), (0, 22));
    let report = runtime().block_on(bus.shutdown());
    assert_eq!(report.not_due, 0);
}

#[tokio::test]
async fn what_is_due_before_the_shutdown_is_drained() {
    let bus = bus(|builder| builder.handler::<burst>().concurrency(1).event_queue_size(2));
    bus.publish(Burst).await.unwrap();
    bus.publish(Rang("due")).after(ms(100)).await.unwrap();
    bus.advance(ms(120)).await;
    let report = bus.run(bus.shutdown()).await;
    assert!(report.is_clean() && names(&bus).contains(&"due".to_owned()), "{report}");
}

/// So many timeouts that begin from now on are over at once, and the others never are.
struct Hurries(Arc<AtomicUsize>);
impl Clock for Hurries {
    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
    fn sleep_until(&self, _: std::time::Instant) -> Sleep {
        let one_less = |left: usize| left.checked_sub(1);
        match self.0.fetch_update(Ordering::SeqCst, Ordering::SeqCst, one_less) {
            Ok(_) => Sleep::new(std::future::ready(())),
            Err(_) => Sleep::new(std::future::pending()),
        }
    }
}

/// Its filter is asked on another thread, and for longer than a shutdown waits.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_due_is_waited_for_when_the_shutdown_has_given_up_on_the_rest() {
    let (asked, is_asked) = mpsc::channel();
    let (answer, answered) = mpsc::channel();
    let answered = Mutex::new(answered);
    let over = Arc::new(AtomicUsize::new(0));
    let builder = Bus::builder().without_registered().handler::<rang>();
    let builder = builder.clock(Hurries(Arc::clone(&over)));
    let builder = builder.filter(move |view: &FilterView<'_>| {
        if view.get::<Rang>().is_some() {
            asked.send(()).unwrap();
            answered.lock().unwrap().recv().unwrap();
        }
        true
    });
    let bus = builder.build().unwrap();
    let mut until_the_dispatcher_ends = bus.subscribe::<Rang>();
    bus.publish(Rang("due")).after(Duration::ZERO).await.unwrap();
    is_asked.recv().unwrap();
    // It is not drained, and not by cancelling either.
    over.store(2, Ordering::SeqCst);
    let shutdown = tokio::spawn(async move { bus.shutdown().await });
    assert!(until_the_dispatcher_ends.recv().await.is_none());
    for _ in 0..1000 {
        tokio::task::yield_now().await;
    }
    assert!(!shutdown.is_finished(), "it does not know what became of one");
    answer.send(()).unwrap();
    let report = shutdown.await.unwrap();
    assert_eq!(report.dropped, 1, "{report}");
}

#[tokio::test]
async fn what_is_due_and_finds_no_room_is_in_the_report_of_the_shutdown() {
    let bus = bus(|builder| {
        let builder = builder.handler::<floods>().concurrency(1).event_queue_size(2);
        builder.shutdown_timeout(ms(10), ms(10))
    });
    bus.publish(Flood).await.unwrap();
    bus.publish(Rang("due")).after(ms(10)).await.unwrap();
    bus.advance(ms(20)).await;
    assert_eq!((bus.stats().scheduled, bus.stats().queued), (0, 20));
    let report = bus.run(bus.shutdown()).await;
    assert_eq!((report.dropped, report.abandoned.len()), (21, 1), "{report}");
}

#[event]
struct Flood;
#[handler(manual)]
async fn floods(_: &Flood, cx: &Context) {
    for _ in 0..20 {
        cx.publish(Rang("flood")).await.unwrap();
    }
    cx.sleep(Duration::from_secs(86_400)).await;
}

#[tokio::test(start_paused = true)]
async fn a_bus_that_is_dropped_lets_go_of_what_is_scheduled() {
    let bus = Bus::builder().without_registered().build().unwrap();
    let held = Arc::new(());
    #[event]
    struct Holds(#[expect(dead_code, reason = "is dropped")] Arc<()>);
    let scheduled = bus.publish(Holds(Arc::clone(&held))).after(ms(1000)).await.unwrap();
    drop(bus);
    sleep(ms(10)).await;
    assert_eq!(Arc::strong_count(&held), 1);
    assert!(!scheduled.is_pending() && !scheduled.cancel());
}

/// Not of the test kit, which starts what waits for a runtime.
#[test]
fn what_is_scheduled_without_a_runtime_waits_for_one() {
    let start = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bus = Bus::builder().without_registered().build().unwrap();
    let rung = handles(&bus, |rang: &Rang| rang.0);
    let scheduled = futures_ready(bus.publish(Rang("waits")).after(ms(5)));
    assert!(scheduled.is_pending());
    start.block_on(async {
        bus.publish(Rang("first")).await.unwrap();
        sleep(ms(30)).await;
    });
    assert_eq!(*rung.lock().unwrap(), ["first", "waits"]);
}

#[test]
fn on_a_runtime_that_has_ended_nothing_is_scheduled() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    let bus = Bus::builder().without_registered().runtime(runtime.handle().clone()).build();
    let bus = bus.unwrap();
    drop(runtime);
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    let late = std::pin::pin!(bus.publish(Rang("late")).after(ms(1)));
    let std::task::Poll::Ready(refused) = late.poll(&mut task) else { panic!("it waits") };
    let refused = refused.unwrap_err();
    assert!(matches!(refused.kind(), PublishErrorKind::ShuttingDown), "{refused}");
}

/// The outcome of a future that is ready at once.
fn futures_ready<T, E: std::fmt::Debug>(future: impl Future<Output = Result<T, E>>) -> T {
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    match std::pin::pin!(future).poll(&mut task) {
        std::task::Poll::Ready(done) => done.unwrap(),
        std::task::Poll::Pending => panic!("it waits"),
    }
}

/// As a user's may, once.
struct Panics(Arc<AtomicBool>);
impl Clock for Panics {
    fn now(&self) -> std::time::Instant {
        assert!(!self.0.swap(false, Ordering::SeqCst), "the clock panics");
        Instant::now().into_std()
    }
    fn sleep_until(&self, deadline: std::time::Instant) -> Sleep {
        Sleep::new(tokio::time::sleep_until(deadline.into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_clock_that_panics_stops_nothing_for_ever() {
    let panics = Arc::new(AtomicBool::new(false));
    let builder = Bus::builder().without_registered().clock(Panics(Arc::clone(&panics)));
    let bus = builder.build().unwrap();
    let rung = handles(&bus, |rang: &Rang| rang.0);
    bus.publish(Rang("first")).after(ms(50)).await.unwrap();
    sleep(ms(10)).await;
    panics.store(true, Ordering::SeqCst);
    sleep(ms(90)).await;
    assert!(!panics.load(Ordering::SeqCst), "the clock was asked when the first was due");
    bus.publish(Rang("second")).after(ms(50)).await.unwrap();
    sleep(ms(100)).await;
    assert_eq!(*rung.lock().unwrap(), ["first", "second"]);
}

/// Publishes when the bus shuts down: for later, and at once.
#[event]
struct Leaving;
#[handler(manual)]
async fn leave(_: &Leaving, cx: &Context) -> bus::Result<()> {
    cx.sleep(ms(50)).await;
    let refused = cx.publish(Rang("later")).after(ms(1)).await.unwrap_err();
    assert!(matches!(refused.kind(), PublishErrorKind::ShuttingDown), "{refused}");
    cx.publish(refused.event).await.map_err(|error| bus::Error::msg(error.kind()))?;
    Ok(())
}

#[tokio::test]
async fn a_handler_that_is_drained_publishes_at_once_and_not_for_later() {
    let bus = bus(|builder| builder.handler::<leave>());
    bus.publish(Leaving).await.unwrap();
    let report = bus.run(bus.shutdown()).await;
    assert!(report.is_clean(), "{report}");
    assert_eq!((report.completed, report.failed), (2, 0));
    bus.expect::<Rang>().with(|rang| rang.0 == "later").once();
}
