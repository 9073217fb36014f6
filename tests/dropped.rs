//! What is dropped while it waits: in lines, and in blocks. Nobody waits for it, and no other handler gets
//! it.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{BackpressureStrategy, Context, FilterView, Res, event, handler};

#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<String>>>);

impl Log {
    fn say(&self, what: impl Into<String>) {
        self.0.lock().unwrap().push(what.into());
    }
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// Its queue holds so many, and lets go of the oldest.
fn bus(holds: usize, with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> (TestBus, Log) {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    let builder = builder.event_queue_size(holds);
    let builder = builder.backpressure_strategy(BackpressureStrategy::DropOldest);
    (with(builder).build().unwrap(), log)
}

#[event(ordered)]
struct Job(u32);
#[handler(manual, priority = 1, concurrency = 1)]
async fn first(_: &Job, cx: &Context) {
    cx.sleep(ms(10)).await;
}
#[handler(manual)]
async fn then(event: &Job, log: &Res<Log>) {
    log.say(format!("{}", event.0));
}
#[handler(manual, batch = 10)]
async fn jobs(_: &[Arc<Job>]) {}

/// The others of its block go on to handlers that it will never reach.
#[tokio::test]
async fn nobody_waits_for_one_that_was_dropped_out_of_a_block() {
    let (bus, log) = bus(4, |b| b.handler::<first>().handler::<then>().handler::<jobs>());
    for number in 0..6 {
        bus.publish(Job(number)).await.unwrap();
        if number == 2 {
            // One is at work, and two wait: those who come drop the first of these.
            bus.settle().await;
        }
    }
    let idle = bus.run_for(Duration::from_secs(3600), bus.idle()).await;
    assert!(idle.is_some(), "somebody waits for ever: {:?}", bus.stats());
    assert_eq!(log.all(), ["0", "2", "3", "4", "5"]);
    assert_eq!((bus.stats().lanes, bus.stats().dropped), (0, 1));
}

#[event(key = "0")]
struct Parcel(&'static str, u32);

fn is_heavy(view: &FilterView<'_>) -> bool {
    view.get::<Parcel>().is_some_and(|parcel| parcel.1 < 2)
}
#[handler(manual, priority = 1, concurrency = 1, filter = is_heavy)]
async fn lift(_: &Parcel, cx: &Context) {
    cx.sleep(ms(1000)).await;
}
#[handler(manual)]
async fn carry(event: &Parcel, log: &Res<Log>) {
    log.say(format!("{} {}", event.0, event.1));
}
#[handler(manual, batch = 10, priority = -1)]
async fn parcels(_: &[Arc<Parcel>]) {}

/// It has places in the lines of handlers that it will never reach, and at their heads.
#[tokio::test]
async fn who_stands_behind_one_that_is_dropped_goes_on_at_once() {
    for in_blocks in [false, true] {
        let (bus, log) = bus(2, |builder| {
            let builder = builder.handler::<lift>().handler::<carry>();
            if in_blocks { builder.handler::<parcels>() } else { builder }
        });
        for parcel in [Parcel("a", 0), Parcel("b", 1), Parcel("b", 2), Parcel("c", 3)] {
            // The last comes to a full queue: what waits for `lift` is dropped.
            bus.publish(parcel).await.unwrap();
            bus.settle().await;
        }
        let mut carried = log.all();
        carried.sort();
        assert_eq!(carried, ["b 2", "c 3"], "in blocks: {in_blocks}");
        bus.advance(ms(1000)).await;
        assert_eq!(log.all()[2..], ["a 0"]);
        assert_eq!((bus.stats().lanes, bus.stats().dropped), (0, 1));
    }
}

#[event]
struct Sold(u32);
#[handler(manual, priority = 1, concurrency = 1)]
async fn pack(_: &Sold, cx: &Context) {
    cx.sleep(ms(10)).await;
}
#[handler(manual)]
async fn label(event: &Sold, log: &Res<Log>) {
    log.say(format!("{}", event.0));
}
#[handler(manual, batch = 10)]
async fn store(events: &[Arc<Sold>], log: &Res<Log>) {
    log.say(format!("{:?}", events.iter().map(|event| event.0).collect::<Vec<_>>()));
}

#[tokio::test]
async fn what_is_dropped_in_one_group_of_a_block_is_not_in_the_next() {
    let (bus, log) = bus(4, |b| b.handler::<pack>().handler::<label>().handler::<store>());
    for number in 0..6 {
        bus.publish(Sold(number)).await.unwrap();
        if number == 2 {
            bus.settle().await;
        }
    }
    bus.run(bus.idle()).await;
    let (batches, alone): (Vec<_>, Vec<_>) =
        log.all().into_iter().partition(|line| line.starts_with('['));
    assert_eq!(alone, ["0", "2", "3", "4", "5"]);
    assert_eq!(batches, ["[0, 2]", "[3, 4, 5]"]);
    assert_eq!((bus.stats().dropped, bus.stats().processed), (1, 15));
}

#[event(ordered)]
struct Step(u32);
/// The first time, it fails for the first.
#[handler(manual, priority = 2)]
async fn works(event: &Step, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    if (event.0, cx.attempt()) == (0, 1) {
        return Err(bus::Error::msg("not yet"));
    }
    log.say(format!("begin {}", event.0));
    cx.sleep(ms(100)).await;
    log.say(format!("end {}", event.0));
    Ok(())
}
#[handler(manual, priority = 2)]
async fn puts_off(event: &Step) -> bus::Result<()> {
    if event.0 == 0 { Err(bus::Error::msg("much later")) } else { Ok(()) }
}
#[handler(manual, priority = 1)]
async fn between(_: &Step, cx: &Context) {
    cx.sleep(ms(50)).await;
}
#[handler(manual, batch = 10)]
async fn steps(_: &[Arc<Step>]) {}

/// One of its handlers waits for long, so that it can be dropped, while another is at work.
#[tokio::test]
async fn what_is_at_work_keeps_its_turn_when_its_event_is_dropped() {
    let (bus, log) = bus(2, |builder| {
        builder
            .handler::<works>()
            .handler::<puts_off>()
            .handler::<between>()
            .handler::<steps>()
            .configure::<works>(|handler| handler.no_retry().delayed_retries([ms(10)]))
            .configure::<puts_off>(|handler| handler.no_retry().delayed_retries([ms(3_600_000)]))
    });
    for number in 0..2 {
        bus.publish(Step(number)).await.unwrap();
        bus.settle().await;
    }
    bus.advance(ms(20)).await;
    assert_eq!((log.all(), bus.stats().queued), (vec!["begin 0".to_owned()], 2));
    bus.publish(Step(2)).await.unwrap();
    assert_eq!(bus.stats().dropped, 1);
    bus.run(bus.idle()).await;
    let in_turn = (0..3).flat_map(|nr| [format!("begin {nr}"), format!("end {nr}")]);
    assert_eq!(log.all(), in_turn.collect::<Vec<_>>());
    assert_eq!(bus.stats().lanes, 0);
}
