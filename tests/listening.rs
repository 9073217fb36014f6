//! Listening: `subscribe`, `wait_for`, `AnyEvent`.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::Poll;
use std::time::Duration;

use bus::{
    AnyEvent, Bus, Category, CommandResultEvent, Context, Event, FilterView, JsonError, Res,
    SessionId, Subscription, WaitError, category, command, event, handler, testing::TestBus,
};
use futures_core::Stream;
use serde::Serialize;

#[event]
#[derive(Debug, PartialEq)]
struct Moved(u32);
#[event(kind = integration, name = "tests.sold")]
#[derive(Serialize)]
struct Sold {
    item: &'static str,
    price: u32,
}
#[event]
#[derive(Serialize)]
struct Unwritable(#[serde(serialize_with = "refuse")] ());
fn refuse<S: serde::Serializer>((): &(), _: S) -> Result<S::Ok, S::Error> {
    Err(serde::ser::Error::custom("not this one"))
}

fn bus() -> Bus {
    Bus::builder().without_registered().build().unwrap()
}

fn drained<E: Event>(subscription: &mut Subscription<E>) -> Vec<Arc<E>> {
    std::iter::from_fn(|| subscription.try_recv()).collect()
}

#[tokio::test]
async fn a_subscription_hears_its_type_from_its_beginning_to_the_end_of_the_bus() {
    let bus = bus();
    bus.publish(Moved(0)).await.unwrap();
    bus.idle().await;
    let mut moves = bus.subscribe::<Moved>();
    let mut also = bus.subscribe::<Moved>();
    bus.publish(Sold { item: "a", price: 1 }).await.unwrap();
    bus.publish(Moved(1)).await.unwrap();
    assert_eq!(*moves.recv().await.unwrap(), Moved(1));
    let waiting = tokio::spawn(async move {
        let mut heard = Vec::new();
        while let Some(event) = moves.recv().await {
            heard.push(event.0);
        }
        heard
    });
    tokio::task::yield_now().await;
    bus.publish(Moved(2)).await.unwrap();
    bus.publish(Moved(3)).await.unwrap();
    bus.shutdown().await;
    assert_eq!(waiting.await.unwrap(), [2, 3]);
    assert_eq!(also.len(), 3, "each has a buffer of its own");
    assert_eq!(also.recv().await.unwrap().0, 1);
    assert_eq!((also.missed(), also.len(), also.is_empty()), (0, 2, false));
    // Of the first event of each type; what is heard is not unhandled.
    assert_eq!((bus.stats().unhandled, bus.stats().listeners), (2, 0));
    assert!(bus.subscribe::<Moved>().recv().await.is_none(), "there is nothing to be heard");
}

#[tokio::test]
async fn what_is_not_received_in_time_is_counted() {
    let bus = bus();
    let mut moves = bus.subscribe::<Moved>().keep(3);
    for n in 0..10 {
        bus.publish(Moved(n)).await.unwrap();
    }
    bus.idle().await;
    assert_eq!(moves.missed(), 7);
    let heard: Vec<_> = drained(&mut moves).iter().map(|event| event.0).collect();
    assert_eq!(heard, [7, 8, 9], "the newest are kept");
    bus.publish(Moved(10)).await.unwrap();
    bus.idle().await;
    assert_eq!((moves.recv().await.unwrap().0, moves.missed()), (10, 7));
    for n in 20..23 {
        bus.publish(Moved(n)).await.unwrap();
    }
    bus.idle().await;
    let mut moves = moves.keep(2);
    assert_eq!((moves.len(), moves.missed()), (2, 8), "it lets go at once");
    assert_eq!(moves.recv().await.unwrap().0, 21, "of the oldest");
    let mut moves = moves.keep(0);
    bus.publish(Moved(11)).await.unwrap();
    bus.idle().await;
    assert_eq!(moves.try_recv().unwrap().0, 11, "it keeps one at least");
    assert!(format!("{moves:?}").contains("missed: 9"), "{moves:?}");
}

#[tokio::test]
async fn a_subscription_is_a_stream() {
    let bus = bus();
    let mut moves = bus.subscribe::<Moved>();
    bus.publish(Moved(1)).await.unwrap();
    let mut next = async || std::future::poll_fn(|task| Pin::new(&mut moves).poll_next(task)).await;
    assert_eq!(next().await.unwrap().0, 1);
    bus.shutdown().await;
    assert!(next().await.is_none());
}

#[tokio::test]
async fn who_is_dropped_listens_no_more() {
    let bus = bus();
    let (moves, waits) = (bus.subscribe::<Moved>(), bus.wait_for::<Moved>(|_| true));
    let all = bus.subscribe::<AnyEvent>();
    assert_eq!(bus.stats().listeners, 3);
    drop((moves, waits, all));
    assert_eq!(bus.stats().listeners, 0);
    bus.publish(Moved(1)).await.unwrap();
    bus.idle().await;
    assert_eq!(bus.stats().unhandled, 1);
}

#[handler(manual)]
async fn fails(_: &Moved, log: &Res<Seen>) -> bus::Result<()> {
    log.0.store(true, Ordering::SeqCst);
    Err(bus::Error::msg("no"))
}
#[derive(Default)]
struct Seen(AtomicBool);

#[tokio::test]
async fn it_hears_before_the_handlers_and_whatever_they_do() {
    let builder = Bus::builder().without_registered().provide(Seen::default()).handler::<fails>();
    let bus = builder.filter(|view: &FilterView<'_>| view.get::<Moved>() != Some(&Moved(13)));
    let bus = bus.build().unwrap();
    let seen = bus.resource::<Seen>().unwrap();
    let first = bus.wait_for::<Moved>(move |_| !seen.0.load(Ordering::SeqCst));
    let mut moves = bus.subscribe::<Moved>();
    bus.publish(Moved(13)).await.unwrap();
    bus.publish(Moved(1)).await.unwrap();
    assert_eq!(first.await.unwrap().0, 1);
    bus.idle().await;
    let heard: Vec<_> = drained(&mut moves).iter().map(|event| event.0).collect();
    assert_eq!(heard, [1], "what a filter keeps out is not heard");
    assert_eq!(bus.stats().failed, 1);
}

#[tokio::test]
async fn who_waits_gets_the_first_that_matches() {
    let bus = bus();
    let waits = bus.wait_for::<Moved>(|moved| moved.0 > 2);
    for n in 0..5 {
        bus.publish(Moved(n)).await.unwrap();
    }
    bus.idle().await;
    assert_eq!(bus.stats().listeners, 0, "it has heard enough");
    assert_eq!(waits.await.unwrap().0, 3);
}

#[tokio::test]
async fn who_waits_in_vain_is_told_why() {
    let bus = bus();
    let panics = bus.wait_for::<Moved>(|_| panic!("not today"));
    let in_vain = bus.wait_for::<Moved>(|moved| moved.0 == 7);
    bus.publish(Moved(1)).await.unwrap();
    let why = panics.await.unwrap_err();
    let panicked =
        WaitError::PredicatePanicked { event: "listening::Moved", message: "not today".to_owned() };
    assert_eq!(why, panicked);
    bus.shutdown().await;
    let why = in_vain.await.unwrap_err();
    assert_eq!(why, WaitError::Ended { event: "listening::Moved" });
    assert!(why.to_string().contains("no event listening::Moved will come any more"), "{why}");
    assert!(bus.wait_for::<Moved>(|_| true).await.is_err());
}

#[command]
struct Ask;
#[event]
struct Asked;
#[event]
struct Answered;
#[handler(manual)]
async fn asks(_: &Moved, cx: &Context) -> bus::Result<()> {
    let answer = cx.bus().wait_for::<Answered>(|_| true);
    cx.publish(Asked).await?;
    answer.await?;
    Ok(())
}
#[handler(manual)]
async fn answers(_: &Asked, cx: &Context) {
    tokio::task::yield_now().await;
    cx.emit(Answered);
}
#[handler(manual)]
async fn ask(_: Ask) -> bus::Result<()> {
    Ok(())
}

/// A bus of one slot: who waits gives it back.
#[tokio::test]
async fn a_handler_that_waits_gives_its_slot_back() {
    let builder = TestBus::builder().without_registered().concurrency(1);
    let bus = builder.handler::<asks>().handler::<answers>().build().unwrap();
    let settled = bus.run(bus.publish(Moved(1)).and_wait()).await.unwrap();
    assert!(settled.is_ok(), "{:?}", settled.failures);
}

#[tokio::test]
async fn the_buss_own_events_are_made_where_somebody_listens() {
    let bus = Bus::builder().without_registered().handler::<ask>().build().unwrap();
    let mut any = bus.subscribe::<AnyEvent>();
    let mut results = bus.subscribe::<CommandResultEvent>();
    bus.execute(Ask).await.unwrap();
    assert_eq!(results.recv().await.unwrap().command, "listening::Ask");
    drop(results);
    bus.execute(Ask).await.unwrap();
    bus.idle().await;
    assert!(any.try_recv().is_none(), "the bus's own events are heard by name alone");
}

#[tokio::test]
async fn any_event_tells_what_it_is() {
    let bus = bus();
    let mut all = bus.subscribe::<AnyEvent>();
    let mut outgoing = bus.subscribe::<AnyEvent<category::Integration>>();
    let session = bus.session("shop").open().await.unwrap();
    let moved = bus.publish(Moved(1)).await.unwrap();
    session.publish(Sold { item: "lamp", price: 30 }).await.unwrap();
    bus.publish(Unwritable(())).await.unwrap();
    bus.idle().await;
    assert_eq!(bus.stats().unhandled, 3, "who hears any event handles none in particular");
    let outgoing = drained(&mut outgoing);
    assert_eq!(outgoing.len(), 1);
    let all = drained(&mut all);
    let names: Vec<_> = all.iter().map(|event| event.name()).collect();
    assert_eq!(names, ["listening::Moved", "tests.sold", "listening::Unwritable"]);
    assert_eq!((all[0].id(), all[0].kind()), (moved.id, Category::Domain));
    assert_eq!((all[0].session_id(), all[1].session_id().as_str()), (&SessionId::BUS, "shop"));
    assert_eq!(all[1].kind(), Category::Integration);
    assert_eq!(all[1].get::<Sold>().unwrap().price, 30);
    assert_eq!(all[1].downcast::<Sold>().unwrap().item, "lamp");
    assert!(all[0].get::<Sold>().is_none() && all[0].downcast::<Sold>().is_none());
    assert_eq!(all[1].json().unwrap().to_string(), r#"{"item":"lamp","price":30}"#);
    let not_written = all[0].json().unwrap_err();
    assert!(matches!(not_written, JsonError::NotSerialize { event: "listening::Moved" }));
    let refused = all[2].json().unwrap_err();
    assert!(refused.to_string().contains("not this one"), "{refused}");
    session.close().await;
}

#[tokio::test]
async fn a_session_is_listened_to_until_it_has_ended() {
    let bus = bus();
    let session = bus.session("outer").open().await.unwrap();
    let inner = session.session("inner").open().await.unwrap();
    let other = bus.session("other").open().await.unwrap();
    let mut moves = session.subscribe::<Moved>();
    let in_vain = session.wait_for::<Moved>(|moved| moved.0 > 5);
    bus.publish(Moved(9)).await.unwrap();
    session.publish(Moved(1)).await.unwrap();
    inner.publish(Moved(2)).await.unwrap();
    other.publish(Moved(8)).await.unwrap();
    bus.idle().await;
    let heard: Vec<_> = drained(&mut moves).iter().map(|event| event.0).collect();
    assert_eq!(heard, [1, 2]);
    let handle = bus.find_session("outer").unwrap();
    session.close().await;
    assert!(moves.recv().await.is_none());
    assert!(matches!(in_vain.await, Err(WaitError::Ended { .. })));
    assert!(handle.subscribe::<Moved>().recv().await.is_none(), "it has ended before");
    other.close().await;
    assert_eq!(bus.stats().listeners, 0);
}

#[tokio::test(start_paused = true)]
async fn a_timeout_is_that_of_tokio() {
    let bus = bus();
    let waits = bus.wait_for::<Moved>(|_| true);
    assert!(tokio::time::timeout(Duration::from_secs(5), waits).await.is_err());
    assert_eq!(bus.stats().listeners, 0);
}

#[event]
struct Bomb(u32);
impl Drop for Bomb {
    fn drop(&mut self) {
        assert_ne!(self.0, 0, "a destructor");
    }
}

#[tokio::test(start_paused = true)]
async fn a_destructor_that_panics_in_a_buffer_loses_no_event() {
    let bus = bus();
    let mut heard = bus.subscribe::<Bomb>().keep(1);
    for n in 0..3 {
        bus.publish(Bomb(n)).await.unwrap();
    }
    let idle = tokio::time::timeout(Duration::from_secs(1), bus.idle()).await;
    assert!(idle.is_ok(), "an event is on its way for ever: {:?}", bus.stats());
    assert_eq!(heard.recv().await.unwrap().0, 2);
}

/// Nobody has shut the bus down, and it is there still.
#[test]
fn there_is_nothing_to_be_heard_when_the_runtime_has_ended() {
    let runtime = || tokio::runtime::Builder::new_current_thread().build().unwrap();
    let (bus, first) = (bus(), runtime());
    let (mut moves, waits) = (bus.subscribe::<Moved>(), bus.wait_for::<Moved>(|moved| moved.0 > 5));
    first.block_on(async {
        bus.publish(Moved(1)).await.unwrap();
        bus.idle().await;
    });
    drop(first);
    runtime().block_on(async {
        assert_eq!(moves.recv().await.unwrap().0, 1);
        let mut next = std::pin::pin!(moves.recv());
        let next = std::future::poll_fn(|task| Poll::Ready(next.as_mut().poll(task))).await;
        assert!(matches!(next, Poll::Ready(None)), "it waits for ever");
        let mut waits = std::pin::pin!(waits);
        let waits = std::future::poll_fn(|task| Poll::Ready(waits.as_mut().poll(task))).await;
        assert!(matches!(waits, Poll::Ready(Err(WaitError::Ended { .. }))), "it waits for ever");
    });
    assert_eq!(bus.stats().listeners, 0);
}

#[tokio::test]
async fn receiving_is_cancel_safe() {
    let bus = bus();
    let mut moves = bus.subscribe::<Moved>();
    {
        let mut recv = std::pin::pin!(moves.recv());
        let polled = std::future::poll_fn(|task| Poll::Ready(recv.as_mut().poll(task)));
        assert!(polled.await.is_pending());
        bus.publish(Moved(1)).await.unwrap();
        bus.idle().await;
    }
    assert_eq!(moves.recv().await.unwrap().0, 1);
}
