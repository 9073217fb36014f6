//! The spans of commands and events, as a subscriber sees them; and the levels of the log.

mod lost;
mod seen;

use std::cell::RefCell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::{
    Bus, Call, Context, Emit, Error, Handled, Middleware, Next, Resilience, RetryConfig,
    async_trait, command, event, handler,
};
use seen::{Seen, Seen1};
use tracing::subscriber::DefaultGuard;
use tracing::{Level, info};
use tracing_subscriber::Registry;
use tracing_subscriber::layer::SubscriberExt as _;

#[command]
struct Sign {
    fails: bool,
}
#[event]
struct Signed;

#[handler]
async fn sign(command: Sign, emit: Emit<Signed>) -> bus::Result<()> {
    info!("before");
    tokio::task::yield_now().await;
    info!("after");
    emit.send(Signed);
    if command.fails { Err(Error::msg("no ink")) } else { Ok(()) }
}
#[handler(priority = 1)]
async fn filed(_: &Signed) {
    info!("filed");
    tokio::task::yield_now().await;
    info!("filed after all");
}
#[handler]
fn noted(_: &Signed) {
    info!("noted");
}

#[tokio::test(start_paused = true)]
async fn a_command_an_event_and_its_handlers() {
    let seen = Seen::default();
    let _installed = seen.install();
    let bus = Bus::from_registered().unwrap();
    let around = tracing::info_span!(target: "bus::spans", "request");
    {
        use tracing::Instrument as _;
        let session = bus.session("desk").open().await.unwrap();
        session.execute(Sign { fails: false }).instrument(around.clone()).await.unwrap();
        bus.idle().await;
        assert!(!seen.is_entered(), "nothing is entered while nothing is polled");
    }
    let [(execute, of_execute)] = &seen.named("execute")[..] else { panic!("one command") };
    assert_eq!(of_execute.parent, around.id().map(|id| id.into_u64()));
    assert_eq!(of_execute.fields["messaging.system"], "bus");
    assert_eq!(of_execute.fields["messaging.operation.name"], "execute");
    assert_eq!(of_execute.fields["messaging.destination.name"], "spans::Sign");
    assert_eq!(of_execute.fields["otel.name"], "execute spans::Sign");
    assert_eq!(of_execute.fields["bus.attempts"], "1");
    assert!(of_execute.closed && !of_execute.fields.contains_key("error.type"));

    let all = seen.named("process");
    let [(sign, of_sign), (_, of_filed), (_, of_noted)] = &all[..] else { panic!("{all:?}") };
    assert_eq!((of_sign.parent, of_sign.follows.len()), (Some(*execute), 0));
    assert_eq!(of_sign.fields["bus.handler"], "sign");
    assert_eq!(of_sign.fields["bus.session"], "desk");
    assert_eq!(of_sign.fields["bus.attempt"], "1");
    assert!(of_sign.fields["bus.handler.at"].contains("spans/main.rs:"));
    let id = |span: &Seen1| span.fields["messaging.message.id"].clone();
    assert_eq!(id(of_sign), id(of_execute));

    let [(publish, of_publish)] = &seen.named("publish")[..] else { panic!("one event") };
    assert_eq!(of_publish.parent, Some(*sign), "what is emitted is published by its handler");
    let conversation = |span: &Seen1| span.fields["messaging.message.conversation_id"].clone();
    for span in [of_filed, of_noted] {
        assert_eq!((span.parent, &span.follows[..]), (None, &[*publish][..]));
        assert_eq!(id(span), id(of_publish));
        assert_eq!(conversation(span), id(of_execute));
        assert!(span.closed);
    }
    assert!(of_publish.closed, "when the last handler has ended");

    for (line, handler) in [
        ("before", of_sign),
        ("after", of_sign),
        ("filed", of_filed),
        ("filed after all", of_filed),
        ("noted", of_noted),
    ] {
        let line = seen.lines(&format!("message={line} "));
        let within = line[0].1.and_then(|id| seen.with(|world| world.spans.get(&id).cloned()));
        assert_eq!(within.unwrap().fields["bus.handler"], handler.fields["bus.handler"]);
    }
}

#[command]
struct Outer;
#[handler]
async fn outer(_: Outer, cx: &Context) -> bus::Result<()> {
    cx.execute(Sign { fails: true }).await.map_err(|error| Error::msg(error.to_string()))
}

