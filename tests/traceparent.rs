//! The W3C trace of a request, through commands and events.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

use bus::{
    Builder, Bus, Context, Emit, MessageId, Res, TraceParent, async_trait, command, event, handler,
};

const CAME: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const OTHER: &str = "00-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa-bbbbbbbbbbbbbbbb-00";

/// Who was called, and what it would send on.
type Noted = (&'static str, Option<TraceParent>, Option<String>);
#[derive(Default, Clone)]
struct Log(Arc<Mutex<Vec<Noted>>>, Arc<Mutex<BTreeSet<MessageId>>>);

impl Log {
    fn note(&self, who: &'static str, cx: &Context) {
        self.0.lock().unwrap().push((who, cx.traceparent(), cx.tracestate()));
        self.1.lock().unwrap().insert(cx.correlation_id());
    }
    fn take(&self) -> Vec<Noted> {
        std::mem::take(&mut self.0.lock().unwrap())
    }
}

#[command]
struct Order;
#[event]
struct Ordered;
#[event]
struct Counted;
#[command]
struct Ship;

#[handler]
async fn order(_: Order, cx: &Context, log: &Res<Log>, emit: Emit<Ordered>) -> bus::Result<()> {
    log.note("order", cx);
    emit.send(Ordered);
    cx.publish(Counted).header("traceparent", OTHER).await?;
    Ok(())
}
#[handler]
async fn ordered(_: &Ordered, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    log.note("ordered", cx);
    Ok(cx.execute(Ship).await?)
}
#[handler]
fn counted(_: &Counted, cx: &Context, log: &Res<Log>) {
    log.note("counted", cx);
}
#[handler]
async fn ship(_: Ship, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    tokio::task::yield_now().await;
    log.note("ship", cx);
    Ok(())
}

fn bus(with: impl FnOnce(Builder) -> Builder) -> (Bus, Log) {
    let log = Log::default();
    (with(Bus::builder().provide(log.clone())).build().unwrap(), log)
}

#[tokio::test(start_paused = true)]
async fn from_a_command_by_an_event_to_a_command() {
    let (bus, log) = bus(|builder| builder);
    bus.execute(Order).header("traceparent", CAME).header("tracestate", "a=1").await.unwrap();
    bus.idle().await;
    let came: TraceParent = CAME.parse().unwrap();
    let mut noted = log.take();
    noted.sort_by_key(|(who, ..)| *who);
    let [counted, order, ordered, ship] = &noted[..] else { panic!("{noted:?}") };
    let mut spans = vec![came.span_id()];
    for (who, parent, state) in [order, ordered, ship] {
        let parent = parent.unwrap_or_else(|| panic!("{who} is a part of the trace"));
        assert_eq!(parent.trace_id(), came.trace_id(), "{who}");
        assert!(parent.is_sampled(), "{who}");
        assert_eq!(state.as_deref(), Some("a=1"), "{who}");
        spans.push(parent.span_id());
    }
    spans.sort_unstable();
    spans.dedup();
    assert_eq!(spans.len(), 4, "each is a span of its own");
    // What is said of one message goes before what it inherits; and a state belongs to its parent.
    let other: TraceParent = OTHER.parse().unwrap();
    assert_eq!(counted.1.unwrap().trace_id(), other.trace_id());
    assert!(!counted.1.unwrap().is_sampled());
    assert_eq!(counted.2, None);
}

#[tokio::test(start_paused = true)]
async fn no_header_no_trace_and_a_bad_one_is_none() {
    let (bus, log) = bus(|builder| builder);
    bus.execute(Order).await.unwrap();
    bus.execute(Order)
        .header("traceparent", "00-nonsense")
        .header("tracestate", "a=1")
        .await
        .unwrap();
    bus.publish(Ordered).header("traceparent", CAME.to_uppercase()).await.unwrap();
    bus.idle().await;
    let noted = log.take();
    let of_others = noted.iter().filter(|(who, ..)| *who != "counted");
    assert!(of_others.clone().count() >= 8);
    assert!(of_others.clone().all(|(_, parent, state)| parent.is_none() && state.is_none()));
}

struct Renames;
#[async_trait]
impl bus::Middleware for Renames {
    async fn handle(&self, call: &mut bus::Call<'_>, next: bus::Next) -> bus::Handled {
        call.set_header("traceparent", OTHER);
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_the_same_in_what_outlives_a_handler_and_a_middleware_may_set_it() {
    let (bus, log) = bus(|builder| builder.middleware(Renames));
    bus.execute(Ship).header("traceparent", CAME).await.unwrap();
    let other: TraceParent = OTHER.parse().unwrap();
    assert_eq!(log.take()[0].1.unwrap().trace_id(), other.trace_id());
}

/// Fails, and has nobody who waits for it.
#[event]
struct Billed;
#[command]
struct Bill;
#[handler]
async fn bill(_: &Bill, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    log.note("bill", cx);
    Err(bus::Error::msg("not today"))
}
#[handler]
async fn billed(_: &Billed, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    log.note("billed", cx);
    // The command is a dead letter of its own.
    Ok(cx.execute(Bill).await?)
}
#[command]
struct Close;
#[handler]
async fn close(_: Close, emit: Emit<Billed>) -> bus::Result<()> {
    emit.send(Billed);
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_dead_letter_that_is_run_again_is_in_the_trace_that_it_had() {
    let (bus, log) = bus(|builder| {
        let builder = builder.configure::<bill>(|handler| handler.dead_letters(true));
        builder.configure::<billed>(|handler| handler.dead_letters(true))
    });
    let close = bus.execute(Close).header("traceparent", CAME).header("tracestate", "a=1");
    let root = close.detailed().await.command_id;
    bus.idle().await;
    assert_eq!(bus.dead_letters().list().len(), 2);
    let first = log.take();
    bus.dead_letters().retry_all().await;
    let again = log.take();
    assert!(again.len() >= 2, "{again:?}");
    let came: TraceParent = CAME.parse().unwrap();
    for (who, parent, state) in first.iter().chain(&again) {
        assert_eq!(parent.map(|parent| parent.trace_id()), Some(came.trace_id()), "{who}");
        assert_eq!(state.as_deref(), Some("a=1"), "{who}");
    }
    let letter = bus.dead_letters().list()[0].id;
    let _ = bus.dead_letters().edit_and_retry::<Bill>(letter, |_| Bill).await;
    let _ = bus.dead_letters().edit_and_retry::<Billed>(letter, |_| Billed).await;
    let edited = log.take();
    assert!(!edited.is_empty() && edited.iter().all(|(_, parent, _)| parent.is_some()));
    assert_eq!(
        *log.1.lock().unwrap(),
        BTreeSet::from([root]),
        "all of it follows from one request"
    );
}
