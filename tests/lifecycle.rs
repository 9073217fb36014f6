//! The bus's own events.

use std::sync::Mutex;
use std::time::Duration;

use bus::{
    Bus, CommandResultEvent, CommandStartedEvent, Context, EventHandlerFailedEvent, Res, command,
    event, handler,
};

#[derive(Default)]
struct Log(Mutex<Vec<String>>);
impl Log {
    fn add(&self, line: String) {
        self.0.lock().unwrap().push(line);
    }
}
#[bus::resource]
fn log() -> Log {
    Log::default()
}

#[derive(Debug)]
struct Unwritable;
#[command(error = Unwritable)]
struct Work {
    fails: bool,
}
#[handler]
async fn work(command: Work, log: &Res<Log>) -> Result<(), Unwritable> {
    tokio::time::sleep(Duration::from_secs(1)).await;
    log.add("work".to_owned());
    if command.fails { Err(Unwritable) } else { Ok(()) }
}
#[command(error = std::fmt::Error)]
struct Fails;
#[handler]
fn fails(_: Fails) -> Result<(), std::fmt::Error> {
    Err(std::fmt::Error)
}

#[handler]
fn on_start(event: &CommandStartedEvent, log: &Res<Log>) {
    log.add(format!("started {} in {}", event.command, event.session_id));
}
#[handler]
async fn on_result(event: &CommandResultEvent, cx: &Context, log: &Res<Log>) -> bus::Result<()> {
    log.add(format!(
        "{} {} {:?} {:?} {:?}",
        event.command, event.success, event.error, event.duration, event.metadata
    ));
    // What the handler of a lifecycle event does is not announced, else this would never end.
    Ok(cx.execute(Quiet).await?)
}
#[command]
struct Quiet;
#[handler]
fn quiet(_: Quiet, log: &Res<Log>) -> bus::Result<()> {
    log.add("quiet".to_owned());
    Ok(())
}

async fn lines_after(run: impl AsyncFnOnce(&Bus)) -> Vec<String> {
    let bus = Bus::from_registered().unwrap();
    run(&bus).await;
    let report = bus.shutdown().await;
    assert_eq!((report.completed, report.failed), (0, 0), "lifecycle events count as the user's");
    assert_eq!(bus.stats().published, 0);
    let log = bus.resource::<Log>().unwrap();
    std::mem::take(&mut *log.0.lock().unwrap())
}

#[tokio::test(start_paused = true)]
async fn a_command_is_announced_before_and_after() {
    let lines = lines_after(async |bus| {
        let _job = bus.session("job").open().await.unwrap();
        bus.execute(Work { fails: false }).session("job").header("k", "v").await.unwrap();
    });
    let lines = lines.await;
    assert_eq!(
        lines,
        [
            "started lifecycle::Work in job",
            "work",
            "lifecycle::Work true None 1s {\"k\": \"v\"}",
            "quiet",
        ]
    );
}

#[tokio::test(start_paused = true)]
async fn a_failure_is_announced_with_its_text_where_it_has_one() {
    let lines = lines_after(async |bus| {
        bus.execute(Fails).await.unwrap_err();
        bus.execute(Work { fails: true }).await.unwrap_err();
    });
    let lines = lines.await;
    let results: Vec<_> = lines.iter().filter(|line| line.contains("false")).collect();
    assert!(results[0].contains("an error occurred when formatting an argument"), "{results:?}");
    // The type's name stands for an error that cannot be written.
    assert!(results[1].contains("lifecycle::Unwritable"), "{results:?}");
}

