//! Later: `after`, `at`, `every`, `cron`, and `ttl`.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, SystemTime};

use bus::{
    BackpressureStrategy, Builder, Bus, Clock, Context, DropReason, EventsDroppedEvent, FilterView,
    PublishErrorKind, Res, Scheduled, Sleep, event, handler,
};
use tokio::time::{Instant, sleep};

/// What was handled, and when, in milliseconds from the start.
#[derive(Clone)]
struct Log {
    start: Instant,
    lines: Arc<Mutex<Vec<(String, u128)>>>,
}

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.lines.lock().unwrap().push((what.into(), self.start.elapsed().as_millis()));
    }
    fn all(&self) -> Vec<(String, u128)> {
        self.lines.lock().unwrap().clone()
    }
    fn times(&self) -> Vec<u128> {
        self.all().into_iter().map(|(_, at)| at).collect()
    }
    fn names(&self) -> Vec<String> {
        self.all().into_iter().map(|(name, _)| name).collect()
    }
}

fn bus(with: impl FnOnce(Builder) -> Builder) -> (Bus, Log) {
    let log = Log { start: Instant::now(), lines: Arc::default() };
    let builder = Bus::builder().without_registered().provide(log.clone());
    (with(builder.handler::<rang>()).build().unwrap(), log)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event]
