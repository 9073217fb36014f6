//! How many calls of a command's handler there may be at once, and how many wait.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use bus::prelude::*;
use bus::testing::{TestBus, TestBusBuilder as Builder};
use bus::{Clock, middleware};
use tokio::task::JoinHandle;

const SECOND: Duration = Duration::from_secs(1);

/// Who comes in stays for ten seconds; and how many are inside.
#[derive(Default)]
struct Room {
    inside: AtomicUsize,
    most: AtomicUsize,
}
impl Room {
    async fn stay(&self, cx: &Context) {
        let n = self.inside.fetch_add(1, Ordering::Relaxed) + 1;
        self.most.fetch_max(n, Ordering::Relaxed);
        let left = Left(&self.inside);
        cx.sleep(10 * SECOND).await;
        drop(left);
    }
    fn numbers(&self) -> (usize, usize) {
        (self.inside.load(Ordering::Relaxed), self.most.load(Ordering::Relaxed))
    }
}
struct Left<'r>(&'r AtomicUsize);
impl Drop for Left<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

#[command(output = u32)]
struct Visit(u32);
#[handler(concurrency = 2)]
async fn visit(command: &Visit, cx: &Context, room: &Res<Room>) -> bus::Result<u32> {
    room.stay(cx).await;
    cx.emit(Gone(command.0));
    Ok(command.0)
}
#[event]
struct Gone(u32);

type Reply = Result<u32, CommandError<bus::Error>>;

fn build(set: impl FnOnce(Builder) -> Builder) -> (TestBus, Res<Room>) {
    let builder = TestBus::builder().only("bulkhead").provide(Room::default());
    let builder = builder.provide(AtomicUsize::new(0)).command_timeout(60 * SECOND);
    let bus = set(builder).build().unwrap();
    let room = bus.resource().unwrap();
    (bus, room)
}

/// Executes it, and returns when it waits for time to go by.
async fn begin(
    bus: &TestBus,
    command: impl Command<Output = u32, Error = bus::Error>,
) -> JoinHandle<Reply> {
    let handle = bus.bus().clone();
    let running = tokio::spawn(async move { handle.execute(command).await });
    bus.settle().await;
    running
}

#[tokio::test]
async fn so_many_run_and_the_others_wait_in_turn() {
    let (bus, room) = build(|builder| builder);
    let mut all = Vec::new();
    for n in 0..10 {
        all.push(begin(&bus, Visit(n)).await);
        bus.advance(SECOND / 10).await;
    }
    assert_eq!(room.numbers(), (2, 2));
    for (n, running) in (0..).zip(all) {
        assert_eq!(bus.run(running).await.unwrap().unwrap(), n);
        assert_eq!(bus.published::<Gone>().last().unwrap().0, n, "first come first served");
    }
    assert_eq!(room.numbers(), (0, 2));
}

#[tokio::test]
async fn who_finds_the_waiting_room_full_is_refused() {
    let (bus, room) = build(|b| b.configure::<visit>(|handler| handler.waiting_room(1)));
    let (one, two, three) =
        (begin(&bus, Visit(1)).await, begin(&bus, Visit(2)).await, begin(&bus, Visit(3)).await);
    let refused = bus.execute(Visit(4)).await.unwrap_err();
    assert!(matches!(refused.kind(), CommandErrorKind::BulkheadFull { size: 2, room: 1, .. }));
    assert_eq!(
        refused.to_string(),
        "command bulkhead::Visit was not executed: 2 calls of handler `visit` run and 1 wait, the limits"
    );
    assert_eq!(refused.attempts(), 0);
    // The seat of who goes away is free.
    three.abort();
    assert!(three.await.unwrap_err().is_cancelled());
    let five = begin(&bus, Visit(5)).await;
    for running in [one, two, five] {
        bus.run(running).await.unwrap().unwrap();
    }
    assert_eq!(room.numbers(), (0, 2));
}

#[tokio::test]
async fn waiting_takes_of_the_time_of_the_call() {
    let (bus, _) = build(|builder| builder);
    let (one, two) = (begin(&bus, Visit(1)).await, begin(&bus, Visit(2)).await);
    let error = bus.run(bus.execute(Visit(3)).timeout(5 * SECOND)).await.unwrap_err();
    assert!(
        matches!(error.kind(), CommandErrorKind::TimedOut { after: Some(after) } if *after == 5 * SECOND),
        "{error}"
    );
    assert_eq!(error.attempts(), 0, "it was not called");
    let signal = bus.clock().sleep_until(bus.clock().now() + SECOND);
    let error = bus.run(bus.execute(Visit(4)).cancel_on(signal)).await.unwrap_err();
    assert!(matches!(error.kind(), CommandErrorKind::Cancelled(_)), "{error}");
    bus.run(one).await.unwrap().unwrap();
    bus.run(two).await.unwrap().unwrap();
    assert_eq!(bus.stats().commands_in_flight, 0);
}