/// Commands that are executed before there is a runtime are announced when there is one.
#[test]
fn what_was_announced_before_there_was_a_runtime_is_heard() {
    let bus = Bus::from_registered().unwrap();
    let log = bus.resource::<Log>().unwrap().into_arc();
    let call = std::pin::pin!(bus.execute(Fails));
    let mut task = std::task::Context::from_waker(std::task::Waker::noop());
    assert!(std::future::Future::poll(call, &mut task).is_ready(), "its handler is a plain fn");
    assert!(log.0.lock().unwrap().is_empty(), "nobody runs the listeners yet");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(bus.idle());
    let lines = log.0.lock().unwrap().clone();
    assert!(lines[0].starts_with("started lifecycle::Fails"), "{lines:?}");
    assert!(lines.iter().any(|line| line.starts_with("lifecycle::Fails false")), "{lines:?}");
}

/// The announcements of many commands neither push out nor outnumber the user's events, and what
/// listeners cannot follow is bounded.
#[tokio::test(start_paused = true)]
async fn announcements_never_displace_the_users_events() {
    #[event]
    struct Mine(usize);
    let strategy = bus::BackpressureStrategy::DropOldest;
    let builder = Bus::builder().event_queue_size(10).backpressure_strategy(strategy);
    let bus = builder.build().unwrap();
    let mine = std::sync::Arc::new(Mutex::new(Vec::new()));
    bus.register_event_handler({
        let mine = std::sync::Arc::clone(&mine);
        move |event: std::sync::Arc<Mine>, _| {
            mine.lock().unwrap().push(event.0);
            std::future::ready(())
        }
    })
    .unwrap();
    for n in 0..10 {
        bus.publish(Mine(n)).await.unwrap();
    }
    // A plain handler never yields, so neither do a thousand commands of one.
    for _ in 0..1_000 {
        let _ = bus.execute(Fails).await;
    }
    let stats = bus.event_queue().stats();
    assert_eq!((stats.queued, stats.dropped, stats.accepted), (10, 0, 10));
    assert_eq!(stats.lifecycle_dropped, 1_990, "two a command, of which ten are kept");
    bus.idle().await;
    assert_eq!(*mine.lock().unwrap(), (0..10).collect::<Vec<_>>());
}

/// Listeners that never end use up slots of their own: the user's handlers have theirs.
#[tokio::test(start_paused = true)]
async fn slow_listeners_do_not_delay_the_users_events() {
    #[event]
    struct Ours;
    let bus = Bus::builder().concurrency(2).event_timeout(None).build().unwrap();
    let mine = std::sync::Arc::new(Mutex::new(0));
    bus.register_event_handler(|_: std::sync::Arc<CommandStartedEvent>, _| {
        std::future::pending::<()>()
    })
    .unwrap();
    bus.register_event_handler({
        let mine = std::sync::Arc::clone(&mine);
        move |_: std::sync::Arc<Ours>, _| {
            let mine = std::sync::Arc::clone(&mine);
            async move {
                tokio::task::yield_now().await;
                *mine.lock().unwrap() += 1;
            }
        }
    })
    .unwrap();
    for _ in 0..50 {
        let _ = bus.execute(Fails).await;
        bus.publish(Ours).and_wait().await.unwrap();
    }
    assert_eq!(*mine.lock().unwrap(), 50);
}

/// A handler of failures that fails is a failure of which nobody is told, else there were no end.
#[tokio::test(start_paused = true)]
async fn a_failing_listener_of_failures_is_not_announced() {
    #[event]
    struct Fragile;
    let bus = Bus::from_registered().unwrap();
    let heard = std::sync::Arc::new(Mutex::new(Vec::new()));
    bus.register_event_handler(|_: std::sync::Arc<Fragile>, _| async { Err(std::fmt::Error) })
        .unwrap();
    bus.register_event_handler({
        let heard = std::sync::Arc::clone(&heard);
        move |event: std::sync::Arc<EventHandlerFailedEvent>, _| {
            heard.lock().unwrap().push(event.event);
            std::future::ready(Err(std::fmt::Error))
        }
    })
    .unwrap();
    bus.publish(Fragile).await.unwrap();
    bus.idle().await;
    assert_eq!(*heard.lock().unwrap(), ["lifecycle::Fragile"]);
    assert_eq!(bus.stats().failed, 1, "and it is not counted as the user's");
}
