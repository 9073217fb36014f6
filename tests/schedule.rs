//! Later: `after`, `at`, `every`, `cron`, and `ttl`.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bus::testing::{Entry, Step, TestBus, TestBusBuilder};
use bus::{
    BackpressureStrategy, Builder, Bus, Clock, Context, DropReason, Event, EventsDroppedEvent,
    FilterView, MessageId, PublishErrorKind, Res, Scheduled, Sleep, event, handler,
};
use tokio::time::{Instant, sleep};

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> TestBus {
    with(TestBus::builder().without_registered().handler::<rang>()).build().unwrap()
}

/// Each call of a handler with such an event.
fn calls<E: Event>(bus: &TestBus) -> Vec<(Entry, Arc<E>)> {
    let record = bus.record();
    let event = |id| record.iter().find_map(|entry| entry.event().filter(|_| entry.id == id));
    let calls = record.iter().filter(|entry| matches!(entry.step, Step::Handling { .. }));
    calls.filter_map(|call| Some((call.clone(), event(call.id)?))).collect()
}

/// When they were handled, in milliseconds from the start.
fn times<E: Event>(bus: &TestBus) -> Vec<u128> {
    calls::<E>(bus).iter().map(|(call, _)| call.at.as_millis()).collect()
}

/// What rang, and when.
fn rung(bus: &TestBus) -> Vec<(&'static str, u128)> {
    calls::<Rang>(bus).iter().map(|(call, rang)| (rang.0, call.at.as_millis())).collect()
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event]
struct Rang(&'static str);
#[handler(manual)]
fn rang(_: &Rang) {}

#[tokio::test]
async fn events_come_when_they_are_due_and_not_before() {
    let bus = bus(|builder| builder);
    let (start, of_day) = (bus.clock().now(), bus.clock().system_time());
    bus.publish(Rang("third")).after(ms(300)).await.unwrap();
    bus.publish(Rang("first")).at(start + ms(100)).await.unwrap();
    bus.publish(Rang("second")).at(of_day + ms(201)).await.unwrap();
    bus.publish(Rang("past")).at(of_day - ms(1000)).await.unwrap();
    bus.publish(Rang("now")).after(Duration::ZERO).await.unwrap();
    bus.publish(Rang("third, too")).after(ms(300)).await.unwrap();
    assert_eq!(bus.stats().scheduled, 6);
    bus.advance(ms(99)).await;
    // Both are due at once; that in the past was due before.
    assert_eq!(rung(&bus), [("past", 0), ("now", 0)]);
    bus.run(bus.idle()).await;
    assert_eq!(rung(&bus).len(), 2, "idle waits for what is not due");
    bus.advance(ms(1000)).await;
    let expected = [("first", 100), ("second", 201), ("third", 300), ("third, too", 300)];
    assert_eq!(rung(&bus)[2..], expected);
    assert_eq!(bus.stats().scheduled, 0);
}

#[tokio::test]
async fn one_that_is_due_earlier_is_not_waited_past() {
    let bus = bus(|builder| builder);
    let far = bus.publish(Rang("far")).after(ms(3000)).await.unwrap();
    // The driver waits for the far one by now.
    bus.advance(ms(10)).await;
    bus.publish(Rang("near")).after(ms(90)).await.unwrap();
    bus.advance(ms(500)).await;
    assert_eq!(rung(&bus), [("near", 100)]);
    assert!(far.reschedule(bus.clock().now() + ms(190)));
    bus.advance(ms(1000)).await;
    assert_eq!(rung(&bus)[1..], [("far", 700)]);
}

#[tokio::test]
async fn a_handle_takes_an_event_back_or_moves_it() {
    let bus = bus(|builder| builder);
    let start = bus.clock().now();
    let cancelled = bus.publish(Rang("cancelled")).after(ms(10)).await.unwrap();
    let sooner = bus.publish(Rang("sooner")).after(ms(3_600_000)).await.unwrap();
    let later = bus.publish(Rang("later")).after(ms(20)).await.unwrap();
    assert_eq!(later.due(), Some(start + ms(20)));
    assert!(cancelled.is_pending() && cancelled.cancel());
    assert!(!cancelled.is_pending() && !cancelled.cancel(), "it was cancelled twice");
    assert!(!cancelled.reschedule(ms(1)), "it was cancelled");
    assert!(sooner.reschedule(ms(5)));
    assert!(later.reschedule(start + ms(40)));
    assert!(!later.reschedule(Duration::MAX), "the clock does not reach so far");
    bus.advance(ms(100)).await;
    assert_eq!(rung(&bus), [("sooner", 5), ("later", 40)]);
    assert!(!sooner.is_pending() && sooner.due().is_none() && !sooner.reschedule(ms(1)));
}

#[event]
struct Tick {
    takes: u64,
}
#[handler(manual)]
async fn tick(event: &Tick, cx: &Context) {
    cx.sleep(ms(event.takes)).await;
}

#[tokio::test]
async fn what_recurs_keeps_its_beat() {
    let bus = bus(|builder| builder.handler::<tick>());
    let ticking = bus.publish(Tick { takes: 30 }).every(ms(100)).await.unwrap();
    bus.advance(ms(450)).await;
    assert_eq!(times::<Tick>(&bus), [100, 200, 300, 400]);
    let ids: BTreeSet<_> = calls::<Tick>(&bus).iter().map(|(call, _)| call.id).collect();
    assert_eq!(ids.len(), 4, "each time has an id of its own");
    assert!(ticking.cancel());
    bus.advance(ms(450)).await;
    assert_eq!(times::<Tick>(&bus).len(), 4);
    assert_eq!(bus.stats().scheduled, 0);
}

#[tokio::test]
async fn what_was_missed_is_skipped_and_there_are_never_two_at_once() {
    let bus = bus(|builder| builder.handler::<tick>());
    let ticking = bus.publish(Tick { takes: 250 }).every(ms(100)).await.unwrap();
    bus.advance(ms(360)).await;
    assert!(ticking.is_pending() && ticking.due().is_some());
    bus.advance(ms(60)).await;
    assert!(ticking.is_pending() && ticking.due().is_none(), "it is at work");
    bus.advance(ms(590)).await;
    assert_eq!(times::<Tick>(&bus), [100, 400, 700, 1000]);
    assert!(ticking.cancel(), "while it is at work");
    bus.advance(ms(1000)).await;
    assert_eq!(times::<Tick>(&bus).len(), 4);
}

/// What follows from it counts too.
#[event]
struct Chain;
#[handler(manual)]
async fn chain(_: &Chain, cx: &Context) {
    cx.emit(Tick { takes: 150 });
}

#[tokio::test]
async fn what_recurs_waits_for_all_that_follows() {
    let bus = bus(|builder| builder.handler::<tick>().handler::<chain>());
    bus.publish(Chain).every(ms(100)).await.unwrap();
    bus.advance(ms(550)).await;
    assert_eq!(times::<Tick>(&bus), [100, 300, 500]);
}

#[tokio::test]
async fn a_cron_pattern_says_when() {
    // It begins at midnight.
    let bus = bus(|builder| builder);
    bus.publish(Rang("at three")).cron("0 3 * * *").await.unwrap();
    bus.publish(Rang("each quarter")).cron_in("Asia/Kolkata", "*/15 * * * *").await.unwrap();
    bus.advance(Duration::from_secs(2 * 86_400)).await;
    let at = |name| -> Vec<u128> {
        rung(&bus).iter().filter(|(what, _)| *what == name).map(|(_, at)| *at).collect()
    };
    assert_eq!(at("at three"), [3, 24 + 3].map(|hours| hours * 3_600_000));
    assert_eq!(at("each quarter"), (1..=192).map(|n| n * 900_000).collect::<Vec<_>>());
}

/// What rang, and when.
type Log = Arc<Mutex<Vec<(&'static str, u128)>>>;

/// For what a test bus cannot show: its clock on the wall is never put back, and its record keeps each event.
fn bus_of_tokio(with: impl FnOnce(Builder) -> Builder) -> (Bus, Log) {
    let bus = with(Bus::builder().without_registered()).build().unwrap();
    let (log, start) = (Log::default(), Instant::now());
    let of_handler = Arc::clone(&log);
    bus.register_event_handler(move |rang: Arc<Rang>, _| {
        of_handler.lock().unwrap().push((rang.0, start.elapsed().as_millis()));
        std::future::ready(())
    })
    .unwrap();
    (bus, log)
}

/// A wall clock of its own, which is put back.
struct Wall {
    from: SystemTime,
    start: Instant,
    put_back: Arc<AtomicU64>,
}

impl Clock for Wall {
    fn now(&self) -> std::time::Instant {
        Instant::now().into_std()
    }
    fn system_time(&self) -> SystemTime {
        self.from + self.start.elapsed() - ms(self.put_back.load(Ordering::SeqCst))
    }
    fn sleep_until(&self, deadline: std::time::Instant) -> Sleep {
        Sleep::new(tokio::time::sleep_until(deadline.into()))
    }
}

#[tokio::test(start_paused = true)]
async fn a_time_of_day_does_not_come_twice() {
    let put_back = Arc::new(AtomicU64::new(0));
    let from = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 1000);
    let wall = Wall { from, start: Instant::now(), put_back: Arc::clone(&put_back) };
    let (bus, log) = bus_of_tokio(|builder| builder.clock(wall));
    bus.publish(Rang("at three")).cron("0 3 * * *").await.unwrap();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    put_back.store(20, Ordering::SeqCst);
    sleep(hours(4)).await;
    assert_eq!(*log.lock().unwrap(), [("at three", 3 * 3_600_000)], "again after 20 ms");
    // One that was wrong is right now: what is due goes by it.
    put_back.store(2 * 86_400_000, Ordering::SeqCst);
    sleep(hours(24)).await;
    sleep(hours(24)).await;
    let expected = [(24 + 3) * 3_600_000 + 20, (48 + 3) * 3_600_000];
    assert_eq!(log.lock().unwrap()[1..], expected.map(|at| ("at three", at)));
}

#[tokio::test]
async fn one_that_was_moved_goes_on_from_there() {
    let bus = bus(|builder| builder);
    let each_minute = bus.publish(Rang("minute")).cron("* * * * *").await.unwrap();
    let each_second = bus.publish(Rang("second")).every(ms(1000)).await.unwrap();
    assert!(each_minute.reschedule(ms(10_000)) && each_second.reschedule(ms(59_500)));
    bus.advance(ms(61_000)).await;
    let expected = [("minute", 10_000), ("second", 59_500), ("minute", 60_000), ("second", 60_500)];
    assert_eq!(rung(&bus), expected);
}

#[tokio::test]
async fn before_1970_and_at_the_end_of_time() {
    let bus = bus(|builder| builder.system_time(SystemTime::UNIX_EPOCH - ms(1500)));
    let each_second = bus.publish(Rang("second")).cron("* * * * * *").await.unwrap();
    let in_the_past = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40);
    bus.publish(Rang("past")).at(in_the_past).await.unwrap();
    bus.advance(ms(1600)).await;
    assert_eq!(rung(&bus), [("past", 0), ("second", 500), ("second", 1500)]);
    assert!(each_second.cancel());

    // The last instant that there is.
    let (mut last, mut step) = (bus.clock().now(), Duration::from_secs(1 << 62));
    while step > Duration::ZERO {
        while let Some(later) = last.checked_add(step) {
            last = later;
        }
        step /= 2;
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    bus.advance(ms(2000)).await;
    let before = tasks();
    let far = bus.publish(Rang("far")).at(last).await.unwrap();
    bus.advance(Duration::from_secs(100 * 86_400)).await;
    assert_eq!((tasks(), far.due()), (before + 1, Some(last)), "nobody waits for it any more");
}

#[tokio::test]
async fn times_that_do_not_exist_are_refused() {
    let bus = bus(|builder| builder);
    let reasons = [
        bus.publish(Rang("")).every(Duration::ZERO).await.unwrap_err(),
        bus.publish(Rang("")).after(Duration::MAX).await.unwrap_err(),
        bus.publish(Rang("")).every(Duration::MAX).await.unwrap_err(),
        bus.publish(Rang("")).cron("at three").await.unwrap_err(),
        bus.publish(Rang("")).cron_in("Atlantis", "0 3 * * *").await.unwrap_err(),
        bus.publish(Rang("")).cron("0 0 30 2 *").await.unwrap_err(),
    ];
    for (refused, part) in reasons.iter().zip([
        "a period above zero",
        "does not reach so far",
        "does not reach so far",
        "the cron pattern \"at three\"",
        "the time zone \"Atlantis\"",
        "there is no time that fits the pattern",
    ]) {
        assert!(matches!(refused.kind(), PublishErrorKind::BadSchedule { .. }), "{refused}");
        assert!(refused.to_string().contains(part), "{refused} says nothing of {part}");
    }
    assert_eq!(bus.stats().scheduled, 0);
}

/// Of tokio: a test bus does not settle while what is due waits for room.
#[tokio::test(start_paused = true)]
async fn many_that_are_due_at_once_find_room_one_after_the_other() {
    let strategies = [
        BackpressureStrategy::Block { timeout: ms(10) },
        BackpressureStrategy::DropOldest,
        BackpressureStrategy::RejectNew,
        BackpressureStrategy::AdaptiveRateLimit,
    ];
    for strategy in strategies {
        let (bus, _) = bus_of_tokio(|builder| {
            builder
                .handler::<tick>()
                .concurrency(2)
                .event_queue_size(3)
                .backpressure_strategy(strategy)
        });
        for _ in 0..200 {
            bus.publish(Tick { takes: 10 }).after(ms(100)).await.unwrap();
        }
        sleep(ms(99)).await;
        assert_eq!(bus.stats().scheduled, 200);
        sleep(ms(5000)).await;
        let stats = bus.stats();
        assert_eq!((stats.processed, stats.dropped), (200, 0), "{strategy:?}");
        assert!(stats.largest_queue <= 6, "{} events were queued of 3", stats.largest_queue);
    }
}

#[tokio::test]
async fn filters_are_asked_when_an_event_is_due() {
    let bus = bus(|builder| {
        builder.filter(|view: &FilterView<'_>| view.get::<Rang>().is_none_or(|rang| rang.0 != "no"))
    });
    bus.publish(Rang("no")).after(ms(1)).await.unwrap();
    bus.publish(Rang("yes")).after(ms(1)).await.unwrap();
    assert_eq!(bus.event_queue().stats().filtered, 0);
    bus.advance(ms(10)).await;
    assert_eq!((rung(&bus), bus.event_queue().stats().filtered), (vec![("yes", 1)], 1));
}

#[event]
struct Poll {
    nr: u32,
}
/// Is it caused by something, and in which conversation?
#[derive(Default)]
struct Polled(Mutex<Vec<(bool, MessageId)>>);
/// Schedules itself, more often than messages may cause each other.
#[handler(manual)]
async fn poll(event: &Poll, cx: &Context, polled: &Res<Polled>) {
    polled.0.lock().unwrap().push((cx.causation_id().is_some(), cx.correlation_id()));
    if event.nr < 200 {
        cx.publish(Poll { nr: event.nr + 1 }).after(ms(1)).await.unwrap();
    }
}

#[tokio::test]
async fn what_schedules_itself_is_no_chain_and_one_conversation() {
    let bus = bus(|builder| builder.handler::<poll>().provide(Polled::default()));
    let settled = bus.run(bus.publish(Poll { nr: 1 }).and_wait()).await.unwrap();
    assert_eq!(times::<Poll>(&bus), [0], "nobody waits for what comes later");
    bus.advance(ms(1000)).await;
    let polled = bus.resource::<Polled>().unwrap();
    let polled = polled.0.lock().unwrap();
    assert_eq!(polled.len(), 200);
    assert_eq!(polled[0], (false, settled.id));
    assert!(polled[1..].iter().all(|of| *of == (true, settled.id)));
    assert_eq!(bus.stats().failed, 0);
}

/// Not yet in the queue, and not waiting any more.
#[tokio::test]
async fn one_that_is_due_can_be_cancelled_and_is_waited_for() {
    let ticking = Arc::new(Mutex::new(None::<Scheduled>));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_filter = (Arc::clone(&ticking), Arc::clone(&seen));
    let weak = Arc::new(Mutex::new(None::<bus::WeakBus>));
    let of_bus = Arc::clone(&weak);
    let bus = bus(|builder| {
        builder.handler::<tick>().filter(move |view: &FilterView<'_>| {
            let (ticking, seen) = &of_filter;
            if view.get::<Rang>().is_some()
                && let Some(ticking) = &*ticking.lock().unwrap()
            {
                let bus = of_bus.lock().unwrap().as_ref().unwrap().upgrade().unwrap();
                let mut task = std::task::Context::from_waker(std::task::Waker::noop());
                let is_idle = std::pin::pin!(bus.idle()).poll(&mut task).is_ready();
                seen.lock().unwrap().extend([is_idle, ticking.is_pending(), ticking.cancel()]);
            }
            true
        })
    });
    *weak.lock().unwrap() = Some(bus.downgrade());
    bus.publish(Rang("first")).after(ms(100)).await.unwrap();
    *ticking.lock().unwrap() = Some(bus.publish(Tick { takes: 0 }).every(ms(100)).await.unwrap());
    bus.advance(ms(1000)).await;
    assert_eq!(*seen.lock().unwrap(), [false, true, true]);
    let calls = (times::<Rang>(&bus).len(), times::<Tick>(&bus).len());
    assert!(calls.0 + calls.1 <= 2, "it was cancelled: {calls:?}");
    assert_eq!(bus.stats().scheduled, 0);
}

#[event]
struct Bomb;
impl Drop for Bomb {
    fn drop(&mut self) {
        panic!("a destructor");
    }
}

#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_stops_no_others() {
    let no_bombs = |view: &FilterView<'_>| view.get::<Bomb>().is_none();
    let (bus, log) = bus_of_tokio(|builder| builder.filter(no_bombs));
    bus.publish(Bomb).after(ms(10)).await.unwrap();
    bus.publish(Rang("with it")).after(ms(10)).await.unwrap();
    bus.publish(Rang("after it")).after(ms(20)).await.unwrap();
    sleep(ms(50)).await;
    assert_eq!(*log.lock().unwrap(), [("with it", 10), ("after it", 20)]);
    bus.idle().await;
}

