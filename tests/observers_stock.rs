//! The observers that come with the bus: to the console, and to files.

use std::fs;
use std::io::{self, Write};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use bus::observe::{Console, Jsonl, jsonl};
use bus::{Bus, Emit, command, event, handler};
use serde_json::Value;

#[command]
struct Place;
#[event]
struct Placed;
#[handler]
async fn place(_: Place, emit: Emit<Placed>) -> bus::Result<()> {
    tokio::time::sleep(Duration::from_millis(2)).await;
    emit.send(Placed);
    Ok(())
}
#[handler]
async fn mail(_: &Placed) -> bus::Result<()> {
    Err(bus::Error::msg("two\nlines\u{1b}and \"quotes\""))
}

#[derive(Clone, Default)]
struct Screen(Arc<Mutex<Vec<u8>>>);
impl Write for Screen {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().extend(bytes);
        Ok(bytes.len())
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

struct Broken;
impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(io::Error::other("broken"))
    }
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[tokio::test(start_paused = true)]
async fn the_console_has_a_line_for_each_happening() {
    let screen = Screen::default();
    let bus = Bus::builder().observer(Console::to(screen.clone())).build().unwrap();
    bus.execute(Place).await.unwrap();
    bus.idle().await;
    let text = String::from_utf8(screen.0.lock().unwrap().clone()).unwrap();
    let lines: Vec<_> = text.lines().collect();
    let begins = |n: usize, time: &str| assert!(lines[n].starts_with(time), "{text}");
    begins(0, "  0.000000 ");
    begins(2, "  0.002000 ");
    for part in [
        "observers_stock::Place is executed by place",
        "observers_stock::Place was executed by place (1 attempt)",
        "observers_stock::Placed is queued",
        "observers_stock::Placed was not handled by mail (1 attempt): two lines and \"quotes\"",
    ] {
        assert_eq!(lines.iter().filter(|line| line.contains(part)).count(), 1, "{part}\n{text}");
    }
    assert_eq!(bus.observers()[0].name, "console");

    let bus = Bus::builder().observer(Console::to(Broken)).build().unwrap();
    bus.execute(Place).await.unwrap();
    assert_eq!(bus.observers()[0].panics, 0);
}

