//! Who waits for what would come after itself, in its own lane, is told so and waits for the rest; in batches
//! too.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::testing::{TestBus, TestBusBuilder};
use bus::{AnyEvent, Context, Emit, Res, event, handler};

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

fn bus(with: impl FnOnce(TestBusBuilder) -> TestBusBuilder) -> (TestBus, Log) {
    let log = Log::default();
    let builder = TestBus::builder().without_registered().provide(log.clone());
    (with(builder).build().unwrap(), log)
}

fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

#[event(key = "order")]
struct Paid {
    order: u64,
    nr: u64,
}

#[event]
struct Nested;

/// Waits for an event of its own lane.
#[handler(manual)]
async fn waits(event: &Paid, cx: &Context, log: &Res<Log>) {
    if event.nr == 0 {
        let refused = cx.publish(Paid { order: event.order, nr: 1 }).and_wait().await.unwrap_err();
        log.say(refused.to_string());
        assert_eq!(refused.event.nr, 1, "it is given back");
        // In another lane it can.
        let other = cx.publish(Paid { order: event.order + 1, nr: 1 }).and_wait().await.unwrap();
        log.say(format!("{:?}", other.failures));
        let nested = cx.publish(Nested).and_wait().await.unwrap();
        nested.failures.iter().for_each(|failure| log.say(failure.to_string()));
    } else {
        log.say(format!("{} {}", event.order, event.nr));
    }
}

#[handler(manual)]
async fn answer(_: &Nested, emit: Emit<Paid>) {
    emit.send(Paid { order: 7, nr: 2 });
}

#[tokio::test]
async fn who_waits_for_its_own_lane_is_told_the_chain() {
    let (bus, log) = bus(|builder| builder.handler::<waits>().handler::<answer>());
    let settled = bus.run(bus.publish(Paid { order: 7, nr: 0 }).and_wait()).await.unwrap();
    assert!(settled.is_ok(), "{:?}", settled.failures);
    assert_eq!(bus.clock().elapsed(), Duration::ZERO, "it has waited for a timeout");
    let turn = "its turn would come when the handler that waits for it has ended";
    let expected = [
        format!("event own_lane::Paid was not published: {turn}: own_lane::Paid -> own_lane::Paid"),
        "8 1".to_owned(),
        "[]".to_owned(),
        format!(
            "event own_lane::Paid: is not waited for: {turn}: \
             own_lane::Paid -> own_lane::Nested -> own_lane::Paid"
        ),
        "7 2".to_owned(),
    ];
    assert_eq!(log.all(), expected);
}

/// Waits for one that sends one of its own lane, in the middle of somebody else's waiting.
#[handler(manual)]
async fn waits_within(event: &Paid, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    if event.nr == 0 {
        let nested = cx.publish(Nested).and_wait().await.unwrap();
        log.say(format!("{} left out", nested.failures.len()));
        return Ok(());
    }
    cx.sleep(ms(100)).await;
    log.say(format!("{} {}", event.order, event.nr));
    Err(bus::Error::msg("it is heard of"))
}

#[tokio::test]
async fn who_waits_from_outside_waits_for_what_was_left_out() {
    let (bus, log) = bus(|builder| builder.handler::<waits_within>().handler::<answer>());
    let settled = bus.run(bus.publish(Paid { order: 7, nr: 0 }).and_wait()).await.unwrap();
    assert_eq!(log.all(), ["1 left out", "7 2"]);
    let errors: Vec<_> = settled.failures.iter().map(|failure| &*failure.error).collect();
    assert_eq!(errors, ["it is heard of"], "it is told of what it could wait for, and of no more");
}

/// Not in its handler's poll: a task of its own may wait for whatever it likes.
#[handler(manual)]
async fn waits_elsewhere(event: &Paid, cx: &Context, log: &Res<Log>) {
    let (cx, log) = (cx.to_owned(), log.clone());
    let next = Paid { order: event.order, nr: event.nr + 1 };
    if event.nr < 2 {
        tokio::spawn(async move {
            let settled = cx.publish(next).and_wait().await.unwrap();
            log.say(format!("{:?}", settled.failures));
        });
    }
}

#[tokio::test]
async fn a_task_of_its_own_may_wait_for_the_lane() {
    let (bus, log) = bus(|builder| builder.handler::<waits_elsewhere>());
    bus.publish(Paid { order: 7, nr: 0 }).await.unwrap();
    // A test bus knows nothing of tasks that are none of its own.
    bus.run(async {
        while log.all().len() < 2 {
            tokio::task::yield_now().await;
        }
    })
    .await;
    assert_eq!(log.all(), ["[]", "[]"]);
}

/// One of a type with a key, and one of a type in one lane.
#[event(key = "order")]
struct Sent {
    order: u64,
}
#[event(ordered)]
struct Alone;
#[event(ordered)]
struct AlsoAlone;