#[tokio::test]
async fn nothing_is_there_while_nothing_is_due() {
    let bus = bus(|builder| builder);
    bus.publish(Rang("now")).await.unwrap();
    bus.settle().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let one = bus.publish(Rang("later")).after(ms(100)).await.unwrap();
    assert_eq!(tasks(), before + 1);
    bus.settle().await;
    one.cancel();
    bus.settle().await;
    assert_eq!(tasks(), before, "a task waits for what was cancelled");
    bus.publish(Rang("later")).after(ms(100)).await.unwrap();
    bus.advance(ms(200)).await;
    assert_eq!(tasks(), before, "a task waits for nothing");
    bus.publish(Rang("again")).after(ms(100)).await.unwrap();
    bus.advance(ms(200)).await;
    assert_eq!((bus.stats().processed, tasks()), (3, before));
}

/// Of tokio: the record of a test bus would hold a million too.
#[tokio::test(start_paused = true)]
async fn a_million_wait_and_are_taken_back() {
    let (bus, log) = bus_of_tokio(|builder| builder);
    let (mut all, start) = (Vec::new(), Instant::now());
    for n in 0..1_000_000_u64 {
        // From the last to the first: each is the first of all for a while.
        let at = start + Duration::from_secs(1_000_000 - n);
        all.push(bus.publish(Rang("no")).at(at).await.unwrap());
    }
    assert_eq!(bus.stats().scheduled, 1_000_000);
    for (n, one) in all.iter().enumerate() {
        assert!(n == 500_000 || one.cancel());
    }
    sleep(Duration::from_secs(2_000_000)).await;
    assert_eq!(*log.lock().unwrap(), [("no", 500_000_000)]);
}

