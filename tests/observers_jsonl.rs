//! The lines of JSON, as the guide has them; and several who write them to one file.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bus::observe::jsonl;
use bus::prelude::*;
use bus::{BackpressureStrategy, EventFilter, FilterView, filters};
use serde_json::{Value, json};

const MS: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(60);

#[derive(Debug, thiserror::Error)]
#[error("no luck")]
struct NoLuck;

#[command]
struct Order(bool);
#[handler(retry(max_retries = 1, initial_delay = "1ms", jitter = none), circuit_breaker(failure_threshold = 2))]
async fn order(order: &Order, cx: &Context, emit: Emit<Ordered>) -> bus::Result<()> {
    emit.send(Ordered);
    cx.sleep(5 * MS).await;
    if order.0 { Ok(()) } else { Err(NoLuck)? }
}
#[event]
struct Ordered;
fn never(_: &FilterView<'_>) -> bool {
    false
}
#[handler(retry(max_retries = 1))]
async fn ship(_: &Ordered, cx: &Context) -> bus::Result<()> {
    cx.sleep(MS).await;
    Err(bus::Error::discard(bus::Error::msg("not ours")))
}
#[handler(retry(max_retries = 1, initial_delay = "1ms", jitter = none))]
async fn audit(_: &Ordered) -> Result<(), NoLuck> {
    Err(NoLuck)
}
#[handler(filter = never)]
async fn count(_: &Ordered) {}
#[handler(batch = 2)]
async fn weigh(_: &[Arc<Ordered>]) {}
#[event(ttl = "1ms")]
struct Brief;
#[handler(concurrency = 1)]
async fn slow(_: &Brief, cx: &Context) {
    cx.sleep(5 * MS).await;
}
#[event]
struct Unheard;

/// A folder that is gone when the test ends.
struct Folder(PathBuf);
impl Folder {
    fn new() -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let name = format!("bus-jsonl-lines-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Self(path)
    }
    fn lines(&self, name: &str) -> Vec<Value> {
        let text = fs::read_to_string(self.0.join(name)).unwrap();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }
}
impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Lines of all that can happen.
async fn lines() -> Vec<Value> {
    let folder = Folder::new();
    let log = jsonl(folder.0.join("bus.jsonl"));
    let bus = Bus::builder()
        .observer(log.clone())
        .track_callers(true)
        .filter(filters::header("no").not())
        .backpressure_strategy(BackpressureStrategy::DropOldest)
        .event_queue_size(4)
        .configure::<audit>(|handler| handler.delayed_retries([2 * MS]))
        .build()
        .unwrap();
    bus.execute(Order(true)).await.unwrap();
    bus.idle().await;
    let _ = tokio::time::timeout(MS, bus.execute(Order(true))).await;
    bus.execute(Order(false)).await.unwrap_err();
    for _ in 0..9 {
        bus.publish(Brief).await.unwrap();
    }
    bus.publish(Unheard).await.unwrap();
    bus.idle().await;
    bus.publish(Unheard).header("no", "1").await.unwrap();
    bus.publish(Unheard).after(LONG).await.unwrap();
    bus.session("desk").open().await.unwrap().fail("it rains").await;
    bus.shutdown().await;
    bus.publish(Unheard).await.unwrap_err();
    assert!(log.flush(LONG));
    folder.lines("bus.jsonl")
}

/// The cells of the table of the guide that begins so.
fn table(head: &str) -> Vec<Vec<&'static str>> {
    let guide = include_str!("../bus/guide/observers.md");
    let (_, table) = guide.split_once(head).unwrap_or_else(|| panic!("no table {head}"));
    let rows = table.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches('|').split('|').map(str::trim).collect()).collect()
}

fn name(cell: &str) -> String {
    cell.trim_matches('`').to_owned()
}