#[handler(manual)]
async fn waits_for_sent(event: &Paid, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    cx.publish(Sent { order: event.order }).and_wait().await?;
    cx.publish(Alone).and_wait().await?;
    log.say("waited");
    Ok(())
}
#[handler(manual)]
async fn sent(event: &Sent, log: &Res<Log>) {
    log.say(format!("sent {}", event.order));
}
#[handler(manual)]
async fn waits_for_also_alone(_: &Alone, cx: &Context) -> bus::Result<()> {
    cx.publish(AlsoAlone).and_wait().await?;
    Ok(())
}
#[handler(manual)]
async fn also_alone(_: &AlsoAlone, log: &Res<Log>) {
    log.say("also alone");
}

#[tokio::test]
async fn the_lanes_of_two_types_are_two_whatever_their_keys() {
    let (bus, log) = bus(|builder| {
        let builder = builder.handler::<waits_for_sent>().handler::<sent>();
        builder.handler::<waits_for_also_alone>().handler::<also_alone>()
    });
    let settled = bus.run(bus.publish(Paid { order: 7, nr: 0 }).and_wait()).await.unwrap();
    assert!(settled.is_ok(), "{:?}", settled.failures);
    assert_eq!(log.all(), ["sent 7", "also alone", "waited"]);
}

#[event]
struct Sold(u32);
#[event]
struct Rang;
#[event]
struct Booked(u32);
#[event(key = "account")]
struct Charged {
    account: u32,
    nr: u32,
}
#[handler(manual, batch = 5)]
async fn charge(events: &[Arc<Charged>], cx: &Context, log: &Res<Log>) {
    let first = events.iter().map(|event| u64::from(event.nr)).min().unwrap_or_default();
    cx.sleep(ms(100 - first)).await;
    events.iter().for_each(|event| log.say(format!("{}: {}", event.account, event.nr)));
}

#[handler(manual, batch = 10)]
async fn answers(events: &[Arc<Sold>], cx: &Context) {
    for event in events {
        cx.emit(Booked(event.0));
    }
}
#[handler(manual)]
async fn slow_booking(event: &Booked, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    cx.sleep(ms(100)).await;
    log.say(format!("booked {}", event.0));
    Err(bus::Error::msg("too late"))
}

#[tokio::test]
async fn who_waits_for_one_waits_for_what_its_batch_has_sent() {
    let (bus, log) = bus(|builder| builder.handler::<answers>().handler::<slow_booking>());
    let both =
        async { tokio::join!(bus.publish(Sold(1)).and_wait(), bus.publish(Sold(2)).and_wait()) };
    let (one, two) = bus.run(both).await;
    assert_eq!(log.all(), ["booked 1", "booked 2"]);
    for settled in [one, two] {
        // Which of them an emitted event follows from, nobody can say: from both.
        assert_eq!(settled.unwrap().failures.len(), 2);
    }
}

#[event(ordered)]
struct Line(u32);
#[handler(manual, batch = 3)]
async fn waits_for_itself(events: &[Arc<Line>], cx: &Context, log: &Res<Log>) {
    if events[0].0 == 0 {
        let refused = cx.publish(Line(9)).and_wait().await.unwrap_err();
        log.say(refused.to_string());
    }
}

#[tokio::test]
async fn a_batch_that_waits_for_its_own_lane_is_told() {
    let (bus, log) = bus(|builder| builder.handler::<waits_for_itself>());
    for nr in 0..3 {
        bus.publish(Line(nr)).await.unwrap();
    }
    bus.run(bus.idle()).await;
    assert_eq!(log.all().len(), 1);
    assert!(log.all()[0].contains("its turn would come when"), "{:?}", log.all());
}

/// In a batch, the lanes of its events wait for each other.
async fn wait_for_another(numbers: &[u32], cx: &Context, log: &Log) {
    log.say(format!("{numbers:?}"));
    if numbers[0] == 0 {
        cx.sleep(ms(10)).await;
        let refused = cx.publish(Charged { account: 2, nr: 3 }).and_wait().await.unwrap_err();
        log.say(refused.kind().to_string());
        cx.publish(Rang).and_wait().await.unwrap();
    }
}
#[handler(manual, batch = 5)]
async fn waits_for_another(events: &[Arc<Charged>], cx: &Context, log: &Res<Log>) {
    let numbers: Vec<_> = events.iter().map(|event| event.nr).collect();
    wait_for_another(&numbers, cx, log).await;
}
#[handler(manual, batch = 5)]
async fn any_waits_for_another(events: &[Arc<AnyEvent>], cx: &Context, log: &Res<Log>) {
    let charged = events.iter().filter_map(|event| event.get::<Charged>());
    let numbers: Vec<_> = charged.map(|event| event.nr).collect();
    if !numbers.is_empty() {
        wait_for_another(&numbers, cx, log).await;
    }
}
/// Of another group: the batch begins when this has ended for all of them.
#[handler(manual, priority = 1)]
async fn waits_before(event: &Charged, cx: &Context, log: &Res<Log>) {
    if event.nr == 0 {
        let refused = cx.publish(Charged { account: 2, nr: 3 }).and_wait().await.unwrap_err();
        log.say(refused.kind().to_string());
        let nested = cx.publish(Booked(2)).and_wait().await.unwrap();
        log.say(format!("{}", nested.failures.len()));
    }
}
#[handler(manual)]
async fn charges(event: &Booked, emit: Emit<Charged>) {
    emit.send(Charged { account: event.0, nr: 4 });
}