struct Rang(&'static str);
#[handler(manual)]
fn rang(event: &Rang, log: &Res<Log>) {
    log.say(event.0);
}

#[tokio::test(start_paused = true)]
async fn events_come_when_they_are_due_and_not_before() {
    // A time of day goes on while that of the test stands still: as long as it takes to get there.
    let begun = std::time::Instant::now();
    let (bus, log) = bus(|builder| builder);
    bus.publish(Rang("third")).after(ms(300)).await.unwrap();
    bus.publish(Rang("first")).at(log.start + ms(100)).await.unwrap();
    bus.publish(Rang("second")).at(SystemTime::now() + ms(201)).await.unwrap();
    let late = begun.elapsed().as_millis();
    bus.publish(Rang("past")).at(SystemTime::now() - ms(1000)).await.unwrap();
    bus.publish(Rang("now")).after(Duration::ZERO).await.unwrap();
    bus.publish(Rang("third, too")).after(ms(300)).await.unwrap();
    assert_eq!(bus.stats().scheduled, 6);
    sleep(ms(99)).await;
    // Both are due at once; that in the past was due before.
    assert_eq!(log.all(), [("past".to_owned(), 0), ("now".to_owned(), 0)]);
    bus.idle().await;
    assert_eq!(log.all().len(), 2, "idle waits for what is not due");
    sleep(ms(1000)).await;
    assert_eq!(log.names()[2..], ["first", "second", "third", "third, too"]);
    let times = log.times();
    assert_eq!((times[2], times[4], times[5]), (100, 300, 300));
    assert!((200..=202 + late).contains(&times[3]), "{times:?}");
    assert_eq!(bus.stats().scheduled, 0);
}

#[tokio::test(start_paused = true)]
async fn one_that_is_due_earlier_is_not_waited_past() {
    let (bus, log) = bus(|builder| builder);
    let far = bus.publish(Rang("far")).after(ms(3000)).await.unwrap();
    // The driver waits for the far one by now.
    sleep(ms(10)).await;
    bus.publish(Rang("near")).after(ms(90)).await.unwrap();
    sleep(ms(500)).await;
    assert_eq!(log.all(), [("near".to_owned(), 100)]);
    assert!(far.reschedule(log.start + ms(700)));
    sleep(ms(1000)).await;
    assert_eq!(log.all()[1], ("far".to_owned(), 700));
}

#[tokio::test(start_paused = true)]
async fn a_handle_takes_an_event_back_or_moves_it() {
    let (bus, log) = bus(|builder| builder);
    let cancelled = bus.publish(Rang("cancelled")).after(ms(10)).await.unwrap();
    let sooner = bus.publish(Rang("sooner")).after(ms(3_600_000)).await.unwrap();
    let later = bus.publish(Rang("later")).after(ms(20)).await.unwrap();
    assert_eq!(later.due(), Some((log.start + ms(20)).into_std()));
    assert!(cancelled.is_pending() && cancelled.cancel());
    assert!(!cancelled.is_pending() && !cancelled.cancel(), "it was cancelled twice");
    assert!(!cancelled.reschedule(ms(1)), "it was cancelled");
    assert!(sooner.reschedule(ms(5)));
    assert!(later.reschedule(log.start + ms(40)));
    assert!(!later.reschedule(Duration::MAX), "the clock does not reach so far");
    sleep(ms(100)).await;
    assert_eq!(log.all(), [("sooner".to_owned(), 5), ("later".to_owned(), 40)]);
    assert!(!sooner.is_pending() && sooner.due().is_none() && !sooner.reschedule(ms(1)));
}

#[event]
struct Tick {
    takes: u64,
}
#[handler(manual)]
async fn tick(event: &Tick, cx: &Context, log: &Res<Log>) {
    log.say(cx.id().to_string());
    sleep(ms(event.takes)).await;
}

#[tokio::test(start_paused = true)]
async fn what_recurs_keeps_its_beat() {
    let (bus, log) = bus(|builder| builder.handler::<tick>());
    let ticking = bus.publish(Tick { takes: 30 }).every(ms(100)).await.unwrap();
    sleep(ms(450)).await;
    assert_eq!(log.times(), [100, 200, 300, 400]);
    let mut ids = log.names();
    ids.dedup();
    assert_eq!(ids.len(), 4, "each time has an id of its own");
    assert!(ticking.cancel());
    sleep(ms(450)).await;
    assert_eq!(log.times().len(), 4);
    assert_eq!(bus.stats().scheduled, 0);
}

#[tokio::test(start_paused = true)]
async fn what_was_missed_is_skipped_and_there_are_never_two_at_once() {
    let (bus, log) = bus(|builder| builder.handler::<tick>());
    let ticking = bus.publish(Tick { takes: 250 }).every(ms(100)).await.unwrap();
    sleep(ms(360)).await;
    assert!(ticking.is_pending() && ticking.due().is_some());
    sleep(ms(60)).await;
    assert!(ticking.is_pending() && ticking.due().is_none(), "it is at work");
    sleep(ms(590)).await;
    assert_eq!(log.times(), [100, 400, 700, 1000]);
    assert!(ticking.cancel(), "while it is at work");
    sleep(ms(1000)).await;
    assert_eq!(log.times().len(), 4);
}

/// What follows from it counts too.
#[event]
struct Chain;
#[handler(manual)]
async fn chain(_: &Chain, cx: &Context) {
    cx.emit(Tick { takes: 150 });
}

#[tokio::test(start_paused = true)]
async fn what_recurs_waits_for_all_that_follows() {
    let (bus, log) = bus(|builder| builder.handler::<tick>().handler::<chain>());
    bus.publish(Chain).every(ms(100)).await.unwrap();
    sleep(ms(550)).await;
    assert_eq!(log.times(), [100, 300, 500]);
}

#[tokio::test(start_paused = true)]
async fn a_cron_pattern_says_when() {
    let (bus, log) = bus(|builder| builder);
    let in_day =
        |time: SystemTime| time.duration_since(SystemTime::UNIX_EPOCH).unwrap().as_secs() % 86_400;
    let start = SystemTime::now();
    bus.publish(Rang("at three")).cron("0 3 * * *").await.unwrap();
    bus.publish(Rang("each quarter")).cron_in("Asia/Kolkata", "*/15 * * * *").await.unwrap();
    sleep(Duration::from_secs(2 * 86_400)).await;
    let at = |name: &str| -> Vec<u64> {
        let all = log.all().into_iter().filter(|(what, _)| what == name);
        all.map(|(_, at)| in_day(start + ms(at.try_into().unwrap()))).collect()
    };
    let three = at("at three");
    assert_eq!(three.len(), 2, "{three:?}");
    assert!(three.iter().all(|at| at.abs_diff(3 * 3600) <= 1), "{three:?}");
    let quarters = at("each quarter");
    assert!((191..=193).contains(&quarters.len()), "{}", quarters.len());
    assert!(quarters.iter().all(|at| (at + 1) % 900 <= 2), "{quarters:?}");
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
    let (bus, log) = bus(|builder| builder.clock(wall));
    bus.publish(Rang("at three")).cron("0 3 * * *").await.unwrap();
    let hours = |hours: u64| Duration::from_secs(hours * 3600);
    put_back.store(20, Ordering::SeqCst);
    sleep(hours(4)).await;
    assert_eq!(log.times(), [3 * 3_600_000], "it is three again after 20 ms");
    // One that was wrong is right now: what is due goes by it.
    put_back.store(2 * 86_400_000, Ordering::SeqCst);
    sleep(hours(24)).await;
    sleep(hours(24)).await;
    assert_eq!(log.times()[1..], [(24 + 3) * 3_600_000 + 20, (48 + 3) * 3_600_000]);
}

#[tokio::test(start_paused = true)]
async fn one_that_was_moved_goes_on_from_there() {
    let from = SystemTime::UNIX_EPOCH + Duration::from_secs(86_400 * 1000);
    let wall = Wall { from, start: Instant::now(), put_back: Arc::default() };
    let (bus, log) = bus(|builder| builder.clock(wall));
    let each_minute = bus.publish(Rang("minute")).cron("* * * * *").await.unwrap();
    let each_second = bus.publish(Rang("second")).every(ms(1000)).await.unwrap();
    assert!(each_minute.reschedule(ms(10_000)) && each_second.reschedule(ms(59_500)));
    sleep(ms(61_000)).await;
    let expected = [("minute", 10_000), ("second", 59_500), ("minute", 60_000), ("second", 60_500)];
    assert_eq!(log.all(), expected.map(|(name, at)| (name.to_owned(), at)));
}

#[tokio::test(start_paused = true)]
async fn before_1970_and_at_the_end_of_time() {
    let from = SystemTime::UNIX_EPOCH - ms(1500);
    let wall = Wall { from, start: Instant::now(), put_back: Arc::default() };
    let (bus, log) = bus(|builder| builder.clock(wall));
    let each_second = bus.publish(Rang("second")).cron("* * * * * *").await.unwrap();
    let in_the_past = SystemTime::UNIX_EPOCH - Duration::from_secs(1 << 40);
    bus.publish(Rang("past")).at(in_the_past).await.unwrap();
    sleep(ms(1600)).await;
    let expected = [("past", 0), ("second", 500), ("second", 1500)];
    assert_eq!(log.all(), expected.map(|(name, at)| (name.to_owned(), at)));
    assert!(each_second.cancel());

    // The last instant that there is.
    let (mut last, mut step) = (Instant::now().into_std(), Duration::from_secs(1 << 62));
    while step > Duration::ZERO {
        while let Some(later) = last.checked_add(step) {
            last = later;
        }
        step /= 2;
    }
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    sleep(ms(2000)).await;
    let before = tasks();
    let far = bus.publish(Rang("far")).at(last).await.unwrap();
    sleep(Duration::from_secs(100 * 86_400)).await;
    assert_eq!((tasks(), far.due()), (before + 1, Some(last)), "nobody waits for it any more");
}

#[tokio::test(start_paused = true)]
async fn times_that_do_not_exist_are_refused() {
    let (bus, _) = bus(|builder| builder);
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

/// Notes what the bus says of losses.
#[handler(manual)]
fn dropped(event: &EventsDroppedEvent, log: &Res<Log>) {
    log.say(format!("{} {:?} {}", event.event, event.reason, event.count));
}

#[tokio::test(start_paused = true)]
async fn many_that_are_due_at_once_find_room_one_after_the_other() {
    let strategies = [
        BackpressureStrategy::Block { timeout: ms(10) },
        BackpressureStrategy::DropOldest,
        BackpressureStrategy::RejectNew,
        BackpressureStrategy::AdaptiveRateLimit,
    ];
    for strategy in strategies {
        let (bus, log) = bus(|builder| {
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
        assert!(log.all().is_empty());
        sleep(ms(5000)).await;
        let stats = bus.stats();
        assert_eq!((stats.processed, stats.dropped), (200, 0), "{strategy:?}");
        assert!(stats.largest_queue <= 6, "{} events were queued of 3", stats.largest_queue);
    }
}

#[tokio::test(start_paused = true)]
async fn filters_are_asked_when_an_event_is_due() {
    let (bus, log) = bus(|builder| {
        builder.filter(|view: &FilterView<'_>| view.get::<Rang>().is_none_or(|rang| rang.0 != "no"))
    });
    bus.publish(Rang("no")).after(ms(1)).await.unwrap();
    bus.publish(Rang("yes")).after(ms(1)).await.unwrap();
    assert_eq!(bus.event_queue().stats().filtered, 0);
    sleep(ms(10)).await;
    assert_eq!((log.names(), bus.event_queue().stats().filtered), (vec!["yes".to_owned()], 1));
}

#[event]
struct Poll {
    nr: u32,
}
/// Schedules itself, more often than messages may cause each other.
#[handler(manual)]
async fn poll(event: &Poll, cx: &Context, log: &Res<Log>) {
    log.say(format!("{:?} {}", cx.causation_id().is_some(), cx.correlation_id()));
    if event.nr < 200 {
        cx.publish(Poll { nr: event.nr + 1 }).after(ms(1)).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn what_schedules_itself_is_no_chain_and_one_conversation() {
    let (bus, log) = bus(|builder| builder.handler::<poll>());
    let settled = bus.publish(Poll { nr: 1 }).and_wait().await.unwrap();
    assert_eq!(log.times(), [0], "nobody waits for what comes later");
    sleep(ms(1000)).await;
    let names = log.names();
    assert_eq!(names.len(), 200);
    assert_eq!(names[0], format!("false {}", settled.id));
    assert!(names[1..].iter().all(|name| *name == format!("true {}", settled.id)));
    assert_eq!(bus.stats().failed, 0);
}

/// Not yet in the queue, and not waiting any more.
#[tokio::test(start_paused = true)]
async fn one_that_is_due_can_be_cancelled_and_is_waited_for() {
    let ticking = Arc::new(Mutex::new(None::<Scheduled>));
    let seen = Arc::new(Mutex::new(Vec::new()));
    let of_filter = (Arc::clone(&ticking), Arc::clone(&seen));
    let weak = Arc::new(Mutex::new(None::<bus::WeakBus>));
    let of_bus = Arc::clone(&weak);
    let (bus, log) = bus(|builder| {
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
    sleep(ms(1000)).await;
    assert_eq!(*seen.lock().unwrap(), [false, true, true]);
    assert!(log.times().len() <= 2, "it was cancelled: {:?}", log.all());
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
    let (bus, log) = bus(|builder| builder.filter(no_bombs));
    bus.publish(Bomb).after(ms(10)).await.unwrap();
    bus.publish(Rang("with it")).after(ms(10)).await.unwrap();
    bus.publish(Rang("after it")).after(ms(20)).await.unwrap();
    sleep(ms(50)).await;
    assert_eq!(log.names(), ["with it", "after it"]);
    bus.idle().await;
}

#[tokio::test(start_paused = true)]
async fn nothing_is_there_while_nothing_is_due() {
    let (bus, _) = bus(|builder| builder);
    bus.publish(Rang("now")).await.unwrap();
    bus.idle().await;
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    let before = tasks();
    let one = bus.publish(Rang("later")).after(ms(100)).await.unwrap();
    assert_eq!(tasks(), before + 1);
    tokio::task::yield_now().await;
    one.cancel();
    tokio::task::yield_now().await;
    assert_eq!(tasks(), before, "a task waits for what was cancelled");
    bus.publish(Rang("later")).after(ms(100)).await.unwrap();
    sleep(ms(200)).await;
    assert_eq!(tasks(), before, "a task waits for nothing");
    bus.publish(Rang("again")).after(ms(100)).await.unwrap();
    sleep(ms(200)).await;
    assert_eq!((bus.stats().processed, tasks()), (3, before));
}

#[tokio::test(start_paused = true)]
async fn a_million_wait_and_are_taken_back() {
    let (bus, log) = bus(|builder| builder);
    let mut all = Vec::new();
    for n in 0..1_000_000_u64 {
        // From the last to the first: each is the first of all for a while.
        let at = log.start + Duration::from_secs(1_000_000 - n);
        all.push(bus.publish(Rang("no")).at(at).await.unwrap());
    }
    assert_eq!(bus.stats().scheduled, 1_000_000);
    for (n, one) in all.iter().enumerate() {
        assert!(n == 500_000 || one.cancel());
    }
    sleep(Duration::from_secs(2_000_000)).await;
    assert_eq!(log.times(), [500_000_000]);
}

#[event(ttl = "50ms")]
struct Quote(u64);
#[handler(manual, concurrency = 1)]
async fn quote(event: &Quote, log: &Res<Log>) {
    log.say(format!("quote {}", event.0));
    sleep(ms(40)).await;
}
#[handler(manual, priority = -1)]
fn noted(event: &Quote, log: &Res<Log>) {
    log.say(format!("noted {}", event.0));
}

#[tokio::test(start_paused = true)]
async fn what_expires_in_the_queue_is_counted_and_said() {
    let (bus, log) =
        bus(|builder| builder.handler::<quote>().handler::<noted>().handler::<dropped>());
    for nr in 0..4 {
        bus.publish(Quote(nr)).await.unwrap();
    }
    let failures = bus.publish(Quote(4)).and_wait().await.unwrap().failures;
    assert_eq!(failures.len(), 1);
    assert!(failures[0].to_string().contains("longer than its ttl of 50ms"), "{}", failures[0]);
    bus.idle().await;
    sleep(ms(2000)).await;
    let all = log.all();
    let quotes: Vec<_> = all.iter().filter(|(name, _)| name.starts_with("quote")).collect();
    assert_eq!(quotes.len(), 2, "{all:?}");
    assert!(quotes.iter().all(|(_, at)| *at < 50), "{all:?}");
    assert_eq!(all.iter().filter(|(name, _)| name.starts_with("noted")).count(), 2, "{all:?}");
    let stats = bus.stats();
    assert_eq!((stats.expired, stats.dropped, stats.failed, stats.queued), (3, 0, 0, 0));
    let said: u64 = all
        .iter()
        .filter_map(|(name, _)| {
            name.strip_prefix(&format!("schedule::Quote {:?} ", DropReason::Expired))
        })
        .map(|count| count.parse::<u64>().unwrap())
        .sum();
    assert_eq!(said, 3, "{all:?}");
}

/// Before any handler: the dispatcher is held up by its batch.
#[tokio::test(start_paused = true)]
async fn what_expires_before_it_is_started_is_not() {
    let (bus, log) = bus(|builder| builder.handler::<quote>().handler::<tick>().concurrency(1));
    bus.publish(Tick { takes: 100 }).await.unwrap();
    bus.publish(Quote(7)).await.unwrap();
    bus.idle().await;
    assert_eq!(log.names().len(), 1);
    assert_eq!((bus.stats().expired, bus.stats().unhandled), (1, 0));
}