#[tokio::test(start_paused = true)]
async fn what_fails_says_why_and_is_a_child_of_who_called() {
    let seen = Seen::default();
    let _installed = seen.install();
    let bus = Bus::from_registered().unwrap();
    bus.execute(Outer).await.unwrap_err();
    let (executes, processes) = (seen.named("execute"), seen.named("process"));
    assert_eq!(executes[1].1.parent, Some(processes[0].0), "within the handler that executes it");
    assert_eq!(processes[1].1.parent, Some(executes[1].0));
    for (_, span) in executes.iter().chain(&processes) {
        assert_eq!(span.fields["error.type"], "failed");
        assert_eq!(span.fields["otel.status_code"], "ERROR");
    }
    assert!(seen.named("publish").is_empty(), "what was not emitted was not published");
    drop(bus.execute(Nobody).await.unwrap_err());
    assert_eq!(seen.named("execute")[2].1.fields["error.type"], "no_handler");
    let report = bus.shutdown().await;
    assert!(report.is_clean(), "{report}");
    bus.publish(Signed).await.unwrap_err();
    assert_eq!(seen.named("publish")[0].1.fields["error.type"], "closed");
}

#[tokio::test(start_paused = true)]
async fn a_call_that_its_caller_drops_says_so() {
    let seen = Seen::default();
    let _installed = seen.install();
    let bus = Bus::from_registered().unwrap();
    let call = tokio::time::timeout(Duration::ZERO, bus.execute(Forever)).await;
    assert!(call.is_err());
    for name in ["execute", "process"] {
        let (_, span) = &seen.named(name)[0];
        assert_eq!(span.fields["error.type"], "dropped", "{name}");
        assert!(span.closed, "{name}");
    }
    assert!(!seen.is_entered());
}

#[command]
struct Forever;
#[handler]
async fn forever(_: Forever) -> bus::Result<()> {
    std::future::pending().await
}

#[command]
struct Nobody;

#[command]
struct Grind;
#[handler(blocking)]
fn grind(_: Grind, cx: &Context) -> bus::Result<()> {
    info!("ground");
    drop(cx.try_publish_signed());
    Ok(())
}
trait TryPublish {
    fn try_publish_signed(&self) -> Result<bus::Published, bus::PublishError<Signed>>;
}
impl TryPublish for Context {
    fn try_publish_signed(&self) -> Result<bus::Published, bus::PublishError<Signed>> {
        bus::MessageBus::try_publish(self, Signed)
    }
}

/// A pool has threads of its own, and so have deliveries that are pending.
#[test]
fn spans_go_with_their_handlers_to_other_threads() {
    let seen = Seen::default();
    let dispatch = tracing::Dispatch::new(Registry::default().with(seen.clone()));
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(3)
        .enable_all()
        .on_thread_start(move || {
            // Its guard stays with the thread.
            thread_local!(static GUARD: RefCell<Option<DefaultGuard>> = const { RefCell::new(None) });
            GUARD.set(Some(tracing::dispatcher::set_default(&dispatch)));
        })
        .build()
        .unwrap();
    let bus = runtime.block_on(async {
        tokio::spawn(async {
            let bus = Bus::from_registered().unwrap();
            for _ in 0..50 {
                bus.execute(Grind).await.unwrap();
                bus.publish(Signed).await.unwrap();
            }
            bus.shutdown().await;
            bus
        })
        .await
        .unwrap()
    });
    drop(bus);
    drop(runtime);
    assert!(!seen.is_entered());
    let lines = seen.lines("message=ground ");
    assert_eq!(lines.len(), 50);
    let in_process = |(_, span): &(Level, Option<u64>)| {
        let span = span.and_then(|id| seen.with(|world| world.spans.get(&id).cloned()));
        span.is_some_and(|span| span.name == "process")
    };
    assert!(lines.iter().all(in_process));
    let after = seen.lines("message=filed after all ");
    assert_eq!(after.len(), 100);
    assert!(after.iter().all(in_process), "also after it has moved");
    assert!(seen.named("process").iter().all(|(_, span)| span.closed));
    assert_eq!(seen.named("publish").len(), 100);
}

struct Passes;
#[async_trait]
impl Middleware for Passes {
    async fn handle(&self, call: &mut Call<'_>, next: Next) -> Handled {
        next.run(call).await
    }
}

#[tokio::test(start_paused = true)]
async fn middleware_changes_nothing_of_it() {
    let seen = Seen::default();
    let _installed = seen.install();
    let bus = Bus::builder().middleware(Passes).build().unwrap();
    bus.execute(Sign { fails: false }).await.unwrap();
    bus.idle().await;
    let (publishes, processes) = (seen.named("publish"), seen.named("process"));
    assert_eq!(publishes[0].1.parent, Some(processes[0].0));
    assert_eq!(processes.len(), 3);
    assert!(processes[1..].iter().all(|(_, span)| span.follows == [publishes[0].0]));
}