/// A folder that is gone when the test ends.
struct Folder(PathBuf);
impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("bus-jsonl-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.0).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.0.join(name)).unwrap();
        assert!(text.ends_with('\n'));
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn bus(log: &Jsonl) -> Bus {
    Bus::builder().observer(log.clone()).track_callers(true).build().unwrap()
}

const LONG: Duration = Duration::from_secs(60);

#[tokio::test(start_paused = true)]
async fn a_file_of_all_that_happens() {
    let folder = Folder::new();
    let log = jsonl(folder.0.join("bus.jsonl"));
    let bus = bus(&log);
    let report = bus.execute(Place).detailed().await;
    bus.idle().await;
    assert!(log.flush(LONG));
    let lines = folder.lines("bus.jsonl");
    let of = |what: &str| {
        let mut lines = lines.iter().filter(|line| line["what"] == what);
        lines.next().unwrap_or_else(|| panic!("{what}: {lines:?}")).clone()
    };
    let executed = of("executed");
    assert_eq!(executed["message"], "observers_stock::Place");
    assert_eq!(executed["id"], report.command_id.to_string());
    assert_eq!(executed["at"], 0.002);
    assert_eq!(executed["attempts"], 1);
    assert!(executed["from"].as_str().unwrap().contains("observers_stock.rs:"));
    assert!(executed["time"].as_f64().unwrap() > 1.7e9);
    assert!(executed.get("error").is_none(), "what says nothing is left out");
    let handled = of("handled");
    assert_eq!(handled["handler"], "mail");
    assert_eq!(handled["error"], "two\nlines\u{1b}and \"quotes\"");
    assert_eq!(handled["parent"], report.command_id.to_string());
    assert_eq!(handled["correlation"], report.command_id.to_string());
    let stats = log.stats();
    assert_eq!((stats.written, stats.dropped, stats.errors), (lines.len() as u64, 0, 0));

    // Another bus, or this one tomorrow, goes on in the same file; and who goes leaves nothing unwritten.
    let again = jsonl(folder.0.join("bus.jsonl"));
    let second = self::bus(&again);
    second.execute(Place).await.unwrap();
    second.shutdown().await;
    let more = again.clone();
    drop((second, again));
    drop(more);
    let all = folder.lines("bus.jsonl");
    assert!(all.len() > lines.len());
    assert_eq!(all[..lines.len()], lines);
}

#[tokio::test(start_paused = true)]
async fn a_line_that_was_cut_off_spoils_no_other() {
    let folder = Folder::new();
    let path = folder.0.join("bus.jsonl");
    fs::write(&path, "{\"what\": \"half of a li").unwrap();
    let log = jsonl(&path);
    bus(&log).execute(Place).await.unwrap();
    assert!(log.flush(LONG));
    let text = fs::read_to_string(&path).unwrap();
    let (torn, rest) = text.split_once('\n').unwrap();
    assert_eq!(torn, "{\"what\": \"half of a li");
    let read = rest.lines().map(serde_json::from_str::<serde_json::Value>);
    assert!(read.clone().count() > 1 && read.clone().all(|line| line.is_ok()), "{rest}");
}

#[tokio::test(start_paused = true)]
async fn files_are_rotated_by_size_and_so_many_are_kept() {
    let folder = Folder::new();
    let log = jsonl(folder.0.join("bus.jsonl")).rotate_at(4_000).keep(2);
    let bus = bus(&log);
    for _ in 0..60 {
        bus.execute(Place).await.unwrap();
        bus.idle().await;
        assert!(log.flush(LONG));
    }
    assert_eq!(folder.names(), ["bus.jsonl", "bus.jsonl.1", "bus.jsonl.2"]);
    let mut at = Vec::new();
    for name in ["bus.jsonl.2", "bus.jsonl.1", "bus.jsonl"] {
        assert!(fs::metadata(folder.0.join(name)).unwrap().len() <= 4_000);
        at.extend(folder.lines(name).iter().map(|line| line["at"].as_f64().unwrap()));
    }
    assert!(at.is_sorted(), "nothing is missing between them, and the latest is the last");
    assert!(log.stats().written > at.len() as u64, "the oldest are gone");
}

#[tokio::test(start_paused = true)]
async fn nobody_waits_and_what_is_dropped_is_said() {
    let folder = Folder::new();
    // Its folder is not there yet, so that nothing can be written.
    let inner = folder.0.join("inner");
    let log = jsonl(inner.join("bus.jsonl")).buffer(4);
    let bus = bus(&log);
    for _ in 0..100 {
        bus.execute(Place).await.unwrap();
        bus.idle().await;
    }
    assert!(!log.flush(LONG), "what cannot be written is not waited for, and is lost");
    let stats = log.stats();
    assert_eq!(stats.written, 0);
    assert!(stats.errors > 0 && stats.dropped > 100, "{stats:?}");
    fs::create_dir(&inner).unwrap();
    bus.execute(Place).await.unwrap();
    // Some may have found no room.
    log.flush(LONG);
    assert!(log.flush(LONG), "that was told");
    drop(bus);
    let written = log.stats().written;
    let dropped = log.stats().dropped;
    drop(log);
    let lines = Folder::lines(&folder, "inner/bus.jsonl");
    let said: u64 = lines.iter().filter_map(|line| line["dropped"].as_u64()).sum();
    assert_eq!(said, dropped, "each is said once");
    assert!(lines[0]["dropped"].as_u64().is_some_and(|missing| missing > 100), "it stands first");
    let others = lines.iter().filter(|line| line.get("dropped").is_none()).count() as u64;
    assert_eq!(others, written);
}