#[tokio::test]
async fn a_call_that_is_dropped_or_panics_gives_its_place_back() {
    let (bus, room) = build(|builder| builder);
    for _ in 0..3 {
        let both = [begin(&bus, Visit(1)).await, begin(&bus, Visit(2)).await];
        assert_eq!(room.numbers(), (2, 2));
        both.iter().for_each(JoinHandle::abort);
        for running in both {
            assert!(running.await.unwrap_err().is_cancelled());
        }
        assert_eq!(room.numbers().0, 0);
    }
    bus.run(bus.execute(Visit(3))).await.unwrap();
}

// What would wait for itself.

#[command(output = u32)]
struct Nested(u32);
#[handler(concurrency = 1)]
async fn nested(command: &Nested, cx: &Context) -> bus::Result<u32> {
    match command.0 {
        0 => Ok(0),
        n => Ok(cx.execute(Nested(n - 1)).await? + 1),
    }
}

#[command(output = u32)]
struct Outer;
#[handler(concurrency = 1)]
async fn outer(_: &Outer, cx: &Context) -> bus::Result<u32> {
    let settled = cx.publish(Asked).and_wait().await.map_err(bus::Error::msg)?;
    Ok(u32::try_from(settled.failures.len()).unwrap())
}
#[event]
struct Asked;
/// Executes the command whose handler waits for this one.
#[handler]
async fn answer(_: &Asked, cx: &Context, count: &Res<AtomicUsize>) -> bus::Result<()> {
    if count.fetch_add(1, Ordering::Relaxed) == 0 {
        cx.execute(Outer).await?;
    }
    Ok(())
}

#[tokio::test]
async fn a_call_inside_of_a_call_needs_no_second_place() {
    let (bus, _) = build(|builder| builder);
    assert_eq!(bus.execute(Nested(5)).await.unwrap(), 5);
}

#[tokio::test]
async fn who_waits_for_events_gives_its_place_meanwhile() {
    let (bus, _) = build(|builder| builder);
    assert_eq!(bus.run(bus.execute(Outer)).await.unwrap(), 0);
    assert_eq!(bus.clock().elapsed(), Duration::ZERO, "nobody waited for a timeout");
}

// Of a key.

#[command(output = u32)]
struct Report {
    tenant: u32,
}
#[handler(middleware = middleware::bulkhead_by(1, |call| Some(call.get::<Report>()?.tenant)).waiting_room(1))]
async fn report(command: &Report, cx: &Context, room: &Res<Room>) -> bus::Result<u32> {
    room.stay(cx).await;
    Ok(command.tenant)
}

#[tokio::test]
async fn each_key_has_its_places() {
    let (bus, room) = build(|builder| builder);
    let mut all = Vec::new();
    for tenant in [1, 1, 2, 2, 3] {
        all.push(begin(&bus, Report { tenant }).await);
    }
    assert_eq!(room.numbers(), (3, 3), "one of each");
    let refused = bus.execute(Report { tenant: 1 }).await.unwrap_err().to_string();
    assert!(
        refused.ends_with("middleware bulkhead: 1 calls of its key run and 1 wait, the limits"),
        "{refused}"
    );
    for running in all {
        bus.run(running).await.unwrap().unwrap();
    }
    assert_eq!(room.numbers().0, 0);
}

#[tokio::test]
async fn closures_have_theirs() {
    let (bus, _) = build(|builder| builder);
    let options = bus::HandlerOptions::new().priority(1);
    let options = options.concurrency(std::num::NonZeroU32::MIN).waiting_room(0);
    bus.register_command_handler_with(options, |command: Visit, cx: OwnedContext| async move {
        cx.sleep(SECOND).await;
        Ok::<_, bus::Error>(command.0)
    })
    .unwrap();
    let one = begin(&bus, Visit(1)).await;
    let refused = bus.execute(Visit(2)).await.unwrap_err();
    assert!(matches!(refused.kind(), CommandErrorKind::BulkheadFull { size: 1, room: 0, .. }));
    one.abort();
}
