//! Observers: what they are told, in which order, with which ids; and that nobody else notices them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::prelude::*;
use bus::{
    BackpressureStrategy, CommandResultEvent, EventFilter, FilterView, Happening, MessageId,
    Observer, What, filters,
};

const MS: Duration = Duration::from_millis(1);

/// What was told: the kind with what matters of it, the id and the parent's id.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<Told>>>);
type Told = (String, Option<MessageId>, Option<MessageId>);

impl Seen {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
    /// The kinds alone.
    fn kinds(&self) -> Vec<String> {
        self.take().into_iter().map(|(kind, ..)| kind).collect()
    }
}

impl Observer for Seen {
    fn observe(&self, happening: &Happening<'_>) {
        let name = happening.message().map_or("-", |message| message.short_name());
        let handler =
            |h: Option<&bus::HandlerInfo>| h.map_or(String::new(), |h| h.name.to_string());
        let kind = match happening.what() {
            What::Executing { handler, .. } => format!("executing {}", handler.name),
            What::Executed { attempts, error, .. } => {
                format!("executed {attempts} {}", if error.is_some() { "err" } else { "ok" })
            }
            What::Handling { handler, attempt, batch, .. } => {
                let batch = if batch.is_some() { " in a batch" } else { "" };
                format!("handling {} {attempt}{batch}", handler.name)
            }
            What::Handled { handler, attempts, error, .. } => {
                let how = if error.is_some() { "err" } else { "ok" };
                format!("handled {} {attempts} {how}", handler.name)
            }
            What::Retrying { attempt, after, delayed, error, .. } => {
                format!("retrying {attempt} {after:?} {delayed} {error}")
            }
            What::DeadLettered { handler, .. } => format!("dead {}", handler.name),
            What::Filtered { by, handler: of, .. } => {
                format!("filtered {} {}", by.rsplit("::").next().unwrap(), handler(*of))
            }
            What::Dropped { reason, count, .. } => format!("dropped {count} {reason:?}"),
            What::Published { outcome, .. } => format!("published {outcome:?}"),
            What::Rejected { why, .. } => format!("rejected {why}"),
            What::QueueMark { mark, .. } => format!("mark {mark:?}"),
            What::CircuitChanged { circuit, change, .. } => {
                format!("circuit {circuit} {:?}", change.to)
            }
            What::SessionEnded { error, .. } => format!("session ended {error:?}"),
            other => format!("{other:?}").split([' ', '{']).next().unwrap().to_lowercase(),
        };
        let kind = format!("{name} {kind}").trim_end().to_owned();
        self.0.lock().unwrap().push((kind, happening.id(), happening.parent()));
    }
    fn name(&self) -> std::borrow::Cow<'static, str> {
        "seen".into()
    }
}

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

#[command(output = (), error = NoLuck, retry(max_retries = 1, initial_delay = "10ms", jitter = none))]
struct Order(u32);
#[handler]
async fn order(command: &Order, cx: &Context, emit: Emit<Ordered>) -> Result<(), NoLuck> {
    emit.send(Ordered(command.0));
    if command.0 > 100 || (command.0 > 10 && cx.attempt() == 1) { Err(NoLuck) } else { Ok(()) }
}

#[event]
struct Ordered(u32);
#[handler(priority = 2)]
async fn ship(_: &Ordered, cx: &Context) {
    cx.publish(Shipped).await.unwrap();
}
fn is_dear(view: &FilterView<'_>) -> bool {
    view.get::<Ordered>().is_some_and(|ordered| ordered.0 > 5)
}
#[handler(priority = 1, filter = is_dear)]
async fn check(_: &Ordered) {}

#[event]
struct Shipped;

#[event]
struct Flaky;
#[handler(retry(max_retries = 1, initial_delay = "10ms", jitter = none))]
async fn stumble(_: &Flaky) -> Result<(), NoLuck> {
    Err(NoLuck)
}