/// Of the type, of any events, and of a session.
#[tokio::test]
async fn where_there_are_batches_no_lane_of_the_type_is_waited_for() {
    for who in ["of the type", "of any", "of a session"] {
        let (bus, log) = bus(|builder| match who {
            "of the type" => builder.handler::<waits_for_another>(),
            "of any" => builder.handler::<any_waits_for_another>(),
            _ => builder,
        });
        let session = bus.session("a");
        let session = match who {
            "of a session" => session.register::<waits_for_another>(),
            _ => session,
        };
        let session = session.open().await.unwrap();
        session.publish(Charged { account: 1, nr: 0 }).await.unwrap();
        bus.advance(ms(5)).await;
        // The second of them would be waited for, and waits for the first in its batch.
        session.publish(Charged { account: 1, nr: 1 }).await.unwrap();
        session.publish(Charged { account: 2, nr: 2 }).await.unwrap();
        bus.run(bus.idle()).await;
        let turn = "its turn would come when the handler that waits for it has ended: \
                    own_lane::Charged -> own_lane::Charged";
        assert_eq!(log.all(), ["[0]", turn, "[1, 2]"], "{who}");
        assert_eq!(bus.clock().elapsed(), ms(10), "it has waited for a timeout: {who}");
        session.close().await;
    }
}

#[tokio::test]
async fn a_group_of_a_block_does_not_wait_for_the_next_one() {
    let (bus, log) = bus(|b| b.handler::<waits_before>().handler::<charge>().handler::<charges>());
    bus.publish(Charged { account: 1, nr: 0 }).await.unwrap();
    bus.publish(Charged { account: 2, nr: 1 }).await.unwrap();
    bus.run(bus.idle()).await;
    assert!(log.all()[0].starts_with("its turn would come when"), "{:?}", log.all());
    assert_eq!(log.all()[1..], ["1", "1: 0", "2: 1", "2: 4"]);
    assert_eq!(bus.clock().elapsed(), ms(100 + 96), "it has waited for a timeout");
}

#[event]
struct Start;
/// Waits for two at once, whose batch has one outcome for both.
#[handler(manual)]
async fn starts(_: &Start, cx: &Context) {
    let (one, two) = tokio::join!(cx.publish(Sold(1)).and_wait(), cx.publish(Sold(2)).and_wait());
    assert_eq!((one.unwrap().failures.len(), two.unwrap().failures.len()), (2, 2));
}

#[tokio::test]
async fn who_waits_for_both_ways_to_a_failure_is_told_of_it_once() {
    let (bus, _) = bus(|b| b.handler::<starts>().handler::<answers>().handler::<slow_booking>());
    let settled = bus.run(bus.publish(Start).and_wait()).await.unwrap();
    assert_eq!(settled.failures.len(), 2, "{:#?}", settled.failures);
}

/// Waits, in its lane, for two ways to one of this lane.
#[handler(manual)]
async fn waits_for_start(event: &Line, cx: &Context, log: &Res<Log>) {
    if event.0 == 0 {
        let settled = cx.publish(Start).and_wait().await.unwrap();
        log.say(format!("{} left out", settled.failures.len()));
    }
}
#[handler(manual)]
async fn starts_two(_: &Start, cx: &Context) {
    let (one, two) = tokio::join!(cx.publish(Sold(1)).and_wait(), cx.publish(Sold(2)).and_wait());
    assert_eq!((one.unwrap().failures.len(), two.unwrap().failures.len()), (1, 1));
}
#[handler(manual, batch = 10)]
async fn answers_in_line(_: &[Arc<Sold>], emit: Emit<Line>) {
    emit.send(Line(9));
}

#[tokio::test]
async fn who_cannot_wait_on_either_of_two_ways_is_told_of_it_once() {
    let (bus, log) = bus(|builder| {
        builder.handler::<waits_for_start>().handler::<starts_two>().handler::<answers_in_line>()
    });
    let settled = bus.run(bus.publish(Line(0)).and_wait()).await.unwrap();
    assert_eq!(log.all(), ["1 left out"]);
    assert!(settled.is_ok(), "{:?}", settled.failures);
}
