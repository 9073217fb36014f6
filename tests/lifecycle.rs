//! The bus's own events.

use std::sync::Mutex;
use std::time::Duration;

use bus::{Bus, CommandResultEvent, CommandStartedEvent, Context, Res, command, handler};

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