#[event]
struct Many;
#[handler(batch = 10)]
async fn many(events: &[Arc<Many>], cx: &Context) {
    if events.len() > 1 {
        cx.emit(Shipped);
    }
}

#[event]
struct Brief;
#[handler]
async fn brief(_: &Brief) {
    tokio::time::sleep(MS).await;
}

fn build(set: impl FnOnce(bus::Builder) -> bus::Builder) -> (Bus, Seen) {
    let seen = Seen::default();
    let builder = Bus::builder().only("observers").observer(seen.clone());
    (set(builder).build().unwrap(), seen)
}

fn kinds(all: &[Told]) -> Vec<&str> {
    all.iter().map(|(kind, ..)| &**kind).collect()
}

#[tokio::test(start_paused = true)]
async fn a_command_and_what_follows_from_it() {
    let (bus, seen) = build(|b| b);
    let report = bus.execute(Order(20)).detailed().await;
    assert!(report.success);
    bus.idle().await;
    let all = seen.take();
    assert_eq!(
        kinds(&all),
        [
            "Order executing order",
            "Order handling order 1",
            "Order retrying 1 10ms false no luck",
            "Order handling order 2",
            "Ordered published Queued",
            "Order executed 2 ok",
            "Ordered handling ship 1",
            "Shipped published Queued",
            "Ordered handled ship 1 ok",
            "Ordered handling check 1",
            "Ordered handled check 1 ok",
            "Shipped unhandled",
        ]
    );
    let order = report.command_id;
    assert!(all[..4].iter().all(|(_, id, parent)| *id == Some(order) && parent.is_none()));
    let ordered = all[4].1;
    assert_eq!(all[4].2, Some(order));
    assert!(ordered.is_some() && all[6].1 == ordered && all[10].1 == ordered);
    assert_eq!(all[7].2, ordered, "the parent of what a handler publishes is its event");
    assert_eq!(all[11], ("Shipped unhandled".into(), all[7].1, ordered));
}

#[tokio::test(start_paused = true)]
async fn failures_retries_and_dead_letters() {
    let (bus, seen) = build(|b| b);
    bus.execute(Order(200)).await.unwrap_err();
    assert_eq!(
        seen.kinds(),
        [
            "Order executing order",
            "Order handling order 1",
            "Order retrying 1 10ms false no luck",
            "Order handling order 2",
            "Order dead order",
            "Order executed 2 err",
        ]
    );
    bus.publish(Flaky).await.unwrap();
    bus.idle().await;
    let all = seen.take();
    assert_eq!(
        kinds(&all),
        [
            "Flaky published Queued",
            "Flaky handling stumble 1",
            "Flaky retrying 1 10ms false no luck",
            "Flaky handling stumble 2",
            "Flaky dead stumble",
            "Flaky handled stumble 2 err",
        ]
    );
    assert!(all.iter().all(|(_, id, _)| *id == all[0].1 && id.is_some()));
}

