//! Times at the edges: a clock that is put back, those before 1970, and those that do not exist.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use bus::{Clock, PublishErrorKind, Sleep};
use tokio::time::{Instant, sleep};

use super::{Rang, bus, bus_of_tokio, ms, rung};

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