#[event(ttl = "50ms")]
struct Quote;
#[handler(manual, concurrency = 1)]
async fn quote(_: &Quote, cx: &Context) {
    cx.sleep(ms(40)).await;
}
#[handler(manual, priority = -1)]
fn noted(_: &Quote) {}

#[tokio::test]
async fn what_expires_in_the_queue_is_counted_and_said() {
    let bus = bus(|builder| builder.handler::<quote>().handler::<noted>());
    let mut said = bus.subscribe::<EventsDroppedEvent>();
    for _ in 0..4 {
        bus.publish(Quote).await.unwrap();
    }
    let failures = bus.run(bus.publish(Quote).and_wait()).await.unwrap().failures;
    assert_eq!(failures.len(), 1);
    assert!(failures[0].to_string().contains("longer than its ttl of 50ms"), "{}", failures[0]);
    bus.run(bus.idle()).await;
    bus.advance(ms(2000)).await;
    let calls = calls::<Quote>(&bus);
    let at = |name: &str| -> Vec<_> {
        let is_it = |step: &Step| matches!(step, Step::Handling { handler, .. } if handler == name);
        calls.iter().filter(|(call, _)| is_it(&call.step)).map(|(call, _)| call.at).collect()
    };
    assert_eq!(at("quote").len(), 2, "{}", bus.tree());
    assert!(at("quote").iter().all(|at| *at < ms(50)), "{}", bus.tree());
    assert_eq!(at("noted").len(), 2, "{}", bus.tree());
    let stats = bus.stats();
    assert_eq!((stats.expired, stats.dropped, stats.failed, stats.queued), (3, 0, 0, 0));
    let said = std::iter::from_fn(|| said.try_recv())
        .filter(|said| (said.event, said.reason) == ("schedule::Quote", DropReason::Expired));
    assert_eq!(said.map(|said| said.count).sum::<u64>(), 3);
}

/// Before any handler: the dispatcher is held up by its batch.
#[tokio::test]
async fn what_expires_before_it_is_started_is_not() {
    let bus = bus(|builder| builder.handler::<quote>().handler::<tick>().concurrency(1));
    bus.publish(Tick { takes: 100 }).await.unwrap();
    bus.publish(Quote).await.unwrap();
    bus.run(bus.idle()).await;
    assert_eq!((times::<Tick>(&bus).len(), times::<Quote>(&bus).len()), (1, 0));
    assert_eq!((bus.stats().expired, bus.stats().unhandled), (1, 0));
}