#[tokio::test(start_paused = true)]
async fn filters_before_the_queue_and_before_a_handler() {
    let (bus, seen) = build(|b| b.filter(filters::of_type::<Flaky>().not().named("no flaky")));
    bus.publish(Flaky).await.unwrap();
    bus.publish(Ordered(1)).await.unwrap();
    bus.idle().await;
    assert_eq!(
        seen.kinds(),
        [
            "Flaky filtered no flaky",
            "Ordered published Queued",
            "Ordered handling ship 1",
            "Shipped published Queued",
            "Ordered handled ship 1 ok",
            "Ordered filtered is_dear check",
            "Shipped unhandled",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_rejected_or_expires() {
    let (bus, seen) = build(|b| {
        b.event_queue_size(1)
            .backpressure_strategy(BackpressureStrategy::DropOldest)
            .without::<brief>()
    });
    bus.try_publish(Brief).unwrap();
    bus.try_publish(Brief).unwrap();
    let all = seen.take();
    let expected = [
        "Brief published Queued",
        "- mark High",
        "Brief dropped 1 QueueFull",
        "Brief published QueuedAfterDropping(1)",
    ];
    let mut told = kinds(&all);
    told.sort_unstable();
    let mut sorted = expected;
    sorted.sort_unstable();
    assert_eq!(told, sorted);
    let dropped = all.iter().find(|(kind, ..)| kind.contains("dropped")).unwrap();
    assert_eq!(dropped.1, all.iter().find(|(kind, ..)| kind.ends_with("Queued")).unwrap().1);
    bus.shutdown().await;
    seen.take();
    bus.publish(Brief).await.unwrap_err();
    bus.execute(Order(1)).await.unwrap_err();
    let told = seen.kinds();
    assert_eq!(told.len(), 2, "{told:?}");
    assert_eq!(told[0], "Brief rejected the bus is closed");
    assert!(
        told[1].starts_with("Order rejected") && told[1].ends_with("shutting down"),
        "{told:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn batches_are_told_of_each_event() {
    let (bus, seen) = build(|b| b);
    for _ in 0..2 {
        bus.try_publish(Many).unwrap();
    }
    bus.idle().await;
    assert_eq!(
        seen.kinds(),
        [
            "Many published Queued",
            "Many published Queued",
            "Many handling many 1 in a batch",
            "Many handling many 1 in a batch",
            "Shipped published Queued",
            "Many handled many 1 ok",
            "Many handled many 1 ok",
            "Shipped unhandled",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn callers_that_go_away_sessions_and_timers() {
    let (bus, seen) = build(|b| b);
    let session = bus.session("desk").open().await.unwrap();
    let scheduled = bus.publish(Brief).after(5 * MS).await.unwrap();
    session.close().await;
    {
        let mut call = Box::pin(bus.execute(Order(20)));
        assert!(futures_poll(call.as_mut()).await.is_none());
    }
    tokio::time::sleep(10 * MS).await;
    bus.idle().await;
    let all = seen.take();
    assert_eq!(
        kinds(&all),
        [
            "- sessionopened",
            "Brief scheduled",
            "- session ended None",
            "Order executing order",
            "Order handling order 1",
            "Order retrying 1 10ms false no luck",
            "Order abandoned",
            "Brief published Queued",
            "Brief handling brief 1",
            "Brief handled brief 1 ok",
        ]
    );
    assert!(all[1].1 == Some(scheduled.id()) && all[7].1 == all[1].1, "it keeps its id");
}

async fn futures_poll<F: Future>(mut future: std::pin::Pin<&mut F>) -> Option<F::Output> {
    std::future::poll_fn(|task| {
        std::task::Poll::Ready(match future.as_mut().poll(task) {
            std::task::Poll::Ready(output) => Some(output),
            std::task::Poll::Pending => None,
        })
    })
    .await
}

#[tokio::test(start_paused = true)]
async fn at_run_time_switched_and_removed() {
    let (bus, first) = build(|b| b);
    let second = Seen::default();
    let handle = bus.observe(second.clone());
    let send = || drop(bus.try_publish(Shipped).unwrap());
    send();
    assert!(!first.take().is_empty() && !second.take().is_empty());
    handle.set_enabled(false);
    assert!(!handle.is_enabled());
    bus.idle().await;
    send();
    assert!(!first.take().is_empty() && second.take().is_empty());
    handle.set_enabled(true);
    bus.idle().await;
    send();
    assert!(!second.take().is_empty());
    assert_eq!(bus.observers().len(), 2);
    handle.remove();
    bus.idle().await;
    second.take();
    send();
    assert!(second.take().is_empty());
    assert_eq!(bus.observers().iter().map(|o| &*o.name).collect::<Vec<_>>(), ["seen"]);
}

#[tokio::test(start_paused = true)]
async fn one_that_panics_disturbs_nobody() {
    let (bus, seen) = build(|b| b.observer(|_: &Happening<'_>| panic!("an observer panics")));
    bus.execute(Order(1)).await.unwrap();
    bus.idle().await;
    assert_eq!(bus.stats().failed, 0);
    let told = seen.take().len();
    assert_eq!(bus.observers()[1].panics, u64::try_from(told).unwrap());
}

/// Else it would be told of what it does for ever.
#[tokio::test(start_paused = true)]
async fn what_an_observer_does_is_told_to_nobody() {
    let (bus, seen) = build(|b| b);
    let (weak, published) = (bus.downgrade(), Arc::new(AtomicU32::new(0)));
    let count = Arc::clone(&published);
    let _ = bus.observe(move |_: &Happening<'_>| {
        if count.fetch_add(1, Ordering::Relaxed) == 0 {
            weak.upgrade().unwrap().try_publish(Shipped).unwrap();
        }
    });
    bus.try_publish(Shipped).unwrap();
    assert_eq!(seen.take().len(), 1);
    assert_eq!(published.load(Ordering::Relaxed), 1);
    bus.idle().await;
    assert_eq!(seen.kinds(), ["Shipped unhandled", "Shipped unhandled"]);
}

/// Hears the bus's own events too.
struct Own(Arc<AtomicU32>, bool);
impl Observer for Own {
    fn observe(&self, happening: &Happening<'_>) {
        if happening.is_lifecycle() {
            assert!(self.1);
            self.0.fetch_add(1, Ordering::Relaxed);
        }
    }
    fn lifecycle(&self) -> bool {
        self.1
    }
}

#[tokio::test(start_paused = true)]
async fn the_buss_own_events_are_told_to_those_who_ask() {
    let (own, users) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicU32::new(0)));
    let (bus, _) =
        build(|b| b.observer(Own(own.clone(), true)).observer(Own(users.clone(), false)));
    let _ = bus.register_event_handler(
        |_: Arc<CommandResultEvent>, cx: bus::OwnedContext| async move {
            cx.publish(Shipped).await.unwrap();
        },
    );
    bus.execute(Order(1)).await.unwrap();
    bus.idle().await;
    // It is published, handling and handled; what it has published, and that nobody handles it.
    assert_eq!(own.load(Ordering::Relaxed), 5);
    assert_eq!(users.load(Ordering::Relaxed), 0);
}

#[tokio::test]
async fn the_message_is_at_hand_where_it_is() {
    let (bus, _) = build(|b| b);
    let sum = Arc::new(AtomicU32::new(0));
    let add = Arc::clone(&sum);
    let _ = bus.observe(move |happening: &Happening<'_>| {
        let order = happening.get::<Order>().map(|order| order.0);
        let ordered = happening.get::<Ordered>().map(|ordered| 10 * ordered.0);
        add.fetch_add(order.or(ordered).unwrap_or(0), Ordering::Relaxed);
    });
    bus.execute(Order(3)).await.unwrap();
    bus.idle().await;
    // It is published, and kept from one of its handlers.
    assert_eq!(sum.load(Ordering::Relaxed), 3 + 30 + 30);
}

/// However many threads there are: each thing that is begun is ended, once.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn on_many_threads_each_beginning_has_its_end() {
    let (bus, seen) = build(|b| b);
    let mut tasks = tokio::task::JoinSet::new();
    for task in 0..4 {
        let bus = bus.clone();
        tasks.spawn(async move {
            for n in 0..100 {
                let _ = bus.execute(Order((task * 100 + n) % 10)).await;
            }
        });
    }
    tasks.join_all().await;
    bus.idle().await;
    let all = seen.kinds();
    let count = |start: &str| all.iter().filter(|kind| kind.starts_with(start)).count();
    assert_eq!(count("Order executing"), 400);
    assert_eq!(count("Order executed 1 ok"), 400);
    assert_eq!(count("Ordered published"), 400);
    assert_eq!(count("Ordered handling ship"), 400);
    assert_eq!(count("Ordered handled ship"), 400);
    assert_eq!(count("Ordered handled check") + count("Ordered filtered"), 400);
    assert_eq!(count("Shipped unhandled"), 400);
}