#[event]
struct Read(u32);
#[handler(batch = 10)]
async fn read(events: &[Arc<Read>]) -> bus::Result<()> {
    info!(sum = events.iter().map(|event| event.0).sum::<u32>(), "read");
    Ok(())
}

#[tokio::test(start_paused = true)]
async fn a_batch_follows_from_all_of_its_events() {
    let seen = Seen::default();
    let _installed = seen.install();
    let bus = Bus::from_registered().unwrap();
    for n in 0..4 {
        bus.try_publish(Read(n)).unwrap();
    }
    bus.idle().await;
    let publishes: Vec<_> = seen.named("publish").iter().map(|(id, _)| *id).collect();
    let processes = seen.named("process");
    let [(_, process)] = &processes[..] else { panic!("{processes:?}") };
    assert_eq!(process.follows, publishes);
    // A batch is no message: it has an id of its own, and says how many it has.
    assert_eq!(process.fields["messaging.batch.message_count"], "4");
    assert!(process.fields.contains_key("bus.batch"), "{process:?}");
    assert!(!process.fields.contains_key("messaging.message.id"), "{process:?}");
    let kinds =
        |name| seen.named(name).into_iter().map(|(_, span)| span.fields["otel.kind"].clone());
    assert!(kinds("publish").all(|kind| kind == "producer"));
    assert!(kinds("process").all(|kind| kind == "consumer"));
}

#[tokio::test(start_paused = true)]
async fn a_publish_that_its_publisher_drops_says_so() {
    let seen = Seen::default();
    let _installed = seen.install();
    let bus = Bus::builder().event_queue_size(1).concurrency(1).build().unwrap();
    let hour = Duration::from_secs(3600);
    let published = tokio::time::timeout(Duration::from_millis(1), async {
        loop {
            bus.publish(Lasts(hour)).await.unwrap();
        }
    });
    assert!(published.await.is_err());
    let publishes = seen.named("publish");
    let (_, last) = publishes.last().unwrap();
    assert_eq!((&*last.fields["error.type"], last.closed), ("dropped", true));
    let others = &publishes[..publishes.len() - 1];
    assert!(others.iter().all(|(_, span)| !span.fields.contains_key("error.type")), "{others:?}");
}

#[event]
struct Lasts(Duration);
#[handler]
async fn lasts(event: &Lasts) {
    tokio::time::sleep(event.0).await;
}

#[event]
struct Shaky;
static CALLS: AtomicU32 = AtomicU32::new(0);
#[handler]
async fn shaky(_: &Shaky) -> bus::Result<()> {
    match CALLS.fetch_add(1, Ordering::Relaxed) {
        5 => Ok(()),
        _ => Err(Error::msg("shaken")),
    }
}
#[command]
#[derive(Clone)]
struct Doomed;
#[handler]
async fn doomed(_: Doomed) -> bus::Result<()> {
    Err(Error::msg("doomed"))
}

#[tokio::test(start_paused = true)]
async fn the_levels_of_the_log() {
    let seen = Seen::default();
    let _installed = seen.install();
    let one = RetryConfig { max_retries: 1, ..RetryConfig::default() };
    let later = Resilience::default().retry(one).delayed_retries([Duration::from_secs(60)]);
    let bus = Bus::builder().resilient(later.dead_letters(true)).build().unwrap();
    bus.publish(Shaky).await.unwrap();
    bus.idle().await;
    let levels = |text: &str| seen.lines(text).iter().map(|line| line.0).collect::<Vec<_>>();
    // Two attempts, two more a minute later, then nothing helps.
    assert_eq!(levels("a handler failed: again in"), [Level::INFO, Level::WARN, Level::INFO]);
    assert_eq!(levels("in nobody's way"), [Level::WARN]);
    assert_eq!(levels("an event handler failed"), [Level::ERROR]);
    assert_eq!(levels("dead_letter="), [Level::ERROR]);
    let attempts: Vec<_> =
        seen.named("process").iter().map(|(_, span)| span.fields["bus.attempt"].clone()).collect();
    assert_eq!(attempts, ["1", "2", "3", "4"], "a span for each call");

    bus.publish(Shaky).await.unwrap();
    bus.idle().await;
    assert_eq!(levels("message=an event was handled "), [Level::DEBUG]);
    bus.execute(Sign { fails: false }).await.unwrap();
    assert_eq!(levels("message=a command was executed "), [Level::DEBUG]);
    bus.execute(Doomed).await.unwrap_err();
    assert_eq!(levels("message=a command became a dead letter "), [Level::ERROR]);
}