#[tokio::test(start_paused = true)]
async fn the_guide_has_each_key_of_each_line() {
    let lines = lines().await;
    for line in lines.iter().filter(|line| line.get("message").is_some()) {
        assert!(line.get("id").is_some() || line["what"] == "rejected", "{line}");
    }
    let is_dead = |line: &&Value| line["what"] == "dead_lettered" && line["handler"] == "audit";
    let dead = lines.iter().find(is_dead).expect("audit has given up");
    assert_eq!(dead["parent"], dead["correlation"], "the command that it was emitted by");
    let mut types = BTreeMap::new();
    let mut seen = BTreeMap::<String, BTreeSet<String>>::new();
    for line in &lines {
        let keys = seen.entry(line["what"].as_str().unwrap().to_owned()).or_default();
        for (key, value) in line.as_object().unwrap() {
            let kind = match value {
                Value::Number(_) => "number",
                Value::Bool(_) => "truth",
                _ => "text",
            };
            assert_eq!(*types.entry(key.clone()).or_insert(kind), kind, "{line}");
            keys.insert(key.clone());
        }
    }
    let keys = table("| key | type | meaning |");
    let said: BTreeMap<_, _> = keys.iter().map(|row| (name(row[0]), row[1])).collect();
    assert_eq!(types, said);

    let whats = table("| what | with | meaning |");
    let own = |row: &Vec<&str>| (name(row[0]), row[1].split(", ").map(name).collect());
    let said: BTreeMap<String, BTreeSet<String>> = whats.iter().map(own).collect();
    // The keys that have nothing to do with what happens.
    let of_all =
        ["at", "time", "what", "message", "parent", "correlation", "session", "from", "text"];
    for keys in seen.values_mut() {
        keys.retain(|key| !of_all.contains(&&**key));
        if keys.is_empty() {
            keys.insert(String::new());
        }
    }
    assert_eq!(seen, said);
}

/// Nobody has to read the words to know what they say.
#[tokio::test(start_paused = true)]
async fn what_the_words_say_has_a_key_of_its_own() {
    let lines = lines().await;
    let has = |what: &str, keys: Value| {
        let keys = keys.as_object().unwrap();
        let is_it = |line: &&Value| {
            line["what"] == what && keys.iter().all(|(key, value)| line[key] == *value)
        };
        let same: Vec<_> = lines.iter().filter(|line| line["what"] == what).collect();
        assert!(lines.iter().any(|line| is_it(&line)), "{what} {keys:?}: {same:#?}");
    };
    has("dropped", json!({ "reason": "queue_full", "count": 1 }));
    has("published", json!({ "displaced": 1 }));
    has("filtered", json!({ "filter": "never", "handler": "count" }));
    has("filtered", json!({ "filter": "not header no", "handler": null }));
    has("retrying", json!({ "delay_seconds": 0.001, "delayed": null }));
    has("retrying", json!({ "delay_seconds": 0.002, "delayed": true }));
    has("scheduled", json!({ "delay_seconds": 60.0 }));
    has("queue_mark", json!({ "mark": "high", "queued": 3 }));
    has("queue_mark", json!({ "mark": "low", "queued": 2 }));
    let change = json!({
        "circuit": "order", "state_before": "closed", "state": "open", "reason": "failures", "failures": 2, "calls": 3,
        "change": 1,
    });
    has("circuit_changed", change);
    let batches = lines.iter().filter(|line| line.get("batch").is_some());
    assert!(batches.clone().all(|line| line["what"] == "handling" && line["handler"] == "weigh"));
    assert!(batches.count() > 0);
    // Outside of sessions there is none to be named.
    let named: BTreeSet<_> = lines.iter().filter_map(|line| line["session"].as_str()).collect();
    assert_eq!(named, BTreeSet::from(["desk"]));
}

/// Two buses, or one with two observers, which write to one file.
#[tokio::test(start_paused = true)]
async fn several_that_write_one_file_rotate_it_once_and_lose_nothing() {
    const LIMIT: u64 = 4_000;
    let folder = Folder::new();
    let log = || jsonl(folder.0.join("bus.jsonl")).rotate_at(LIMIT).keep(300);
    let (first, second) = (log(), log());
    let bus = Bus::builder().observer(first.clone()).observer(second.clone()).build().unwrap();
    for _ in 0..60 {
        bus.execute(Order(true)).await.unwrap();
        bus.idle().await;
        assert!(first.flush(LONG) && second.flush(LONG));
    }
    let names: Vec<_> = fs::read_dir(&folder.0).unwrap().map(|file| file.unwrap().path()).collect();
    let mut all = 0;
    for path in &names {
        let text = fs::read_to_string(path).unwrap();
        assert!(text.lines().all(|line| serde_json::from_str::<Value>(line).is_ok()));
        all += text.lines().count() as u64;
        let is_last = path.ends_with("bus.jsonl");
        // Full, but for a line.
        assert!(is_last || text.len() as u64 > LIMIT - 500, "{} bytes in {path:?}", text.len());
        assert!(text.len() as u64 <= LIMIT, "{} bytes in {path:?}", text.len());
    }
    assert!(names.len() > 2, "{names:?}");
    assert_eq!(all, first.stats().written + second.stats().written);
}
